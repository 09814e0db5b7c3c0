//! Groups and their streams: DescribeLogGroups, DescribeLogStreams.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::{Logs, Stream, invalid};
use crate::clock::Instant;
use crate::home::Home;
use crate::protocol::ApiResult;

/// How many groups or streams are described at once, unless the input says so.
const PAGE: u64 = 50;

impl Logs {
    pub(super) fn describe_log_groups(&self, home: &Home, input: &Value) -> ApiResult {
        let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
        let groups = self.groups.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, group)| {
            let arn = arn(home, name);
            json!({
                "logGroupName": name,
                "creationTime": group.created.0,
                "metricFilterCount": 0,
                "arn": format!("{arn}:*"),
                "logGroupArn": arn,
                "storedBytes": 0,
                "logGroupClass": "STANDARD",
            })
        });
        page(input, "logGroups", groups.collect())
    }

    pub(super) fn describe_log_streams(&self, home: &Home, input: &Value, now: Instant) -> ApiResult {
        let (group, found) = self.group(input)?;
        let prefix = input["logStreamNamePrefix"].as_str();
        let by_time = input["orderBy"] == "LastEventTime";
        if by_time && prefix.is_some() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let last = |stream: &Stream| stream.visible(now).last().map_or(Instant(0), |event| event.at);
        let mut streams: Vec<_> =
            found.streams.iter().filter(|(name, _)| name.starts_with(prefix.unwrap_or_default())).collect();
        match (by_time, input["descending"] == true) {
            (true, false) => streams.sort_by_key(|(_, stream)| last(stream)),
            (true, true) => streams.sort_by_key(|(_, stream)| Reverse(last(stream))),
            (false, true) => streams.reverse(),
            (false, false) => {}
        }
        let streams = streams.into_iter().map(|(name, stream)| {
            let mut described = json!({
                "logStreamName": name,
                "creationTime": stream.created.0,
                "arn": format!("{}:log-stream:{name}", arn(home, group)),
                "storedBytes": 0,
            });
            if let [first, ..] = stream.visible(now) {
                described["firstEventTimestamp"] = json!(first.at.0);
            }
            if let Some(last) = stream.visible(now).last() {
                described["lastEventTimestamp"] = json!(last.at.0);
                described["lastIngestionTime"] = json!(last.ingested().0);
            }
            described
        });
        page(input, "logStreams", streams.collect())
    }
}

fn arn(home: &Home, group: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{group}", home.region, home.account)
}

fn page(input: &Value, member: &str, items: Vec<Value>) -> ApiResult {
    let size = usize::try_from(input["limit"].as_u64().unwrap_or(PAGE)).unwrap_or_default();
    let start: usize = match input["nextToken"].as_str() {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
    };
    let more = items.len() > start + size;
    let mut answer = json!({});
    answer[member] = items.into_iter().skip(start).take(size).collect();
    if more {
        answer["nextToken"] = json!((start + size).to_string());
    }
    Ok(answer)
}
