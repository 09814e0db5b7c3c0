//! One request, one answer.

use std::pin::pin;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};

use super::Registry;
use super::answer::Answer;
use super::location;
use super::retry::{Task, Trouble};
use crate::net::{self, Body};
use crate::time;

/// How much of an answer's body is read where only an error could be in it.
const SMALL: usize = 64 * 1024;

/// A request to be made, perhaps more than once.
pub(super) struct Ask {
    pub method: Method,
    pub url: String,
    pub accept: Option<String>,
    /// Media type and bytes.
    pub content: Option<(String, Bytes)>,
    /// How many bytes of the answer are read at most.
    pub limit: usize,
}

impl Ask {
    pub(super) fn new(method: Method, url: String) -> Self {
        Self { method, url, accept: None, content: None, limit: SMALL }
    }
}

impl Registry {
    /// Asks once, with credentials where the URL is the registry's own.
    pub(super) fn ask(&self, task: &Task<'_>, ask: &Ask) -> Result<Answer, Trouble> {
        let limit = ask.limit;
        let (response, authorization) = self.open(task, ask)?;
        let (parts, body) = response.into_parts();
        let body = self.watch(task, collect(body, limit))??;
        Ok(Answer { status: parts.status, headers: parts.headers, body, authorization })
    }

    /// Asks once, and leaves the answer's body to be read.
    pub(super) fn open(&self, task: &Task<'_>, ask: &Ask) -> Result<(Response<Incoming>, Option<String>), Trouble> {
        let body = match &ask.content {
            Some((_, bytes)) => Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync(),
            None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let authorization = self.authorization(task, &ask.url)?;
        let mut request = request(&ask.method, &ask.url, authorization.as_deref(), body)?;
        let headers = request.headers_mut();
        if let Some(accept) = ask.accept.as_deref().and_then(|accept| accept.parse().ok()) {
            headers.insert(ACCEPT, accept);
        }
        if let Some(media_type) = ask.content.as_ref().and_then(|(media_type, _)| media_type.parse().ok()) {
            headers.insert(CONTENT_TYPE, media_type);
        } else if ask.method == Method::POST {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let client = client(request.uri())?;
        let response = self.watch(task, async { client.request(request).await.map_err(|error| lost(&error)) })??;
        Ok((response, authorization))
    }

    /// The `Authorization` for a URL: none where it leads away from the registry, as redirects to storage do.
    pub(super) fn authorization(&self, task: &Task<'_>, url: &str) -> Result<Option<String>, Trouble> {
        if !location::same_server(url, &self.url(task.repository, "")) {
            return Ok(None);
        }
        self.access.authorization(&task.key()).map_err(Trouble::Fatal)
    }

    /// Runs to the end of the future, the task or the time that nothing may move for.
    pub(super) fn watch<T>(&self, task: &Task<'_>, future: impl Future<Output = T>) -> Result<T, Trouble> {
        let began = time::instant();
        net::wait(async {
            let mut future = pin!(future);
            loop {
                if let Some(value) = time::within(time::look(), future.as_mut()).await {
                    return Ok(value);
                }
                if task.is_over() {
                    return Err(Trouble::Over);
                }
                if time::since(began) > self.stall {
                    return Err(self.stalled());
                }
            }
        })
    }

    pub(super) fn stalled(&self) -> Trouble {
        Trouble::Lost(format!("nothing moved for {} s", self.stall.as_secs()))
    }
}

/// A request with what all of them carry. Credentials go over TLS or to this machine, nowhere else.
pub(super) fn request(
    method: &Method,
    url: &str,
    authorization: Option<&str>,
    body: Body,
) -> Result<Request<Body>, Trouble> {
    let agent = concat!("xtask-ecs/", env!("CARGO_PKG_VERSION"));
    let mut builder = Request::builder().method(method).uri(url).header(USER_AGENT, agent);
    if let Some(value) = authorization {
        let mut value =
            HeaderValue::from_str(value).context("the credentials are not fit for a header").map_err(Trouble::Fatal)?;
        value.set_sensitive(true);
        builder = builder.header(AUTHORIZATION, value);
    }
    builder.body(body).with_context(|| format!("`{url}` is not an address")).map_err(Trouble::Fatal)
}

/// The client, or what keeps this machine from having one.
pub(super) fn client(address: &Uri) -> Result<net::HttpClient, Trouble> {
    net::client_for(address).context("there is no way out of this machine").map_err(Trouble::Fatal)
}

/// Reads a body of at most so many bytes; what is beyond is left.
pub(super) async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Trouble> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Trouble::Lost(chain("the answer broke off", &error)))?;
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > limit {
            break;
        }
    }
    Ok(bytes.freeze())
}

/// A connection that could not be made or ended early. A certificate that does not verify will not do so later.
pub(super) fn lost(error: &hyper_util::client::legacy::Error) -> Trouble {
    let text = chain(if error.is_connect() { "no connection" } else { "the connection was lost" }, error);
    if net::certificate::refused(error).is_some() {
        Trouble::Fatal(anyhow::anyhow!(
            "{text}: the registry's certificate does not verify; check this machine's root certificates and clock"
        ))
    } else {
        Trouble::Lost(text)
    }
}

/// The innermost cause, which is the one that says something: hyper's outer layers repeat each other.
fn chain(what: &str, error: &dyn std::error::Error) -> String {
    let mut innermost = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let mut source = error.source();
    while let Some(inner) = source {
        innermost = inner.to_string();
        source = inner.source();
    }
    format!("{what}: {innermost}")
}
