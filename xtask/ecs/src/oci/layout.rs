//! An OCI image layout directory: read, verified, written.
//!
//! ```text
//! oci-layout             {"imageLayoutVersion":"1.0.0"}
//! index.json             names the image manifests, by digest
//! blobs/sha256/HEX       manifests, configurations, layers
//! manifest.json          the same image, for engines that read no index
//! ```
//!
//! Source: OCI image specification 1.1, image-layout.md, manifest.md and image-index.md.

mod index;
mod manifest;
mod marks;
mod name;
mod verify;
mod writer;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

pub use index::{Entry, Index};
pub use manifest::Manifest;
pub use marks::Marks;
pub use verify::CorruptBlob;
pub(in crate::oci) use verify::{other_digest, unreadable};
pub use writer::{BlobWriter, LayoutWriter};

use crate::digest::Digest;
use crate::gather::Gather as _;
pub use crate::platform::Platform;

/// The media types that occur here. Docker's are the older names of the same things.
pub mod media_type {
    /// An index: images for several platforms.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// One image's manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An image's configuration.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer that is not compressed.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A layer, gzip.
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer, Zstandard.
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker's name of an index.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's name of a manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's name of a configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
}

/// The most bytes a manifest, an index or a configuration may have: 4 MiB, which is where registries draw the line.
/// Source: OCI distribution specification 1.1, section Pushing Manifests.
pub const DOCUMENT_LIMIT: u64 = 4 * 1024 * 1024;

/// What a manifest says of a blob; `size` in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Such as one of [`media_type`].
    pub media_type: String,
    /// Of the bytes as they are stored.
    pub digest: Digest,
    /// Of the bytes as they are stored.
    pub size: u64,
}

/// A layout directory that exists and says that it is one.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Fails where the folder is no layout, or one of a version other than 1.
    pub fn open(root: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Marker {
            image_layout_version: String,
        }
        let marker = root.join("oci-layout");
        let text = fs::read(&marker).with_context(|| {
            format!("{} is not an OCI image layout: its file `oci-layout` cannot be read", root.display())
        })?;
        let Marker { image_layout_version: version } = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not the marker of an OCI image layout", marker.display()))?;
        ensure!(
            version.starts_with("1."),
            "{} is an OCI image layout of version {version}; only version 1 is known here",
            root.display()
        );
        Ok(Self { root: root.to_owned() })
    }

    /// The folder that holds `oci-layout`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the blob's file is, whether or not it exists.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join("sha256").join(digest.hex())
    }

    /// The one image manifest for a platform, such as `linux/amd64`, in the index or an index inside it.
    /// Attestations are passed over. None, or several that differ, is an error.
    pub fn manifest(&self, platform: &str) -> Result<Manifest> {
        let wanted: Platform = platform.parse()?;
        let path = self.root.join("index.json");
        let bytes = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let index = Index::parse(&bytes).with_context(|| format!("{} is not an image index", path.display()))?;
        let mut found = Found { wanted, seen: BTreeSet::new(), fitting: Vec::new(), others: BTreeSet::new() };
        self.images(&index, 0, &mut found)?;
        let Found { wanted, mut fitting, others, .. } = found;
        let names: Vec<&str> = others.iter().map(String::as_str).gather();
        let root = self.root.display();
        match (fitting.len(), fitting.pop()) {
            (1, Some(manifest)) => Ok(manifest),
            (0, _) if others.is_empty() => bail!("the layout {root} holds no image; build it again"),
            (0, _) => bail!("the layout {root} holds no image for {wanted}, only for {}", names.join(", ")),
            (count, _) => bail!(
                "the layout {root} holds {count} different images for {wanted}, so which one is meant is not known; \
                 a build into an existing layout adds to it: remove the folder and build again"
            ),
        }
    }

    /// The image's configuration, its digest checked.
    pub fn config(&self, manifest: &Manifest) -> Result<serde_json::Value> {
        let bytes = self.document(&manifest.config)?;
        serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not an image configuration", self.blob(&manifest.config.digest).display()))
    }

    /// A small blob, whole, its size and digest checked.
    pub fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let path = self.blob(&descriptor.digest);
        ensure!(
            descriptor.size <= DOCUMENT_LIMIT,
            "{} is said to have {} bytes; a manifest or configuration has at most {DOCUMENT_LIMIT}",
            path.display(),
            descriptor.size
        );
        let actual =
            fs::metadata(&path).map(|data| data.len()).map_err(|error| verify::unreadable(self, descriptor, error))?;
        if actual != descriptor.size {
            return Err(verify::other_size(self, descriptor, actual));
        }
        let bytes = fs::read(&path).map_err(|error| verify::unreadable(self, descriptor, error))?;
        let found = Digest::of(&bytes);
        if found != descriptor.digest {
            return Err(verify::other_digest(self, descriptor, &found));
        }
        Ok(bytes)
    }

    /// Reads every blob of the image: each is there and has the size and the digest that the manifest states.
    pub fn verify(&self, manifest: &Manifest) -> Result<()> {
        manifest.blobs().try_for_each(|blob| self.verify_blob(blob))
    }

    /// Collects the images below an index. Real ones are two deep. Each blob is read once, however often it is named.
    fn images(&self, index: &Index, depth: usize, found: &mut Found) -> Result<()> {
        ensure!(depth < 4, "the layout {} nests its indexes more than 4 deep", self.root.display());
        for entry in index.entries() {
            if let Some(platform) = entry.platform.as_ref().filter(|it| entry.is_image() && **it != found.wanted) {
                found.others.insert(platform.to_string());
                continue;
            }
            let known = entry.is_index() || entry.is_image();
            if !known || !found.seen.insert((entry.descriptor.digest.clone(), entry.platform.is_some())) {
                continue;
            }
            let bytes = self.document(&entry.descriptor)?;
            if entry.is_index() {
                let inner = Index::parse(&bytes)
                    .with_context(|| format!("blob {} is not an image index", entry.descriptor.digest))?;
                self.images(&inner, depth + 1, found)?;
                continue;
            }
            let manifest = Manifest::parse(bytes, &entry.descriptor.media_type)
                .with_context(|| format!("blob {} is not an image manifest", entry.descriptor.digest))?;
            let platform = match &entry.platform {
                Some(platform) => platform.clone(),
                None if manifest.is_image() => Platform::of_config(&self.config(&manifest)?)?,
                None => continue,
            };
            if platform == found.wanted {
                if found.fitting.iter().all(|it| it.digest != manifest.digest) {
                    found.fitting.push(manifest);
                }
            } else {
                found.others.insert(platform.to_string());
            }
        }
        Ok(())
    }
}

/// What was found in a layout so far.
struct Found {
    wanted: Platform,
    /// What was read of it, and whether the index said its platform.
    seen: BTreeSet<(Digest, bool)>,
    fitting: Vec<Manifest>,
    /// Platforms of the images that do not fit.
    others: BTreeSet<String>,
}

#[cfg(test)]
mod tests;
