//! Attempts, and the pauses between them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use super::Registry;
use super::answer::{self, Answer, RegistryError};
use crate::event::{Event, Events};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::net;
use crate::reference::Repository;
use crate::time;

/// One for a registry that wants a bearer token in place of the credentials, one for a token that expires on the way.
const RENEWALS: u32 = 2;

/// What is being done, for messages and for waits.
pub(super) struct Task<'a> {
    /// A verb and its object, such as `upload blob sha256:…`.
    pub doing: String,
    pub repository: &'a Repository,
    /// The IAM actions it needs.
    pub needs: &'a [&'a str],
    pub events: &'a Events,
    pub interrupt: &'a Interrupt,
    /// Set when work beside this one failed, so that this has no use any more.
    pub halted: Option<&'a AtomicBool>,
}

impl Task<'_> {
    /// What its token answers for.
    pub(super) fn key(&self) -> String {
        self.repository.to_string()
    }

    /// Whether to stop waiting, because of the interrupt or a failure elsewhere.
    pub(super) fn is_over(&self) -> bool {
        self.interrupt.is_set() || self.halted.is_some_and(|halted| halted.load(Ordering::Relaxed))
    }

    fn pause(&self, duration: Duration) {
        let end = time::instant() + duration;
        while !self.is_over() {
            let left = end.saturating_duration_since(time::instant());
            if left.is_zero() || self.interrupt.wait(left.min(time::look())) {
                return;
            }
        }
    }
}

/// Why an attempt did not succeed.
pub(super) enum Trouble {
    /// The registry said no.
    Answered(Box<Answer>),
    /// The connection failed or stood still; the words fit after a colon.
    Lost(String),
    /// Another attempt cannot help.
    Fatal(anyhow::Error),
    /// The task is over.
    Over,
}

impl From<Answer> for Trouble {
    fn from(answer: Answer) -> Self {
        Self::Answered(Box::new(answer))
    }
}

impl Registry {
    /// Attempts until one succeeds, trouble does not pass, or all attempts are used up. Credentials that are refused
    /// are renewed, and that does not count as an attempt.
    pub(super) fn persist<T>(&self, task: &Task<'_>, mut attempt: impl FnMut(u32) -> Result<T, Trouble>) -> Result<T> {
        let mut attempts = 0;
        let mut renewals = 0;
        loop {
            if task.is_over() {
                return Err(self.over(task));
            }
            attempts += 1;
            let trouble = match attempt(attempts) {
                Ok(value) => return Ok(value),
                Err(trouble) => trouble,
            };
            let (passes, asked) = match &trouble {
                Trouble::Over => return Err(self.over(task)),
                Trouble::Answered(answer) if answer.refuses_credentials() && renewals < RENEWALS => {
                    renewals += 1;
                    attempts -= 1;
                    self.renew(task, answer)?;
                    continue;
                }
                Trouble::Answered(answer) => (answer.passes(), net::retry_after(&answer.headers)),
                Trouble::Lost(_) => (true, None),
                Trouble::Fatal(_) => (false, None),
            };
            let Some(pause) = self.backoff.pause(attempts, asked).filter(|_| passes) else {
                return Err(self.failure(task, trouble, attempts));
            };
            task.events.emit(Event::Retrying {
                what: task.doing.clone(),
                error: trouble_text(&trouble),
                attempt: attempts,
                seconds: pause.as_secs_f64(),
            });
            task.pause(pause);
        }
    }

    fn over(&self, task: &Task<'_>) -> anyhow::Error {
        let Self { host, .. } = self;
        let Task { doing, repository, .. } = task;
        Failure::interrupted(format_args!(
            "interrupted, about to {doing} in {repository} at {host}; what arrived there is not sent again"
        ))
        .into()
    }

    fn failure(&self, task: &Task<'_>, trouble: Trouble, attempts: u32) -> anyhow::Error {
        let cause = trouble_text(&trouble);
        let (status, code, fix) = match trouble {
            Trouble::Fatal(error) => {
                let Task { doing, repository, .. } = task;
                return error.context(format!("failed to {doing} in {repository} at {}", self.host));
            }
            Trouble::Answered(answer) => {
                let fix = answer::fix(&answer, task.repository.as_str(), task.needs);
                (Some(answer.status.as_u16()), answer.complaint().code, fix)
            }
            Trouble::Lost(_) | Trouble::Over => {
                let fix = format!(
                    "check the network and the name {}, then run again; what arrived is not sent again",
                    self.host
                );
                (None, String::new(), fix)
            }
        };
        RegistryError {
            doing: task.doing.clone(),
            repository: task.repository.to_string(),
            registry: self.host.clone(),
            cause,
            status,
            code,
            attempts,
            fix,
        }
        .into()
    }
}

fn trouble_text(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Answered(answer) => answer.to_string(),
        Trouble::Lost(how) => how.clone(),
        Trouble::Fatal(error) => format!("{error:#}"),
        Trouble::Over => "it was interrupted".to_owned(),
    }
}
