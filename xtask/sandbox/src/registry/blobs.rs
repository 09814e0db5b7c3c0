//! Blobs on their way out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::{Exchange, Outcome, Refusal, Stop, empty, reply};
use crate::ecr::server_error;

/// So much is read at a time.
const CHUNK: usize = 256 * 1024;

/// Answers for every layer that was uploaded, whether or not it can be pulled yet.
pub(super) fn head(exchange: &Exchange, name: &str, digest: &str) -> Outcome {
    let mut state = exchange.world.lock();
    let layer = *state
        .ecr_of(&exchange.home)
        .repository(name)?
        .layers
        .get(digest)
        .ok_or_else(|| unknown("blob unknown to registry"))?;
    empty(
        reply(200)
            .header("content-type", "application/octet-stream")
            .header("content-length", layer.size)
            .header("accept-ranges", "bytes")
            .header("docker-content-digest", digest),
    )
}

pub(super) fn get(exchange: &Exchange, name: &str, digest: &str) -> Outcome {
    let mut state = exchange.world.lock();
    let now = state.now();
    let layer = state.ecr_of(&exchange.home).pullable(name, digest, now).map_err(|error| match error.code {
        "LayersNotFoundException" => unknown(&error.message),
        _ => error.into(),
    })?;
    let opened = File::open(state.ecr_of(&exchange.home).layer_path(digest));
    drop(state);
    let mut file = opened.map_err(|error| server_error(&error))?;
    let builder = |status| {
        reply(status)
            .header("content-type", "application/octet-stream")
            .header("accept-ranges", "bytes")
            .header("docker-content-digest", digest)
    };
    let (start, length, builder) = match exchange.header("range").and_then(|range| span(range, layer.size)) {
        None => (0, layer.size, builder(200)),
        Some(Err(OutOfRange)) => {
            return empty(builder(416).header("content-range", format!("bytes */{}", layer.size)));
        }
        Some(Ok((first, last))) => (
            first,
            last - first + 1,
            builder(206).header("content-range", format!("bytes {first}-{last}/{}", layer.size)),
        ),
    };
    file.seek(SeekFrom::Start(start)).map_err(|error| server_error(&error))?;
    let body = Download { file, left: length, cut: exchange.cut, corrupt: exchange.corrupt };
    builder.header("content-length", length).body(Box::pin(body) as _).map_err(|_| Stop::Cut)
}

fn unknown(message: &str) -> Refusal {
    Refusal::new(404, "BLOB_UNKNOWN", message)
}

#[derive(Debug, PartialEq, Eq)]
struct OutOfRange;

/// First and last byte of a `Range` header; None where it asks for nothing that is understood, which means all.
/// Source: RFC 9110, section 14.2.
fn span(range: &str, size: u64) -> Option<Result<(u64, u64), OutOfRange>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1);
    let (first, last) = match (first.trim(), last.trim()) {
        ("", suffix) => (size.saturating_sub(suffix.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, end.map(|end| end.min(last.parse().unwrap_or(end)))),
    };
    Some(match last {
        Some(last) if first <= last => Ok((first, last)),
        _ => Err(OutOfRange),
    })
}

/// A layer, or a span of it, read from its file.
struct Download {
    file: File,
    left: u64,
    /// After so many bytes the connection is cut.
    cut: Option<u64>,
    /// One byte is changed.
    corrupt: bool,
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if this.cut == Some(0) {
            return Poll::Ready(Some(Err(io::Error::other("the connection was cut on purpose"))));
        }
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let limit = this.left.min(this.cut.unwrap_or(u64::MAX));
        let mut bytes = vec![0; usize::try_from(limit).unwrap_or(CHUNK).min(CHUNK)];
        let read = match this.file.read(&mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        Poll::Ready(Some(read.map(|read| {
            bytes.truncate(read);
            if std::mem::take(&mut this.corrupt) {
                bytes[0] ^= 1;
            }
            this.left -= read as u64;
            this.cut = this.cut.map(|cut| cut - read as u64);
            Frame::data(bytes.into())
        })))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_rfc_says() {
        assert_eq!(span("bytes=0-3", 10), Some(Ok((0, 3))));
        assert_eq!(span("bytes=4-", 10), Some(Ok((4, 9))));
        assert_eq!(span("bytes=-3", 10), Some(Ok((7, 9))));
        assert_eq!(span("bytes=4-99", 10), Some(Ok((4, 9))));
        assert_eq!(span("bytes=10-", 10), Some(Err(OutOfRange)));
        assert_eq!(span("bytes=5-4", 10), Some(Err(OutOfRange)));
        assert_eq!(span("lines=1-2", 10), None);
    }
}
