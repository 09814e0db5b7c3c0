//! An image manifest.

use std::collections::HashSet;

use anyhow::{Result, bail, ensure};
use serde::Deserialize;

use super::{Descriptor, media_type};
use crate::digest::Digest;

/// More bytes than any image has, and few enough to be added up over many of them.
const NO_IMAGE: u64 = 1 << 50;

/// One image manifest; `digest` is that of `bytes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// By which a registry knows the image.
    pub digest: Digest,
    /// [`media_type::MANIFEST`] or [`media_type::DOCKER_MANIFEST`].
    pub media_type: String,
    /// As they were read: written anew they would have another digest.
    pub bytes: Vec<u8>,
    /// Of the image's configuration.
    pub config: Descriptor,
    /// From the base up, as the manifest has them.
    pub layers: Vec<Descriptor>,
}

impl Manifest {
    /// Fails on anything but an OCI image manifest or a Docker manifest of schema 2, and where the document states
    /// another media type than the one it was found under.
    pub fn parse(bytes: Vec<u8>, media_type: &str) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Document {
            schema_version: u32,
            media_type: Option<String>,
            config: Descriptor,
            layers: Vec<Descriptor>,
        }
        if ![media_type::MANIFEST, media_type::DOCKER_MANIFEST].contains(&media_type) {
            bail!("`{media_type}` is not the media type of an image manifest");
        }
        let document: Document = serde_json::from_slice(&bytes)?;
        ensure!(document.schema_version == 2, "its schemaVersion is {}, not 2", document.schema_version);
        if let Some(stated) = document.media_type.filter(|stated| stated != media_type) {
            bail!("it states the media type {stated}, and was found as {media_type}");
        }
        let blobs = std::iter::once(&document.config).chain(&document.layers);
        let all = blobs.fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
        ensure!(all < NO_IMAGE, "its blobs have {all} bytes together, as it says, and no image is that large");
        Ok(Self {
            digest: Digest::of(&bytes),
            media_type: media_type.to_owned(),
            bytes,
            config: document.config,
            layers: document.layers,
        })
    }

    /// The configuration and the layers, each blob once.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let mut seen = HashSet::new();
        std::iter::once(&self.config).chain(&self.layers).filter(move |blob| seen.insert(&blob.digest))
    }

    /// Its own descriptor, as an index names it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor { media_type: self.media_type.clone(), digest: self.digest.clone(), size: self.bytes.len() as u64 }
    }

    /// Whether it is an image that runs, and not a signature or another artifact in a manifest's clothes.
    pub fn is_image(&self) -> bool {
        [media_type::CONFIG, media_type::DOCKER_CONFIG].contains(&self.config.media_type.as_str())
    }
}
