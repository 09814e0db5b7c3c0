//! CloudWatch Logs: what many streams hold, in the order of time.
//! Source: Amazon CloudWatch Logs API Reference, version 2014-03-28, FilterLogEvents.

use serde_json::{Value, json};

use super::LOGS;
use crate::aws::signed::Signed;
use crate::aws::{AwsError, SdkConfig, calls};
use crate::gather::Gather;
use crate::text::taken;

/// Streams of one group that begin alike, from a time on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    pub group: String,
    pub region: String,
    pub prefix: String,
    /// In milliseconds since 1970, as everywhere here.
    pub from: u64,
    /// What lines have to hold, where CloudWatch can look for it.
    pub pattern: Option<String>,
}

/// One event of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogEvent {
    /// What no other event is called.
    pub id: String,
    pub at: u64,
    pub stream: String,
    pub message: String,
}

/// Events, the oldest first, and where to read on. A page may be empty although there are more.
pub(crate) type Page = (Vec<LogEvent>, Option<String>);

/// One page. Nobody has written yet where the group is not there.
pub(crate) fn page(sdk: &SdkConfig, search: &Search, token: Option<&str>) -> Result<Page, AwsError> {
    let mut input =
        json!({ "logGroupName": search.group, "logStreamNamePrefix": search.prefix, "startTime": search.from });
    if let Some(pattern) = &search.pattern {
        input["filterPattern"] = pattern.as_str().into();
    }
    if let Some(token) = token {
        input["nextToken"] = token.into();
    }
    let subject = format!("log group {} in {}", search.group, search.region);
    let signed = Signed::new(sdk).in_region(search.region.clone());
    let answer = match signed.json(&LOGS, &calls::FILTER_LOG_EVENTS, &subject, &input) {
        Err(error) if error.code == "ResourceNotFoundException" => return Ok((Vec::new(), None)),
        answer => answer?,
    };
    Ok(found(answer))
}

/// The events of an answer, and where to read on.
pub(crate) fn found(mut answer: Value) -> Page {
    let next = answer["nextToken"].as_str().map(str::to_owned);
    let events = match taken(&mut answer, "events") {
        Value::Array(events) => events.into_iter().map(event).gather(),
        _ => Vec::new(),
    };
    (events, next)
}

fn event(mut event: Value) -> LogEvent {
    let mut text = |member: &str| match taken(&mut event, member) {
        Value::String(text) => text,
        _ => String::new(),
    };
    let (id, stream, message) = (text("eventId"), text("logStreamName"), text("message"));
    LogEvent { id, at: event["timestamp"].as_u64().unwrap_or_default(), stream, message }
}
