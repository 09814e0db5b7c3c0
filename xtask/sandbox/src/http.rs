//! Bodies as they come in, answers as they go out.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;

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

/// Reads a whole body of at most so many bytes; None where it is larger.
pub(crate) async fn collect<B>(body: B, limit: usize) -> Result<Option<Bytes>, Cut>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
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
pub(crate) async fn drain<B>(body: B) -> Result<(), Cut>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let mut body = body;
    while let Some(frame) = body.frame().await {
        drop(frame.map_err(|_| Cut)?);
    }
    Ok(())
}

/// Reads so many bytes, or all there are; then the caller cuts the connection.
pub(crate) async fn read_some<B>(body: B, bytes: u64)
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let mut body = body;
    let mut left = bytes;
    while left > 0 {
        let Some(Ok(frame)) = body.frame().await else { return };
        left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
    }
}
