//! Containers without an engine: the image's files as a private root, in namespaces that any user may make.
//!
//! All containers of a task share a network of their own, which has nothing but loopback. There is no process namespace, so
//! a program that does not listen to SIGTERM ends by it, where as the first process of a container it would not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use super::container::text;
use super::program::{Program, finish, signal};
use super::{Container, Runs, image, locked};

/// Makes the network of a task, says so, and stays until it is killed.
const HOLD: &str = "ip link set lo up && echo up && exec sleep 1000000";

/// As root of the task's namespaces: puts devices and volumes where they belong, and becomes the container's program.
/// `$1` root, `$2` `ro` or `rw`, `$3` user, `$4` group, `$5` folder, `$6` volumes as `FROM:TO:ro` a line, `$7` its PATH.
const ENTER: &str = r#"set -e
root=$1; mode=$2; user=$3; group=$4; folder=$5; volumes=$6; path=$7; shift 7
mount --rbind "$root" "$root"
for device in null zero random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
if [ "$mode" = ro ]; then mount -o remount,bind,ro "$root"; fi
printf '%s' "$volumes" | while IFS=: read -r from to access; do
  mount --bind "$from" "$root$to"
  if [ "$access" = ro ]; then mount -o remount,bind,ro "$root$to"; fi
done
become=$(command -v unshare)
export PATH="$path"
if [ "$user" = 0 ]; then exec "$become" --root="$root" --wd="$folder" -- "$@"; fi
exec "$become" --user --map-user="$user" --map-group="$group" --root="$root" --wd="$folder" -- "$@""#;

pub(super) struct Namespaces {
    folder: PathBuf,
    /// By task: the program that holds its network.
    held: Mutex<BTreeMap<String, Program>>,
}

impl Namespaces {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), held: Mutex::default() }
    }

    /// The error says what this machine lacks.
    pub fn are_allowed() -> Result<(), String> {
        let mut command = own_network();
        command.args(["sh", "-c", "ip link set lo up"]);
        match finish(command, Duration::from_secs(5)) {
            Ok((Some(0), _)) => Ok(()),
            Ok((_, said)) => Err(format!("namespaces cannot be made here: {}", said.join(" "))),
            Err(error) => Err(format!("there is no `unshare` of util-linux here: {error}")),
        }
    }

    /// The process whose network the task's containers share.
    fn holder(&self, task: &str) -> Result<u32, String> {
        let mut held = locked(&self.held);
        if let Some(program) = held.get(task) {
            return Ok(program.id());
        }
        let mut command = own_network();
        command.args(["sh", "-c", HOLD]);
        let program = Program::start(command).map_err(|error| error.to_string())?;
        match program.lines.recv_timeout(Duration::from_secs(5)) {
            Ok(line) if line == "up" => {}
            other => return Err(format!("the task's network was not made: {}", other.unwrap_or_default())),
        }
        let id = program.id();
        held.insert(task.to_owned(), program);
        Ok(id)
    }

    fn command(&self, container: &Container, words: &[String]) -> Result<Command, String> {
        let launch = &container.launch;
        let (root, volumes) = self.root(container)?;
        let holder = self.holder(&launch.task)?.to_string();
        let (user, group) = ids(&container.user(), &root)?;
        let mut command = Command::new("nsenter");
        command.args(["--target", &holder, "--user", "--net", "--preserve-credentials", "--"]);
        command.args(["unshare", "--mount", "--ipc", "--uts", "--", "sh", "-c", ENTER, "xtask"]).arg(&root);
        let mode = if container.is_read_only() { "ro" } else { "rw" };
        let path = container.environment.iter().find(|(name, _)| name == "PATH").map_or("", |(_, path)| path);
        command.args([mode, &user, &group, &container.folder(), &volumes, path]).args(words);
        // The tools before it are found by this PATH, and it then has its own.
        command.env_clear().envs(container.environment.iter().map(|(name, value)| (name, value)));
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        Ok(command)
    }

    /// A container that may write has files of its own.
    fn root(&self, container: &Container) -> Result<(PathBuf, String), String> {
        let launch = &container.launch;
        let shared = image::root(&self.folder, &launch.digest);
        let mounts = launch.definition["mountPoints"].as_array().cloned().unwrap_or_default();
        if container.is_read_only() && mounts.is_empty() {
            return Ok((shared, String::new()));
        }
        let own = self.folder.join("tasks").join(&launch.task).join(&launch.name);
        if !own.exists() {
            std::fs::create_dir_all(own.parent().unwrap_or(&own)).map_err(|error| error.to_string())?;
            let mut copy = Command::new("cp");
            copy.args(["--archive", "--reflink=auto"]).arg(&shared).arg(&own);
            match finish(copy, Duration::from_secs(120)) {
                Ok((Some(0), _)) => {}
                Ok((_, said)) => return Err(format!("the image's files were not copied: {}", said.join(" "))),
                Err(error) => return Err(error.to_string()),
            }
        }
        let mut volumes = String::new();
        for mount in &mounts {
            let (name, to) = (text(&mount["sourceVolume"]), text(&mount["containerPath"]));
            let from = self.folder.join("tasks").join(&launch.task).join("volumes").join(name);
            for folder in [&from, &own.join(to.trim_start_matches('/'))] {
                std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            }
            let access = if mount["readOnly"] == true { "ro" } else { "rw" };
            volumes += &format!("{}:{to}:{access}\n", from.display());
        }
        Ok((own, volumes))
    }
}

impl Runs for Namespaces {
    fn main(&self, container: &Container) -> Result<Command, String> {
        let words = container.words();
        let Some(program) = words.first() else {
            return Err("CannotStartContainerError: no command is specified".to_owned());
        };
        let (root, _) = self.root(container)?;
        if program.starts_with('/') && root.join(program.trim_start_matches('/')).symlink_metadata().is_err() {
            return Err(format!(
                "CannotStartContainerError: exec: \"{program}\": stat {program}: no such file or directory"
            ));
        }
        self.command(container, &words)
    }

    fn beside(&self, container: &Container, words: &[String]) -> Result<Command, String> {
        self.command(container, words)
    }

    fn signal(&self, _: &Container, program: &Program, kill: bool) {
        signal(program.id(), if kill { "KILL" } else { "TERM" });
    }

    fn forget(&self, task: &str) {
        if let Some(program) = locked(&self.held).remove(task) {
            program.kill();
        }
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        locked(&self.held).values().for_each(Program::kill);
    }
}

fn own_network() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--"]);
    command
}

/// User and group by their numbers; names are looked up in the image.
fn ids(user: &str, root: &Path) -> Result<(String, String), String> {
    let (user, group) = user.split_once(':').unwrap_or((user, ""));
    let find = |file: &str, name: &str| -> Option<Vec<String>> {
        let text = std::fs::read_to_string(root.join(file)).ok()?;
        let lines = text.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
        { lines }.find(|fields| fields.first().is_some_and(|it| it == name))
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields = if user.is_empty() || is_number(user) { None } else { find("etc/passwd", user) };
    let number = match (&fields, user) {
        (_, "") => "0".to_owned(),
        (_, user) if is_number(user) => user.to_owned(),
        (Some(fields), _) => fields.get(2).cloned().unwrap_or_default(),
        (None, user) => {
            return Err(format!(
                "CannotStartContainerError: unable to find user {user}: no matching entries in passwd file"
            ));
        }
    };
    let group = match group {
        "" => fields.and_then(|fields| fields.get(3).cloned()).unwrap_or_else(|| number.clone()),
        group if is_number(group) => group.to_owned(),
        group => find("etc/group", group).and_then(|fields| fields.get(2).cloned()).unwrap_or_default(),
    };
    Ok((number, group))
}
