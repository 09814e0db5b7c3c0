//! The APIs at `/`: one exchange, whatever the protocol.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde_json::Value;

use super::admission::{Visitor, admit, permit, skewed};
use super::protocol::{Protocol, Target};
use super::signature::Signature;
use super::{rest, rest_json};
use crate::ecs::{Caller, asks_what_has_been, looks};
use crate::fault::Struck;
use crate::http::{Answer, Cut, collect, drain, read_some};
use crate::protocol::{ApiError, ApiResult};
use crate::world::{State, World};

/// A part of a layer in base64, and something around it.
const LARGEST_INPUT: usize = 32 * 1024 * 1024;

/// The largest form is an identity token and a session policy.
const LARGEST_FORM: usize = 64 * 1024;

/// Answers a request that is not the registry's.
pub(super) async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    if let Some(target) = known(&head) {
        return exchange(world, head, target, body).await;
    }
    if Target::is_form(&head) {
        let form = collect(body, LARGEST_FORM).await?.unwrap_or_default();
        return exchange(world, head.clone(), Target::in_form(&head, &form), Full::new(form)).await;
    }
    drain(body).await?;
    let message = "the sandbox serves APIs of AWS at /, S3 where it is signed for, and the registry at /v2/";
    Protocol::Json.refuse("", &ApiError::with(404, "UnknownOperationException", message).into())
}

async fn exchange<B>(world: &Arc<World>, head: Parts, target: Target, body: B) -> Answer
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let name = target.name();
    let struck = world.strike(&name);
    if let Some(millis) = struck.stall {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    if let Some(bytes) = struck.cut {
        read_some(body, bytes).await;
        world.log_by(&key(&head), &name, Value::Null, 0);
        return Err(Cut);
    }
    let body = collect(body, LARGEST_INPUT).await?;
    at_once(world, &head, &target, body.as_ref(), struck)
}

/// Such as `ecs:UpdateService`.
pub(crate) fn operation_of(request: &Request<Bytes>) -> String {
    let (head, body) = request.clone().into_parts();
    target(&head, &body).name()
}

/// What says by its head what it is.
fn known(head: &Parts) -> Option<Target> {
    Target::in_head(head).or_else(|| rest::target(head)).or_else(|| rest_json::target(head))
}

fn target(head: &Parts, body: &[u8]) -> Target {
    known(head).unwrap_or_else(|| Target::in_form(head, body))
}

/// The same without a network: how long the answer takes, and what it is.
pub(crate) fn without_network(world: &World, request: Request<Bytes>) -> (Duration, Answer) {
    let (head, body) = request.into_parts();
    let target = target(&head, &body);
    let struck = world.strike(&target.name());
    let stall = Duration::from_millis(struck.stall.unwrap_or_default());
    if struck.cut.is_some() {
        world.log_by(&key(&head), &target.name(), Value::Null, 0);
        return (stall, Err(Cut));
    }
    (stall, at_once(world, &head, &target, Some(&body), struck))
}

fn key(head: &Parts) -> String {
    Signature::of(&head.headers).map(|signature| signature.access_key.to_owned()).unwrap_or_default()
}

/// Everything of an exchange but the network.
fn at_once(world: &World, head: &Parts, target: &Target, body: Option<&Bytes>, struck: Struck) -> Answer {
    let (protocol, name, key) = (target.protocol, target.name(), key(head));
    let input = match body {
        Some(bytes) => protocol.read(head, bytes),
        None => Err("the request is too large".to_owned()),
    };
    let skew = struck.skew.and_then(|seconds| skewed(world, head, target, seconds));
    if let Some((error, date)) = skew {
        world.log_by(&key, &name, input.unwrap_or_default(), error.status);
        let mut refusal = protocol.refuse(target.service, &error.into())?;
        refusal.headers_mut().insert("date", date);
        return Ok(refusal);
    }
    if let Some(error) = struck.error {
        world.log_by(&key, &name, input.unwrap_or_default(), error.status);
        return protocol.refuse(target.service, &error);
    }
    if !world.allows(&name) {
        let error = ApiError::new("ThrottlingException", "Rate exceeded");
        world.log_by(&key, &name, input.unwrap_or_default(), error.status);
        return protocol.refuse(target.service, &error.into());
    }
    let (input, result) = match input {
        Err(error) => (Value::Null, Err(ApiError::new("SerializationException", error))),
        Ok(input) => {
            let mut state = world.lock();
            let body = body.map(|body| &body[..]).unwrap_or_default();
            let result = admit(&state, head, body, target, &input).and_then(|visitor| {
                permit(&mut state, &visitor, target, &input)?;
                let doomed = state.before(&visitor.home, &struck.before, &input);
                let output = dispatch(&mut state, target, &input, (&visitor, struck.lag))?;
                state.after(&visitor.home, &struck.after, doomed, &input);
                Ok(output)
            });
            (input, result)
        }
    };
    if struck.lose {
        world.log_by(&key, &name, input, 0);
        return Err(Cut);
    }
    let response = match result {
        Ok(output) => protocol.answer(target, &output)?,
        Err(error) => protocol.refuse(target.service, &error.into())?,
    };
    world.log_by(&key, &name, input, response.status().as_u16());
    Ok(response)
}

fn dispatch(state: &mut State, target: &Target, input: &Value, (visitor, lag): (&Visitor, Option<u64>)) -> ApiResult {
    let operation = target.operation.as_str();
    if target.service == "ecs" && looks(operation) {
        if !asks_what_has_been(operation, input) {
            state.timeline.look();
        }
        let caller = visitor.principal.as_ref().map(|principal| Caller { arn: principal.arn.clone() });
        if let (Some(seconds), Some(caller)) = (lag, caller) {
            return state.ecs_before(&visitor.home, (operation, input.clone()), &caller, Duration::from_secs(seconds));
        }
    }
    state.call(&visitor.home, (target.service, operation), input.clone(), visitor.principal.as_ref())
}
