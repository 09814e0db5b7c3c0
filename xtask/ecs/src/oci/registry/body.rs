//! The body of an upload: pieces of a file, in buffers that come back when the connection is done with them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::answer::Answer;
use super::retry::Trouble;

/// How much the connection takes at once. A slow one shows by it that it moves.
pub(super) const FRAME: usize = 64 * 1024;

/// What reaches the thread that reads the file.
pub(super) enum Signal {
    /// A buffer has been written to the connection and can be filled again.
    Free(Box<[u8]>),
    /// The request is over.
    Ended(Result<Answer, Trouble>),
}

/// One piece of the file. The connection holds it until its bytes are with the operating system.
pub(super) struct Piece {
    pub buffer: Box<[u8]>,
    /// How much of the buffer is the piece.
    pub length: usize,
    pub back: UnboundedSender<Signal>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // Nobody waits for it after the last piece.
        drop(self.back.send(Signal::Free(std::mem::take(&mut self.buffer))));
    }
}

/// Streams the pieces. An error among them ends the connection, so that the registry never has the whole blob.
pub(super) struct Pieces {
    coming: UnboundedReceiver<io::Result<Bytes>>,
    piece: Bytes,
    left: u64,
    sent: Arc<AtomicU64>,
}

impl Pieces {
    /// `sent` counts the bytes that the connection took.
    pub(super) fn new(coming: UnboundedReceiver<io::Result<Bytes>>, size: u64, sent: Arc<AtomicU64>) -> Self {
        Self { coming, piece: Bytes::new(), left: size, sent }
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.piece.is_empty() {
            match ready!(self.coming.poll_recv(context)) {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.piece.len().min(FRAME);
        self.left -= length as u64;
        self.sent.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(self.piece.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
