//! The one runtime and the one HTTP client of this process, both made when first needed.

#[cfg(test)]
pub mod loopback;

use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

/// A request's body: whole, or streamed from disk.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Speaks HTTP/1.1, plain or through TLS with the machine's own roots.
pub type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// Async code is run to its end here; nothing outside `aws`, `oci::registry` and the readers needs it.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_io()
            .enable_time()
            .build()
            .expect("threads and epoll are to be had")
    })
}

/// Fails where the machine has no root certificates at all.
pub fn client() -> std::io::Result<&'static HttpClient> {
    static CLIENT: OnceLock<HttpClient> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(CLIENT.get_or_init(|| Client::builder(TokioExecutor::new()).build(connector)))
}
