//! Where the bytes of an upload come from: the files of a layout, or another registry.

use std::fs::File;

use hyper::body::Incoming;

use super::answer::Answer;
use super::retry::{Task, Trouble};
use super::sending::Target;
use super::{Registry, Remote, fetch};
use crate::digest::Digest;
use crate::oci::layout::{Descriptor, Layout};
use crate::reference::Repository;

/// A place that has blobs.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Layout {
        layout: &'a Layout,
        /// Which other repository of the target's registry has a blob.
        elsewhere: &'a [(Digest, Repository)],
    },
    Remote {
        remote: &'a Remote<'a>,
        /// Whether the target is a repository of the same registry.
        same_registry: bool,
    },
}

/// The bytes of one blob, from its first on.
pub(super) enum Opened<'a> {
    File(&'a Layout, File),
    Stream(Incoming),
}

impl<'a> Origin<'a> {
    /// The bytes of a blob, for one attempt to send it, which is the task.
    pub(super) fn open(&self, task: &Task<'_>, blob: &Descriptor) -> Result<Opened<'a>, Trouble> {
        match *self {
            Self::Layout { layout, .. } => Ok(Opened::File(layout, layout.open_blob(blob).map_err(Trouble::Fatal)?)),
            Self::Remote { remote, .. } => {
                // With its own attempts and its own credentials; it ends with the task that it is for.
                let reading = remote.task(format!("read blob {}", blob.digest), fetch::READING);
                let reading = Task { halted: task.halted, ..reading };
                let opened = remote.registry.persist(&reading, |_| remote.registry.open_blob(&reading, &blob.digest));
                Ok(Opened::Stream(opened.map_err(Trouble::Fatal)?))
            }
        }
    }

    /// The repository that the target may mount a blob from.
    pub(super) fn mounts(&self, blob: &Digest) -> Option<&'a Repository> {
        match *self {
            Self::Layout { elsewhere, .. } => {
                elsewhere.iter().find(|(digest, _)| digest == blob).map(|(_, repository)| repository)
            }
            Self::Remote { remote, same_registry } => same_registry.then_some(remote.repository),
        }
    }
}

impl Opened<'_> {
    pub(super) fn send(
        self,
        registry: &Registry,
        task: &Task<'_>,
        to: &Target<'_>,
        blob: &Descriptor,
    ) -> Result<Answer, Trouble> {
        match self {
            Self::File(layout, file) => registry.feed(task, to, (layout, blob), file),
            Self::Stream(coming) => registry.relay(task, to, blob, coming),
        }
    }
}
