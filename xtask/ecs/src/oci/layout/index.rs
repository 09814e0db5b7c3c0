//! The index of a layout, or of an image for several platforms.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{Descriptor, media_type};

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
    pub descriptor: Descriptor,
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
    pub fn is_index(&self) -> bool {
        [media_type::INDEX, media_type::DOCKER_INDEX].contains(&self.descriptor.media_type.as_str())
    }

    /// An image, as far as an index can tell.
    pub fn is_image(&self) -> bool {
        [media_type::MANIFEST, media_type::DOCKER_MANIFEST].contains(&self.descriptor.media_type.as_str())
    }
}

impl Index {
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
                images().filter_map(|entry| entry.platform.as_ref()).map(ToString::to_string).collect();
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

/// What an image runs on: `linux/amd64`, `linux/arm64`, `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    #[serde(default)]
    pub variant: String,
}

impl Platform {
    /// What a configuration says that its image runs on.
    pub fn of_config(config: &serde_json::Value) -> Result<Self> {
        let member = |name: &str| config.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let platform = Self { os: member("os"), architecture: member("architecture"), variant: member("variant") };
        ensure!(
            !platform.os.is_empty() && !platform.architecture.is_empty(),
            "the image's configuration does not say which platform it is for"
        );
        Ok(platform.normal())
    }

    /// Builders write the default variant or leave it out as they please.
    /// Source: containerd's platforms package, normalizeArch.
    fn normal(mut self) -> Self {
        match (self.architecture.as_str(), self.variant.as_str()) {
            ("arm64", "v8") | ("amd64", "v1") => self.variant.clear(),
            ("arm", "") => "v7".clone_into(&mut self.variant),
            _ => {}
        }
        self
    }
}

impl FromStr for Platform {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None) if !os.is_empty() && !architecture.is_empty() => {
                Ok(Self { os, architecture, variant: variant.unwrap_or_default() }.normal())
            }
            _ => bail!("`{text}` is not a platform; write it as `linux/amd64` or `linux/arm/v7`"),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}
