//! Containers by docker: pulled by digest from the sandbox's own registry, as ECS would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::program::{Program, finish};
use super::{Container, Runs, locked};

/// How long a pull may take.
const PULL: Duration = Duration::from_secs(600);
/// How long docker may take to answer at all.
const ANSWER: Duration = Duration::from_secs(10);

pub(super) struct Docker {
    folder: PathBuf,
    /// By task: its containers, whose first has the network of all.
    started: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Docker {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.join("docker"), started: Mutex::default() }
    }

    pub fn answers() -> bool {
        let mut command = Command::new("docker");
        command.args(["version", "--format", "{{.Server.Version}}"]);
        matches!(finish(command, ANSWER), Ok((Some(0), _)))
    }

    /// With the login of the sandbox's registry, and nobody else's.
    fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_CONFIG", &self.folder);
        command
    }

    fn log_in(&self, host: &str, token: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let config = json!({ "auths": { host: { "auth": token } } });
        std::fs::write(self.folder.join("config.json"), config.to_string())
    }
}

fn name(container: &Container) -> String {
    format!("xtask-{}-{}", container.launch.task, container.launch.name)
}

impl Runs for Docker {
    fn main(&self, container: &Container) -> Result<Command, String> {
        let launch = &container.launch;
        let image = launch.pinned();
        let host = image.split('/').next().unwrap_or_default();
        self.log_in(host, &container.token).map_err(|error| error.to_string())?;
        let mut pull = self.docker();
        pull.args(["pull", "--quiet", &image]);
        match finish(pull, PULL) {
            Ok((Some(0), _)) => {}
            Ok((_, said)) => return Err(format!("CannotPullContainerError: {}", said.join(" "))),
            Err(error) => return Err(format!("CannotPullContainerError: {error}")),
        }
        let name = name(container);
        let first = {
            let mut started = locked(&self.started);
            let names = started.entry(launch.task.clone()).or_default();
            names.push(name.clone());
            names[0].clone()
        };
        let mut run = self.docker();
        run.args(["run", "--name", &name, "--network"]);
        run.arg(if first == name { "bridge".to_owned() } else { format!("container:{first}") });
        let memory = launch.definition["memory"].as_u64().map(|it| it.to_string()).or_else(|| launch.memory.clone());
        if let Some(memory) = memory.filter(|memory| memory.bytes().all(|byte| byte.is_ascii_digit())) {
            run.args(["--memory", &format!("{memory}m")]);
        }
        if container.is_read_only() {
            run.arg("--read-only");
        }
        if !container.user().is_empty() {
            run.args(["--user", &container.user()]);
        }
        run.args(["--workdir", &container.folder()]);
        // A value is in no argument: docker takes it from its own environment.
        for (variable, value) in container.environment.iter().filter(|(name, _)| name != "PATH") {
            run.args(["--env", variable]).env(variable, value);
        }
        for mount in launch.definition["mountPoints"].as_array().into_iter().flatten() {
            let (from, to) = (mount["sourceVolume"].as_str(), mount["containerPath"].as_str());
            let (Some(from), Some(to)) = (from, to) else { continue };
            let access = if mount["readOnly"] == true { "ro" } else { "rw" };
            run.args(["--volume", &format!("xtask-{}-{from}:{to}:{access}", launch.task)]);
        }
        let words = container.words();
        let Some((program, rest)) = words.split_first() else {
            return Err("CannotStartContainerError: no command is specified".to_owned());
        };
        run.args(["--entrypoint", program, &image]).args(rest);
        Ok(run)
    }

    fn beside(&self, container: &Container, words: &[String]) -> Result<Command, String> {
        let mut exec = self.docker();
        exec.arg("exec").arg(name(container)).args(words);
        Ok(exec)
    }

    fn signal(&self, container: &Container, _: &Program, kill: bool) {
        let mut command = self.docker();
        command.args(["kill", "--signal", if kill { "KILL" } else { "TERM" }, &name(container)]);
        drop(finish(command, ANSWER));
    }

    fn forget(&self, task: &str) {
        let Some(names) = locked(&self.started).remove(task) else { return };
        let mut remove = self.docker();
        remove.args(["rm", "--force", "--volumes"]).args(names);
        drop(finish(remove, ANSWER));
    }
}
