//! What the SDK sends its calls with: the HTTP client that everything else here has, too.
//!
//! An own one of the SDK's is a crate more, HTTP/2 with it, and reads this machine's certificates once more.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http_body_util::BodyExt;

use crate::net;

/// The client of every session.
#[derive(Debug)]
pub(super) struct Transport;

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let connect = settings.connect_timeout().unwrap_or(net::CONNECT);
        SharedHttpConnector::new(Within { connect, answer: settings.read_timeout() })
    }
}

/// How long a connection, and an answer, may take to come about.
#[derive(Clone, Copy, Debug)]
struct Within {
    connect: Duration,
    answer: Option<Duration>,
}

impl HttpConnector for Within {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.send(request))
    }
}

impl Within {
    fn send(&self, request: HttpRequest) -> impl Future<Output = Result<HttpResponse, ConnectorError>> + use<> {
        let Self { connect, answer } = *self;
        async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let client =
                net::client_within(request.uri(), connect).map_err(|error| ConnectorError::user(error.into()))?;
            let sent = client.request(request.map(|body| body.map_err(io::Error::other).boxed_unsync()));
            let answered = match answer {
                Some(limit) => {
                    tokio::time::timeout(limit, sent).await.map_err(|late| ConnectorError::timeout(late.into()))?
                }
                None => sent.await,
            };
            let answer = answered.map_err(|error| classified(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        }
    }
}

/// What kind of failure it is, by which the SDK tries again or does not.
fn classified(error: Box<dyn Error + Send + Sync>) -> ConnectorError {
    let io = source::<io::Error>(&*error);
    let Some(inner) = source::<hyper::Error>(&*error) else {
        return match io {
            Some(io) if io.kind() == io::ErrorKind::TimedOut => ConnectorError::timeout(error),
            _ => ConnectorError::io(error),
        };
    };
    if inner.is_timeout() {
        ConnectorError::timeout(error)
    } else if inner.is_user() {
        ConnectorError::user(error)
    } else if inner.is_closed() || inner.is_canceled() || io.is_some() {
        ConnectorError::io(error)
    } else if inner.is_incomplete_message() {
        ConnectorError::other(error, Some(ErrorKind::TransientError))
    } else {
        ConnectorError::other(error, None)
    }
}

/// The first error of this type in a chain.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
