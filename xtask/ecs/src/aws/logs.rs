//! CloudWatch Logs: the end of one stream. Source: Amazon CloudWatch Logs API Reference, version 2014-03-28, GetLogEvents.

use serde_json::{Value, json};

use super::signed::{Api, Signed};
use super::{AwsError, SdkConfig, calls};

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
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        let next = answer["nextBackwardToken"].clone();
        if !events.is_empty() || next == token {
            return Ok(events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned).collect());
        }
        token = next;
    }
    Ok(Vec::new())
}
