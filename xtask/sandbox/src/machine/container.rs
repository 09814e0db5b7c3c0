//! One container, from the order to start it to its end.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::image::Image;
use super::probes::{Found, Probes};
use super::way::{Room, Running};
use super::{Container, Floor, Task, locked};
use crate::ecs::earnest::{Launch, News};

/// How a container stands, as far as others depend on it. Source: Amazon ECS API Reference, `ContainerDependency`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Started,
    Healthy,
    /// With this exit code; `None` where it never ran.
    Ended(Option<i32>),
}

/// Between two looks at a program, and at the memory that it takes.
const LOOK: Duration = Duration::from_millis(10);
const WEIGH: Duration = Duration::from_millis(100);

/// ECS waits for a program that was sent SIGTERM for so many seconds, where nothing else is written.
const STOP_TIMEOUT: u64 = 30;
/// A program is no faster for a fast clock: it has this, unless the document itself gives it less.
const LEAST_TO_STOP: Duration = Duration::from_secs(2);

/// The exit code of a program that was: 128 and the signal.
pub(super) const KILLED: i32 = 137;
/// Source: Amazon ECS Developer Guide, "Stopped tasks error codes".
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

pub(super) fn run(floor: &Floor, launch: &Launch, task: &Task) {
    let stand = |stand: Stand| {
        locked(&task.stands).insert(launch.name.clone(), stand);
    };
    let begun = wait_for_others(floor, launch, task).and_then(|()| prepare(floor, launch)).and_then(|container| {
        let room = task.room(&*floor.way, &launch.task)?;
        Ok((room.start(&container)?, room, container))
    });
    let (running, room, container) = match begun {
        Ok(begun) => begun,
        Err(reason) => {
            stand(Stand::Ended(None));
            return floor.tell(launch, News::NotStarted(reason));
        }
    };
    stand(Stand::Started);
    let mut life = Life { floor, container: &container, running, room: &*room, stops: &task.stops };
    let (code, reason) = life.last(&stand);
    stand(Stand::Ended(Some(code)));
    floor.tell(launch, News::Ended { code, reason });
}

/// What a container goes through while it runs.
struct Life<'a> {
    floor: &'a Floor,
    container: &'a Container,
    running: Box<dyn Running>,
    room: &'a dyn Room,
    stops: &'a AtomicBool,
}

impl Life<'_> {
    /// Its exit code, and why it ended where that was not its own doing.
    fn last(&mut self, stand: &dyn Fn(Stand)) -> (i32, Option<String>) {
        let definition = &self.container.launch.definition;
        let mut probes = Probes::of(self.floor, definition);
        let limit = self.container.memory_limit();
        let patience = self.patience();
        let (mut told_to_stop, mut weighed) = (None::<Instant>, Instant::now());
        let (mut killed, mut reason) = (false, None);
        let code = loop {
            let written = self.running.program().lines.try_iter().collect();
            self.hand_on(written);
            if let Some(code) = self.running.program().ended() {
                break code;
            }
            match told_to_stop {
                // Nobody waits for it any more.
                None if self.floor.ends() => {
                    told_to_stop = Some(Instant::now());
                    killed = true;
                    self.running.send("KILL");
                }
                None if self.floor.is_over(self.stops) => {
                    told_to_stop = Some(Instant::now());
                    self.running.send(&self.container.stop_signal());
                }
                Some(since) if !killed && (since.elapsed() >= patience || self.floor.ends()) => {
                    killed = true;
                    self.running.send("KILL");
                }
                Some(_) => {}
                None => {
                    if let Some(found) =
                        probes.as_mut().and_then(|it| it.look(self.container, &*self.running, self.room))
                    {
                        self.found(found, stand);
                    }
                }
            }
            if let Some(limit) = limit.filter(|_| !killed && weighed.elapsed() >= WEIGH) {
                weighed = Instant::now();
                if self.running.exceeds(limit) {
                    reason = Some(OUT_OF_MEMORY.to_owned());
                    killed = true;
                    self.running.send("KILL");
                }
            }
            std::thread::sleep(LOOK);
        };
        let mut last = self.running.program().last_lines();
        // util-linux cannot end itself by SIGKILL as its child did, says so, and ends with another code.
        last.retain(|line| !(killed && line.starts_with("unshare: sigprocmask unblock failed")));
        self.hand_on(last);
        if killed {
            return (KILLED, reason);
        }
        let end = self.running.end(code);
        (end.code, end.out_of_memory.then(|| OUT_OF_MEMORY.to_owned()))
    }

    fn found(&self, found: Found, stand: &dyn Fn(Stand)) {
        let well = match found {
            Found::Well => true,
            // Where people look for it: ECS keeps it on the instance.
            Found::Ill(why) => {
                self.hand_on(vec![why]);
                false
            }
        };
        stand(if well { Stand::Healthy } else { Stand::Started });
        self.floor.tell(&self.container.launch, News::Healthy(well));
    }

    fn hand_on(&self, lines: Vec<String>) {
        if !lines.is_empty() {
            self.floor.tell(&self.container.launch, News::Wrote(lines));
        }
    }

    /// How long it may take to stop.
    fn patience(&self) -> Duration {
        let seconds = self.container.launch.definition["stopTimeout"].as_u64().unwrap_or(STOP_TIMEOUT);
        self.floor.scaled(seconds).max(LEAST_TO_STOP).min(Duration::from_secs(seconds))
    }
}

/// Waits until the containers that this one depends on are as it wants them.
fn wait_for_others(floor: &Floor, launch: &Launch, task: &Task) -> Result<(), String> {
    for dependency in launch.definition["dependsOn"].as_array().into_iter().flatten() {
        let (name, condition) = (text(&dependency["containerName"]), text(&dependency["condition"]));
        loop {
            if floor.is_over(&task.stops) {
                return Err("the task was stopped before".to_owned());
            }
            let stand = locked(&task.stands).get(&name).copied();
            match (stand, condition.as_str()) {
                (Some(_), "START") | (Some(Stand::Healthy), "HEALTHY") | (Some(Stand::Ended(Some(0))), "SUCCESS") => {
                    break;
                }
                (Some(Stand::Ended(Some(_))), "COMPLETE") => break,
                (Some(Stand::Ended(_)), _) => {
                    return Err(format!("dependency container {name} did not get to {condition}"));
                }
                _ => std::thread::sleep(LOOK),
            }
        }
    }
    Ok(())
}

/// The image's settings, and the whole environment.
fn prepare(floor: &Floor, launch: &Launch) -> Result<Container, String> {
    let image = Image::find(&floor.world, &floor.home, launch)?;
    let mut environment: Vec<(String, String)> = Vec::new();
    let mut set = |name: String, value: String| {
        environment.retain(|(known, _)| *known != name);
        environment.push((name, value));
    };
    set("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    for pair in image.settings["Env"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some((name, value)) = pair.split_once('=') {
            set(name.to_owned(), value.to_owned());
        }
    }
    let lists = [&launch.definition["environment"], &launch.overrides["environment"]];
    for pair in lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten()) {
        set(text(&pair["name"]), text(&pair["value"]));
    }
    for secret in launch.definition["secrets"].as_array().into_iter().flatten() {
        let value = floor.world.lock().secret(&floor.home, &text(&secret["valueFrom"]))?;
        set(text(&secret["name"]), value);
    }
    Ok(Container { launch: launch.clone(), image, environment })
}

impl Container {
    /// What it runs: the document's words, or those of its image.
    pub(super) fn words(&self) -> Vec<String> {
        let definition = &self.launch.definition;
        let entry = list(&definition["entryPoint"]);
        let mut command = list(&self.launch.overrides["command"]);
        if command.is_empty() {
            command = list(&definition["command"]);
        }
        // An entry point takes the image's command away, as docker has it.
        if entry.is_empty() {
            if command.is_empty() {
                command = list(&self.image.settings["Cmd"]);
            }
            return [list(&self.image.settings["Entrypoint"]), command].concat();
        }
        [entry, command].concat()
    }

    pub(super) fn user(&self) -> String {
        let own = text(&self.launch.definition["user"]);
        if own.is_empty() { text(&self.image.settings["User"]) } else { own }
    }

    pub(super) fn folder(&self) -> String {
        let own = text(&self.launch.definition["workingDirectory"]);
        let own = if own.is_empty() { text(&self.image.settings["WorkingDir"]) } else { own };
        if own.is_empty() { "/".to_owned() } else { own }
    }

    pub(super) fn path(&self) -> &str {
        self.environment.iter().find(|(name, _)| name == "PATH").map_or("", |(_, path)| path)
    }

    fn stop_signal(&self) -> String {
        stop_signal(&self.image.settings)
    }

    /// In bytes: its own limit, or else that of its task.
    pub(super) fn memory_limit(&self) -> Option<u64> {
        let own = self.launch.definition["memory"].as_u64();
        let task = || self.launch.memory.as_deref().and_then(mebibytes);
        Some(own.or_else(task)? * 1024 * 1024)
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.launch.definition["readonlyRootFilesystem"] == true
    }
}

/// What asks the program of an image to end, without `SIG`. Source: Amazon ECS API Reference, StopTask.
fn stop_signal(settings: &Value) -> String {
    let own = text(&settings["StopSignal"]);
    if own.is_empty() { "TERM".to_owned() } else { own.trim_start_matches("SIG").to_owned() }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// A task's memory: `512`, or `0.5 GB` as people write it.
fn mebibytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let Some(gibibytes) = text.to_ascii_uppercase().strip_suffix("GB").map(|it| it.trim().to_owned()) else {
        return text.parse().ok();
    };
    let (whole, part) = gibibytes.split_once('.').unwrap_or((&gibibytes, "0"));
    let part = format!("0.{part}").parse::<f64>().ok()?;
    let mebibytes = [0.0, 0.25, 0.5, 0.75].iter().zip([0, 256, 512, 768]).rfind(|(least, _)| part >= **least)?.1;
    Some(whole.parse::<u64>().ok()? * 1024 + mebibytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_says_which_signal_ends_its_program() {
        let signals = [json!({}), json!({ "StopSignal": "SIGQUIT" }), json!({ "StopSignal": "3" })];
        assert_eq!(signals.each_ref().map(stop_signal), ["TERM", "QUIT", "3"]);
    }
}
