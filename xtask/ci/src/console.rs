//! What `ci` writes to the terminal, and the programs whose output it lets through.

use std::ffi::OsString;
use std::io::{IsTerminal, Write, stderr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::signal::{Interrupt, TICK, signal_groups};

/// What no check may take from whoever runs it: an account at AWS or a registry, a Slack, GitHub's files of a job, the
/// repository that a git hook runs for. And the variables in which `cargo run` describes the package it runs: build
/// scripts look at them, so a cargo inside would compile again what the one outside has, and the other way round.
const FOREIGN: [&str; 14] = [
    "AWS_",
    "BUILDKIT_",
    "BUILDX_",
    "DOCKER_",
    "GITHUB_",
    "SLACK_",
    "TRIVY_",
    "XTASK_",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
    "CARGO_BIN_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
];

/// One line in cargo's look: a right-aligned green verb, then the thing.
pub fn say(verb: &str, thing: &str) {
    line("32;1", &format!("{verb:>12}"), thing);
}

/// One line in the look of cargo's warnings.
pub fn warn(thing: &str) {
    line("33;1", "warning:", thing);
}

/// One line in the look of cargo's errors.
pub fn fail(thing: &str) {
    line("31;1", "error:", thing);
}

fn line(colour: &str, lead: &str, thing: &str) {
    let colourful = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = if colourful { format!("\x1b[{colour}m{lead}\x1b[0m {thing}\n") } else { format!("{lead} {thing}\n") };
    // A terminal that is gone is no reason to stop.
    stderr().write_all(text.as_bytes()).ok();
}

/// A program that speaks to the terminal itself. It runs in a process group of its own, so that an interrupt
/// reaches `ci` alone, which then ends the group and stops its servers in order.
pub struct Command<'a> {
    program: String,
    args: Vec<String>,
    inherits: fn(&str) -> bool,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    interrupt: &'a Interrupt,
}

impl<'a> Command<'a> {
    pub fn new(program: &str, folder: &Path, interrupt: &'a Interrupt) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            inherits: |name| !FOREIGN.iter().any(|prefix| name.starts_with(prefix)),
            environment: Vec::new(),
            folder: folder.to_owned(),
            interrupt,
        }
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Which of this process's variables the program sees.
    pub fn inherits(mut self, is_kept: fn(&str) -> bool) -> Self {
        self.inherits = is_kept;
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub fn envs(self, variables: &[(String, String)]) -> Self {
        variables.iter().fold(self, |command, (name, value)| command.env(name, value))
    }

    pub fn run(&self) -> Result<()> {
        let name = Path::new(&self.program).file_name().unwrap_or_default().to_string_lossy();
        let shown = format!("{name} {}", self.args.join(" "));
        if self.interrupt.is_set() {
            bail!("interrupted before `{shown}`");
        }
        let expression = self.expression().unchecked().before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
        let handle = expression.start().with_context(|| format!("failed to start `{shown}`"))?;
        loop {
            if let Some(output) = handle.wait_timeout(TICK)? {
                return if output.status.success() { Ok(()) } else { bail!("`{shown}` failed ({})", output.status) };
            }
            if self.interrupt.is_set() {
                signal_groups(&handle.pids(), Signal::TERM);
                handle.wait()?;
                bail!("interrupted during `{shown}`");
            }
        }
    }

    /// As [`quietly`].
    pub fn quietly(&self, doing: &str) -> Result<String> {
        quietly(&self.expression(), doing)
    }

    fn expression(&self) -> duct::Expression {
        let inherited = std::env::vars_os().filter(|(name, _)| (self.inherits)(&name.to_string_lossy()));
        let set = self.environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        duct::cmd(&self.program, &self.args).dir(&self.folder).full_env(inherited.chain(set))
    }
}

/// Runs a program in silence. Its output appears in the error if it fails.
pub fn quietly(expression: &duct::Expression, doing: &str) -> Result<String> {
    let output = expression
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()
        .with_context(|| format!("failed to start a program while {doing}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let lines: Vec<_> = text.trim_end().lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
        bail!("{doing} failed ({}):\n  {tail}", output.status);
    }
    Ok(text)
}
