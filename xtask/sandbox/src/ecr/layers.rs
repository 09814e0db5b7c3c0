//! Layers: BatchCheckLayerAvailability, GetDownloadUrlForLayer, and uploads in parts.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use super::archive::Status;
use super::names::{hex, is_digest, spell};
use super::{Ecr, Repository, text};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// The least that a part may have, unless it is the last.
/// Source: Amazon ECR API Reference, LayerPartTooSmallException.
pub(crate) const LEAST_PART: u64 = 5 * 1024 * 1024;

/// What ECR proposes as the size of a part.
const PART: u64 = 10 * 1024 * 1024;

/// A layer that was uploaded to a repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub size: u64,
}

/// Bytes that arrived so far, in a file, and their running digest.
pub(crate) struct Upload {
    pub repository: String,
    path: PathBuf,
    file: File,
    hasher: Context,
    /// Where each part began that was stored.
    parts: Vec<u64>,
    size: u64,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("repository", &self.repository).field("size", &self.size).finish_non_exhaustive()
    }
}

/// A state of an upload to which it can go back.
pub(crate) struct Mark {
    hasher: Context,
    size: u64,
}

impl Mark {
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Upload {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn mark(&self) -> Mark {
        Mark { hasher: self.hasher.clone(), size: self.size }
    }

    /// Forgets what came after the mark: a part that did not arrive whole is not stored.
    pub fn rewind(&mut self, mark: Mark) -> io::Result<()> {
        self.file.set_len(mark.size)?;
        self.file.seek(SeekFrom::Start(mark.size))?;
        (self.hasher, self.size) = (mark.hasher, mark.size);
        Ok(())
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// What arrived since the mark is a part.
    pub fn end_part(&mut self, mark: &Mark) {
        self.parts.push(mark.size);
    }

    /// Whether a part other than the last is smaller than ECR takes.
    pub fn has_small_part(&self) -> bool {
        self.parts.windows(2).any(|pair| pair[1] - pair[0] < LEAST_PART)
    }

    pub fn digest(&self) -> String {
        spell(self.hasher.clone().finish().as_ref())
    }
}

impl Ecr {
    /// Begins an upload; answers its id.
    pub fn begin_upload(&mut self, repository: &str) -> Result<String, ApiError> {
        self.repository(repository)?;
        let id = random_id();
        let path = self.folder.join(format!("upload-{id}"));
        let file = OpenOptions::new().create_new(true).write(true).open(&path).map_err(|error| server_error(&error))?;
        let upload = Upload {
            repository: repository.to_owned(),
            path,
            file,
            hasher: Context::new(&SHA256),
            parts: Vec::new(),
            size: 0,
        };
        self.uploads.insert(id.clone(), upload);
        Ok(id)
    }

    /// Takes an upload out, for as long as bytes arrive; [`Ecr::return_upload`] puts it back.
    pub fn take_upload(&mut self, repository: &str, id: &str) -> Result<Upload, ApiError> {
        self.repository(repository)?;
        match self.uploads.remove(id) {
            Some(upload) if upload.repository == repository => Ok(upload),
            other => {
                if let Some(upload) = other {
                    self.uploads.insert(id.to_owned(), upload);
                }
                Err(self.no_upload(repository, id))
            }
        }
    }

    pub fn return_upload(&mut self, id: &str, upload: Upload) {
        self.uploads.insert(id.to_owned(), upload);
    }

    fn no_upload(&self, repository: &str, id: &str) -> ApiError {
        ApiError::new(
            "UploadNotFoundException",
            format!(
                "The upload with id '{id}' could not be found in the repository with name '{repository}' in the \
                 registry with id '{}'",
                self.account
            ),
        )
    }

    /// Makes a whole upload a layer of its repository, under the digest that its bytes have.
    pub fn finish_upload(&mut self, upload: Upload) -> Result<String, ApiError> {
        let digest = upload.digest();
        let Upload { repository, path, size, .. } = upload;
        std::fs::rename(path, self.layer_path(&digest)).map_err(|error| server_error(&error))?;
        self.repository_mut(&repository)?.layers.insert(digest.clone(), Layer { size });
        Ok(digest)
    }

    /// Throws an upload away.
    pub fn discard_upload(upload: Upload) -> io::Result<()> {
        let Upload { path, .. } = upload;
        std::fs::remove_file(path)
    }

    /// Stores bytes as a layer at once.
    pub fn store_layer(&mut self, repository: &str, bytes: &[u8]) -> Result<String, ApiError> {
        let id = self.begin_upload(repository)?;
        let mut upload = self.take_upload(repository, &id)?;
        upload.append(bytes).map_err(|error| server_error(&error))?;
        self.finish_upload(upload)
    }

    /// The file of a layer, in whichever repository it is.
    pub fn layer_path(&self, digest: &str) -> PathBuf {
        self.folder.join(Path::new(digest.trim_start_matches("sha256:")))
    }

    pub(super) fn batch_check_layer_availability(&self, input: &Value, now: Instant) -> ApiResult {
        let repository = self.repository(text(input, "repositoryName"))?;
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        let mut fail = |digest: &str, code: &str, reason: String| {
            failures.push(json!({"layerDigest": digest, "failureCode": code, "failureReason": reason}));
        };
        for digest in input["layerDigests"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            match repository.layers.get(digest) {
                _ if !is_digest(digest) => fail(
                    digest,
                    "InvalidLayerDigest",
                    "Layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'".to_owned(),
                ),
                Some(layer) => layers.push(json!({
                    "layerDigest": digest,
                    "layerAvailability": if is_archived(repository, digest, now) { "ARCHIVED" } else { "AVAILABLE" },
                    "layerSize": layer.size,
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                })),
                None => layers.push(json!({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"})),
            }
        }
        Ok(json!({"layers": layers, "failures": failures}))
    }

    pub(super) fn get_download_url_for_layer(&self, input: &Value, now: Instant) -> ApiResult {
        let (name, digest) = (text(input, "repositoryName"), text(input, "layerDigest"));
        self.pullable(name, digest, now)?;
        let Self { host, account, region, .. } = self;
        let url = format!("http://{host}/layers/{account}/{region}/{name}/{digest}");
        Ok(json!({"downloadUrl": url, "layerDigest": digest}))
    }

    /// The layer, where a pull may have it.
    pub fn pullable(&self, name: &str, digest: &str, now: Instant) -> Result<Layer, ApiError> {
        let repository = self.repository(name)?;
        let place = format!("within the repository with name '{name}' in the registry with id '{}'", self.account);
        let Some(layer) = repository.layers.get(digest) else {
            let message = format!("The layer with digest '{digest}' does not exist {place}");
            return Err(ApiError::new("LayersNotFoundException", message));
        };
        if repository.naming(digest).all(|image| image.status(now) != Status::Active) {
            return Err(ApiError::new(
                "LayerInaccessibleException",
                format!("The layer with digest '{digest}' {place} is not accessible: no image names it"),
            ));
        }
        Ok(*layer)
    }

    pub(super) fn initiate_layer_upload(&mut self, input: &Value, now: Instant) -> ApiResult {
        self.create_on_push(text(input, "repositoryName"), now)?;
        let id = self.begin_upload(text(input, "repositoryName"))?;
        Ok(json!({"uploadId": id, "partSize": PART}))
    }

    pub(super) fn upload_layer_part(&mut self, input: &Value) -> ApiResult {
        let (name, id) = (text(input, "repositoryName"), text(input, "uploadId"));
        let bytes = STANDARD
            .decode(text(input, "layerPartBlob"))
            .map_err(|_| ApiError::new("SerializationException", "the layer part is not base64"))?;
        let mut upload = self.take_upload(name, id)?;
        let (first, last) = (input["partFirstByte"].as_u64(), input["partLastByte"].as_u64());
        let expected = upload.size;
        let fits = first == Some(expected) && last == Some(expected + (bytes.len() as u64).saturating_sub(1));
        let stored = if fits {
            let mark = upload.mark();
            upload.append(&bytes).map(|()| upload.end_part(&mark))
        } else {
            Ok(())
        };
        let size = upload.size;
        self.return_upload(id, upload);
        stored.map_err(|error| server_error(&error))?;
        if !fits {
            let message = format!(
                "The layer part does not begin at byte {expected}, the last valid byte received is {}",
                expected.saturating_sub(1)
            );
            return Err(ApiError::new("InvalidLayerPartException", message));
        }
        Ok(json!({
            "registryId": self.account,
            "repositoryName": name,
            "uploadId": id,
            "lastByteReceived": size.saturating_sub(1),
        }))
    }

    pub(super) fn complete_layer_upload(&mut self, input: &Value) -> ApiResult {
        let (name, id) = (text(input, "repositoryName"), text(input, "uploadId"));
        let upload = self.take_upload(name, id)?;
        let wanted = input["layerDigests"][0].as_str().unwrap_or_default();
        if let Err(error) = self.acceptable(&upload, wanted) {
            self.return_upload(id, upload);
            return Err(error);
        }
        let digest = self.finish_upload(upload)?;
        Ok(json!({"registryId": self.account, "repositoryName": name, "uploadId": id, "layerDigest": digest}))
    }

    /// Whether an upload can become the layer with this digest.
    pub fn acceptable(&self, upload: &Upload, wanted: &str) -> Result<(), ApiError> {
        let name = &upload.repository;
        if upload.size == 0 {
            return Err(ApiError::new("EmptyUploadException", "The specified layer upload does not contain any parts"));
        }
        if upload.has_small_part() {
            return Err(ApiError::new(
                "LayerPartTooSmallException",
                format!("Layer parts must be at least {LEAST_PART} bytes in size, but for the last"),
            ));
        }
        let digest = upload.digest();
        if digest != wanted {
            return Err(ApiError::new(
                "InvalidLayerException",
                format!(
                    "The layer digest '{digest}' of the uploaded bytes does not match the provided digest '{wanted}'"
                ),
            ));
        }
        if self.repository(name)?.layers.contains_key(&digest) {
            return Err(ApiError::new(
                "LayerAlreadyExistsException",
                format!(
                    "The layer with digest '{digest}' already exists in the repository with name '{name}' in the \
                     registry with id '{}'",
                    self.account
                ),
            ));
        }
        Ok(())
    }
}

/// Whether every image that names a layer is in the archive.
fn is_archived(repository: &Repository, layer: &str, now: Instant) -> bool {
    let mut naming = repository.naming(layer).peekable();
    naming.peek().is_some() && naming.all(|image| image.status(now) != Status::Active)
}

/// An id that nobody guesses, in the shape of a UUID.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the operating system has random bytes");
    let hex = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The sandbox's own disk failed.
pub(crate) fn server_error(error: &io::Error) -> ApiError {
    ApiError::with(500, "ServerException", format!("the sandbox cannot store the layer: {error}"))
}
