//! A blob from a layout's file: read and hashed on this thread while the connection sends it from another.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc::unbounded_channel;

use super::Registry;
use super::answer::Answer;
use super::body::{Piece, Pieces};
use super::retry::{Task, Trouble};
use super::sending::Target;
use crate::digest::Hasher;
use crate::oci::layout::{Descriptor, Layout, other_digest, unreadable};

/// Pieces that fit the processor's cache, so that what was read is hashed and sent from there. Smaller ones cost more
/// turns between threads (64 KiB: a quarter more processor time), larger ones only memory.
const PIECE: usize = 512 * 1024;
/// One is being read and hashed, one is on its way to the connection, one is being sent.
const BUFFERS: usize = 3;

impl Registry {
    /// Sends the file. The last piece goes only when the digest is right.
    pub(super) fn feed(
        &self,
        task: &Task<'_>,
        to: &Target<'_>,
        (layout, blob): (&Layout, &Descriptor),
        mut file: File,
    ) -> Result<Answer, Trouble> {
        let (pieces, taken) = unbounded_channel();
        let end = pieces.clone();
        let give_up = move || drop(end.send(Err(io::Error::other("the upload was given up"))));
        let mut back = None;
        let body = |signals| {
            back = Some(signals);
            Pieces::new(taken, to.size, Arc::clone(&to.sent)).boxed_unsync()
        };
        let mut sending = self.send(task, to, body, Box::new(give_up))?;
        let back = back.expect("a request has a body");
        let check = |hasher: Hasher| {
            let found = hasher.finish();
            if found == blob.digest { Ok(()) } else { Err(Trouble::Fatal(other_digest(layout, blob, &found))) }
        };
        let mut hasher = Hasher::new();
        let mut left = blob.size;
        let mut buffers = 0;
        while left > 0 {
            let mut buffer = if buffers < BUFFERS {
                buffers += 1;
                vec![0; PIECE].into_boxed_slice()
            } else {
                match sending.buffer(task)? {
                    Ok(buffer) => buffer,
                    Err(answer) => return Ok(answer),
                }
            };
            let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = &mut buffer[..length];
            file.read_exact(piece).map_err(|error| Trouble::Fatal(unreadable(layout, blob, error)))?;
            hasher.update(piece);
            left -= length as u64;
            if left == 0 {
                check(hasher.clone())?;
            }
            let piece = Piece { buffer, length, back: back.clone() };
            // Where nobody takes it, the request is over and its end is among the signals.
            drop(pieces.send(Ok(Bytes::from_owner(piece))));
        }
        if blob.size == 0 {
            check(hasher)?;
        }
        sending.end(task)
    }
}
