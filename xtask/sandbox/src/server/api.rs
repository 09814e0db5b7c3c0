//! The JSON APIs of ECR and ECS, and what little of STS clients ask for.
//! Source: Smithy, AWS JSON 1.1 protocol.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::signature::{ACCESS_KEY, SECRET_KEY, Signature};
use crate::clock::Instant;
use crate::ecr::random_id;
use crate::ecs::Caller;
use crate::http::{Answer, Body, Cut, collect, drain, full, read_some};
use crate::protocol::{ApiError, ApiResult};
use crate::world::{State, World};

/// A part of a layer in base64, and something around it.
const LARGEST_INPUT: usize = 32 * 1024 * 1024;

/// One operation of one service.
struct Target {
    /// `ecr` or `ecs`.
    service: &'static str,
    operation: String,
}

impl Target {
    fn of(request: &Request<Incoming>) -> Option<Self> {
        let (service, operation) = request.headers().get("x-amz-target")?.to_str().ok()?.split_once('.')?;
        let service = match service {
            "AmazonEC2ContainerRegistry_V20150921" => "ecr",
            "AmazonEC2ContainerServiceV20141113" => "ecs",
            _ => return None,
        };
        Some(Self { service, operation: operation.to_owned() })
    }

    fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// Answers a request that is not the registry's.
pub(super) async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Answer {
    let form =
        request.headers().get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/x-www-form"));
    if form {
        return security_token_service(world, request).await;
    }
    let Some(target) = Target::of(&request) else {
        drain(request.into_body()).await?;
        let message = "the sandbox serves the JSON APIs of ECR and ECS at /, and the registry at /v2/";
        return Ok(refuse(&ApiError { status: 404, code: "UnknownOperationException", message: message.to_owned() }));
    };
    let name = target.name();
    let struck = world.strike(&name);
    if let Some(millis) = struck.stall {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    if let Some(bytes) = struck.cut {
        read_some(request.into_body(), bytes).await;
        world.log(&name, Value::Null, 0);
        return Err(Cut);
    }
    let (head, body) = request.into_parts();
    let body = collect(body, LARGEST_INPUT).await?;
    let input = match body.as_deref() {
        Some(b"") => Ok(json!({})),
        Some(bytes) => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        None => Err("the request is too large".to_owned()),
    };
    if let Some(refusal) = struck.skew.and_then(|seconds| skewed(world, &head, seconds)) {
        world.log(&name, input.unwrap_or_default(), refusal.status().as_u16());
        return Ok(refusal);
    }
    if let Some(error) = struck.error {
        world.log(&name, input.unwrap_or_default(), error.status);
        return Ok(exception(error.status, &error.code, &error.message, error.retry_after));
    }
    let (input, result) = match input {
        Err(error) => (Value::Null, Err(ApiError::new("SerializationException", error))),
        Ok(input) => {
            let mut state = world.lock();
            let result =
                admit(&state, &head, body.as_deref().unwrap_or_default(), &target, &input).and_then(|caller| {
                    let doomed = state.before(&struck.before, &input);
                    let region = Signature::of(&head).and_then(|signature| signature.region());
                    let output = dispatch(&mut state, &target, &input, &caller, region)?;
                    state.after(&struck.after, doomed, &input);
                    Ok(output)
                });
            (input, result)
        }
    };
    let response = match &result {
        Ok(output) => respond(200).body(full(output.to_string())).map_err(|_| Cut)?,
        Err(error) => refuse(error),
    };
    world.log(&name, input, response.status().as_u16());
    Ok(response)
}

fn dispatch(state: &mut State, target: &Target, input: &Value, caller: &Caller, region: Option<&str>) -> ApiResult {
    let operation = target.operation.as_str();
    if let Some(region) = region.filter(|region| *region != state.ecr.region && operation != "GetAuthorizationToken") {
        return state.elsewhere(region, target.service, operation, input.clone());
    }
    if target.service == "ecr" {
        return state.ecr(operation, input.clone());
    }
    if operation.starts_with("Describe") || operation.starts_with("List") {
        state.timeline.look();
    }
    state.ecs(operation, input.clone(), caller)
}

/// Who calls, if they may.
fn admit(state: &State, head: &Parts, body: &[u8], target: &Target, input: &Value) -> Result<Caller, ApiError> {
    let Some(signature) = Signature::of(head) else {
        return Err(ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let arn = caller_arn(state, signature.access_key);
    match signature.access_key {
        // The one whose secret is known here.
        ACCESS_KEY if !signature.holds(head, body, SECRET_KEY) => Err(ApiError::new(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        )),
        "EXPIRED" => {
            Err(ApiError::new("ExpiredTokenException", "The security token included in the request is expired"))
        }
        "DENIED" => {
            let action = target.name();
            let resource = resource(state, target, input);
            Err(ApiError::new(
                "AccessDeniedException",
                format!(
                    "User: {arn} is not authorized to perform: {action} on resource: {resource} because no \
                     identity-based policy allows the {action} action"
                ),
            ))
        }
        _ => Ok(Caller { arn }),
    }
}

/// What a clock so many seconds ahead says to a request, if it was not signed within five minutes of it. The answer
/// carries that clock's date, by which a client may correct itself.
fn skewed(world: &World, head: &Parts, seconds: i64) -> Option<Response<Body>> {
    const MINUTES: i64 = 5;
    let signed = Instant::of_basic(head.headers.get("x-amz-date")?.to_str().ok()?)?;
    let at = |moment: Instant, seconds: i64| Instant(moment.0.saturating_add_signed(seconds * 1000));
    let now = at(world.lock().timeline.wall(), seconds);
    let (earliest, latest) = (at(now, -60 * MINUTES), at(now, 60 * MINUTES));
    let (signed_at, now_at) = (signed.basic(), now.basic());
    let message = if signed < earliest {
        let bound = earliest.basic();
        format!("Signature expired: {signed_at} is now earlier than {bound} ({now_at} - {MINUTES} min.)")
    } else if signed > latest {
        let bound = latest.basic();
        format!("Signature not yet current: {signed_at} is still later than {bound} ({now_at} + {MINUTES} min.)")
    } else {
        return None;
    };
    let mut refusal = exception(400, "InvalidSignatureException", &message, None);
    refusal.headers_mut().insert("date", now.http().parse().ok()?);
    Some(refusal)
}

fn caller_arn(state: &State, key: &str) -> String {
    let user = if key == ACCESS_KEY { "sandbox".to_owned() } else { key.to_lowercase() };
    format!("arn:aws:iam::{}:user/{user}", state.ecr.account)
}

/// What an action is about, as an ARN; `*` where it has no resource.
fn resource(state: &State, target: &Target, input: &Value) -> String {
    let member = |name: &str| input[name].as_str();
    if target.service == "ecr" {
        return member("repositoryName").map_or("*".to_owned(), |name| state.ecr.arn(name));
    }
    let arn = |kind: &str, name: &str| {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        format!("arn:aws:ecs:{}:{}:{kind}/{name}", state.ecr.region, state.ecr.account)
    };
    let cluster = member("cluster").or(member("clusterName")).unwrap_or("default");
    let service = member("service").or(member("serviceName")).or(input["services"][0].as_str());
    if let Some(family) = member("family") {
        return arn("task-definition", &format!("{family}:*"));
    }
    match (target.operation.as_str(), service) {
        ("DescribeTaskDefinition" | "ListTaskDefinitions" | "DeregisterTaskDefinition", _) => "*".to_owned(),
        (_, Some(service)) if service.starts_with("arn:") => service.to_owned(),
        (_, Some(service)) => arn("service", &format!("{cluster}/{service}")),
        (_, None) => input["serviceDeploymentArns"][0].as_str().map_or_else(|| arn("cluster", cluster), str::to_owned),
    }
}

fn respond(status: u16) -> hyper::http::response::Builder {
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amzn-requestid", random_id())
}

fn refuse(error: &ApiError) -> Response<Body> {
    exception(error.status, error.code, &error.message, None)
}

fn exception(status: u16, code: &str, message: &str, retry_after: Option<u64>) -> Response<Body> {
    let mut builder = respond(status).header("x-amzn-errortype", code);
    if let Some(seconds) = retry_after {
        builder = builder.header("retry-after", seconds);
    }
    let body = json!({"__type": code, "message": message}).to_string();
    builder.body(full(body)).unwrap_or_else(|_| Response::new(full("")))
}

/// GetCallerIdentity, in the query protocol.
async fn security_token_service(world: &Arc<World>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let form = collect(body, 64 * 1024).await?.unwrap_or_default();
    let key = Signature::of(&head).map(|signature| signature.access_key);
    let asks = form.split(|byte| *byte == b'&').any(|pair| pair == b"Action=GetCallerIdentity");
    let (status, body) = match key {
        Some(key) if asks => {
            let state = world.lock();
            let (arn, account) = (caller_arn(&state, key), &state.ecr.account);
            let body = format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>{arn}</Arn><UserId>{key}</UserId><Account>{account}</Account></GetCallerIdentityResult>\
                 </GetCallerIdentityResponse>"
            );
            (200, body)
        }
        key => {
            let code = if key.is_none() { "MissingAuthenticationToken" } else { "InvalidAction" };
            let body = format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>");
            (if key.is_none() { 403 } else { 400 }, body)
        }
    };
    world.log("sts:GetCallerIdentity", Value::Null, status);
    Response::builder().status(status).header("content-type", "text/xml").body(full(body)).map_err(|_| Cut)
}
