//! Slack: one message for each command's end.
//!
//! An incoming webhook gets that message alone. A bot token and a channel get one that is posted when work begins,
//! edited in place until the end, with the details in its thread. Nothing of it can change the command's outcome.

mod api;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod message;
mod origin;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use self::api::{Endpoint, Posted};
use self::origin::Origin;
use super::record::Record;
use crate::config::SlackConfig;
use crate::event::{Event, Reader};
use crate::gather::Gather;

/// How long Slack is waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// For a message under way; one of these can stand between the command's end and the last message.
    interim: Duration,
    /// For everything at the end together.
    last: Duration,
    /// The shortest time between two edits. Slack takes about one a second for a channel; others post there too.
    cadence: Duration,
}

/// Nine seconds in all after the command's end: the stream waits ten for its readers.
const PATIENCE: Patience =
    Patience { interim: Duration::from_secs(2), last: Duration::from_secs(7), cadence: Duration::from_secs(3) };

/// Who gave this command, as this CI service or this machine tells; empty where neither does.
pub(crate) fn who(env: &dyn Fn(&str) -> Option<String>) -> String {
    Origin::from_environment(env, None).who
}

/// The reader that tells Slack.
pub(crate) struct Slack {
    endpoint: Result<Endpoint, String>,
    config: SlackConfig,
    origin: Origin,
    record: Record,
    started: Instant,
    patience: Patience,
    /// The message that is edited, with a bot token.
    posted: Option<Posted>,
    last_call: Option<Instant>,
    /// An interim call failed: only the end is tried again.
    interim_failed: bool,
}

impl Slack {
    /// Reads `SLACK_BOT_TOKEN` and `SLACK_CHANNEL` (a channel's id), else `SLACK_WEBHOOK_URL`; `None` where neither
    /// is set. `SLACK_API_URL` stands in for `https://slack.com/api/`. A half or malformed setting is told when the
    /// first event is read. `root` is the workspace, whose commit the message names.
    pub(crate) fn from_environment(
        env: &dyn Fn(&str) -> Option<String>,
        config: SlackConfig,
        root: &Path,
    ) -> Option<Self> {
        let endpoint = Endpoint::from_environment(env)?;
        let commit = crate::process::ask(root, "git", &["rev-parse", "HEAD"]);
        Some(Self {
            endpoint,
            config,
            origin: Origin::from_environment(env, commit),
            record: Record::default(),
            started: Instant::now(),
            patience: PATIENCE,
            posted: None,
            last_call: None,
            interim_failed: false,
        })
    }

    /// Posts or edits the message under way. Its failure is no news: the end is tried in any case.
    fn interim(&mut self) {
        let Ok(Endpoint::Bot(bot)) = &self.endpoint else { return };
        let too_soon = self.last_call.is_some_and(|last| last.elapsed() < self.patience.cadence);
        let silent = self.config.quiet_when_nothing_to_do && !self.record.acts();
        if self.interim_failed || too_soon || silent {
            return;
        }
        let message = message::under_way(&self.record, &self.origin);
        let deadline = Instant::now() + self.patience.interim;
        let result = match &self.posted {
            None => bot.post(&message, None, deadline).map(|posted| self.posted = Some(posted)),
            Some(posted) => bot.update(&message, posted, deadline),
        };
        self.interim_failed = result.is_err();
        self.last_call = Some(Instant::now());
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.config.quiet_when_nothing_to_do && self.record.nothing_to_do() && self.posted.is_none() {
            return Ok(());
        }
        let deadline = Instant::now() + self.patience.last;
        let message = message::end(&self.record, &self.origin, &self.config);
        let bot = match &self.endpoint {
            Ok(Endpoint::Bot(bot)) => bot,
            Ok(Endpoint::Webhook(webhook)) => return webhook.post(&message, deadline),
            Err(error) => return Err(anyhow!("{error}")),
        };
        let edited = match &self.posted {
            Some(posted) => bot.update(&message, posted, deadline).map(|()| posted.clone()),
            None => bot.post(&message, None, deadline),
        };
        // The message may be gone, or too old to be edited.
        let posted = edited.or_else(|error| match &self.posted {
            Some(_) => bot.post(&message, None, deadline),
            None => Err(error),
        })?;
        match message::details(&self.record) {
            Some(details) => bot.post(&details, Some(&posted), deadline).map(drop).context("the details were not sent"),
            None => Ok(()),
        }
    }
}

impl Reader for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn read(&mut self, event: &Event) -> anyhow::Result<()> {
        self.record.take(event, self.started.elapsed());
        match event {
            Event::CommandStarted { .. } => {
                self.endpoint.as_ref().map_err(|error| anyhow!("{error}"))?;
                self.interim();
                Ok(())
            }
            Event::CommandFinished { .. } => self.end(),
            Event::StepStarted { .. }
            | Event::ImagePlanned { .. }
            | Event::ImageScanned { .. }
            | Event::ImageReleased { .. }
            | Event::ImageLeft { .. }
            | Event::UploadProgress { .. }
            | Event::ServicePlanned { .. }
            | Event::RolloutStarted { .. }
            | Event::RolloutProgress { .. }
            | Event::RolloutEnded { .. } => {
                self.interim();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What must be masked in every log: the webhook's address and the bot's token, where they are set.
pub(crate) fn secrets(env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    ["SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN"].into_iter().filter_map(env).filter(|secret| !secret.is_empty()).gather()
}

#[cfg(test)]
mod tests;
