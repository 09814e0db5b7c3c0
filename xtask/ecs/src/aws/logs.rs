//! CloudWatch Logs: the end of one stream, and what many hold. Source: Amazon CloudWatch Logs API Reference, version 2014-03-28, GetLogEvents.

mod search;

use serde_json::{Value, json};

#[cfg(any(test, fuzzing))]
pub(super) use search::found;
pub(crate) use search::{LogEvent, Page, Search, page};

use super::signed::{Api, Signed};
use super::{AwsError, SdkConfig, calls};
use crate::gather::Gather;

const LOGS: Api = Api { id: "CloudWatch Logs", target: "Logs_20140328" };
/// An empty page does not say that there is nothing more, as the reference has it.
const PAGES: usize = 3;

/// One container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    pub group: String,
    pub name: String,
    pub region: String,
}

/// The events of a stream after those that were read before, the oldest first, and where to read on. A stream that nobody
/// has written to yet has none.
pub(crate) fn after(
    sdk: &SdkConfig,
    stream: &Stream,
    token: Option<&str>,
) -> Result<(Vec<String>, Option<String>), AwsError> {
    let subject = format!("log group {} in {}", stream.group, stream.region);
    let mut input = json!({ "logGroupName": stream.group, "logStreamName": stream.name, "startFromHead": true });
    if let Some(token) = token {
        input["nextToken"] = token.into();
    }
    let signed = Signed::new(sdk).in_region(stream.region.clone());
    let answer = match signed.json(&LOGS, &calls::GET_LOG_EVENTS, &subject, &input) {
        Err(error) if error.code == "ResourceNotFoundException" => return Ok((Vec::new(), None)),
        answer => answer?,
    };
    let next = answer["nextForwardToken"].as_str().or(token).map(str::to_owned);
    Ok((messages(&answer), next))
}

/// Whether there is a log group of this name, in that region or the session's.
pub(crate) fn has_group(sdk: &SdkConfig, group: &str, region: Option<&str>) -> Result<bool, AwsError> {
    let here = Signed::new(sdk);
    let signed = match region {
        Some(region) => here.in_region(region.to_owned()),
        None => here,
    };
    let input = json!({ "logGroupNamePrefix": group });
    let answer = signed.json(&LOGS, &calls::DESCRIBE_LOG_GROUPS, &format!("log group {group}"), &input)?;
    // The one that is called as its prefix comes first.
    Ok(answer["logGroups"].as_array().into_iter().flatten().any(|found| found["logGroupName"] == group))
}

pub(super) fn messages(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().into_iter().flatten();
    events.filter_map(|event| event["message"].as_str()).map(str::to_owned).gather()
}

/// The last so many events of a stream, the oldest first.
pub(crate) fn last(sdk: &SdkConfig, stream: &Stream, count: u32) -> Result<Vec<String>, AwsError> {
    let subject = format!("log group {} in {}", stream.group, stream.region);
    let mut token = Value::Null;
    for _ in 0..PAGES {
        let mut input = json!({ "logGroupName": stream.group, "logStreamName": stream.name, "limit": count,
            "startFromHead": false });
        if !token.is_null() {
            input["nextToken"] = token.clone();
        }
        let signed = Signed::new(sdk).in_region(stream.region.clone());
        let answer = signed.json(&LOGS, &calls::GET_LOG_EVENTS, &subject, &input)?;
        let events = messages(&answer);
        let next = answer["nextBackwardToken"].clone();
        if !events.is_empty() || next == token {
            return Ok(events);
        }
        token = next;
    }
    Ok(Vec::new())
}
