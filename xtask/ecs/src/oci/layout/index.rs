//! The index of a layout, or of an image for several platforms.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Descriptor, marks, media_type};
use crate::gather::Gather;
use crate::platform::Platform;

/// An image index or Docker manifest list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    manifests: Vec<Entry>,
}

/// One member of an index.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "RawEntry")]
pub struct Entry {
    /// Of an image's manifest, of another index, or of an attestation.
    pub descriptor: Descriptor,
    /// In the words of [`Platform::normal`]; absent where the index does not say.
    pub platform: Option<Platform>,
    attestation: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry {
    media_type: String,
    digest: super::Digest,
    size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl From<RawEntry> for Entry {
    fn from(raw: RawEntry) -> Self {
        let unknown = raw.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
        let attestation = unknown || raw.annotations.contains_key("vnd.docker.reference.type");
        let descriptor = Descriptor { media_type: raw.media_type, digest: raw.digest, size: raw.size };
        Self { descriptor, platform: raw.platform.map(Platform::normal), attestation }
    }
}

impl Entry {
    /// An index inside this one.
    pub fn is_index(&self) -> bool {
        [media_type::INDEX, media_type::DOCKER_INDEX].contains(&self.descriptor.media_type.as_str())
    }

    /// An image, as far as an index can tell.
    pub fn is_image(&self) -> bool {
        [media_type::MANIFEST, media_type::DOCKER_MANIFEST].contains(&self.descriptor.media_type.as_str())
    }
}

impl Index {
    /// The index of an image of several platforms, in this order, marked as a release's; the same of the same.
    pub fn write(images: &[(Descriptor, Platform)], commit: Option<&str>) -> Vec<u8> {
        let manifests: Vec<Value> = images.iter().map(|(image, platform)| entry(image, platform)).gather();
        let mut index = json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": manifests });
        marks::write(&mut index, commit);
        index.to_string().into_bytes()
    }

    /// Fails on what is no JSON of an index; other members of it are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// All that it names.
    pub fn members(&self) -> impl Iterator<Item = &Entry> {
        self.manifests.iter()
    }

    /// Its members but for attestations (`unknown/unknown` children that buildx adds).
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.manifests.iter().filter(|entry| !entry.attestation)
    }

    /// The one image that the index itself names for a platform.
    pub fn choose(&self, wanted: &Platform) -> Result<&Descriptor> {
        let images = || self.entries().filter(|entry| entry.is_image());
        let mut fitting = images().filter(|entry| entry.platform.as_ref() == Some(wanted));
        let first = fitting.next().with_context(|| {
            let platforms: Vec<String> =
                images().filter_map(|entry| entry.platform.as_ref()).map(ToString::to_string).gather();
            format!("the index names no image for {wanted}, only for {}", platforms.join(", "))
        })?;
        if let Some(second) = fitting.find(|entry| entry.descriptor.digest != first.descriptor.digest) {
            bail!(
                "the index names several images for {wanted}: {} and {}",
                first.descriptor.digest,
                second.descriptor.digest
            );
        }
        Ok(&first.descriptor)
    }
}

/// What an index says of an image.
pub(super) fn entry(image: &Descriptor, platform: &Platform) -> Value {
    let mut entry = json!({
        "mediaType": image.media_type,
        "digest": image.digest,
        "size": image.size,
        "platform": { "architecture": platform.architecture, "os": platform.os },
    });
    if !platform.variant.is_empty() {
        entry["platform"]["variant"] = json!(platform.variant);
    }
    entry
}
