//! One loopback port for everything: connections in, requests to the APIs or to the registry.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::http::{Answer, Body};
use crate::world::World;

mod admission;
mod api;
mod permission;
mod protocol;
mod resource;
mod rest;
mod rest_json;
mod signature;
mod xml;

use signature::Signature;

pub use signature::ACCESS_KEY;
pub(crate) use signature::SECRET_KEY;

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

/// One exchange with an API, without the network.
pub(crate) fn exchange(world: &World, request: Request<Bytes>) -> (Duration, Option<Response<Bytes>>) {
    let (takes, answer) = api::without_network(world, request);
    (takes, answer.ok().and_then(whole))
}

pub(crate) use api::operation_of;

/// An answer whose body is there already.
fn whole(answer: Response<Body>) -> Option<Response<Bytes>> {
    let (head, body) = answer.into_parts();
    let collected = std::pin::pin!(body.collect());
    match collected.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(body)) => Some(Response::from_parts(head, body.to_bytes())),
        _ => None,
    }
}

async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    let is_registry = path == "/v2" || path.starts_with("/v2/") || path.starts_with("/layers/");
    // A bucket may be called as the registry's folders are, but the registry takes no signature.
    if is_registry && Signature::of(request.headers()).is_none() {
        crate::registry::answer(world, request).await
    } else {
        api::answer(world, request).await
    }
}
