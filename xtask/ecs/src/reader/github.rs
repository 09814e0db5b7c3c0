//! GitHub Actions: groups, annotations, outputs, the step summary.
//!
//! The runner reads commands from stdout and stderr alike; they go to stderr, for stdout is data only. Groups make
//! sense only in one order with the lines they hold, so the reader that prints (the terminal's) is driven from here.

mod command;
mod defuse;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod output;
mod picture;
mod summary;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use ring::rand::SecureRandom;

pub(crate) use self::defuse::{Defused, defuse};
pub(crate) use self::output::names as output_names;

use self::command::Level;
use super::record::Record;
use crate::event::{Event, ImageAction, Reader, ServiceAction, Step};
use crate::failure::{Failure, Fault};
use crate::gather::Gather;

/// GitHub shows ten annotations of a kind for a step; the tenth says that there are more.
const ANNOTATIONS: usize = 10;

/// Whether GitHub's runner reads what is printed, and acts on what looks like a command.
pub(crate) fn is_read_by_runner(env: &dyn Fn(&str) -> Option<String>) -> bool {
    env("GITHUB_ACTIONS").as_deref() == Some("true")
}

/// The reader for a step of a GitHub Actions job.
pub(crate) struct GitHub {
    log: Box<dyn Write + Send>,
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
    terminal: Option<Box<dyn Reader>>,
    commands: Commands,
    record: Record,
    started: Instant,
    /// Its own first failure has been told; from then on it only drives the terminal.
    broken: bool,
}

impl GitHub {
    /// `None` outside GitHub Actions (`GITHUB_ACTIONS` is not `true`). Masks the secrets at once, so that nothing is
    /// printed before; empty ones are passed over.
    pub(crate) fn from_environment(env: &dyn Fn(&str) -> Option<String>, secrets: &[String]) -> Option<Self> {
        Self::with_log(env, secrets, Box::new(std::io::stderr()))
    }

    fn with_log(
        env: &dyn Fn(&str) -> Option<String>,
        secrets: &[String],
        mut log: Box<dyn Write + Send>,
    ) -> Option<Self> {
        if !is_read_by_runner(env) {
            return None;
        }
        let masks: String = secrets.iter().map(|secret| command::mask(secret)).collect();
        // One write, so that no other thread's line can come between; if stderr is gone, nothing can leak there.
        drop(log.write_all(masks.as_bytes()));
        let path = |name: &str| env(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        Some(Self {
            log,
            output: path("GITHUB_OUTPUT"),
            summary: path("GITHUB_STEP_SUMMARY"),
            terminal: None,
            commands: Commands::default(),
            record: Record::default(),
            started: Instant::now(),
            broken: false,
        })
    }

    /// Lets this reader drive the one that prints lines, into a log of its own that is [`Defused`].
    #[must_use]
    pub(crate) fn around(mut self, terminal: Box<dyn Reader>) -> Self {
        self.terminal = Some(terminal);
        self
    }

    fn before(&mut self, event: &Event) -> anyhow::Result<()> {
        let commands = self.commands.before(event);
        self.log.write_all(commands.as_bytes()).context("the log cannot be written")
    }

    fn after(&mut self, event: &Event) -> anyhow::Result<()> {
        self.record.take(event, self.started.elapsed());
        let commands = self.commands.after(event);
        self.log.write_all(commands.as_bytes()).context("the log cannot be written")?;
        if let Event::CommandFinished { .. } = event {
            let outputs = self.write_outputs();
            self.write_summary().and(outputs)?;
        }
        Ok(())
    }

    fn write_outputs(&self) -> anyhow::Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        let text = output::render(&output::outputs(&self.record), &delimiter()?);
        let (mut file, _) = open(path)?;
        file.write_all(text.as_bytes()).with_context(|| format!("the outputs cannot be written to {}", path.display()))
    }

    fn write_summary(&self) -> anyhow::Result<()> {
        let Some(path) = &self.summary else { return Ok(()) };
        let (mut file, used) = open(path)?;
        let room = usize::try_from(used).map_or(0, |used| summary::LIMIT.saturating_sub(used));
        let text = summary::summary(&self.record, room);
        file.write_all(text.as_bytes()).with_context(|| format!("the summary cannot be written to {}", path.display()))
    }

    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> anyhow::Result<()>) {
        if self.broken {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| Err(anyhow!("it panicked")));
        let Err(error) = result else { return };
        self.broken = true;
        let message = format!("the github reader stopped: {error:#}");
        if let Some(terminal) = &mut self.terminal {
            drop(terminal.read(&Event::Warning { message, place: None }));
        }
    }
}

impl Reader for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    /// With a terminal to drive, fails only where that one fails; its own failures are told through it, once.
    fn read(&mut self, event: &Event) -> anyhow::Result<()> {
        if self.terminal.is_none() {
            return self.before(event).and_then(|()| self.after(event));
        }
        self.guarded(|github| github.before(event));
        let printed = match &mut self.terminal {
            Some(terminal) => terminal.read(event),
            None => Ok(()),
        };
        self.guarded(|github| github.after(event));
        printed
    }
}

/// Opens for appending, and makes sure that what follows begins on a line of its own. Returns the bytes it has.
fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let open = || -> std::io::Result<(File, u64)> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let mut last = [b'\n'];
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
            return Ok((file, length + 1));
        }
        Ok((file, length))
    };
    open().with_context(|| format!("{} cannot be opened", path.display()))
}

fn delimiter() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the machine has no random numbers"))?;
    Ok(format!("xtask-{:032x}", u128::from_be_bytes(bytes)))
}

/// The commands for the log, event by event.
#[derive(Default)]
struct Commands {
    command: String,
    open: Option<(Step, String)>,
    warnings: usize,
    /// How many services are to change, or images are to be released.
    changing: usize,
}

impl Commands {
    /// What stands before the lines that the terminal prints for this event. Groups cannot be nested: a step that
    /// begins while another runs takes its place.
    fn before(&mut self, event: &Event) -> String {
        match event {
            // The lines of what goes on at once stand among each other.
            Event::StepStarted { step, .. } if self.changing > 1 && goes_on_beside_others(*step) => String::new(),
            Event::StepStarted { step, subject } => {
                let close = if self.open.is_some() { command::end_group() } else { String::new() };
                self.open = Some((*step, subject.clone()));
                format!("{close}{}", command::group(&title(*step, subject)))
            }
            // The end stands below all groups, where it is seen without opening one.
            Event::CommandFinished { .. } if self.open.take().is_some() => command::end_group(),
            _ => String::new(),
        }
    }

    /// What stands after them.
    fn after(&mut self, event: &Event) -> String {
        match event {
            Event::CommandStarted { command, .. } => {
                self.command.clone_from(command);
                String::new()
            }
            Event::ServicePlanned { action, .. } => {
                self.changing += usize::from(*action != ServiceAction::NothingToDo);
                String::new()
            }
            Event::ImagePlanned { action: ImageAction::Release, .. } => {
                self.changing += 1;
                String::new()
            }
            Event::StepFinished { step, subject, .. } => {
                let closes = self.open.take_if(|(open, of)| open == step && of == subject).is_some();
                if closes { command::end_group() } else { String::new() }
            }
            Event::Warning { message, place } => {
                self.warnings += 1;
                match self.warnings {
                    ..ANNOTATIONS => command::annotation(Level::Warning, place.as_ref(), "", message),
                    ANNOTATIONS => command::annotation(Level::Warning, None, "", "further warnings are in the log"),
                    _ => String::new(),
                }
            }
            Event::CommandFinished { failure: Some(failure), .. } => self.failure(failure),
            _ => String::new(),
        }
    }

    /// One annotation for each place in a file that is wrong, and one for the command where that is not all.
    fn failure(&self, failure: &Failure) -> String {
        let at = |fault: &Fault| {
            let place = fault.place.as_ref()?;
            Some(command::annotation(Level::Error, Some(place), "", &fault.message))
        };
        let mut annotations: Vec<String> = failure.faults.iter().filter_map(at).gather();
        if annotations.is_empty() || annotations.len() < failure.faults.len() {
            let title = format!("{} ended with {}", self.command, failure.exit_code());
            annotations.insert(0, command::annotation(Level::Error, None, &title, &failure.to_string()));
        }
        annotations.truncate(ANNOTATIONS);
        annotations.concat()
    }
}

/// Whether several services, or images, may be at this step at once.
fn goes_on_beside_others(step: Step) -> bool {
    match step {
        Step::Build | Step::Scan | Step::Push | Step::Register | Step::Update | Step::Watch => true,
        Step::Plan | Step::Promote | Step::Run => false,
    }
}

fn title(step: Step, subject: &str) -> String {
    let verb = match step {
        Step::Plan => "Plan",
        Step::Build => "Build",
        Step::Scan => "Scan",
        Step::Push => "Push",
        Step::Promote => "Promote",
        Step::Register => "Register",
        Step::Update => "Update",
        Step::Watch => "Watch",
        Step::Run => "Run",
    };
    format!("{verb} {subject}").trim_end().to_owned()
}

#[cfg(test)]
mod tests;
