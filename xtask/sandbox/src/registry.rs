//! The registry, version 2, with ECR's manners.
//! Sources: OCI distribution specification 1.1; Amazon ECR User Guide, private registry.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::http::response::Builder;
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

use crate::home::Home;
use crate::http::{Answer, Body, Cut, drain, full, read_some};
use crate::policy::Need;
use crate::protocol::ApiError;
use crate::world::{TokenState, World};

mod blobs;
mod manifests;
mod route;
mod uploads;

use route::Route;
pub(crate) use route::decode;

/// An error in the registry's spelling.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: String,
    message: String,
    retry_after: Option<u64>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), retry_after: None }
    }

    fn response(&self, challenge: Option<String>) -> Answer {
        let mut builder = reply(self.status).header("content-type", "application/json; charset=utf-8");
        if let Some(seconds) = self.retry_after {
            builder = builder.header("retry-after", seconds);
        }
        if let Some(challenge) = challenge {
            builder = builder.header("www-authenticate", challenge);
        }
        let body = json!({"errors": [{"code": self.code, "message": self.message}]}).to_string();
        builder.body(full(body)).map_err(|_| Cut)
    }
}

impl From<ApiError> for Refusal {
    /// The codes are those that ECR's registry answers where its API has an exception.
    fn from(error: ApiError) -> Self {
        let (status, code) = match error.code {
            "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
            "LayersNotFoundException" | "UploadNotFoundException" => (404, "BLOB_UPLOAD_UNKNOWN"),
            "LayerInaccessibleException" => (404, "BLOB_UNKNOWN"),
            "ReferencedImagesNotFoundException" => (404, "MANIFEST_BLOB_UNKNOWN"),
            "ImageTagAlreadyExistsException" => (400, "TAG_INVALID"),
            "ImageDigestDoesNotMatchException" | "InvalidLayerException" => (400, "DIGEST_INVALID"),
            "LayerPartTooSmallException" | "EmptyUploadException" => (400, "SIZE_INVALID"),
            "InvalidParameterException" => (400, "MANIFEST_INVALID"),
            _ => (error.status, "UNKNOWN"),
        };
        Self::new(status, code, error.message)
    }
}

/// Why there is no ordinary answer.
enum Stop {
    Refused(Refusal),
    Cut,
}

impl<T: Into<Refusal>> From<T> for Stop {
    fn from(refusal: T) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Cut> for Stop {
    fn from(_: Cut) -> Self {
        Self::Cut
    }
}

type Outcome = Result<Response<Body>, Stop>;

/// What an answer depends on beside its route.
struct Exchange<'a> {
    world: &'a Arc<World>,
    /// Whose registry it is.
    home: Home,
    headers: HeaderMap,
    query: String,
    /// Faults that strike in the middle.
    corrupt: bool,
    stale_range: bool,
    cut: Option<u64>,
    /// What the log will say of this call.
    note: &'a mut Value,
}

impl Exchange<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A query parameter, decoded.
    fn parameter(&self, name: &str) -> Option<String> {
        let pair = |pair: &str| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        self.query.split('&').find_map(pair).map(|value| route::decode(&value))
    }

    /// This server as the client calls it.
    fn base(&self) -> String {
        let host = self.header("host").map_or_else(|| self.world.lock().host.clone(), str::to_owned);
        format!("http://{host}")
    }
}

/// Answers a request under `/v2/` or for a layer by its download URL.
pub(crate) async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let guest = world.lock().guest(head.uri.path(), token(&head.headers).as_deref());
    if let Some((home, path)) = guest {
        drain(body).await?;
        return answer_guest(world, home, (&head.method, &path), head.headers);
    }
    let route = Route::of(head.uri.path());
    let name = format!("registry:{} {}", head.method, route.noun());
    let mut note = route.note();
    let mut struck = world.strike(&name);
    if let Some(millis) = struck.stall {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    let downloads = head.method == Method::GET && matches!(route, Route::Blob { .. } | Route::Layer { .. });
    if let Some(bytes) = struck.cut.filter(|_| !downloads) {
        read_some(body, bytes).await;
        world.log(&name, note, 0);
        return Err(Cut);
    }
    if let Some(error) = struck.error.take() {
        drain(body).await?;
        world.log(&name, note, error.status);
        let crate::fault::Refusal { status, code, message, retry_after, .. } = error;
        let challenge = (status == 401).then(|| challenge(&world.lock().host));
        return Refusal { status, code, message, retry_after }.response(challenge);
    }
    let token = token(&head.headers);
    let home = home(world, token.as_deref(), &route);
    let doomed = world.lock().before(&home, &struck.before, &note);
    if let Some(refused) = refuse_stranger(world, token.as_deref(), &route) {
        drain(body).await?;
        world.log(&name, note, refused.status);
        let challenge = (refused.status == 401).then(|| challenge(&world.lock().host));
        return refused.response(challenge);
    }
    if let Some(refused) = refuse_unallowed(world, &home, &head.method, &route) {
        drain(body).await?;
        world.log(&name, note, refused.status);
        return refused.response(None);
    }
    world.lock().settle();
    let exchange = Exchange {
        world,
        home: home.clone(),
        headers: head.headers,
        query: head.uri.query().unwrap_or_default().to_owned(),
        corrupt: struck.corrupt,
        stale_range: struck.stale_range,
        cut: struck.cut,
        note: &mut note,
    };
    let (status, answer) = match dispatch(exchange, &head.method, &route, body).await {
        Ok(response) => {
            world.lock().after(&home, &struck.after, doomed, &note);
            (response.status().as_u16(), Ok(response))
        }
        Err(Stop::Refused(refusal)) => (refusal.status, refusal.response(None)),
        Err(Stop::Cut) => (0, Err(Cut)),
    };
    world.log(&name, note, status);
    answer
}

/// Answers whoever pulls for a container that runs here: as ECS's own pull, that is no call of a client's, and none of the
/// faults of those befalls it.
fn answer_guest(world: &Arc<World>, home: Home, (method, path): (&Method, &str), headers: HeaderMap) -> Answer {
    let query = String::new();
    let (corrupt, stale_range, cut, note) = (false, false, None, &mut Value::Null);
    let exchange = Exchange { world, home, headers, query, corrupt, stale_range, cut, note };
    let outcome = match method.as_str() {
        "GET" | "HEAD" => without_body(exchange, method, &Route::of(path)),
        _ => Err(unsupported().into()),
    };
    match outcome {
        Ok(response) => Ok(response),
        Err(Stop::Refused(refusal)) => refusal.response(None),
        Err(Stop::Cut) => Err(Cut),
    }
}

async fn dispatch(exchange: Exchange<'_>, method: &Method, route: &Route, body: Incoming) -> Outcome {
    // Only uploads and manifests have a body that matters; what else is sent must be read before the answer.
    let body = match (method.as_str(), route) {
        ("PATCH" | "PUT", Route::Upload { .. }) | ("PUT", Route::Manifest { .. }) => body,
        _ => {
            drain(body).await?;
            return without_body(exchange, method, route);
        }
    };
    match route {
        Route::Upload { name, id } if *method == Method::PATCH => uploads::patch(exchange, name, id, body).await,
        Route::Upload { name, id } => uploads::put(exchange, name, id, body).await,
        Route::Manifest { name, reference } => manifests::put(exchange, name, reference, body).await,
        _ => Err(unsupported().into()),
    }
}

fn without_body(mut exchange: Exchange<'_>, method: &Method, route: &Route) -> Outcome {
    match (method.as_str(), route) {
        ("GET" | "HEAD", Route::Base) => empty(reply(200)),
        ("GET" | "HEAD", Route::Manifest { name, reference }) => manifests::get(&exchange, name, reference),
        ("HEAD", Route::Blob { name, digest }) => blobs::head(&exchange, name, digest),
        ("GET", Route::Blob { name, digest } | Route::Layer { name, digest, .. }) => {
            blobs::get(&exchange, name, digest)
        }
        ("POST", Route::Uploads { name }) => uploads::post(&mut exchange, name),
        ("GET", Route::Upload { name, id }) => uploads::status(&exchange, name, id),
        ("DELETE", Route::Upload { name, id }) => uploads::cancel(&exchange, name, id),
        ("DELETE", Route::Manifest { name, reference }) => manifests::delete(&exchange, name, reference),
        ("GET", Route::Tags { name }) => manifests::tags(&exchange, name),
        ("GET", Route::Referrers { name, digest }) => manifests::referrers(&exchange, name, digest),
        (_, Route::None) => Err(Refusal::new(404, "NAME_INVALID", "there is nothing at this path").into()),
        _ => Err(unsupported().into()),
    }
}

fn unsupported() -> Refusal {
    Refusal::new(405, "UNSUPPORTED", "The operation is unsupported.")
}

fn reply(status: u16) -> Builder {
    Response::builder().status(status).header("docker-distribution-api-version", "registry/2.0")
}

fn empty(builder: Builder) -> Outcome {
    builder.body(full("")).map_err(|_| Stop::Cut)
}

fn challenge(host: &str) -> String {
    format!("Basic realm=\"http://{host}/\",service=\"ecr.amazonaws.com\"")
}

/// The password of a caller with ECR's user name; empty for another user's.
fn token(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get("authorization")?.to_str().ok()?;
    let decoded = authorization
        .get(..6)
        .filter(|scheme| scheme.eq_ignore_ascii_case("basic "))
        .and_then(|_| STANDARD.decode(authorization[6..].trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Some(decoded.as_deref().and_then(|pair| pair.strip_prefix("AWS:")).unwrap_or_default().to_owned())
}

/// One port is the registry of every account: whose, the token says that GetAuthorizationToken handed out.
fn home(world: &World, token: Option<&str>, route: &Route) -> Home {
    if let Route::Layer { home, .. } = route {
        return home.clone();
    }
    let state = world.lock();
    token.and_then(|token| state.token_home(token)).unwrap_or(&state.home).clone()
}

/// What the policy of those who call does not allow: the registry asks for the actions of the API that do the same.
fn refuse_unallowed(world: &World, home: &Home, method: &Method, route: &Route) -> Option<Refusal> {
    let (action, name) = match (method.as_str(), route) {
        ("POST", Route::Uploads { name }) => ("InitiateLayerUpload", name),
        ("PATCH", Route::Upload { name, .. }) => ("UploadLayerPart", name),
        ("PUT", Route::Upload { name, .. }) => ("CompleteLayerUpload", name),
        ("HEAD", Route::Blob { name, .. }) => ("BatchCheckLayerAvailability", name),
        ("GET", Route::Blob { name, .. }) => ("GetDownloadUrlForLayer", name),
        ("PUT", Route::Manifest { name, .. }) => ("PutImage", name),
        ("GET" | "HEAD", Route::Manifest { name, .. } | Route::Referrers { name, .. }) => ("BatchGetImage", name),
        _ => return None,
    };
    let (action, resource) =
        (format!("ecr:{action}"), format!("arn:aws:ecr:{}:{}:repository/{name}", home.region, home.account));
    let mut state = world.lock();
    let create = state.create_on_push(home, &action, name);
    let needs = [Need { action, resource, context: None }].into_iter().chain(create);
    let policy = state.policy.as_ref()?;
    let Need { action, resource, .. } = needs.into_iter().find(|need| !policy.allows(need))?;
    let message = format!(
        "User: arn:aws:iam::{}:user/sandbox is not authorized to perform: {action} on resource: {resource} because no \
         identity-based policy allows the {action} action",
        home.account
    );
    Some(Refusal::new(403, "DENIED", message))
}

/// The registry is for those who bring a token; a download URL speaks for itself.
fn refuse_stranger(world: &World, token: Option<&str>, route: &Route) -> Option<Refusal> {
    if matches!(route, Route::Layer { .. }) {
        return None;
    }
    let Some(token) = token else { return Some(Refusal::new(401, "UNAUTHORIZED", "Not Authorized")) };
    match world.lock().token_state(token) {
        TokenState::Valid => None,
        TokenState::Expired => {
            Some(Refusal::new(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."))
        }
        TokenState::Unknown => Some(Refusal::new(400, "DENIED", "Your Authorization Token is invalid.")),
    }
}
