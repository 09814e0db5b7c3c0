//! Containers without an engine: the image's files as a private root, in namespaces that any user may make.
//!
//! A task has a network of its own, which has nothing but loopback, and a first process that lives as long as a pipe of this
//! process is open. Every container is a process namespace below that one: however this process ends, the kernel then ends
//! all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::container::text;
use super::image::Unpacked;
use super::program::{Program, finish, signal};
use super::way::{End, Room, Running, Way};
use super::{Container, usage};

/// Makes the network of a task, says which process it is, and stays until its stdin ends.
const HOLD: &str = r#"ip link set lo up && read pid rest < /proc/self/stat && echo "$pid" && exec cat"#;

/// What a task's containers take, in small.
const TRY: &str = "ip link set lo up && unshare --mount --ipc --uts --pid --fork -- mount --rbind /dev /dev";

/// As root of the task's namespaces: puts devices and volumes where they belong, says which process it is, and becomes the
/// container's program. `$1` root, `$2` `ro` or `rw`, `$3` volumes as `FROM:TO:ro` a line; then as `BECOME` has it.
const ENTER: &str = r#"set -e
root=$1; mode=$2; volumes=$3; shift 3
seal() { mount -o remount,bind,ro "$1" 2>/dev/null || mount -o remount,bind,ro,nosuid,nodev "$1"; }
mount --rbind "$root" "$root"
for device in null zero full random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
# A kernel that hides parts of /proc from this process gives no other one either.
mount -t proc proc "$root/proc" 2>/dev/null || true
if [ "$mode" = ro ]; then seal "$root"; fi
printf '%s' "$volumes" | while IFS=: read -r from to access; do
  mount --bind "$from" "$root$to"
  if [ "$access" = ro ]; then seal "$root$to"; fi
done
read pid rest < /proc/self/stat
echo "$pid"
"#;

/// `$1` user, `$2` group, `$3` folder, `$4` its PATH, then its words.
const BECOME: &str = r#"user=$1; group=$2; folder=$3; become=$(command -v unshare); export PATH="$4"; shift 4
if [ "$user" = 0 ]; then exec "$become" --root="$root" --wd="$folder" -- "$@"; fi
exec "$become" --user --map-user="$user" --map-group="$group" --root="$root" --wd="$folder" -- "$@""#;

/// Where the tools are that make a container, which has its own PATH.
const TOOLS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long the kernel may take to make one.
const MAKING: Duration = Duration::from_secs(10);

/// The error says what this machine lacks.
pub(super) fn are_allowed() -> Result<(), String> {
    let mut command = own_network();
    command.args(["sh", "-c", TRY]);
    match finish(command, MAKING) {
        Ok((Some(0), _)) => Ok(()),
        Ok((_, said)) => Err(format!("this user can make no namespaces: {}", said.join(" "))),
        Err(error) => Err(format!("there is no `unshare` of util-linux: {error}")),
    }
}

pub(super) struct Namespaces(Arc<Unpacked>);

impl Namespaces {
    pub fn new(folder: PathBuf) -> Self {
        Self(Arc::new(Unpacked::new(folder)))
    }
}

impl Way for Namespaces {
    fn room(&self, _: &str) -> Result<Arc<dyn Room>, String> {
        let mut command = own_network();
        command.args(["sh", "-c", HOLD]);
        let (pid, holder) = begun(command)?;
        Ok(Arc::new(Network { pid, images: Arc::clone(&self.0), _holder: Mutex::new(holder) }))
    }
}

/// The network of a task and the processes in it, which end when this is dropped.
struct Network {
    /// The first of its processes.
    pid: u32,
    images: Arc<Unpacked>,
    _holder: Mutex<Program>,
}

impl Room for Network {
    fn start(&self, container: &Container) -> Result<Box<dyn Running>, String> {
        let words = container.words();
        let shared = self.images.root(&container.image)?;
        let (root, volumes) = own_root(container, shared, &self.images.folder)?;
        is_there(container, &root, &words).map_err(|why| format!("CannotStartContainerError: {why}"))?;
        let mode = if container.is_read_only() { "ro" } else { "rw" };
        let mut command = tool("nsenter", container);
        command.args(["--target", &self.pid.to_string(), "--user", "--net", "--pid", "--preserve-credentials", "--"]);
        command.args(["unshare", "--mount", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--"]);
        command.args(["sh", "-c", &[ENTER, BECOME].concat(), "xtask"]).arg(&root).args([mode, &volumes]);
        becoming(&mut command, container, &root, &words)?;
        let (pid, program) = begun(command).map_err(|why| format!("CannotStartContainerError: {why}"))?;
        Ok(Box::new(Process { program, pid, root, network: self.pid }))
    }

    fn ports(&self) -> BTreeSet<u16> {
        usage::ports_of(self.pid)
    }
}

/// A container that runs.
struct Process {
    program: Program,
    /// Its first process, by the number that it has outside.
    pid: u32,
    root: PathBuf,
    network: u32,
}

impl Running for Process {
    fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    fn send(&self, name: &str) {
        signal(&self.pid.to_string(), name);
    }

    fn beside(&self, container: &Container, words: &[String]) -> Result<Command, String> {
        is_there(container, &self.root, words)?;
        let mut command = tool("nsenter", container);
        command.args(["--target", &self.network.to_string(), "--user", "--net", "--preserve-credentials"]);
        for namespace in ["--mount", "--ipc", "--uts", "--pid"] {
            let file = if namespace == "--mount" { "mnt" } else { &namespace[2..] };
            command.arg(format!("{namespace}=/proc/{}/ns/{file}", self.pid));
        }
        command.args(["--", "sh", "-c", &["root=$1; shift\n", BECOME].concat(), "xtask"]).arg(&self.root);
        becoming(&mut command, container, &self.root, words)?;
        Ok(command)
    }

    fn exceeds(&self, limit: u64) -> bool {
        usage::memory(self.pid) > limit
    }

    fn end(&self, code: i32) -> End {
        End { code, out_of_memory: false }
    }
}

fn own_network() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--"]);
    command
}

/// A tool of this machine, with the container's environment but for its PATH.
fn tool(name: &str, container: &Container) -> Command {
    let mut command = Command::new(name);
    command.env_clear().envs(container.environment.iter().map(|(name, value)| (name, value))).env("PATH", TOOLS);
    command
}

/// The last arguments: as whom and where it runs, and what.
fn becoming(command: &mut Command, container: &Container, root: &Path, words: &[String]) -> Result<(), String> {
    let (user, group) = ids(&container.user(), root).map_err(|why| format!("CannotStartContainerError: {why}"))?;
    command.args([&user, &group, &container.folder(), container.path()]).args(words);
    Ok(())
}

/// The process that a program says it is, in its first line.
fn begun(command: Command) -> Result<(u32, Program), String> {
    let mut program = Program::start(command).map_err(|error| error.to_string())?;
    let first = program.lines.recv_timeout(MAKING).unwrap_or_default();
    if let Ok(pid) = first.parse() {
        return Ok((pid, program));
    }
    drop(program.lifeline.take());
    Err([vec![first], program.last_lines()].concat().join(" "))
}

/// As an engine says it.
fn is_there(container: &Container, root: &Path, words: &[String]) -> Result<(), String> {
    let Some(program) = words.first() else { return Err("no command is specified".to_owned()) };
    let exists = |path: &str| root.join(path.trim_start_matches('/')).symlink_metadata().is_ok();
    if program.contains('/') {
        let from = if program.starts_with('/') { String::new() } else { container.folder() + "/" };
        return if exists(&(from + program)) {
            Ok(())
        } else {
            Err(format!("exec: \"{program}\": stat {program}: no such file or directory"))
        };
    }
    if container.path().split(':').any(|folder| exists(&format!("{folder}/{program}"))) {
        return Ok(());
    }
    Err(format!("exec: \"{program}\": executable file not found in $PATH"))
}

/// A container that may write has files of its own.
fn own_root(container: &Container, shared: PathBuf, folder: &Path) -> Result<(PathBuf, String), String> {
    let launch = &container.launch;
    let mounts = launch.definition["mountPoints"].as_array().cloned().unwrap_or_default();
    if container.is_read_only() && mounts.is_empty() {
        return Ok((shared, String::new()));
    }
    let own = folder.join("tasks").join(&launch.task).join(&launch.name);
    std::fs::create_dir_all(own.parent().unwrap_or(&own)).map_err(|error| error.to_string())?;
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--reflink=auto"]).arg(&shared).arg(&own);
    match finish(copy, Duration::from_secs(120)) {
        Ok((Some(0), _)) => {}
        Ok((_, said)) => return Err(format!("the image's files were not copied: {}", said.join(" "))),
        Err(error) => return Err(error.to_string()),
    }
    let mut volumes = Vec::new();
    for mount in &mounts {
        let (name, to) = (text(&mount["sourceVolume"]), text(&mount["containerPath"]));
        let from = folder.join("tasks").join(&launch.task).join("volumes").join(name);
        for folder in [&from, &own.join(to.trim_start_matches('/'))] {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        let access = if mount["readOnly"] == true { "ro" } else { "rw" };
        volumes.push(format!("{}:{to}:{access}\n", from.display()));
    }
    Ok((own, volumes.concat()))
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
    let known = find("etc/passwd", user);
    let user = match &known {
        _ if user.is_empty() => "0",
        _ if is_number(user) => user,
        Some(fields) if fields.len() > 3 => &fields[2],
        _ => return Err(format!("unable to find user {user}: no matching entries in passwd file")),
    };
    let group = match (group, known.as_ref().and_then(|fields| fields.get(3))) {
        ("", Some(group)) => group.clone(),
        ("", None) => user.to_owned(),
        (group, _) if is_number(group) => group.to_owned(),
        (group, _) => find("etc/group", group)
            .and_then(|fields| fields.get(2).cloned())
            .ok_or_else(|| format!("unable to find group {group}: no matching entries in group file"))?,
    };
    Ok((user.to_owned(), group))
}
