//! A Terraform state from an HTTP server, such as one of Terraform's `http` backend.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::AUTHORIZATION;
use hyper::{Request, Uri};

use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::net::{self, is_loopback};

const DEADLINE: Duration = Duration::from_secs(30);
/// The largest states that people have are a tenth of it.
const LARGEST: usize = 256 << 20;

/// The body of a 200. `TF_HTTP_USERNAME` and `TF_HTTP_PASSWORD`, as Terraform's backend reads them, sign in.
pub(super) fn get(address: &str) -> Result<Vec<u8>> {
    let failed = |why: String| Failure::world(format_args!("could not fetch the Terraform state {address}: {why}"));
    let uri: Uri = address.parse().map_err(|error| failed(format!("{error}")))?;
    let mut request = Request::get(&uri);
    if let (Ok(user), Ok(password)) = (std::env::var("TF_HTTP_USERNAME"), std::env::var("TF_HTTP_PASSWORD")) {
        if uri.scheme_str() == Some("http") && !is_loopback(uri.host().unwrap_or_default()) {
            return Err(
                Failure::usage(format_args!("{address} would be sent a password without TLS")).help("write https://")
            );
        }
        request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
    }
    let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
    let request = request.body(body).map_err(|error| failed(error.to_string()))?;
    let client = net::client_for(&uri).map_err(|error| failed(error.to_string()))?;
    let answer = net::wait(async {
        let answer = async {
            let answer = client.request(request).await.map_err(|error| chain(&error))?;
            if answer.status().as_u16() != 200 {
                return Err(format!("the server answers {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| error.to_string())?;
            Ok(body.to_bytes().to_vec())
        };
        tokio::time::timeout(DEADLINE, answer).await
    });
    match answer {
        Ok(answer) => answer.map_err(failed),
        Err(_) => Err(failed(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |&error| error.source());
    all.map(ToString::to_string).gather::<Vec<_>>().join(": ")
}
