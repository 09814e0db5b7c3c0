//! Blobs to a registry, from a layout or from another registry.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::answer::Answer;
use super::body::{Piece, Pieces, Signal};
use super::exchange::{Ask, client, collect, lost, request};
use super::location;
use super::origin::{FromRemote, Origin, Pour};
use super::retry::{TICK, Task, Trouble};
use super::{Registry, Remote, side_by_side};
use crate::digest::{Digest, Hasher};
use crate::net;
use crate::oci::layout::{Descriptor, Layout};
use crate::reference::Repository;
use crate::text::quantity;

/// Pieces that fit the processor's cache, so that what was read is hashed and sent from there. Smaller ones cost more
/// turns between threads (64 KiB: a quarter more processor time), larger ones only memory.
const PIECE: usize = 512 * 1024;
/// One is being read and hashed, one is on its way to the connection, one is being sent.
const BUFFERS: usize = 3;
/// A registry may need this much longer to answer for a blob, a byte, than to answer at all: it hashes and moves it.
const SETTLING: u32 = 10_000_000;

/// However slowly it moves, one blob does not take longer than a job on GitHub may.
const WHOLE: Duration = Duration::from_secs(6 * 3600);

/// What an upload needs.
const WRITING: &[&str] = &["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"];

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    pub blobs: usize,
    /// Their sizes, each counted once however often it was tried.
    pub bytes: u64,
}

type Slot = Mutex<Arc<AtomicU64>>;

/// What the workers of one upload share.
struct Upload<'a> {
    remote: &'a Remote<'a>,
    origin: &'a dyn Origin,
    /// Each blob, and what the latest attempt at it has sent. An attempt that failed may still let go of pieces, which
    /// are not counted.
    sent: Vec<(&'a Descriptor, Slot)>,
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
        self.take(layout, blobs, progress)
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
        self.take(&FromRemote { remote: from, same_registry }, blobs, progress)
    }

    fn take(
        &self,
        origin: &dyn Origin,
        blobs: &[Descriptor],
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Uploaded> {
        let blobs = in_order(blobs);
        let uploaded = Uploaded { blobs: blobs.len(), bytes: blobs.iter().map(|blob| blob.size).sum() };
        let upload = Upload {
            remote: self,
            origin,
            sent: blobs.iter().map(|blob| (*blob, Mutex::default())).collect(),
            halted: AtomicBool::new(false),
            failure: Mutex::default(),
        };
        let (done, finished) = channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                side_by_side(&upload.sent, |(blob, slot)| upload.one(blob, slot).map_err(|error| upload.halt(error)))
                    .ok();
                drop(done);
            });
            let mut told = u64::MAX;
            while finished.recv_timeout(2 * TICK) == Err(RecvTimeoutError::Timeout) {
                let sent = upload.sent();
                if sent != told {
                    progress(sent, uploaded.bytes);
                    told = sent;
                }
            }
        });
        if let Some(failure) = upload.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        progress(uploaded.bytes, uploaded.bytes);
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
        let mount = self.origin.mounts();
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
                    sent.store(blob.size, Ordering::Relaxed);
                    return Ok(());
                }
                Place::At(url) => location::with_parameter(&url, "digest", blob.digest.as_str()),
            };
            let pour = opened.map_or_else(|| self.origin.open(&task, blob), Ok)?;
            let sending = registry.send(&task, &url, blob.size, sent)?;
            match sending.feed(&task, blob, pour)? {
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
    fn begin(&self, task: &Task<'_>, mount: Option<(&Repository, &Digest)>) -> Result<Place, Trouble> {
        let mut url = self.url(task.repository, "blobs/uploads/");
        if let Some((from, digest)) = mount {
            url = location::with_parameter(&url, "mount", digest.as_str());
            url = location::with_parameter(&url, "from", from.as_str());
        }
        let answer = self.ask(task, &Ask::new(Method::POST, url.clone()))?;
        match answer.status {
            StatusCode::CREATED if mount.is_some() => return Ok(Place::Mounted),
            StatusCode::ACCEPTED => {}
            _ => return Err(answer.into()),
        }
        let place = answer.header("location").and_then(|location| location::resolve(&url, location));
        place
            .map(Place::At)
            .ok_or_else(|| Trouble::Lost("the registry answered 202 without saying where to send the blob".to_owned()))
    }

    /// Starts the one request that carries a blob.
    fn send(&self, task: &Task<'_>, url: &str, size: u64, sent: Arc<AtomicU64>) -> Result<Sending, Trouble> {
        let (pieces, taken) = unbounded_channel();
        let (back, signals) = channel();
        let authorization = self.authorization(task, url)?;
        let body = Pieces::new(taken, size, Arc::clone(&sent)).boxed_unsync();
        let mut request = request(&Method::PUT, url, authorization.as_deref(), body)?;
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let client = client(request.uri())?;
        let ended = back.clone();
        let running = net::runtime().spawn(async move {
            let exchange = async {
                let (parts, body) = client.request(request).await.map_err(|error| lost(&error))?.into_parts();
                let body = collect(body, 64 * 1024).await?;
                Ok(Answer { status: parts.status, headers: parts.headers, body, authorization })
            };
            drop(ended.send(Signal::Ended(exchange.await)));
        });
        Ok(Sending { running, pieces, signals, back, sent, stall: self.stall, began: Instant::now() })
    }
}

/// What came of asking for a place.
enum Place {
    At(String),
    /// The registry had the blob, and it is here now.
    Mounted,
}

/// A blob's request on its way.
struct Sending {
    running: JoinHandle<()>,
    pieces: UnboundedSender<io::Result<Bytes>>,
    signals: Receiver<Signal>,
    back: std::sync::mpsc::Sender<Signal>,
    sent: Arc<AtomicU64>,
    stall: Duration,
    began: Instant,
}

impl Sending {
    /// Reads and hashes on this thread what the connection sends from another. The last piece goes only when the digest
    /// is right.
    fn feed(&self, task: &Task<'_>, blob: &Descriptor, mut pour: Box<dyn Pour + '_>) -> Result<Answer, Trouble> {
        let mut hasher = Hasher::new();
        let mut left = blob.size;
        let mut buffers = 0;
        while left > 0 {
            let mut buffer = if buffers < BUFFERS {
                buffers += 1;
                vec![0; PIECE].into_boxed_slice()
            } else {
                match self.wait(task, self.stall)? {
                    Signal::Free(buffer) => buffer,
                    Signal::Ended(Err(trouble)) => return Err(trouble),
                    Signal::Ended(Ok(answer)) if answer.status.is_success() => {
                        return Err(Trouble::Lost(format!(
                            "the registry answered {} before it had the blob",
                            answer.status
                        )));
                    }
                    Signal::Ended(Ok(answer)) => return Ok(answer),
                }
            };
            let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = &mut buffer[..length];
            pour.fill(piece)?;
            hasher.update(piece);
            left -= length as u64;
            if left == 0 {
                check(hasher.clone(), &*pour, blob)?;
            }
            let piece = Piece { buffer, length, back: self.back.clone() };
            // Where nobody takes it, the request is over and its end is among the signals.
            drop(self.pieces.send(Ok(Bytes::from_owner(piece))));
        }
        if blob.size == 0 {
            check(hasher, &*pour, blob)?;
        }
        let settling = Duration::from_secs(blob.size / u64::from(SETTLING));
        loop {
            match self.wait(task, self.stall + settling)? {
                Signal::Free(_) => {}
                Signal::Ended(result) => return result,
            }
        }
    }

    fn wait(&self, task: &Task<'_>, limit: Duration) -> Result<Signal, Trouble> {
        let mut sent = self.sent.load(Ordering::Relaxed);
        let mut moved = Instant::now();
        loop {
            if let Ok(signal) = self.signals.recv_timeout(TICK) {
                return Ok(signal);
            }
            if task.is_over() {
                return Err(Trouble::Over);
            }
            let now = self.sent.load(Ordering::Relaxed);
            if now != sent {
                (sent, moved) = (now, Instant::now());
            }
            if moved.elapsed() > limit {
                return Err(Trouble::Lost(format!("nothing moved for {} s", limit.as_secs())));
            }
            if self.began.elapsed() > WHOLE {
                return Err(Trouble::Fatal(anyhow!("it was still under way after {} hours", WHOLE.as_secs() / 3600)));
            }
        }
    }
}

impl Drop for Sending {
    /// Whatever has not been sent by now never is: the connection is cut where the blob is not complete.
    fn drop(&mut self) {
        drop(self.pieces.send(Err(io::Error::other("the upload was given up"))));
        self.running.abort();
    }
}

/// The largest first, so that no long one is left for the end; each once.
pub(super) fn in_order(blobs: &[Descriptor]) -> Vec<&Descriptor> {
    let mut blobs: Vec<&Descriptor> = blobs.iter().collect();
    blobs.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.digest.cmp(&other.digest)));
    blobs.dedup_by(|one, other| one.digest == other.digest);
    blobs
}

fn check(hasher: Hasher, pour: &dyn Pour, blob: &Descriptor) -> Result<(), Trouble> {
    let found = hasher.finish();
    if found == blob.digest { Ok(()) } else { Err(pour.other(&found)) }
}
