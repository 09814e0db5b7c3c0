//! Reading members of inputs and writing members of answers.

use serde_json::{Map, Value, json};

use crate::clock::Instant;
use crate::protocol::ApiError;

/// `InvalidParameterException`.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// `ClientException`.
pub(crate) fn client(message: impl Into<String>) -> ApiError {
    ApiError::new("ClientException", message)
}

/// A string member, if it is there and not empty.
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A string member that the member table requires.
pub(crate) fn required<'a>(value: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(value, member).ok_or_else(|| invalid(format!("{} cannot be empty.", capital(member))))
}

/// A list member; no list is an empty one.
pub(crate) fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The strings of a list member.
pub(crate) fn texts<'a>(value: &'a Value, member: &str) -> Vec<&'a str> {
    list(value, member).iter().filter_map(Value::as_str).collect()
}

/// An object without the members that are null: ECS leaves out what is not set.
pub(crate) fn set(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// A timestamp as awsJson1.1 writes it: seconds since the epoch, with a fraction.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit into 53 bits")]
pub(crate) fn seconds(at: Instant) -> Value {
    json!(at.0 as f64 / 1000.0)
}

/// What `failures[]` of a Describe call says about something that is not there.
pub(crate) fn missing(arn: &str) -> Value {
    json!({ "arn": arn, "reason": "MISSING" })
}

/// The last part of an ARN, or a name as it is.
pub(crate) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A member's name as AWS's sentences begin with it.
pub(crate) fn capital(member: &str) -> String {
    let mut letters = member.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// One page of a List answer: `maxResults` items from `nextToken` on, under `member`.
pub(crate) fn page(input: &Value, member: &str, items: Vec<Value>, default: usize) -> Result<Value, ApiError> {
    let size = match input.get("maxResults").and_then(Value::as_u64) {
        None | Some(0) => default,
        Some(n) if n <= 100 => usize::try_from(n).unwrap_or(default),
        Some(_) => return Err(invalid("maxResults must be between 1 and 100.")),
    };
    let start: usize = match text(input, "nextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("Invalid token."))?,
    };
    let end = start.saturating_add(size).min(items.len());
    let next = (end < items.len()).then(|| end.to_string());
    let items: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let mut answer = Map::from_iter([(member.to_owned(), Value::Array(items))]);
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), Value::String(next));
    }
    Ok(Value::Object(answer))
}
