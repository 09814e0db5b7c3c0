//! A registry, spoken to over HTTP: what a layout holds and it lacks is sent, streamed and verified.
//!
//! Everything here blocks and is called from plain threads. Requests that fail for reasons that pass are tried again
//! with growing pauses; each wait ends at the interrupt.
//!
//! Source: OCI distribution specification 1.1.

mod access;
mod answer;
mod attach;
mod body;
mod exchange;
mod feed;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod location;
mod origin;
mod relay;
mod retry;
mod sending;
mod tree;
mod upload;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use hyper::{Method, StatusCode};

pub use answer::{RegistryError, failure};
pub use attach::Attachment;
pub use tree::{Document, Tree};
pub use upload::Uploaded;

use self::access::Access;
use self::exchange::Ask;
use self::retry::{Task, Trouble};
use super::layout::{Descriptor, Manifest};
use crate::beside::{Work, beside};
use crate::digest::Digest;
use crate::event::Events;
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::reference::Repository;
use crate::time::{self, Backoff};

/// How many requests go on at once. More have failed with socket errors on ECR.
const AT_ONCE: usize = 6;
/// How long a request may go on without a byte moving.
const STALL: Duration = Duration::from_secs(60);

/// Where the value of an `Authorization` header comes from. Called from plain threads; it may block.
pub trait Credentials: Send + Sync {
    /// `Basic …`; `None` where there is nothing but an identity token. `stale`: the previous one was refused, so get a
    /// new one rather than one that was kept.
    fn authorization(&self, stale: bool) -> Result<Option<String>>;

    /// A token that is traded for others, in place of a password.
    fn identity_token(&self) -> Result<Option<String>> {
        Ok(None)
    }
}

/// One registry, such as `123456789012.dkr.ecr.ap-northeast-1.amazonaws.com`, `ghcr.io` or `127.0.0.1:5000`.
pub struct Registry {
    host: String,
    access: Access,
    backoff: Backoff,
    stall: Duration,
}

impl Registry {
    /// `host` may carry a port. Loopback addresses and `localhost` are spoken to in plain HTTP, all others through TLS.
    /// Without credentials only what is open to everyone can be read.
    pub fn new(host: &str, credentials: Option<Arc<dyn Credentials>>) -> Self {
        let access = Access::new(credentials);
        Self { host: host.to_owned(), access, backoff: Backoff::default(), stall: STALL }
    }

    /// With other pauses between attempts.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// With another time that a request may go on without a byte moving.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn with_stall(mut self, stall: Duration) -> Self {
        self.stall = stall;
        self
    }

    /// `HOST[:PORT]`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// One of its repositories, for work that tells its retries to `events` and ends at the interrupt.
    pub fn repository<'a>(
        &'a self,
        repository: &'a Repository,
        events: &'a Events,
        interrupt: &'a Interrupt,
    ) -> Remote<'a> {
        Remote { registry: self, repository, events, interrupt }
    }

    /// Asks for a blob's presence, once.
    fn has(&self, task: &Task<'_>, digest: &Digest) -> Result<bool, Trouble> {
        let answer = self.ask(task, &Ask::new(Method::HEAD, self.url(task.repository, &format!("blobs/{digest}"))))?;
        match answer.status {
            StatusCode::OK | StatusCode::TEMPORARY_REDIRECT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(answer.into()),
        }
    }

    /// `SCHEME://HOST/v2/REPOSITORY/…`.
    fn url(&self, repository: &Repository, rest: &str) -> String {
        let (scheme, host) = location::endpoint(&self.host);
        format!("{scheme}://{host}/v2/{repository}/{rest}")
    }
}

/// One repository of a registry.
///
/// There is no way to a tag here: a tag is put by ECR's PutImage, which asks for
/// the proof that what it names has passed the gate, or has that tag where it is
/// promoted from.
pub struct Remote<'a> {
    registry: &'a Registry,
    repository: &'a Repository,
    events: &'a Events,
    interrupt: &'a Interrupt,
}

impl Remote<'_> {
    /// Whether the blob is in the repository.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let task = self.task(format!("look for blob {digest}"), fetch::READING);
        self.registry.persist(&task, |_| self.registry.has(&task, digest))
    }

    /// Those of the blobs that the repository lacks, in the order given; several are asked for at once. For registries
    /// without a batch question.
    pub fn missing(&self, blobs: &[Descriptor]) -> Result<Vec<Descriptor>> {
        let there = side_by_side(blobs, |blob| self.has_blob(&blob.digest))?;
        Ok(blobs.iter().zip(there).filter(|(_, there)| !there).map(|(blob, _)| blob.clone()).gather())
    }

    /// Puts a manifest by its digest, without a tag: it publishes nothing by a name.
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.put_by_digest(&manifest.digest, &manifest.media_type, &manifest.bytes).map(drop)
    }

    /// The same for a manifest or an index as another registry has it; true where the registry lists it among what refers to
    /// its subject.
    pub fn put_document(&self, document: &Document) -> Result<bool> {
        self.put_by_digest(&document.digest, &document.media_type, &document.bytes)
    }

    fn put_by_digest(&self, digest: &Digest, media_type: &str, bytes: &[u8]) -> Result<bool> {
        let (stored, listed) = self.put_at(digest.as_str(), media_type, bytes)?;
        match stored {
            Some(stored) if stored != digest.as_str() => {
                Err(anyhow!("the registry stored the manifest {digest} as {stored}"))
            }
            _ => Ok(listed),
        }
    }

    /// Puts a document under a digest, or under the tag of a list of referrers, and under no other. Answers the digest that
    /// it has there, where that is told, and whether its subject was taken note of.
    fn put_at(&self, reference: &str, media_type: &str, bytes: &[u8]) -> Result<(Option<String>, bool)> {
        let bytes = Bytes::copy_from_slice(bytes);
        let task = self.task(format!("put manifest {reference}"), &["ecr:PutImage"]);
        self.registry.persist(&task, |_| {
            let mut ask = Ask::new(Method::PUT, self.registry.url(self.repository, &format!("manifests/{reference}")));
            ask.content = Some((media_type.to_owned(), bytes.clone()));
            let answer = self.registry.ask(&task, &ask)?;
            if answer.status != StatusCode::CREATED && answer.status != StatusCode::OK {
                return Err(answer.into());
            }
            let stored = answer.header("docker-content-digest").map(str::to_owned);
            Ok((stored, answer.header("oci-subject").is_some()))
        })
    }

    fn task<'b>(&'b self, doing: String, needs: &'b [&'b str]) -> Task<'b> {
        let Self { repository, events, interrupt, .. } = self;
        Task { doing, repository, needs, events, interrupt, halted: None }
    }
}

/// Does the same to each of several things, up to six at once; the results have their order. Ends with the first
/// failure, after those that are under way.
fn side_by_side<T, R, E>(things: &[T], work: impl Fn(&T) -> Result<R, E> + Sync) -> Result<Vec<R>, E>
where
    T: Sync,
    R: Send,
    E: Send,
{
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<R, E>>>> = Mutex::new(things.iter().map(|_| None).gather());
    let worker = || {
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(thing) = things.get(index)
        {
            if index < AT_ONCE {
                time::in_turn(index);
            }
            let result = work(thing);
            if result.is_err() {
                next.store(things.len(), Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
        }
    };
    let others = (1..things.len().min(AT_ONCE)).map(|_| -> Work<'_> { Box::new(worker) });
    beside(others.gather(), Box::new(worker));
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().try_gather()
}

#[cfg(test)]
mod tests;
