//! Manifests and blobs from a registry, verified by digest.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, StatusCode};

use super::exchange::{Ask, collect};
use super::retry::{Task, Trouble};
use super::{Registry, Remote, location};
use crate::digest::{Digest, Hasher};
use crate::oci::layout::{DOCUMENT_LIMIT, Descriptor, Index, Manifest, media_type};
use crate::partial::PartialFile;

/// What reading needs.
pub(super) const READING: &[&str] = &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
/// What is taken for a manifest.
const DOCUMENTS: [&str; 4] =
    [media_type::MANIFEST, media_type::INDEX, media_type::DOCKER_MANIFEST, media_type::DOCKER_INDEX];
/// Redirects in a row; real registries make one, to their storage.
const REDIRECTS: usize = 5;

impl Remote<'_> {
    /// The bytes of a manifest or index, and its media type; the bytes have the digest that was asked for.
    pub fn document(&self, digest: &Digest) -> Result<(String, Vec<u8>)> {
        let task = self.task(format!("fetch manifest {digest}"), READING);
        self.registry.persist(&task, |_| {
            let mut ask = Ask::new(Method::GET, self.registry.url(self.repository, &format!("manifests/{digest}")));
            ask.accept = Some(DOCUMENTS.join(", "));
            ask.limit = usize::try_from(DOCUMENT_LIMIT).unwrap_or(usize::MAX);
            let answer = self.registry.ask(&task, &ask)?;
            if answer.status != StatusCode::OK {
                return Err(answer.into());
            }
            let found = Digest::of(&answer.body);
            if found != *digest {
                return Err(Trouble::Fatal(anyhow!("the registry answered a manifest with digest {found}")));
            }
            let kind = answer.header("content-type").unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
            Ok((kind, answer.body.to_vec()))
        })
    }

    /// The image manifest with this digest, or, where the digest is an index's, the one it names for the platform
    /// (`linux/amd64`).
    pub fn manifest(&self, digest: &Digest, platform: &str) -> Result<Manifest> {
        let (mut kind, mut bytes) = self.document(digest)?;
        let place = || format!("{}/{}@{digest}", self.registry.host(), self.repository);
        if [media_type::INDEX, media_type::DOCKER_INDEX].contains(&kind.as_str()) {
            let index = Index::parse(&bytes).with_context(|| format!("{} is not an image index", place()))?;
            let chosen = index.choose(&platform.parse()?).with_context(place)?;
            (kind, bytes) = self.document(&chosen.digest)?;
        }
        Manifest::parse(bytes, &kind).with_context(|| format!("{} is not an image", place()))
    }

    /// Fetches a blob into a file, unless the file has it already. The file appears when it is complete and has the
    /// digest and size of the descriptor.
    pub fn blob(&self, blob: &Descriptor, into: &Path) -> Result<()> {
        if has_digest(into, blob) {
            return Ok(());
        }
        let task = self.task(format!("fetch blob {}", blob.digest), READING);
        self.registry.persist(&task, |_| self.registry.download(&task, blob, into))
    }
}

impl Registry {
    fn download(&self, task: &Task<'_>, blob: &Descriptor, into: &Path) -> Result<(), Trouble> {
        let disk = |error: std::io::Error| {
            Trouble::Fatal(anyhow::Error::new(error).context(format!("failed to write {}", into.display())))
        };
        let parent = into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut body = self.open_blob(task, &blob.digest)?;
        std::fs::create_dir_all(parent).map_err(disk)?;
        let mut file = PartialFile::create_in(parent, ".blob-", 0o600).map_err(disk)?;
        let mut hasher = Hasher::new();
        let mut left = blob.size;
        while let Some(data) = self.next(task, &mut body)? {
            left = left.checked_sub(data.len() as u64).ok_or_else(|| other(blob, "more bytes"))?;
            hasher.update(&data);
            file.write_all(&data).map_err(disk)?;
        }
        if left > 0 {
            return Err(early(left));
        }
        let found = hasher.finish();
        if found != blob.digest {
            return Err(other(blob, &format!("digest {found}")));
        }
        file.persist(into).map_err(disk)
    }

    /// Asks for a blob, and leaves its bytes to be read. They may come from the registry's storage, which is asked
    /// without the registry's credentials.
    pub(super) fn open_blob(&self, task: &Task<'_>, digest: &Digest) -> Result<Incoming, Trouble> {
        let mut url = self.url(task.repository, &format!("blobs/{digest}"));
        for _ in 0..=REDIRECTS {
            let (response, authorization) = self.open(task, &Ask::new(Method::GET, url.clone()))?;
            let (parts, body) = response.into_parts();
            if parts.status.is_redirection() {
                let target =
                    parts.headers.get("location").and_then(|value| location::resolve(&url, value.to_str().ok()?));
                url = target.ok_or_else(|| Trouble::Lost(format!("{} without a Location", parts.status)))?;
                continue;
            }
            if parts.status != StatusCode::OK {
                let body = self.watch(task, collect(body, 64 * 1024))??;
                let answer =
                    super::answer::Answer { status: parts.status, headers: parts.headers, body, authorization };
                return Err(answer.into());
            }
            return Ok(body);
        }
        Err(Trouble::Fatal(anyhow!("more than {REDIRECTS} redirects in a row, the last to {url}")))
    }

    /// The next bytes of a blob; `None` at its end.
    pub(super) fn next(&self, task: &Task<'_>, body: &mut Incoming) -> Result<Option<Bytes>, Trouble> {
        while let Some(frame) = self.watch(task, body.frame())? {
            let frame = frame.map_err(|error| Trouble::Lost(format!("the blob broke off: {error}")))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// A blob that ended so many bytes before its size.
pub(super) fn early(left: u64) -> Trouble {
    Trouble::Lost(format!("the blob ended {left} bytes early"))
}

pub(super) fn other(blob: &Descriptor, found: &str) -> Trouble {
    let Descriptor { digest, size, .. } = blob;
    Trouble::Fatal(anyhow!("expected digest {digest} and {size} bytes, and the registry answered {found}"))
}

/// Whether a file is the blob already.
fn has_digest(path: &Path, blob: &Descriptor) -> bool {
    let Ok(mut file) = std::fs::File::open(path) else { return false };
    if !file.metadata().is_ok_and(|data| data.len() == blob.size) {
        return false;
    }
    let mut hasher = Hashing(Hasher::new());
    std::io::copy(&mut file, &mut hasher).is_ok() && hasher.0.finish() == blob.digest
}

struct Hashing(Hasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
