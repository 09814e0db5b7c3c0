//! How a command can end other than well, kept in parts until a reader draws it: what happened, what was said of it,
//! where it is wrong, what to do.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::gather::Gather;
use crate::sorted::Arrange;

/// Why a command did not end with 0.
///
/// The parts hold no line break: what comes in several lines is several of them. Texts are lowercase fragments;
/// readers put `error: ` and the like before them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Decides the exit code.
    pub ending: Ending,
    message: String,
    /// What a tool or AWS said, or what was found, word for word.
    pub said: Vec<String>,
    /// Everything that is wrong, where it is more than one thing or has a place in a file; `message` then sums it up.
    pub faults: Vec<Fault>,
    /// What would likely help.
    pub help: Vec<String>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The endings other than a good one, each with its exit code, which is part of the interface: scripts and workflows
/// branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Ending {
    /// The world failed: network, permission, a tool that is missing or crashed.
    World = 1,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// The scan gate refused an image; no tag was put.
    Refused = 3,
    /// The rollout failed and ECS rolled the service back.
    RolledBack = 4,
    /// The rollout failed and the service is not on its last good revision.
    RollbackFailed = 5,
    /// Another deployment took this one's place.
    Superseded = 6,
    /// The deadline passed first.
    TimedOut = 7,
    /// The tag is in ECR with other content, or the image to deploy is not in ECR.
    Conflict = 8,
    /// Kept for a one-off task that ran and failed.
    TaskFailed = 9,
    /// The rollout waits for a decision; only with `deploy --until paused`.
    Paused = 10,
    /// Interrupted; the message says what is serving now.
    Interrupted = 130,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A lowercase fragment without a line break.
    pub message: String,
    /// What a tool or AWS said of it, line by line.
    pub said: Vec<String>,
    /// Absent where no file holds the fault, as with an environment variable.
    pub place: Option<Place>,
    /// What stands at the place, for who shows it.
    pub excerpt: Option<Excerpt>,
    /// What would likely help, line by line.
    pub help: Vec<String>,
}

/// A place in a file of the workspace: path relative to its root, line and column from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Such as `Cargo.toml`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// The line at a place as a terminal can show it; `width` of its columns, from `start` (the first is 0), are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// Tabs as four spaces, other control characters replaced.
    pub line: String,
    /// From 0.
    pub start: usize,
    /// At least 1.
    pub width: usize,
}

impl Ending {
    /// Where several services end differently, the command ends with the first of these.
    pub const WORST_FIRST: [Self; 11] = [
        Self::RollbackFailed,
        Self::TimedOut,
        Self::Interrupted,
        Self::World,
        Self::RolledBack,
        Self::TaskFailed,
        Self::Superseded,
        Self::Conflict,
        Self::Refused,
        Self::Usage,
        Self::Paused,
    ];

    /// 1 to 130; see the variants.
    pub fn exit_code(self) -> u8 {
        self as u8
    }

    /// One word for it: `failed`, `invalid`, `refused`, `rolled-back`, …
    pub fn word(self) -> &'static str {
        match self {
            Self::World => "failed",
            Self::Usage => "invalid",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed-out",
            Self::Conflict => "conflict",
            Self::TaskFailed => "task-failed",
            Self::Paused => "paused",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Failure {
    /// Where the message has several lines, as an error of somebody else's may, the further ones count as said.
    pub fn new(ending: Ending, message: impl fmt::Display) -> Self {
        let text = message.to_string();
        let mut lines = text.lines().map(str::to_owned);
        let message = lines.next().unwrap_or_default();
        Self { ending, message, said: lines.gather(), faults: Vec::new(), help: Vec::new(), source: None }
    }

    /// [`Ending::World`], exit code 1.
    pub fn world(message: impl fmt::Display) -> Self {
        Self::new(Ending::World, message)
    }

    /// [`Ending::Usage`], exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Ending::Usage, message)
    }

    /// [`Ending::Conflict`], exit code 8.
    pub fn conflict(message: impl fmt::Display) -> Self {
        Self::new(Ending::Conflict, message)
    }

    /// [`Ending::Interrupted`], exit code 130.
    pub fn interrupted(message: impl fmt::Display) -> Self {
        Self::new(Ending::Interrupted, message)
    }

    /// The world's, by this error and what is below it.
    pub fn caused_by(error: Box<dyn Error + Send + Sync>) -> Self {
        let mut message = error.to_string();
        let mut below = error.source();
        while let Some(cause) = below {
            message = format!("{message}: {cause}");
            below = cause.source();
        }
        Self { source: Some(error.into()), ..Self::world(message) }
    }

    /// A mistake in a file of the workspace: exit code 2.
    pub fn at(place: Place, message: impl fmt::Display) -> Self {
        let Self { message, said, .. } = Self::usage(message);
        let fault = Fault { message, said, place: Some(place), ..Fault::default() };
        Self::of_faults(Ending::Usage, vec![fault], |_| String::new())
    }

    /// Everything that is wrong as one failure; `several` is what sums it up where it is more than one thing.
    pub fn of_faults(ending: Ending, faults: Vec<Fault>, several: impl FnOnce(usize) -> String) -> Self {
        let message = match faults.as_slice() {
            [only] => only.message.clone(),
            faults => several(faults.len()),
        };
        Self { faults, ..Self::new(ending, message) }
    }

    /// The problems that stand before any effect, as one failure, each said once: a denied action answers the same for
    /// every repository. The ending is that of a mistake in the configuration, if one is among them, else the world's,
    /// else what all of them have.
    pub fn together(mut problems: Vec<Self>) -> Self {
        problems.arrange_by_key(|failure| match failure.ending {
            Ending::Usage => 0,
            Ending::World => 1,
            _ => 2,
        });
        let mut faults: Vec<Fault> = Vec::new();
        for fault in problems.iter().flat_map(Self::as_faults) {
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        match problems.into_iter().next() {
            Some(only) if faults.len() == 1 => only,
            first => {
                let ending = first.map_or(Ending::World, |first| first.ending);
                Self::of_faults(ending, faults, |count| format!("{count} problems, and nothing was done"))
            }
        }
    }

    /// The failures of several services as one, each said; of `all` services. The ending is that of the worst; none for
    /// no failure.
    pub(crate) fn of_many(mut failures: Vec<Self>, all: usize) -> Option<Self> {
        if failures.len() < 2 {
            return failures.pop();
        }
        let rank = |failure: &Self| Ending::WORST_FIRST.iter().position(|ending| *ending == failure.ending);
        let worst = failures.iter().min_by_key(|failure| rank(failure))?.ending;
        let faults = failures.iter().flat_map(Self::as_faults).gather();
        Some(Self::of_faults(worst, faults, |_| format!("{} of {all} services did not end well", failures.len())))
    }

    pub(crate) fn as_faults(&self) -> Vec<Fault> {
        let Self { message, said, help, mut faults, .. } = self.clone();
        match faults.last_mut() {
            None => faults.push(Fault { message, said, help, ..Fault::default() }),
            Some(last) => {
                last.said.extend(said);
                last.help.extend(help);
            }
        }
        faults
    }

    /// With what a tool or AWS said, word for word.
    #[must_use]
    pub fn said(mut self, lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.said.extend(lines.into_iter().flat_map(|line| split(line.as_ref()).gather::<Vec<_>>()));
        self
    }

    /// With what would likely help; nothing for an empty text.
    #[must_use]
    pub fn help(mut self, text: impl AsRef<str>) -> Self {
        self.help.extend(split(text.as_ref()));
        self
    }

    /// While this was done: `doing: message`.
    #[must_use]
    pub fn during(mut self, doing: impl fmt::Display) -> Self {
        self.reword(|message| format!("{doing}: {message}"));
        self
    }

    /// With one more clause before it: `clause; message`.
    #[must_use]
    pub(crate) fn after(mut self, clause: impl fmt::Display) -> Self {
        self.reword(|message| format!("{clause}; {message}"));
        self
    }

    /// With one more clause: `message; clause`.
    #[must_use]
    pub fn and(mut self, clause: impl fmt::Display) -> Self {
        self.reword(|message| format!("{message}; {clause}"));
        self
    }

    /// The message of a sole fault is that of the whole.
    fn reword(&mut self, reword: impl FnOnce(&str) -> String) {
        self.message = one_line(&reword(&self.message));
        if let [only] = self.faults.as_mut_slice() {
            only.message.clone_from(&self.message);
        }
    }

    /// What happened, on one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The process exit code of this failure, 1 to 130; see [`Ending`].
    pub fn exit_code(&self) -> u8 {
        self.ending.exit_code()
    }

    /// What would help, of the whole or else of its faults, each said once.
    pub fn hints(&self) -> Vec<&str> {
        let of_faults = self.faults.iter().flat_map(|fault| &fault.help);
        let all: Vec<&str> = self.help.iter().chain(of_faults).map(String::as_str).gather();
        all.iter().enumerate().filter(|(index, hint)| !all[..*index].contains(hint)).map(|(_, hint)| *hint).gather()
    }

    /// What happened, without what would help: for who tells that apart.
    #[must_use]
    pub fn without_help(&self) -> Self {
        let mut failure = self.clone();
        failure.help.clear();
        failure.faults.iter_mut().for_each(|fault| fault.help.clear());
        failure
    }

    /// Every text in it.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self { message, said, faults, help, .. } = self;
        let of_faults = faults.iter_mut().flat_map(|fault| {
            let Fault { message, said, place, excerpt, help } = fault;
            let file = place.as_mut().map(|place| &mut place.file);
            let line = excerpt.as_mut().map(|excerpt| &mut excerpt.line);
            said.iter_mut().chain(help).chain(file).chain(line).chain([message])
        });
        said.iter_mut().chain(help).chain([message]).chain(of_faults).gather()
    }
}

fn one_line(text: &str) -> String {
    text.lines().gather::<Vec<_>>().join(" ")
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::to_owned)
}

/// As a text without colour, for who keeps no parts.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.as_slice() {
            [] => f.write_str(&self.message)?,
            [only] => write!(f, "{only}")?,
            faults => {
                write!(f, "{}:", self.message)?;
                faults.iter().try_for_each(|fault| write!(f, "\n- {}", fault.to_string().replace('\n', "\n  ")))?;
            }
        }
        write_lines(f, &self.said, &self.help)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        write_lines(f, &self.said, &self.help)
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, said: &[String], help: &[String]) -> fmt::Result {
    said.iter().try_for_each(|line| write!(f, "\n  | {line}"))?;
    help.iter().try_for_each(|line| write!(f, "\n{line}"))
}

/// `FILE:LINE:COLUMN`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<anyhow::Error> for Failure {
    /// A failure that was wrapped in context on its way up keeps its parts; anything else is the world's.
    fn from(error: anyhow::Error) -> Self {
        error.downcast().unwrap_or_else(|error| Self::caused_by(error.into()))
    }
}

/// What a stage or a command returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

#[cfg(test)]
mod tests;
