//! What `ci` writes to the terminal, and the programs whose output it lets through.

use std::io::{IsTerminal, Write, stderr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::signal::{Interrupt, TICK, signal_groups};

const OF_PACKAGE: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// One line in cargo's look: a right-aligned green verb, then the thing.
pub fn say(verb: &str, thing: &str) {
    line("32;1", &format!("{verb:>12}"), thing);
}

/// One line in the look of cargo's warnings.
pub fn warn(thing: &str) {
    line("33;1", "warning:", thing);
}

/// The last line of a run that did not end well.
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
    environment: Vec<(String, String)>,
    without: Vec<String>,
    root: PathBuf,
    interrupt: &'a Interrupt,
}

impl<'a> Command<'a> {
    pub fn new(program: &str, root: &Path, interrupt: &'a Interrupt) -> Self {
        let root = root.to_owned();
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            environment: Vec::new(),
            without: Vec::new(),
            root,
            interrupt,
        }
    }

    pub fn args<'b>(mut self, args: impl IntoIterator<Item = &'b str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Takes these variables out of its environment.
    pub fn without(mut self, variables: &[&str]) -> Self {
        self.without.extend(variables.iter().map(|name| (*name).to_owned()));
        self
    }

    pub fn envs(mut self, variables: &[(String, String)]) -> Self {
        self.environment.extend_from_slice(variables);
        self
    }

    pub fn run(&self) -> Result<()> {
        let name = Path::new(&self.program).file_name().unwrap_or_default().to_string_lossy();
        let shown = format!("{name} {}", self.args.join(" "));
        if self.interrupt.is_set() {
            bail!("interrupted before `{shown}`");
        }
        let mut expression = duct::cmd(&self.program, &self.args).dir(&self.root).unchecked().before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
        // `cargo run` describes the package it runs in variables that build scripts look at: a cargo inside would
        // compile again what the one outside has, and the other way round.
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            let hidden = self.without.iter().any(|hidden| *hidden == shown);
            if hidden || OF_PACKAGE.iter().any(|prefix| shown.starts_with(prefix)) {
                expression = expression.env_remove(name);
            }
        }
        for (name, value) in &self.environment {
            expression = expression.env(name, value);
        }
        let handle = expression.start().with_context(|| format!("failed to start `{shown}`"))?;
        loop {
            if let Some(output) = handle.wait_timeout(TICK)? {
                return if output.status.success() { Ok(()) } else { bail!("`{shown}` failed ({})", output.status) };
            }
            if self.interrupt.is_set() {
                signal_groups(&handle.pids(), rustix::process::Signal::TERM);
                handle.wait()?;
                bail!("interrupted during `{shown}`");
            }
        }
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
