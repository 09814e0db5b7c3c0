//! The protocol of EventBridge Scheduler and of Lambda: method and path say the operation, the body has the rest in JSON.
//! Source: Smithy, "AWS restJson1 protocol"; Amazon EventBridge Scheduler and AWS Lambda API References.

use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::protocol::{Protocol, Target};
use super::signature::Signature;
use crate::registry::decode;

/// What a request that is signed for one of the two asks for.
pub(super) fn target(head: &Parts) -> Option<Target> {
    let signature = Signature::of(&head.headers)?;
    if signature.service() == Some("lambda") {
        let operation = if head.method == Method::GET && function(head).is_some() { "GetFunction" } else { "Unknown" };
        return Some(Target { protocol: Protocol::RestJson, service: "lambda", operation: operation.to_owned() });
    }
    Some(signature).filter(|signature| signature.service() == Some("scheduler"))?;
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
    if let Some(name) = function(head) {
        input["FunctionName"] = json!(name);
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

fn function(head: &Parts) -> Option<String> {
    head.uri.path().strip_prefix("/2015-03-31/functions/").filter(|name| !name.is_empty()).map(decode)
}

fn name(head: &Parts) -> Option<String> {
    head.uri.path().strip_prefix("/schedules/").filter(|name| !name.is_empty()).map(decode)
}
