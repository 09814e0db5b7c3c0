//! Where the bytes of an upload come from: the files of a layout, or another registry.

use std::fs::File;
use std::io::Read;

use bytes::{Buf, Bytes};
use hyper::body::Incoming;

use super::retry::{Task, Trouble};
use super::{Registry, Remote, fetch};
use crate::digest::Digest;
use crate::oci::layout::{Descriptor, Layout, other_digest, unreadable};
use crate::reference::Repository;

/// A place that has blobs.
pub(super) trait Origin: Sync {
    /// The bytes of one, from its first on; asked again for each attempt to send it.
    fn open<'a>(&'a self, task: &'a Task<'_>, blob: &'a Descriptor) -> Result<Box<dyn Pour + 'a>, Trouble>;

    /// The repository that the target may mount blobs from.
    fn mounts(&self) -> Option<&Repository> {
        None
    }
}

/// The bytes of one blob, in order.
pub(super) trait Pour {
    /// Fills all of the piece.
    fn fill(&mut self, piece: &mut [u8]) -> Result<(), Trouble>;

    /// What to say where they have another digest.
    fn other(&self, found: &Digest) -> Trouble;
}

impl Origin for Layout {
    fn open<'a>(&'a self, _: &'a Task<'_>, blob: &'a Descriptor) -> Result<Box<dyn Pour + 'a>, Trouble> {
        let file = self.open_blob(blob).map_err(Trouble::Fatal)?;
        Ok(Box::new(OfLayout { layout: self, blob, file }))
    }
}

struct OfLayout<'a> {
    layout: &'a Layout,
    blob: &'a Descriptor,
    file: File,
}

impl Pour for OfLayout<'_> {
    fn fill(&mut self, piece: &mut [u8]) -> Result<(), Trouble> {
        let Self { layout, blob, file } = self;
        file.read_exact(piece).map_err(|error| Trouble::Fatal(unreadable(layout, blob, error)))
    }

    fn other(&self, found: &Digest) -> Trouble {
        Trouble::Fatal(other_digest(self.layout, self.blob, found))
    }
}

/// A repository of a registry. The target reads from it no faster than it sends: nothing is kept but the piece under way.
pub(super) struct FromRemote<'a> {
    pub remote: &'a Remote<'a>,
    /// Whether the target is a repository of the same registry.
    pub same_registry: bool,
}

impl Origin for FromRemote<'_> {
    fn open<'a>(&'a self, task: &'a Task<'_>, blob: &'a Descriptor) -> Result<Box<dyn Pour + 'a>, Trouble> {
        let Remote { registry, .. } = self.remote;
        let doing = format!("read blob {}", blob.digest);
        // Its own attempts and its own credentials; it ends with the task that it is for.
        let reading = Task { halted: task.halted, ..self.remote.task(doing, fetch::READING) };
        let body =
            registry.persist(&reading, |_| registry.open_blob(&reading, &blob.digest)).map_err(Trouble::Fatal)?;
        Ok(Box::new(OfRegistry { registry, task, blob, body, data: Bytes::new(), left: blob.size }))
    }

    fn mounts(&self) -> Option<&Repository> {
        self.same_registry.then_some(self.remote.repository)
    }
}

struct OfRegistry<'a> {
    registry: &'a Registry,
    task: &'a Task<'a>,
    blob: &'a Descriptor,
    body: Incoming,
    /// What came and was not yet taken.
    data: Bytes,
    left: u64,
}

impl Pour for OfRegistry<'_> {
    fn fill(&mut self, mut piece: &mut [u8]) -> Result<(), Trouble> {
        self.left -= piece.len() as u64;
        while !piece.is_empty() {
            if self.data.is_empty() {
                let next = self.registry.next(self.task, &mut self.body)?;
                self.data = next.ok_or_else(|| fetch::early(self.left + piece.len() as u64))?;
            }
            let length = self.data.len().min(piece.len());
            let (now, later) = piece.split_at_mut(length);
            self.data.copy_to_slice(now);
            piece = later;
        }
        Ok(())
    }

    fn other(&self, found: &Digest) -> Trouble {
        fetch::other(self.blob, &format!("digest {found}"))
    }
}
