//! Blobs to a registry, from a layout or from another registry.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use hyper::{Method, StatusCode};
use tokio::sync::oneshot;

use super::exchange::Ask;
use super::location;
use super::origin::Origin;
use super::retry::{Task, Trouble};
use super::sending::Target;
use super::{Registry, Remote, side_by_side};
use crate::beside::both;
use crate::digest::Digest;
use crate::gather::Gather;
use crate::net;
use crate::oci::layout::{Descriptor, Layout};
use crate::reference::Repository;
use crate::text::quantity;
use crate::time;

/// What an upload needs.
pub(super) const WRITING: &[&str] = &["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"];

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// How many the registry did not have in this repository.
    pub blobs: usize,
    /// How many of them the registry had in another of its repositories.
    pub mounted: usize,
    /// Their sizes, each counted once however often it was tried.
    pub bytes: u64,
}

type Slot = Mutex<Arc<AtomicU64>>;

/// What the workers of one upload share.
struct Upload<'a> {
    remote: &'a Remote<'a>,
    origin: Origin<'a>,
    /// Each blob, and what the latest attempt at it has sent. An attempt that failed may still let go of pieces, which
    /// are not counted.
    sent: Vec<(&'a Descriptor, Slot)>,
    mounted: AtomicUsize,
    halted: AtomicBool,
    failure: Mutex<Option<anyhow::Error>>,
}

impl Remote<'_> {
    /// Sends these blobs of a layout, and only these: the caller knows which the registry lacks. The largest go first,
    /// up to six at once, each streamed from its file in constant memory.
    ///
    /// Every byte is hashed on its way out, and the last piece of a blob leaves only when the whole of it has the
    /// digest it should: a blob that is corrupt on disk never becomes complete in the registry.
    ///
    /// `progress` hears the bytes sent and the bytes in all, now and then and at the end, from the calling thread. What
    /// was sent steps back where an attempt failed.
    /// Fails with [`super::RegistryError`], with [`crate::oci::layout::CorruptBlob`], or as interrupted.
    pub fn upload(
        &self,
        layout: &Layout,
        blobs: &[Descriptor],
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Uploaded> {
        self.upload_or_mount(layout, blobs, &[], progress)
    }

    /// The same, where other repositories of this registry are known to have some of the blobs: those are mounted from
    /// there where the registry does that, and sent where it does not.
    pub fn upload_or_mount(
        &self,
        layout: &Layout,
        blobs: &[Descriptor],
        elsewhere: &[(Digest, Repository)],
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Uploaded> {
        self.take(Origin::Layout { layout, elsewhere }, blobs, progress)
    }

    /// The same with blobs of another repository: mounted where that is of the same registry and mounts, else streamed
    /// from there to here, with nothing kept on disk. A stream that breaks is begun again.
    pub fn copy(
        &self,
        from: &Remote<'_>,
        same_registry: bool,
        blobs: &[Descriptor],
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Uploaded> {
        self.take(Origin::Remote { remote: from, same_registry }, blobs, progress)
    }

    fn take(&self, origin: Origin<'_>, blobs: &[Descriptor], progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Uploaded> {
        let blobs = in_order(blobs);
        let mut uploaded = Uploaded { blobs: blobs.len(), mounted: 0, bytes: blobs.iter().map(|blob| blob.size).sum() };
        let upload = Upload {
            remote: self,
            origin,
            sent: blobs.iter().map(|blob| (*blob, Mutex::default())).gather(),
            mounted: AtomicUsize::new(0),
            halted: AtomicBool::new(false),
            failure: Mutex::default(),
        };
        let (done, mut finished) = oneshot::channel::<()>();
        let transfer = || {
            side_by_side(&upload.sent, |(blob, slot)| upload.one(blob, slot).map_err(|error| upload.halt(error))).ok();
            drop(done);
        };
        let tell = || {
            let mut told = u64::MAX;
            while net::wait(time::within(2 * time::look(), &mut finished)).is_none() {
                let sent = upload.sent();
                if sent != told {
                    progress(sent, uploaded.bytes);
                    told = sent;
                }
            }
        };
        both(transfer, tell);
        if let Some(failure) = upload.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        progress(uploaded.bytes, uploaded.bytes);
        uploaded.mounted = upload.mounted.into_inner();
        Ok(uploaded)
    }
}

impl Upload<'_> {
    fn sent(&self) -> u64 {
        let sent = |slot: &Slot| slot.lock().unwrap_or_else(PoisonError::into_inner).load(Ordering::Relaxed);
        self.sent.iter().map(|(_, slot)| sent(slot)).sum()
    }

    /// Keeps the first failure and stops the others, which have nothing to add to it.
    fn halt(&self, error: anyhow::Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.halted.store(true, Ordering::Relaxed);
    }

    fn one(&self, blob: &Descriptor, slot: &Slot) -> Result<()> {
        let doing = format!("upload blob {} ({})", blob.digest, quantity::size(blob.size));
        let task = Task { halted: Some(&self.halted), ..self.remote.task(doing, WRITING) };
        let registry = self.remote.registry;
        let mount = self.origin.mounts(&blob.digest);
        registry.persist(&task, |attempt| {
            let sent = Arc::new(AtomicU64::new(0));
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&sent);
            // The answer may have been lost on its way, and not the blob.
            if attempt > 1 && registry.has(&task, &blob.digest).unwrap_or(false) {
                sent.store(blob.size, Ordering::Relaxed);
                return Ok(());
            }
            let mount = mount.filter(|_| attempt == 1);
            let opened = if mount.is_none() { Some(self.origin.open(&task, blob)?) } else { None };
            let url = match registry.begin(&task, mount.map(|from| (from, &blob.digest)))? {
                Place::Mounted => {
                    self.mounted.fetch_add(1, Ordering::Relaxed);
                    sent.store(blob.size, Ordering::Relaxed);
                    return Ok(());
                }
                Place::At(url) => location::with_parameter(&url, "digest", blob.digest.as_str()),
            };
            let opened = opened.map_or_else(|| self.origin.open(&task, blob), Ok)?;
            match opened.send(registry, &task, &Target { url: &url, size: blob.size, sent }, blob)? {
                answer if answer.status == StatusCode::CREATED || answer.status == StatusCode::NO_CONTENT => Ok(()),
                answer => Err(answer.into()),
            }
        })
    }
}

impl Registry {
    /// Asks for a place to send a blob to, or, with a repository that has it, for the blob itself: a registry that
    /// mounts none, or not this one, answers with a place.
    /// Source: OCI distribution specification 1.1, section Mounting a blob from another repository.
    pub(super) fn begin(&self, task: &Task<'_>, mount: Option<(&Repository, &Digest)>) -> Result<Place, Trouble> {
        let mut url = self.url(task.repository, "blobs/uploads/");
        if let Some((from, digest)) = mount {
            url = location::with_parameter(&url, "mount", digest.as_str());
            url = location::with_parameter(&url, "from", from.as_str());
        }
        let answer = self.ask(task, &Ask::new(Method::POST, url.clone()))?;
        match answer.status {
            StatusCode::CREATED if mount.is_some() => return Ok(Place::Mounted),
            StatusCode::ACCEPTED => {}
            // Who may not read there may still write here.
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if mount.is_some() => {
                return self.begin(task, None);
            }
            _ => return Err(answer.into()),
        }
        let place = answer.header("location").and_then(|location| location::resolve(&url, location));
        place
            .map(Place::At)
            .ok_or_else(|| Trouble::Lost("the registry answered 202 without saying where to send the blob".to_owned()))
    }
}

/// What came of asking for a place.
pub(super) enum Place {
    At(String),
    /// The registry had the blob, and it is here now.
    Mounted,
}

/// The largest first, so that no long one is left for the end; each once.
pub(super) fn in_order(blobs: &[Descriptor]) -> Vec<&Descriptor> {
    let mut blobs: Vec<&Descriptor> = blobs.iter().gather();
    blobs.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.digest.cmp(&other.digest)));
    blobs.dedup_by(|one, other| one.digest == other.digest);
    blobs
}
