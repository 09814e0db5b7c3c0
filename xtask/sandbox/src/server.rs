//! One loopback port for everything: connections in, requests to the JSON APIs or to the registry.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

mod api;
mod effects;
mod signature;
mod world;

pub(crate) use world::{State, TokenState, World};

/// What is answered: whole, or streamed from disk.
pub(crate) type Body = Pin<Box<dyn hyper::body::Body<Data = Bytes, Error = io::Error> + Send>>;

/// The connection is closed without another word.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// An answer, or none.
pub(crate) type Answer = Result<Response<Body>, Cut>;

/// A body of these bytes.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Box::pin(Full::new(bytes.into()).map_err(|never: Infallible| match never {}))
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, world: Arc<World>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&world)));
            }
            // Out of file descriptors: those that are open now will close.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, world: Arc<World>) {
    let mut first = [0];
    if !matches!(stream.peek(&mut first).await, Ok(1)) {
        return;
    }
    if first[0] == TLS_HANDSHAKE {
        refuse_tls(stream).await;
        return;
    }
    // Small answers wait for nothing.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let world = Arc::clone(&world);
        async move { answer(&world, request).await }
    });
    // A connection that ends badly is the client's affair, and some are cut on purpose.
    drop(http1::Builder::new().max_buf_size(READ_BUFFER).serve_connection(TokioIo::new(stream), service).await);
}

/// So much of a layer is read, hashed and written at a time: few system calls, and it stays in the processor's cache.
const READ_BUFFER: usize = 512 * 1024;

/// The first byte of a TLS `ClientHello`.
const TLS_HANDSHAKE: u8 = 0x16;

/// dockerd speaks TLS to a loopback registry first, and falls back to plain HTTP only where the answer to its
/// `ClientHello` begins with `HTTP/`.
async fn refuse_tls(mut stream: TcpStream) {
    const REFUSAL: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
        This port speaks plain HTTP.\n";
    let farewell = async {
        let mut rest = [0; 4096];
        if stream.read(&mut rest).await? == 0 {
            return Ok(());
        }
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        // Closing over unread bytes would reset the connection and take the answer with it.
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    drop(tokio::time::timeout(Duration::from_secs(2), farewell).await);
}

async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    if path == "/v2" || path.starts_with("/v2/") || path.starts_with("/layers/") {
        crate::registry::answer(world, request).await
    } else {
        api::answer(world, request).await
    }
}

/// Reads a whole body of at most so many bytes; None where it is larger.
pub(crate) async fn collect(body: Incoming, limit: usize) -> Result<Option<Bytes>, Cut> {
    let mut body = body;
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Cut)?.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            drain(body).await?;
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes.into()))
}

/// Reads what the client still sends, for an answer that comes before is lost with the reset of the connection.
pub(crate) async fn drain(mut body: Incoming) -> Result<(), Cut> {
    while let Some(frame) = body.frame().await {
        drop(frame.map_err(|_| Cut)?);
    }
    Ok(())
}

/// Reads so many bytes, or all there are; then the caller cuts the connection.
pub(crate) async fn read_some(mut body: Incoming, bytes: u64) {
    let mut left = bytes;
    while left > 0 {
        let Some(Ok(frame)) = body.frame().await else { return };
        left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
    }
}
