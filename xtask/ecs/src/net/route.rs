//! The way out of this machine, as the environment names it: a proxy, and whom to trust besides.
//!
//! `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` as curl reads them, in small letters first. Plain HTTP goes out directly:
//! only stand-ins on this machine and AWS's link-local credential endpoints are spoken to so. `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` take the place of the machine's roots, `AWS_CA_BUNDLE` comes on top of them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::gather::Gather;

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The proxy for what goes over TLS, and the hosts that it is not for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// `http://[USER:PASSWORD@]HOST[:PORT]`.
    pub address: String,
    /// As NO_PROXY has them.
    pub not_for: String,
}

impl Proxy {
    /// Fails for a kind of proxy that cannot be spoken to; the error has no password in it.
    pub(crate) fn of_environment(environment: Environment<'_>) -> io::Result<Option<Self>> {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| Some((name, environment(name).filter(|value| !value.trim().is_empty())?)))
        };
        let Some((variable, value)) =
            first(["https_proxy", "HTTPS_PROXY"]).or_else(|| first(["all_proxy", "ALL_PROXY"]))
        else {
            return Ok(None);
        };
        let value = value.trim();
        let address = match value.split_once("://") {
            None => format!("http://{value}"),
            Some(("http", _)) => value.to_owned(),
            Some((kind, _)) => {
                return Err(io::Error::other(format!(
                    "{variable} names a proxy that is spoken to in {kind}, which is not supported: `http://HOST:PORT` is"
                )));
            }
        };
        if !is_address(&address) {
            return Err(io::Error::other(format!(
                "{variable} is no address of a proxy: write `http://HOST:PORT`, and in a password `%40` for `@`, `%2F` for `/`, `%23` for `#`, `%3F` for `?`"
            )));
        }
        let not_for = first(["no_proxy", "NO_PROXY"]).map_or_else(String::new, |(_, hosts)| hosts);
        if not_for.split(',').any(|host| host.trim() == "*") {
            return Ok(None);
        }
        Ok(Some(Self { address, not_for }))
    }

    fn matcher(&self) -> Matcher {
        Matcher::builder().https(self.address.clone()).no(self.not_for.clone()).build()
    }
}

/// Whether it is a host, with a port and a login where it has them, and nothing else: what a password has of other signs would
/// be taken for a part of the address, and be told as that.
fn is_address(address: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let behind = authority.as_str().rsplit('@').next().unwrap_or_default();
    let has_port = behind.rsplit_once(']').map_or(behind, |(_, rest)| rest).contains(':');
    !authority.host().is_empty()
        && !address.contains(['#', '?'])
        && authority.as_str().matches('@').count() <= 1
        && uri.path().trim_matches('/').is_empty()
        && (!has_port || authority.port_u16().is_some_and(|port| port > 0))
}

/// The proxy that this process goes through.
pub(crate) fn proxy() -> io::Result<Option<Proxy>> {
    Proxy::of_environment(&|name| std::env::var(name).ok())
}

/// The certificates in the file that `AWS_CA_BUNDLE` names, as PEM.
pub(crate) fn bundle() -> io::Result<Option<Vec<u8>>> {
    bundle_of(&|name| std::env::var(name).ok())
}

fn bundle_of(environment: Environment<'_>) -> io::Result<Option<Vec<u8>>> {
    let Some(path) = environment("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else { return Ok(None) };
    let wrong = |what: String| io::Error::other(format!("AWS_CA_BUNDLE names {path}, {what}"));
    let pem = std::fs::read(&path).map_err(|error| wrong(format!("which could not be read: {error}")))?;
    match certificates(&pem) {
        Ok(found) if found.is_empty() => Err(wrong("which holds no certificate in PEM".to_owned())),
        Ok(found) => {
            let mut roots = RootCertStore::empty();
            found
                .into_iter()
                .try_for_each(|one| roots.add(one))
                .map_err(|error| wrong(format!("whose certificates are not usable: {error}")))?;
            Ok(Some(pem))
        }
        Err(error) => Err(wrong(format!("which is not PEM: {error}"))),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).try_gather()
}

/// Whom to trust: the machine's roots and those of the bundle.
pub(crate) fn roots() -> io::Result<RootCertStore> {
    let native = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(native.certs);
    if let Some(pem) = bundle()? {
        let own = certificates(&pem).map_err(io::Error::other)?;
        roots.add_parsable_certificates(own);
    }
    match native.errors.into_iter().next() {
        Some(error) if roots.is_empty() => Err(io::Error::other(error)),
        None if roots.is_empty() => Err(io::Error::other("no root certificates were found")),
        _ => Ok(roots),
    }
}

/// Connects to an address, through the proxy where there is one for it.
#[derive(Clone)]
pub(crate) struct Way {
    tcp: HttpConnector,
    proxy: Option<Arc<Matcher>>,
}

impl Way {
    pub(crate) fn new(tcp: HttpConnector, proxy: Option<&Proxy>) -> Self {
        Self { tcp, proxy: proxy.map(|proxy| Arc::new(proxy.matcher())) }
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Way {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.proxy.as_ref().and_then(|proxy| proxy.intercept(&to)) else {
            let connecting = self.tcp.call(to);
            return Box::pin(async { connecting.await.map_err(Into::into) });
        };
        let at = proxy.uri().authority().map_or_else(String::new, ToString::to_string);
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(
            async move { connecting.await.map_err(|error| Error::from(Refused { proxy: at, source: error.into() })) },
        )
    }
}

/// The proxy did not lead anywhere.
#[derive(Debug)]
struct Refused {
    proxy: String,
    source: Error,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the proxy {} (HTTPS_PROXY) made no connection", self.proxy)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<(String, String)>, String> {
        let variable = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
        let found = Proxy::of_environment(&variable).map_err(|error| error.to_string())?;
        Ok(found.map(|Proxy { address, not_for }| (address, not_for)))
    }

    #[test]
    fn the_proxy_is_the_one_that_curl_would_take() {
        let proxy = |address: &str, not_for: &str| Ok(Some((address.to_owned(), not_for.to_owned())));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("HTTPS_PROXY", "")]), Ok(None));
        assert_eq!(of(&[("HTTP_PROXY", "http://p:1")]), Ok(None), "that is for plain HTTP");
        assert_eq!(of(&[("HTTPS_PROXY", "http://p:1"), ("https_proxy", "q:2")]), proxy("http://q:2", ""));
        assert_eq!(of(&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "a,b")]), proxy("http://p:1", "a,b"));
        assert_eq!(of(&[("HTTPS_PROXY", "http://p:1"), ("ALL_PROXY", "http://q:2")]), proxy("http://p:1", ""));
        for wrong in [
            "socks5://u:hunter2@p:1",
            "https://u:hunter2@p:1",
            "http://",
            "http://u:hunter2@",
            "http://u:hunter2#x@p:1",
            "http://u:hunter2/x@p:1",
            "http://u:hunter2?x@p:1",
            "http://u:hunter2@x@p:1",
            "http://u:hunter2@p:port",
            "http://u:hunter2@p:99999",
            "http://u:hunter2@p:0",
        ] {
            let error = of(&[("HTTPS_PROXY", wrong)]).expect_err(wrong);
            assert!(error.starts_with("HTTPS_PROXY ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_networks() {
        let proxy = Proxy { address: "http://p:1".to_owned(), not_for: "a.example,.b.example,10.0.0.0/8".to_owned() };
        let matcher = proxy.matcher();
        let goes_through = |address: &str| matcher.intercept(&address.parse().expect("an address")).is_some();
        assert!(goes_through("https://ecs.eu-west-1.amazonaws.com/"));
        for direct in [
            "https://a.example/",
            "https://x.b.example/",
            "https://10.1.2.3/",
            "http://127.0.0.1:1/",
            "http://169.254.170.2/",
        ] {
            assert!(!goes_through(direct), "{direct}");
        }
        assert_eq!(of(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "a, *")]), Ok(None));
    }

    #[test]
    fn a_bundle_that_is_none_is_told_with_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |text: Option<&str>| {
            let path = folder.path().join("ca.pem");
            if let Some(text) = text {
                std::fs::write(&path, text).expect("written");
            }
            bundle_of(&|_| Some(path.display().to_string())).expect_err("it is none").to_string()
        };
        assert!(of(None).contains("ca.pem, which could not be read"));
        assert!(of(Some("no PEM")).contains("which holds no certificate in PEM"));
        assert!(
            of(Some("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")).contains("are not usable")
        );
        assert!(of(Some("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n")).contains("which is not PEM"));
        assert!(bundle_of(&|_| None).expect("there is none").is_none());
    }
}
