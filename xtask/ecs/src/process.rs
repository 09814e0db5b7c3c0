//! The only code that starts a program.
//!
//! Command lines are written with xshell's [`cmd!`], as a person would type them. Quick questions xshell runs itself
//! ([`ask`]); long, streamed or killable runs are a [`Tool`], which duct supervises.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

pub use xshell::{Cmd, Shell, cmd};

use crate::beside::apart;
use crate::failure::Failure;
use crate::gather::Gather;
use crate::interrupt::Interrupt;

/// How many of its last lines a program's end keeps.
const TAIL: usize = 40;
/// So many lines may wait to be told; a program that says more waits itself, and nothing grows.
const WAITING: usize = 1000;
/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(50);
/// How long a program may be busy being written.
const BUSY: Duration = Duration::from_secs(2);
/// How long lines that a program wrote before its end may take to arrive; on a busy machine that is more than a tick.
const DRAIN: Duration = Duration::from_secs(1);

/// A program, its arguments and what it may see. Nothing passes through a shell.
#[derive(Clone, Debug)]
pub struct Tool {
    program: OsString,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    set: Vec<(String, String)>,
    hidden: Vec<String>,
    visible: Option<&'static [&'static str]>,
    stdin: Vec<u8>,
    timeout: Duration,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Not 0 is no error here.
    pub status: ExitStatus,
    /// All of it.
    pub stdout: Vec<u8>,
    /// The last lines it wrote to stderr, oldest first; empty ones are left out.
    pub tail: Vec<String>,
}

/// A program did not come to an end of its own.
#[derive(Debug)]
pub enum ToolError {
    /// It is not in PATH, or not at its path.
    Missing {
        /// As it was asked for.
        program: String,
    },
    /// It could not be started, such as for want of permission.
    Start {
        /// As it was asked for.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was stopped, because its time was over.
    TimedOut {
        /// As it was asked for.
        program: String,
        /// How long it might have taken.
        timeout: Duration,
        /// As [`Ended::tail`].
        tail: Vec<String>,
    },
    /// It was stopped at Ctrl-C or SIGTERM.
    Interrupted {
        /// As it was asked for.
        program: String,
    },
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { program } => write!(f, "`{program}` was not found in PATH"),
            Self::Start { program, .. } => write!(f, "`{program}` could not be started"),
            Self::TimedOut { program, timeout, .. } => {
                write!(f, "`{program}` did not finish within {} s and was stopped", timeout.as_secs())
            }
            Self::Interrupted { program } => write!(f, "interrupted while `{program}` ran; it was stopped"),
        }
    }
}

impl std::error::Error for ToolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::Interrupted { .. } => Self::interrupted(error),
            ToolError::TimedOut { ref tail, .. } => {
                let said = tail.clone();
                Self::caused_by(error.into()).said(said)
            }
            ToolError::Missing { .. } | ToolError::Start { .. } => Self::caused_by(error.into()),
        }
    }
}

/// What command lines are written in: `cmd!(sh, "docker buildx version")`. It runs none of them.
pub fn shell() -> Result<Shell, ToolError> {
    Shell::new().map_err(|error| ToolError::Start { program: "sh".to_owned(), source: std::io::Error::other(error) })
}

impl Tool {
    /// The program and arguments of a command line. `timeout` bounds the whole run.
    pub fn of(line: Cmd<'_>, timeout: Duration) -> Self {
        let line = Command::from(line);
        Self::new(line.get_program(), timeout).args(line.get_args())
    }

    /// `timeout` bounds the whole run.
    pub fn new(program: impl AsRef<OsStr>, timeout: Duration) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            dir: None,
            set: Vec::new(),
            hidden: Vec::new(),
            visible: None,
            stdin: Vec::new(),
            timeout,
        }
    }

    /// With one more argument, handed over as it is.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// With more arguments, handed over as they are.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs in this folder; in the one of this process by default.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// With this variable, whatever [`Tool::hide`] and [`Tool::only`] keep from it.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.push((name.into(), value.into()));
        self
    }

    /// Keeps every inherited variable whose name begins with one of these from the program.
    #[must_use]
    pub fn hide(mut self, prefixes: &[impl AsRef<str>]) -> Self {
        self.hidden.extend(prefixes.iter().map(|prefix| prefix.as_ref().to_owned()));
        self
    }

    /// Shows the program these inherited variables and no others.
    #[must_use]
    pub fn only(mut self, names: &'static [&'static str]) -> Self {
        self.visible = Some(names);
        self
    }

    /// What it reads; nothing by default.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs to the end, in a process group of its own, handing over each line of stderr as it comes. At the
    /// interrupt or the timeout the whole group gets SIGTERM, then SIGKILL.
    pub fn run(&self, interrupt: &Interrupt, mut on_line: impl FnMut(&str)) -> Result<Ended, ToolError> {
        self.supervise(interrupt, &mut on_line)
    }

    fn supervise(&self, interrupt: &Interrupt, on_line: &mut dyn FnMut(&str)) -> Result<Ended, ToolError> {
        let program = self.program.to_string_lossy().into_owned();
        let start_error = |source: std::io::Error| match source.kind() {
            // A folder to run in that is gone is "not found" too.
            std::io::ErrorKind::NotFound if self.dir.as_ref().is_none_or(|dir| dir.is_dir()) => {
                ToolError::Missing { program: program.clone() }
            }
            _ => ToolError::Start { program: program.clone(), source },
        };
        let (stderr, stderr_writer) = std::io::pipe().map_err(start_error)?;
        let handle = {
            // The expression owns a copy of the pipe's writing end; it must be gone before lines can end.
            let expression = self.expression().stderr_file(stderr_writer);
            start(&expression).map_err(start_error)?
        };
        let (sender, lines) = sync_channel(WAITING);
        apart(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });

        let mut tail = Vec::new();
        let mut keep = |line: String, tail: &mut Vec<String>| {
            on_line(&line);
            if line.trim().is_empty() {
                return;
            }
            if tail.len() == TAIL {
                tail.remove(0);
            }
            tail.push(line);
        };
        let deadline = Instant::now() + self.timeout;
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => keep(line, &mut tail),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => drop(handle.wait_timeout(TICK)),
            }
            if interrupt.is_set() {
                stop_group(&handle);
                return Err(ToolError::Interrupted { program });
            }
            if Instant::now() > deadline {
                stop_group(&handle);
                return Err(ToolError::TimedOut { program, timeout: self.timeout, tail });
            }
            if let Some(output) = handle.try_wait().map_err(start_error)? {
                let (status, stdout) = (output.status, output.stdout.clone());
                // A grandchild may keep the pipe open after its parent's end, and may go on writing: its lines are not
                // waited for, and not read for ever.
                let end = Instant::now() + GRACE;
                while Instant::now() < end
                    && let Ok(line) = lines.recv_timeout(DRAIN)
                {
                    keep(line, &mut tail);
                }
                return Ok(Ended { status, stdout, tail });
            }
        }
    }

    fn expression(&self) -> duct::Expression {
        let mut expression = duct::cmd(&self.program, &self.args);
        if let Some(dir) = &self.dir {
            expression = expression.dir(dir);
        }
        let visible = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            self.visible.is_none_or(|names| names.contains(&&*name))
                && !self.hidden.iter().any(|prefix| name.starts_with(prefix.as_str()))
        });
        let set = self.set.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        expression = expression.full_env(visible.chain(set).gather::<Vec<_>>());
        expression.stdin_bytes(self.stdin.clone()).stdout_capture().unchecked().before_spawn(|command| {
            command.process_group(0);
            Ok(())
        })
    }
}

/// Starts a program. One that was written a moment ago is busy while the child of another thread, between its fork and its
/// exec, holds what it was written through.
fn start(expression: &duct::Expression) -> std::io::Result<duct::Handle> {
    let until = Instant::now() + BUSY;
    loop {
        match expression.start() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                std::thread::sleep(TICK);
            }
            started => return started,
        }
    }
}

fn stop_group(handle: &duct::Handle) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let groups = || handle.pids().into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    for group in groups() {
        kill_process_group(group, Signal::TERM).ok();
    }
    if matches!(handle.wait_timeout(GRACE), Ok(None)) {
        for group in groups() {
            kill_process_group(group, Signal::KILL).ok();
        }
        // What left the group and holds the pipes open is not waited for.
        drop(handle.wait_timeout(GRACE));
    }
}

/// The text as one word of a POSIX shell. Source: POSIX, Shell Command Language, 2.2.2 Single-Quotes.
pub fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Whether a program of this name is in one of PATH's folders.
pub fn is_in_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Becomes another program; returns only where that failed.
///
/// It does not see the variables in which `cargo run` describes this package. Build scripts look at them (ring's does),
/// so a cargo that sees them compiles anew what the cargo outside has compiled, and the other way round.
pub fn become_program(program: impl AsRef<OsStr>, args: &[OsString]) -> std::io::Error {
    become_with(program.as_ref(), args, &[])
}

fn become_with(program: &OsStr, args: &[OsString], variables: &[(&'static str, String)]) -> std::io::Error {
    command(program, args, variables).exec()
}

fn command(program: &OsStr, args: &[OsString], variables: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|of| name.to_string_lossy().starts_with(of)) {
            command.env_remove(name);
        }
    }
    command.args(args).envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

/// A program that takes this one's place, terminal and all, when everything has been told.
#[derive(Debug)]
pub struct Successor {
    /// Looked for in PATH, unless it is a path.
    pub program: &'static str,
    /// Behind the program's name.
    pub args: Vec<String>,
    /// What it is told in a way that no other user of this machine can read.
    pub variables: Vec<(&'static str, String)>,
    /// What takes over from it, where it ends well.
    pub then: Option<Box<Successor>>,
}

impl Successor {
    /// Returns only where it could not be started, or ended otherwise than well before another one.
    pub fn take_over(self) -> std::io::Result<ExitCode> {
        let args: Vec<OsString> = self.args.into_iter().map(OsString::from).gather();
        let Some(then) = self.then else { return Err(become_with(self.program.as_ref(), &args, &self.variables)) };
        let status = command(self.program.as_ref(), &args, &self.variables).status()?;
        if status.success() {
            return then.take_over();
        }
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
    }
}

/// Asks a program a quick question and returns its trimmed stdout; `None` where it is missing or says no.
/// For programs that answer from local files at once, such as `git rev-parse HEAD`.
pub fn ask(dir: &Path, program: &str, args: &[&str]) -> Option<String> {
    let shell = Shell::new().ok()?;
    shell.change_dir(dir);
    cmd!(shell, "{program} {args...}").quiet().ignore_stderr().read().ok()
}

/// As [`ask`], with what the program said where it says no, or that it is missing.
pub fn question(dir: &Path, program: &str, args: &[&str]) -> Result<String, Vec<String>> {
    let output = Shell::new().and_then(|shell| {
        shell.change_dir(dir);
        cmd!(shell, "{program} {args...}").env("LC_ALL", "C").quiet().ignore_status().output()
    });
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).gather())
        }
        Err(error) => Err(vec![error.to_string()]),
    }
}

#[cfg(test)]
mod tests;
