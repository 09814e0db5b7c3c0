//! EventBridge Scheduler: one schedule, read and put back with another revision.
//! Source: Amazon EventBridge Scheduler API Reference, GetSchedule, UpdateSchedule and CreateSchedule.

use serde_json::Value;

use super::calls::Call;
use super::signed::{Api, Signed, encoded};
use super::{AwsError, SdkConfig, calls};

const SCHEDULER: Api = Api { id: "Scheduler", target: "" };

/// What GetSchedule says and UpdateSchedule does not take.
const READ_ONLY: [&str; 3] = ["Arn", "CreationDate", "LastModificationDate"];

/// A schedule of the default group, in its own members; `None` where there is none of this name.
pub(crate) fn schedule(sdk: &SdkConfig, name: &str) -> Result<Option<Value>, AwsError> {
    match ask(sdk, &calls::GET_SCHEDULE, ("GET", name), &Value::Null) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a schedule back: an update takes it as a whole, so what is left out would be lost.
pub(crate) fn update(sdk: &SdkConfig, name: &str, mut schedule: Value) -> Result<(), AwsError> {
    if let Value::Object(members) = &mut schedule {
        for member in READ_ONLY {
            members.shift_remove(member);
        }
    }
    ask(sdk, &calls::UPDATE_SCHEDULE, ("PUT", name), &schedule).map(drop)
}

pub(crate) fn create(sdk: &SdkConfig, name: &str, schedule: &Value) -> Result<(), AwsError> {
    ask(sdk, &calls::CREATE_SCHEDULE, ("POST", name), schedule).map(drop)
}

fn ask(sdk: &SdkConfig, call: &Call, (method, name): (&'static str, &str), input: &Value) -> Result<Value, AwsError> {
    let path = format!("/schedules/{}", encoded(name, ""));
    let body = if input.is_null() { String::new() } else { input.to_string() };
    let subject = format!("schedule {name}");
    let answer = Signed::new(sdk)
        .rest(&SCHEDULER, call, (method, path), body)
        .map_err(|refusal| AwsError::new(call.action, &subject, &refusal))?;
    serde_json::from_slice(&answer).map_err(|error| AwsError::foreign(call.action, subject, None, &error.to_string()))
}
