//! CloudWatch Logs: what containers wrote, to be read.
//! Source: Amazon CloudWatch Logs API Reference, version 2014-03-28.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

mod filter;
mod groups;
mod read;

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("logs/members.txt"), include_str!("logs/answers.txt"));
    Tables::new(inputs, answers, |_| None, "InvalidParameterException")
});

/// From a line's being written to its being read: the agent sends lines in batches, and they are indexed.
const INGESTION: u64 = 1_000;

/// The log groups of one account in one region. A group is there from the first line on.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
struct Group {
    created: Instant,
    streams: BTreeMap<String, Stream>,
}

#[derive(Debug)]
struct Stream {
    created: Instant,
    /// In the order of their times.
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    at: Instant,
    message: String,
}

impl Logs {
    /// One line, not older than those before it.
    pub fn write(&mut self, group: &str, stream: &str, at: Instant, message: String) {
        let group =
            self.groups.entry(group.to_owned()).or_insert_with(|| Group { created: at, streams: BTreeMap::new() });
        let stream =
            group.streams.entry(stream.to_owned()).or_insert_with(|| Stream { created: at, events: Vec::new() });
        stream.events.push(Event { at, message });
    }

    pub fn call(&self, home: &Home, operation: &str, input: Value, now: Instant) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "DescribeLogGroups" => self.describe_log_groups(home, input),
            "DescribeLogStreams" => self.describe_log_streams(home, input, now),
            "GetLogEvents" => self.get_log_events(input, now),
            "FilterLogEvents" => self.filter_log_events(input, now),
            _ => Err(unknown(operation)),
        }
    }

    /// The group that the input names, one way or the other.
    fn group(&self, input: &Value) -> Result<(&str, &Group), ApiError> {
        let name = match (input["logGroupName"].as_str(), input["logGroupIdentifier"].as_str()) {
            (Some(name), None) => name,
            (None, Some(arn)) => arn.rsplit(":log-group:").next().unwrap_or(arn),
            (None, None) => {
                return Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be specified"));
            }
            (Some(_), Some(_)) => return Err(invalid("LogGroupName and LogGroupIdentifier are mutually exclusive")),
        };
        let found = self.groups.get_key_value(name.strip_suffix(":*").unwrap_or(name));
        found.map(|(name, group)| (name.as_str(), group)).ok_or_else(|| missing("group"))
    }
}

impl Stream {
    /// What can be read by now.
    fn visible(&self, now: Instant) -> &[Event] {
        &self.events[..self.events.partition_point(|event| event.ingested() <= now)]
    }
}

impl Event {
    fn ingested(&self) -> Instant {
        Instant(self.at.0 + INGESTION)
    }

    fn describe(&self) -> Value {
        json!({"timestamp": self.at.0, "message": self.message, "ingestionTime": self.ingested().0})
    }
}

/// Events of one page, of GetLogEvents and FilterLogEvents.
const MOST: usize = 10_000;

/// How many of these events are one page: no more than that, or 1 MB; an event counts for its bytes and 26 more (PutLogEvents).
fn page<'a>(events: impl Iterator<Item = &'a Event>, input: &Value) -> usize {
    const BYTES: usize = 1024 * 1024;
    let limit = input["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST);
    let mut bytes = 0;
    let fitting = events.take(limit).take_while(|event| {
        bytes += event.message.len() + 26;
        bytes <= BYTES
    });
    fitting.count()
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn missing(what: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("The specified log {what} does not exist."))
}

fn time(input: &Value, member: &str) -> Option<Instant> {
    input[member].as_u64().map(Instant)
}
