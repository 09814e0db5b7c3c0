//! The body of an upload: pieces of a file, in buffers that come back when the connection is done with them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;

use super::answer::Answer;
use super::retry::Trouble;

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
    pub back: Sender<Signal>,
    /// Counts the bytes that left.
    pub sent: Arc<AtomicU64>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.sent.fetch_add(self.length as u64, Ordering::Relaxed);
        // Nobody waits for it after the last piece.
        drop(self.back.send(Signal::Free(std::mem::take(&mut self.buffer))));
    }
}

/// Streams the pieces. An error among them ends the connection, so that the registry never has the whole blob.
pub(super) struct Pieces {
    pub pieces: UnboundedReceiver<io::Result<Bytes>>,
    pub left: u64,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.pieces.poll_recv(context).map(|piece| {
            let piece = piece?;
            if let Ok(bytes) = &piece {
                self.left -= bytes.len() as u64;
            }
            Some(piece.map(Frame::data))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
