//! One container, from the order to start it to its end.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::program::Program;
use super::{Container, Floor, health, locked};
use crate::ecs::earnest::{Launch, News};

/// How a container stands, as far as others depend on it. Source: Amazon ECS API Reference, `ContainerDependency`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Started,
    Healthy,
    /// With this exit code; `None` where it never ran.
    Ended(Option<i32>),
}

/// Between two looks at a program.
const LOOK: Duration = Duration::from_millis(10);

/// ECS waits for a program that was sent SIGTERM for so many seconds, where nothing else is written.
const STOP_TIMEOUT: u64 = 30;

pub(super) fn run(floor: &Floor, launch: Launch, stops: &AtomicBool) {
    let task = launch.task.clone();
    let stand = |stand: Stand| {
        locked(&floor.stands).insert((task.clone(), launch.name.clone()), stand);
    };
    let begun = wait_for_others(floor, &launch, stops).and_then(|()| prepare(floor, &launch)).and_then(|container| {
        let command = floor.runs.main(&container)?;
        let program = Program::start(command).map_err(|error| format!("CannotStartContainerError: {error}"))?;
        Ok((container, program))
    });
    let (container, mut program) = match begun {
        Ok(begun) => begun,
        Err(reason) => {
            stand(Stand::Ended(None));
            return floor.tell(&launch, News::NotStarted(reason));
        }
    };
    stand(Stand::Started);
    let mut checks = health::Checks::of(floor, &container);
    let mut told_to_stop: Option<Instant> = None;
    let patience = Duration::from_secs(launch.definition["stopTimeout"].as_u64().unwrap_or(STOP_TIMEOUT));
    let (mut killed, mut silent) = (false, false);
    let code = loop {
        for line in program.lines.try_iter() {
            floor.tell(&launch, News::Wrote(line));
        }
        if let Some(code) = program.ended() {
            break code;
        }
        match told_to_stop {
            None if floor.is_over(stops) => {
                told_to_stop = Some(Instant::now());
                floor.runs.signal(&container, &program, false);
            }
            Some(since) if !killed && (since.elapsed() >= patience || floor.gives_up(since)) => {
                killed = true;
                floor.runs.signal(&container, &program, true);
            }
            Some(_) => {}
            None if !silent => {
                if let Some(well) = checks.as_mut().and_then(|checks| checks.look(floor, &container)) {
                    stand(if well { Stand::Healthy } else { Stand::Started });
                    floor.tell(&launch, News::Healthy(well));
                    silent = false;
                }
            }
            None => {}
        }
        std::thread::sleep(LOOK);
    };
    // The pipes are read to their ends, but for what a program that outlives it holds open.
    while let Ok(line) = program.lines.recv_timeout(Duration::from_millis(200)) {
        floor.tell(&launch, News::Wrote(line));
    }
    program.kill();
    stand(Stand::Ended(Some(code)));
    floor.tell(&launch, News::Ended { code, reason: None });
}

impl Floor {
    /// Once everything ends, nobody is waited for long.
    fn gives_up(&self, since: Instant) -> bool {
        self.stops.load(std::sync::atomic::Ordering::SeqCst) && since.elapsed() >= Duration::from_secs(1)
    }
}

/// Waits until the containers that this one depends on are as it wants them.
fn wait_for_others(floor: &Floor, launch: &Launch, stops: &AtomicBool) -> Result<(), String> {
    for dependency in launch.definition["dependsOn"].as_array().into_iter().flatten() {
        let (name, condition) = (text(&dependency["containerName"]), text(&dependency["condition"]));
        let key = (launch.task.clone(), name.clone());
        loop {
            if floor.is_over(stops) {
                return Err("the task was stopped before".to_owned());
            }
            let stand = locked(&floor.stands).get(&key).copied();
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
    let settings = floor.images.settings(&floor.world, &floor.home, launch)?;
    let mut environment: Vec<(String, String)> = Vec::new();
    let mut set = |name: String, value: String| {
        environment.retain(|(known, _)| *known != name);
        environment.push((name, value));
    };
    set("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    for pair in settings["Env"].as_array().into_iter().flatten().filter_map(Value::as_str) {
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
    let token = floor.world.lock().token(&floor.home);
    Ok(Container { launch: launch.clone(), settings, environment, token })
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
                command = list(&self.settings["Cmd"]);
            }
            return [list(&self.settings["Entrypoint"]), command].concat();
        }
        [entry, command].concat()
    }

    pub(super) fn user(&self) -> String {
        let own = text(&self.launch.definition["user"]);
        if own.is_empty() { text(&self.settings["User"]) } else { own }
    }

    pub(super) fn folder(&self) -> String {
        let own = text(&self.launch.definition["workingDirectory"]);
        let own = if own.is_empty() { text(&self.settings["WorkingDir"]) } else { own };
        if own.is_empty() { "/".to_owned() } else { own }
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.launch.definition["readonlyRootFilesystem"] == true
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}
