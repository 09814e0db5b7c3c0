//! Calls that never leave this process, and the SDK's waits on the clock that is turned by hand.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_credential_types::Credentials;
use aws_sdk_ecs::config::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::sdk_config::TimeSource;
use bytes::Bytes;
use hyper::{Request, Response};

use super::{ATTEMPTS, Endpoint, loader};
use crate::config::Config;
use crate::net;
use crate::time;

/// What stands in AWS's place.
pub(crate) trait Answers: Send + Sync {
    /// How long a request is on its way.
    fn way(&self, _: &Request<Bytes>) -> Duration {
        Duration::ZERO
    }

    /// How long the answer takes, and what it is; None where the connection is cut.
    fn answer(&self, request: Request<Bytes>) -> (Duration, Option<Response<Bytes>>);
}

pub(crate) type Exchange = Arc<dyn Answers>;

/// What a session's clients are made from, where all that is asked is answered by this.
pub(super) fn sdk(config: &Config, endpoint: &Endpoint, exchange: Exchange) -> SdkConfig {
    let keys = Credentials::new(&endpoint.access_key_id, &endpoint.secret_access_key, None, None, "stand-in");
    let loader = loader(&config.region, SharedHttpClient::new(Inside(exchange)))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .credentials_provider(keys)
        .sleep_impl(Naps)
        .time_source(Calendar)
        .endpoint_url(&endpoint.url);
    net::wait(loader.load())
}

#[derive(Debug)]
struct Naps;

impl AsyncSleep for Naps {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(time::sleep(duration))
    }
}

#[derive(Debug)]
struct Calendar;

impl TimeSource for Calendar {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + time::since_epoch()
    }
}

#[derive(Clone)]
struct Inside(Exchange);

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inside")
    }
}

impl HttpClient for Inside {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Inside {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let exchange = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = asked(&request)?;
            let way = exchange.way(&request);
            if !way.is_zero() {
                time::sleep(way).await;
            }
            let (takes, answer) = exchange.answer(request);
            if !takes.is_zero() {
                time::sleep(takes).await;
            }
            // The pause before the next attempt is the SDK's to draw, on this thread.
            fastrand::seed(u64::try_from(time::since_epoch().as_nanos()).unwrap_or_default());
            let answer = answer.ok_or_else(|| ConnectorError::io("the connection was reset".into()))?;
            answered(answer)
        })
    }
}

fn asked(request: &HttpRequest) -> Result<Request<Bytes>, ConnectorError> {
    let mut asked = Request::builder().method(request.method()).uri(request.uri());
    // What an HTTP client adds, and signatures are of.
    let host = request.uri().split('/').nth(2).unwrap_or_default();
    asked = asked.header("host", host);
    for (name, value) in request.headers() {
        asked = asked.header(name, value);
    }
    let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
    asked.body(body).map_err(|error| ConnectorError::user(error.into()))
}

fn answered(answer: Response<Bytes>) -> Result<HttpResponse, ConnectorError> {
    let (head, body) = answer.into_parts();
    let status = StatusCode::try_from(head.status.as_u16()).map_err(|error| ConnectorError::user(error.into()))?;
    let mut answered = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in &head.headers {
        let value = value.to_str().unwrap_or_default().to_owned();
        answered.headers_mut().append(name.as_str().to_owned(), value);
    }
    Ok(answered)
}
