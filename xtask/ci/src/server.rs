//! A program that runs until it is told to stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use duct::cmd;
use rustix::process::{Pid, Signal, kill_process};

use crate::console::{say, warn};
use crate::signal::{Interrupt, signal_groups};

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// A started server. Dropping it stops the server.
pub struct Server {
    name: String,
    log: PathBuf,
    handle: duct::Handle,
}

impl Server {
    /// Starts a program whose output goes to a log file. Even if this process is killed, the kernel tells the server to
    /// stop: setpriv, of Debian's base, asks for that before it becomes the program. The kernel means the thread that
    /// started it, so servers are started by the main thread.
    pub fn start(
        name: &str,
        program: &Path,
        arguments: &[String],
        variables: &[(&str, String)],
        log: &Path,
    ) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let head = ["--pdeathsig".to_owned(), "TERM".to_owned(), program.display().to_string()];
        let file = fs::File::create(log).with_context(|| format!("failed to create {}", log.display()))?;
        let mut expression = cmd("setpriv", head.iter().chain(arguments))
            .stdin_null()
            .stderr_to_stdout()
            .stdout_file(file)
            .unchecked()
            .before_spawn(|command| {
                command.process_group(0);
                Ok(())
            });
        for (variable, value) in variables {
            expression = expression.env(variable, value);
        }
        let handle = expression.start().with_context(|| format!("failed to start {name}"))?;
        Ok(Self { name: name.to_owned(), log: log.to_owned(), handle })
    }

    /// Waits until `ready` finds what it looks for; it is given what the server has logged so far.
    pub fn wait<T>(&self, interrupt: &Interrupt, mut ready: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + START;
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(found) = ready(&log) {
                return Ok(found);
            }
            let lines: Vec<_> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(10)..].join("\n  ");
            if let Some(output) = self.handle.try_wait()? {
                bail!("{} ended ({}) instead of serving:\n  {tail}", self.name, output.status);
            }
            if Instant::now() > deadline {
                bail!("{} was not ready within {} s:\n  {tail}", self.name, START.as_secs());
            }
            if interrupt.wait() {
                bail!("interrupted while {} started", self.name);
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        say("Stopping", &self.name);
        for pid in self.handle.pids().iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
            kill_process(pid, Signal::TERM).ok();
        }
        if matches!(self.handle.wait_timeout(STOP), Ok(None)) {
            warn(&format!("{} did not stop within {} s and was killed", self.name, STOP.as_secs()));
            signal_groups(&self.handle.pids(), Signal::KILL);
            drop(self.handle.wait());
        }
    }
}
