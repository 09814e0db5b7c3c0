//! Containers by docker, where an engine answers: by its own command line, so that it is the engine that its user has.
//!
//! Images are pulled by digest out of the sandbox's registry. An engine in a machine of its own, as on macOS, does not see
//! this machine's loopback, and is given them instead.

mod hold;
mod images;
mod leftovers;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::container::{KILLED, text};
use super::program::{Program, finish};
use super::way::{End, Room, Running, Way};
use super::{Container, locked, usage};
use crate::world::World;
use leftovers::Sweeper;

/// What everything of a sandbox is labelled with.
const LABEL: &str = "xtask-sandbox";

/// How long an engine may take.
const ANSWER: Duration = Duration::from_secs(60);
const PULL: Duration = Duration::from_secs(600);

/// The exit code of a container of which the engine tells none.
const UNKNOWN: i32 = 255;

/// One that answers.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    /// What `DOCKER_HOST` has to be; docker's own choice where that is nothing.
    host: Option<String>,
    pub version: String,
    architecture: String,
    pub limits_memory: bool,
}

impl Engine {
    pub fn find(host: Option<&str>) -> Result<Self, String> {
        let (version, architecture) = Default::default();
        let mut engine = Self { host: host.map(str::to_owned), version, architecture, limits_memory: false };
        let said = engine.run(["version", "--format", "{{.Server.Version}} {{.Server.Os}} {{.Server.Arch}}"])?;
        let line = said.first().map(String::as_str).unwrap_or_default();
        let [version, "linux", architecture] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("docker says that its engine is {line}"));
        };
        (engine.version, engine.architecture) = (version.to_owned(), architecture.to_owned());
        engine.limits_memory = engine.run(["info", "--format", "{{.MemoryLimit}}"])?.iter().any(|line| line == "true");
        Ok(engine)
    }

    /// Where it listens.
    fn address(&self) -> Result<String, String> {
        let context = self.run(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])?;
        context.last().cloned().ok_or_else(|| "docker has no context".to_owned())
    }

    /// A program that finds the engine.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.envs(self.host.iter().map(|host| ("DOCKER_HOST", host)));
        command
    }

    fn docker<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program("docker");
        command.args(arguments);
        command
    }

    /// What docker writes; the error is what the engine said.
    fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Vec<String>, String> {
        said(self.docker(arguments), ANSWER)
    }
}

/// What a command of docker's writes.
fn said(command: Command, within: Duration) -> Result<Vec<String>, String> {
    match finish(command, within) {
        Ok((Some(0), said)) => Ok(said),
        Ok((Some(_), said)) => {
            let said = said.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
            let of_engine: Vec<&str> =
                said.clone().filter(|line| line.starts_with("Error response from daemon:")).collect();
            Err(if of_engine.is_empty() { said.collect::<Vec<_>>().join(" ") } else { of_engine.join(" ") })
        }
        Ok((None, _)) => Err(format!("docker took longer than {} s", within.as_secs())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err("there is no docker in PATH".to_owned()),
        Err(error) => Err(format!("docker: {error}")),
    }
}

/// Everything of one sandbox in an engine, which has nothing of it any more when this is dropped.
pub(super) struct Docker(Arc<Inner>);

struct Inner {
    engine: Engine,
    /// Where it listens, or why nobody knows.
    address: Result<String, String>,
    /// What every name begins with, and the label's value.
    word: String,
    /// What an image's name begins with.
    registry: String,
    folder: PathBuf,
    /// What holds networks, once it is there.
    hold: Mutex<Option<String>>,
    /// Images by digest, each under the name that the engine has for it, once it has it.
    images: Mutex<BTreeMap<String, Arc<Mutex<Option<String>>>>>,
    _sweeper: Sweeper,
}

impl Docker {
    pub fn open(engine: Engine, world: &World, folder: PathBuf) -> Result<Self, String> {
        let machine = leftovers::machine();
        // What is left after all the next one will remove. Of another machine's engine nobody here knows who lives.
        let address = engine.address();
        if address.as_ref().is_ok_and(|address| address.starts_with("unix://")) {
            drop(leftovers::sweep(&engine, &machine));
        }
        let own = leftovers::word(&machine);
        let sweeper = Sweeper::start(&engine, &own).map_err(|error| error.to_string())?;
        let registry = world.lock().invite(&own);
        let (hold, images) = Default::default();
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(Inner { engine, address, word: own, registry, folder, hold, images, _sweeper: sweeper })))
    }
}

impl Way for Docker {
    fn room(&self, task: &str) -> Result<Arc<dyn Room>, String> {
        let inner = &self.0;
        let name = format!("{}-{task}", inner.word);
        let label = inner.label();
        let hold = inner.hold()?;
        let options = ["run", "--interactive", "--network", "none", "--log-driver", "none", "--read-only"];
        let command = inner.engine.docker(options.into_iter().chain(["--label", &label, "--name", &name, &hold]));
        let hold = Program::start(command).map_err(|error| format!("docker: {error}"))?;
        let network = Network { inner: Arc::clone(inner), name, hold: Mutex::new(hold), volumes: Mutex::default() };
        // Once it answers, others can join it.
        network.sockets()?;
        Ok(Arc::new(network))
    }
}

impl Inner {
    fn label(&self) -> String {
        format!("{LABEL}={}", self.word)
    }

    fn hold(&self) -> Result<String, String> {
        let mut hold = locked(&self.hold);
        if let Some(name) = &*hold {
            return Ok(name.clone());
        }
        let archive = hold::archive(&self.engine.architecture, &self.folder)?;
        let name = format!("{}/hold:1", self.registry);
        let file = archive.display().to_string();
        self.engine.run(["import", "--change", "ENTRYPOINT [\"/hold\"]", &file, &name])?;
        Ok(hold.insert(name).clone())
    }
}

/// The network of a task: that of a container which holds it.
struct Network {
    inner: Arc<Inner>,
    /// Of that container, and what the names of the task's others begin with.
    name: String,
    hold: Mutex<Program>,
    volumes: Mutex<BTreeSet<String>>,
}

impl Network {
    /// The lines of the kernel's tables.
    fn sockets(&self) -> Result<Vec<String>, String> {
        let mut hold = locked(&self.hold);
        let asked = hold.lifeline.as_mut().map(|stdin| stdin.write_all(b"\n").and_then(|()| stdin.flush()));
        let mut lines = Vec::new();
        while let Ok(line) = hold.lines.recv_timeout(ANSWER) {
            if line.is_empty() && asked.is_some() {
                return Ok(lines);
            }
            lines.push(line);
        }
        Err(lines.join(" "))
    }

    fn volume(&self, name: &str) -> Result<String, String> {
        let full = format!("{}-{name}", self.name);
        let mut volumes = locked(&self.volumes);
        if !volumes.contains(&full) {
            self.inner.engine.run(["volume", "create", "--label", &self.inner.label(), &full])?;
            volumes.insert(full.clone());
        }
        Ok(full)
    }

    /// Everything that `docker create` is told, but for the environment.
    fn options(&self, container: &Container, name: &str) -> Result<Vec<String>, String> {
        let definition = &container.launch.definition;
        let mut options: Vec<String> = Vec::new();
        let mut option = |name: &str, value: &str| options.extend([name.to_owned(), value.to_owned()]);
        option("--name", name);
        option("--label", &self.inner.label());
        option("--network", &format!("container:{}", self.name));
        option("--platform", &container.image.platform);
        option("--log-driver", "json-file");
        for mount in definition["mountPoints"].as_array().into_iter().flatten() {
            let volume = self.volume(&text(&mount["sourceVolume"]))?;
            let access = if mount["readOnly"] == true { ",readonly" } else { "" };
            let target = quoted(&format!("target={}", text(&mount["containerPath"])));
            option("--mount", &format!("type=volume,source={volume},{target}{access}"));
        }
        for (name, member) in [("--user", "user"), ("--workdir", "workingDirectory")] {
            if let Some(value) = definition[member].as_str() {
                option(name, value);
            }
        }
        if let Some(limit) = container.memory_limit().filter(|_| self.inner.engine.limits_memory) {
            option("--memory", &limit.to_string());
            option("--memory-swap", &limit.to_string());
        }
        // ECS asks no health command but the document's.
        options.push("--no-healthcheck".to_owned());
        if container.is_read_only() {
            options.push("--read-only".to_owned());
        }
        Ok(options)
    }
}

impl Room for Network {
    fn start(&self, container: &Container) -> Result<Box<dyn Running>, String> {
        let engine = &self.inner.engine;
        let image = self.inner.image(&container.image)?;
        let name = format!("{}-{}", self.name, container.launch.name);
        let failed = |word: &str, why: String| format!("{word}: {why}");
        let not_made = |why| failed("CannotCreateContainerError", why);
        let mut create = engine.docker(["create"]);
        create.args(self.options(container, &name).map_err(not_made)?);
        let environment =
            environment(&mut create, container, &self.inner.folder).map_err(|it| not_made(it.to_string()))?;
        let words = container.words();
        if let Some((program, rest)) = resolved(container, &words).split_first() {
            create.args(["--entrypoint", program, &image]).args(rest);
        } else {
            create.arg(&image);
        }
        said(create, ANSWER).map_err(not_made)?;
        drop(environment);
        let program = engine.run(["start", &name]).and_then(|_| {
            Program::start(engine.docker(["logs", "--follow", &name])).map_err(|error| format!("docker: {error}"))
        });
        match program {
            Ok(program) => Ok(Box::new(Contained { program, name, engine: engine.clone() })),
            Err(why) => {
                drop(engine.run(["rm", "--force", "--volumes", &name]));
                Err(failed("CannotStartContainerError", why))
            }
        }
    }

    fn ports(&self) -> BTreeSet<u16> {
        let lines = self.sockets().unwrap_or_default();
        lines.iter().filter_map(|line| usage::listening(line)).collect()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.inner.engine.run(["rm", "--force", &self.name]));
        let volumes = locked(&self.volumes);
        if !volumes.is_empty() {
            drop(
                self.inner
                    .engine
                    .run(["volume", "rm", "--force"].into_iter().chain(volumes.iter().map(String::as_str))),
            );
        }
    }
}

/// A field of what docker reads as CSV.
fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

/// Has a container get its environment: in a file that nobody else reads, for as long as that is kept, and what has line
/// breaks, for which that has no words, through docker's own.
fn environment(create: &mut Command, container: &Container, folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    for (name, value) in &container.environment {
        if value.contains(['\n', '\r']) {
            if ["PATH", "HOME"].contains(&&**name) || name.starts_with("DOCKER_") {
                return Err(std::io::Error::other(format!("docker itself would read a {name} of several lines")));
            }
            create.args(["--env", name]).env(name, value);
        } else {
            writeln!(file, "{name}={value}")?;
        }
    }
    create.arg("--env-file").arg(file.path());
    Ok(file)
}

/// The words, with the image's program by the path that it really has.
fn resolved(container: &Container, words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    if let (Some((from, to)), Some(first)) = (container.image.link(), words.first_mut())
        && first == from
    {
        to.clone_into(first);
    }
    words
}

/// A container that runs; docker hands on what it writes.
struct Contained {
    program: Program,
    name: String,
    engine: Engine,
}

impl Running for Contained {
    fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    fn send(&self, signal: &str) {
        drop(self.engine.run(["kill", "--signal", signal, &self.name]));
    }

    fn beside(&self, container: &Container, words: &[String]) -> Result<Command, String> {
        let head = ["exec".to_owned(), self.name.clone()];
        Ok(self.engine.docker(head.into_iter().chain(resolved(container, words))))
    }

    /// The engine sees to it.
    fn exceeds(&self, _: u64) -> bool {
        false
    }

    fn end(&self, _: i32) -> End {
        let waited = self.engine.run(["wait", &self.name]).unwrap_or_default();
        // What ends first may be what docker hands on: that says nothing of the container.
        let code = waited.last().and_then(|line| line.parse().ok()).unwrap_or(UNKNOWN);
        let killed = || self.engine.run(["inspect", "--format", "{{.State.OOMKilled}}", &self.name]);
        let out_of_memory = code == KILLED && killed().is_ok_and(|said| said.iter().any(|line| line == "true"));
        End { code, out_of_memory }
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        drop(self.engine.run(["rm", "--force", "--volumes", &self.name]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_nothing_more_of_a_mount_than_where_it_is() {
        assert_eq!(quoted("target=/data"), "\"target=/data\"");
        assert_eq!(quoted("target=/a,type=bind,\"b"), "\"target=/a,type=bind,\"\"b\"");
    }
}
