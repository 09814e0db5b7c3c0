//! EventBridge Scheduler's protocol: method and path say the operation, the body has the rest in JSON.
//! Source: Smithy, "AWS restJson1 protocol"; Amazon EventBridge Scheduler API Reference.

use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::protocol::{Protocol, Target};
use super::signature::Signature;
use crate::registry::decode;

/// What a request that is signed for the scheduler asks for.
pub(super) fn target(head: &Parts) -> Option<Target> {
    Signature::of(&head.headers).filter(|signature| signature.service() == Some("scheduler"))?;
    let operation = match (&head.method, name(head)) {
        (&Method::GET, Some(_)) => "GetSchedule",
        (&Method::POST, Some(_)) => "CreateSchedule",
        (&Method::PUT, Some(_)) => "UpdateSchedule",
        (&Method::DELETE, Some(_)) => "DeleteSchedule",
        _ => "ListSchedules",
    };
    Some(Target { protocol: Protocol::RestJson, service: "scheduler", operation: operation.to_owned() })
}

/// The members of path, query and body.
pub(super) fn input(head: &Parts, body: &[u8]) -> Result<Value, String> {
    let mut input =
        if body.is_empty() { json!({}) } else { serde_json::from_slice(body).map_err(|it| it.to_string())? };
    if !input.is_object() {
        return Err("the body is no object".to_owned());
    }
    if let Some(name) = name(head) {
        input["Name"] = json!(name);
    }
    let pairs = head.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    for (_, value) in pairs.filter(|(name, _)| *name == "groupName") {
        input["GroupName"] = json!(decode(value));
    }
    Ok(input)
}

fn name(head: &Parts) -> Option<String> {
    head.uri.path().strip_prefix("/schedules/").filter(|name| !name.is_empty()).map(decode)
}
