//! The one runtime and the HTTP clients of this process, made when first needed.

pub(crate) mod certificate;
#[cfg(test)]
pub(crate) mod loopback;
pub(crate) mod route;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::header::RETRY_AFTER;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::gather::Gather;
use route::{Proxy, Way};

/// How long a connection may take to come about.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// How soon a silent connection is asked whether its other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A request's body: whole, or streamed from disk.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Speaks HTTP/1.1, plain or through TLS, and goes the way that the environment names.
pub(crate) type HttpClient = Client<HttpsConnector<Way>, Body>;

/// Runs async code to its end; nothing outside `aws`, `oci::registry` and the readers needs it.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut answer = None;
    // The runtime's loop is compiled for every type that it is given, and every future has its own.
    let one_type: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async { answer = Some(future.await) });
    runtime().block_on(one_type);
    answer.expect("the future has ended")
}

/// Runs these at once on the runtime's own threads; what they come to has their order.
pub(crate) fn all<T: Send + 'static>(futures: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let running: Vec<Running<T>> = futures.into_iter().map(spawn).gather();
    running.into_iter().map(Running::end).gather()
}

/// Starts this on the runtime's own threads.
pub(crate) fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Running<T> {
    let answer = Arc::new(Mutex::new(None));
    let told = Arc::clone(&answer);
    // A task is compiled anew for every type as well.
    let task = runtime().spawn(boxed(async move {
        let value = future.await;
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }));
    Running { task, answer }
}

/// Something that runs on the runtime's own threads.
pub(crate) struct Running<T> {
    task: JoinHandle<()>,
    answer: Arc<Mutex<Option<T>>>,
}

impl<T> Running<T> {
    /// Waits for what it comes to. Panics where it did.
    pub(crate) fn end(self) -> T {
        wait(self.task).expect("what runs does not panic");
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.expect("it has ended")
    }
}

/// The one type of task.
pub(crate) fn boxed(future: impl Future<Output = ()> + Send + 'static) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(future)
}

/// Where tasks run beside each other.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers())
            .enable_io()
            .enable_time()
            .build()
            .expect("threads and epoll are to be had")
    })
}

/// In a simulation time stands until all have come to rest: a second one would only be woken and find nothing to do.
fn workers() -> usize {
    #[cfg(feature = "rehearse")]
    if crate::time::turned::clock().is_some() {
        return 1;
    }
    2
}

/// The client for any address. Fails where the machine has no root certificates at all, and where what the environment
/// says of the way out is of no use.
pub(crate) fn client() -> std::io::Result<HttpClient> {
    client_of(false, CONNECT)
}

/// The client for one address.
pub(crate) fn client_for(address: &Uri) -> std::io::Result<HttpClient> {
    client_within(address, CONNECT)
}

/// The client for one address, to which a connection has so long to come about.
pub(crate) fn client_within(address: &Uri, connect: Duration) -> std::io::Result<HttpClient> {
    client_of(address.scheme_str() == Some("http"), connect)
}

/// One for each of these, for it keeps connections. Reading the root certificates takes longer than many a whole command, so
/// plain HTTP does not wait for it.
fn client_of(plain: bool, connect: Duration) -> std::io::Result<HttpClient> {
    static CLIENTS: Mutex<Vec<(bool, Duration, HttpClient)>> = Mutex::new(Vec::new());
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, _, client)) = clients.iter().find(|(known, within, _)| (*known, *within) == (plain, connect)) {
        return Ok(client.clone());
    }
    let (proxy, roots) = if plain { (None, RootCertStore::empty()) } else { (route::proxy()?, route::roots()?) };
    let client = made(trusting(roots), proxy.as_ref(), connect);
    clients.push((plain, connect, client.clone()));
    Ok(client)
}

/// Whether a host, with or without a port, is this machine: the only one that is spoken to without TLS.
pub(crate) fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// How long a server asks to be left alone: `Retry-After`, in seconds or until a date.
/// Source: RFC 9110, section 10.2.3.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}

fn made(tls: ClientConfig, proxy: Option<&Proxy>, connect: Duration) -> HttpClient {
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls);
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));
    tcp.set_keepalive(Some(KEEPALIVE));
    Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().wrap_connector(Way::new(tcp, proxy)))
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the ciphers of the versions it is built with")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_this_machine() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.0.1", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "registry.example", "localhost.example", "127.0.0.1.example:80", "127.example", "10.0.0.1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_server_asks_for_seconds_or_names_a_date() {
        let asked = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a value"))]));
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(asked("Wed, 21 Oct 2099 07:28:00 GMT").is_some_and(|wait| wait > Duration::from_secs(86_400)));
        assert_eq!((asked("soon"), retry_after(&HeaderMap::new())), (None, None));
    }
}
