//! EventBridge's rules and their targets. Source: Amazon EventBridge API Reference, version 2015-10-07.

use serde_json::{Value, json};

use super::signed::{Api, Signed};
use super::{AwsError, SdkConfig, calls};
use crate::text::taken;

const EVENTS: Api = Api { id: "EventBridge", target: "AWSEvents" };

/// A rule of the default event bus, in its own members; `None` where there is none of this name.
pub(crate) fn rule(sdk: &SdkConfig, name: &str) -> Result<Option<Value>, AwsError> {
    match Signed::new(sdk).json(&EVENTS, &calls::DESCRIBE_RULE, &subject(name), &json!({ "Name": name })) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}

/// All of its targets.
pub(crate) fn targets(sdk: &SdkConfig, name: &str) -> Result<Vec<Value>, AwsError> {
    let (mut found, mut input) = (Vec::new(), json!({ "Rule": name }));
    loop {
        let mut answer = Signed::new(sdk).json(&EVENTS, &calls::LIST_TARGETS_BY_RULE, &subject(name), &input)?;
        if let Value::Array(targets) = taken(&mut answer, "Targets") {
            found.extend(targets);
        }
        input["NextToken"] = taken(&mut answer, "NextToken");
        if input["NextToken"].as_str().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Puts a target in the place of the one with its id, as a whole.
pub(crate) fn put_target(sdk: &SdkConfig, name: &str, target: &Value) -> Result<(), AwsError> {
    let input = json!({ "Rule": name, "Targets": [target] });
    let answer = Signed::new(sdk).json(&EVENTS, &calls::PUT_TARGETS, &subject(name), &input)?;
    let failed = &answer["FailedEntries"][0];
    if failed.is_null() {
        return Ok(());
    }
    let text = |member: &str| failed[member].as_str().unwrap_or_default();
    Err(AwsError::answered(calls::PUT_TARGETS.action, subject(name), text("ErrorCode"), text("ErrorMessage")))
}

pub(crate) fn put_rule(sdk: &SdkConfig, name: &str, expression: &str) -> Result<(), AwsError> {
    let input = json!({ "Name": name, "ScheduleExpression": expression });
    Signed::new(sdk).json(&EVENTS, &calls::PUT_RULE, &subject(name), &input).map(drop)
}

fn subject(name: &str) -> String {
    format!("rule {name}")
}
