//! What a command is given, whether it is built in or a repository's own.

use std::io::{ErrorKind, Write};

use clap::Parser;

use crate::aws::Session;
use crate::config::{self, Config, Loaded};
use crate::event::Events;
use crate::failure::Result;
use crate::interrupt::Interrupt;

/// The two stages, for hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Release,
    Deploy,
}

/// A command of the repository's own: a clap type that runs.
pub trait Command: Parser {
    /// Does the work. A [`Failure`](crate::Failure) inside the error keeps its exit code; anything else exits with 1.
    fn run(self, context: &Context) -> anyhow::Result<()>;
}

/// What a command or a hook may use.
pub struct Context {
    events: Events,
    interrupt: Interrupt,
    loaded: Result<Loaded>,
    /// The names of the commands that the repository added.
    commands: Vec<String>,
}

impl Context {
    pub(crate) fn new(events: Events, interrupt: Interrupt, loaded: Result<Loaded>, commands: Vec<String>) -> Self {
        Self { events, interrupt, loaded, commands }
    }

    /// The workspace's configuration. Fails (exit 2) with every mistake in it.
    pub fn config(&self) -> Result<&Config> {
        Ok(&self.loaded()?.config)
    }

    pub(crate) fn loaded(&self) -> Result<&Loaded> {
        self.loaded.as_ref().map_err(Clone::clone)
    }

    /// AWS, with credentials resolved. Fails (exit 1) where there are none.
    pub fn session(&self) -> Result<Session> {
        Session::open(self.config()?)
    }

    /// Whether this repository's xtask has such a command of its own.
    pub(crate) fn has_command(&self, name: &str) -> bool {
        self.commands.iter().any(|own| own == name)
    }

    pub fn events(&self) -> &Events {
        &self.events
    }

    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Writes a line of data to stdout. A reader that went away is no failure.
    pub fn print(&self, line: impl std::fmt::Display) {
        if let Err(error) = writeln!(std::io::stdout(), "{line}")
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.events.warn(format!("stdout could not be written: {error}"));
        }
    }
}

/// Looks an environment variable up.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The configuration around the current folder.
pub(crate) fn load(environment: Environment<'_>) -> Result<Loaded> {
    // A folder that is gone is found by nobody, and that is what the error then says.
    config::load(&std::env::current_dir().unwrap_or_default(), environment)
}
