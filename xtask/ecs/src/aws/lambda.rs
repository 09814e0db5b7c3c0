//! Lambda functions, which a rollout's hooks may be. Source: AWS Lambda API Reference, version 2015-03-31, GetFunction.

use serde_json::Value;

use super::signed::{Api, Signed, encoded};
use super::{AwsError, SdkConfig, calls};
use crate::text::of_json as text;

const LAMBDA: Api = Api { id: "Lambda", target: "" };

/// The state of a function, such as `Active`, by its ARN; `None` where there is none. An empty one is that of a function
/// that always answers.
pub(crate) fn state(sdk: &SdkConfig, arn: &str) -> Result<Option<String>, AwsError> {
    let (call, subject) = (&calls::GET_FUNCTION, format!("function {arn}"));
    let path = format!("/2015-03-31/functions/{}", encoded(arn, ""));
    let answer = Signed::new(sdk).rest(&LAMBDA, call, ("GET", path), String::new());
    let answer = match answer.map_err(|refusal| AwsError::new(call.action, &subject, &refusal)) {
        Err(error) if error.code == "ResourceNotFoundException" => return Ok(None),
        answer => answer?,
    };
    let answer: Value = serde_json::from_slice(&answer)
        .map_err(|error| AwsError::foreign(call.action, subject, None, &error.to_string()))?;
    Ok(Some(text(&answer["Configuration"]["State"])))
}
