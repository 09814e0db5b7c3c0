//! What a task writes, read while it runs and once more after it has stopped.

use std::time::Duration;

use serde_json::Value;

use super::super::post_mortem::log::{From, Masks, from};
use super::Means;
use crate::aws::Kind;
use crate::event::Event;
use crate::text::short;

/// Reads in a row that find nothing, after which nothing more is expected: CloudWatch has a line a moment after it was
/// written.
const EMPTY: u32 = 2;
/// Pages of one look: a task that writes without end does not keep its end from being seen.
const PAGES: u32 = 20;

/// The log of one task's watched container.
pub(super) struct Output<'a> {
    /// The key under `tasks`.
    name: &'a str,
    from: From,
    token: Option<String>,
    masks: &'a Masks,
    /// Why it is not read any further was told.
    given_up: bool,
}

impl<'a> Output<'a> {
    /// `names` are the task's key and the container; `document` is what the task runs.
    pub(super) fn of(names: (&'a str, &str), task: &str, document: &Value, masks: &'a Masks, region: &str) -> Self {
        Self { name: names.0, from: from(document, names.1, short(task), region), token: None, masks, given_up: false }
    }

    /// Log group and stream; empty where it is not in CloudWatch.
    pub(super) fn source(&self) -> String {
        match &self.from {
            From::Stream { stream, .. } => format!("{} {}", stream.group, stream.name),
            From::Elsewhere(_) => String::new(),
        }
    }

    /// Why it cannot be read from here.
    pub(super) fn elsewhere(&self) -> Option<&str> {
        match &self.from {
            From::Stream { .. } => None,
            From::Elsewhere(why) => Some(why),
        }
    }

    /// Tells what was written since.
    pub(super) fn read(&mut self, means: &Means<'_>) {
        let mut pages = 0;
        while pages < PAGES && self.page(means) {
            pages += 1;
        }
    }

    /// Tells the rest of a container that has ended, or as much as somebody waits for.
    pub(super) fn drain(&mut self, means: &Means<'_>, pause: Duration) {
        let mut empty = 0;
        while empty < EMPTY && !self.given_up && self.elsewhere().is_none() && !means.interrupt.is_set() {
            empty = if self.page(means) { 0 } else { empty + 1 };
            if empty < EMPTY && empty > 0 && means.interrupt.wait(pause) {
                return;
            }
        }
    }

    fn page(&mut self, means: &Means<'_>) -> bool {
        let From::Stream { stream, .. } = &self.from else { return false };
        if self.given_up {
            return false;
        }
        match means.sources.log_after(stream, self.token.as_deref()) {
            Ok((events, token)) => {
                self.token = token;
                for line in events.iter().flat_map(|event| event.lines()) {
                    means.events.emit(Event::TaskOutput { task: self.name.to_owned(), line: self.masks.hide(line) });
                }
                !events.is_empty()
            }
            // The next look asks again.
            Err(error) if error.kind == Kind::Throttled => false,
            Err(error) => {
                self.given_up = true;
                let why = match error.kind {
                    Kind::Denied => format!("this identity may not read it: it needs `{}`", error.call),
                    _ => error.to_string().replace('\n', "; "),
                };
                means.events.warn(format!("the log of task {} is not shown: {why}", self.name));
                false
            }
        }
    }
}
