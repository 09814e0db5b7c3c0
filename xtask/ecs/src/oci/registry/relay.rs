//! A blob from another registry: what the one answers is what the other is sent, hashed as it passes, with nothing kept
//! but the piece under way. The source is read no faster than the target takes it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::Registry;
use super::answer::Answer;
use super::body::FRAME;
use super::fetch::{early, other};
use super::retry::{Task, Trouble};
use super::sending::{self, Target};
use crate::digest::Hasher;
use crate::oci::layout::Descriptor;

impl Registry {
    /// Sends what comes. The last bytes go only when the digest is right.
    pub(super) fn relay(
        &self,
        task: &Task<'_>,
        to: &Target<'_>,
        blob: &Descriptor,
        coming: Incoming,
    ) -> Result<Answer, Trouble> {
        let fate = Arc::new(Fate::default());
        let relay = Relay {
            coming,
            blob: blob.clone(),
            to_come: blob.size,
            hasher: Hasher::new(),
            piece: Bytes::new(),
            left: blob.size,
            sent: Arc::clone(&to.sent),
            fate: Arc::clone(&fate),
        };
        if blob.size == 0 {
            relay.check()?;
        }
        let own = Arc::clone(&fate);
        let give_up = move || own.over.store(true, Ordering::Relaxed);
        let mut sending = self.send(task, to, |_| relay.boxed_unsync(), Box::new(give_up))?;
        let ended = match sending.end(task) {
            Ok(answer) if answer.status.is_success() && to.sent.load(Ordering::Relaxed) < blob.size => {
                Err(sending::early(&answer))
            }
            ended => ended,
        };
        // What befell the source is why the request to the target broke.
        let trouble = fate.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        trouble.map_or(ended, Err)
    }
}

/// What becomes of a relay, for both of its ends.
#[derive(Default)]
struct Fate {
    over: AtomicBool,
    /// What the source did wrong.
    trouble: Mutex<Option<Trouble>>,
}

/// The body of the request. An error in it ends the connection, so that the target never has the whole blob.
struct Relay {
    coming: Incoming,
    blob: Descriptor,
    /// Bytes that are not here yet.
    to_come: u64,
    hasher: Hasher,
    /// What is here and not yet taken.
    piece: Bytes,
    /// Bytes that the connection has not taken.
    left: u64,
    sent: Arc<AtomicU64>,
    fate: Arc<Fate>,
}

impl Relay {
    /// Takes in what came.
    fn take(&mut self, data: Bytes) -> Result<(), Trouble> {
        let left = self.to_come.checked_sub(data.len() as u64);
        self.to_come = left.ok_or_else(|| other(&self.blob, "more bytes"))?;
        self.hasher.update(&data);
        self.piece = data;
        if self.to_come == 0 { self.check() } else { Ok(()) }
    }

    fn check(&self) -> Result<(), Trouble> {
        let found = self.hasher.clone().finish();
        if found == self.blob.digest { Ok(()) } else { Err(other(&self.blob, &format!("digest {found}"))) }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Trouble>>> {
        while self.piece.is_empty() {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            let taken = match ready!(Pin::new(&mut self.coming).poll_frame(context)) {
                Some(Ok(frame)) => frame.into_data().map_or(Ok(()), |data| self.take(data)),
                Some(Err(error)) => Err(Trouble::Lost(format!("the blob broke off: {error}"))),
                None => Err(early(self.to_come)),
            };
            if let Err(trouble) = taken {
                return Poll::Ready(Some(Err(trouble)));
            }
        }
        let length = self.piece.len().min(FRAME);
        self.left -= length as u64;
        self.sent.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(self.piece.split_to(length))))
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.fate.over.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(io::Error::other("the copy was given up"))));
        }
        match ready!(self.next(context)) {
            None => Poll::Ready(None),
            Some(Ok(piece)) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Some(Err(trouble)) => {
                *self.fate.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
                Poll::Ready(Some(Err(io::Error::other("the source broke off"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
