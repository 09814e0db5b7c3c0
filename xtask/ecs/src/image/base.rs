//! The image that another one starts from: opened or fetched, its digests checked, its files known by name.

mod files;
mod listing;

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

pub(super) use self::files::{Files, Found};
pub(super) use self::listing::Attributes;
use self::listing::Listing;

use super::Request;
use crate::config::Base;
use crate::digest::Digest;
use crate::event::Events;
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::oci::layout::{Descriptor, Index, Layout, Manifest, Platform, media_type};
use crate::oci::registry;
use crate::reference::{Named, Pinned, Repository};

/// A base, ready to be put under other layers.
pub(super) struct BaseImage {
    /// The image's configuration; of scratch, the platform alone.
    pub config: Value,
    pub layers: Vec<BaseLayer>,
    pub files: Files,
}

pub(super) struct BaseLayer {
    /// In OCI's media types, whatever the base calls them; the bytes are the same.
    pub descriptor: Descriptor,
    pub file: PathBuf,
}

impl BaseImage {
    /// Nothing, for a platform.
    pub(super) fn scratch(platform: &str) -> Result<Self> {
        let Platform { os, architecture, .. } = platform.parse()?;
        let config = json!({ "architecture": architecture, "os": os });
        Ok(Self { config, layers: Vec::new(), files: Files::default() })
    }

    pub(super) fn open(base: &Base, request: &Request<'_>, events: &Events, interrupt: &Interrupt) -> Result<Self> {
        let platform = request.package.platform.as_str();
        let (manifest, config, blobs) = match base {
            Base::Layout(folder) => {
                open_layout(folder, platform).with_context(|| format!("failed to use the base {}", folder.display()))?
            }
            Base::Reference(reference) => {
                let pinned = parse(reference)?;
                let fetch = Fetch { pinned: &pinned, request, events, interrupt };
                let (manifest, config) = fetch.run(platform).map_err(|error| told(error, reference))?;
                (manifest, config, request.cache.join("blobs"))
            }
        };
        let actual = Platform::of_config(&config)?;
        if actual != platform.parse()? {
            return Err(Failure::usage(format_args!("the base is for {actual}, and the image for {platform}"))
                .help(format!("use a base for {platform}, or set `platform`")));
        }
        let layers: Vec<BaseLayer> = manifest
            .layers
            .iter()
            .map(|layer| BaseLayer { descriptor: oci(layer), file: blobs.join(layer.digest.hex()) })
            .gather();
        let files = Files::of(&layers, &config, &request.cache, interrupt)?;
        Ok(Self { config, layers, files })
    }
}

fn told(error: anyhow::Error, reference: &str) -> Failure {
    let failure = registry::failure(error);
    // An interrupt says by itself what it came between.
    if failure.ending == Ending::World {
        failure.during(format_args!("failed to use the base {reference}"))
    } else {
        failure
    }
}

/// A layout of the workspace, every blob checked, and the folder of its blobs.
fn open_layout(folder: &Path, platform: &str) -> anyhow::Result<(Manifest, Value, PathBuf)> {
    let layout = Layout::open(folder)?;
    let manifest = layout.manifest(platform)?;
    layout.verify(&manifest)?;
    let config = layout.config(&manifest)?;
    Ok((manifest, config, folder.join("blobs").join("sha256")))
}

/// The layer under OCI's name for its media type.
fn oci(layer: &Descriptor) -> Descriptor {
    let media_type = match layer.media_type.as_str() {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => media_type::LAYER_GZIP,
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => media_type::LAYER_ZSTD,
        "application/vnd.docker.image.rootfs.diff.tar" => media_type::LAYER,
        other => other,
    };
    Descriptor { media_type: media_type.to_owned(), ..layer.clone() }
}

/// Whether the finished image has the file at this path from the layer with this diff id: whether no layer above it has
/// something else there.
pub(crate) fn holds(
    layout: &Layout,
    manifest: &Manifest,
    (path, diff_id): (&Path, &str),
    interrupt: &Interrupt,
) -> anyhow::Result<bool> {
    let config = layout.config(manifest)?;
    let ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array);
    let Some(own) = ids.and_then(|ids| ids.iter().position(|id| id == diff_id)) else { return Ok(false) };
    let path: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    for layer in manifest.layers.iter().skip(own + 1) {
        let layer = BaseLayer { descriptor: oci(layer), file: layout.blob(&layer.digest) };
        if files::hides(&Listing::read(&layer, interrupt)?, &path) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `[REGISTRY/]REPOSITORY[:TAG]@sha256:…`, with Docker Hub's shorthands; a tag is a word to the reader only.
/// Source: distribution's reference package, `splitDockerDomain`.
fn parse(reference: &str) -> Result<Pinned> {
    let unpinned = || {
        Failure::usage(format_args!("the base `{reference}` is not pinned, and a tag can mean another image tomorrow"))
            .help("write `REGISTRY/REPOSITORY@sha256:…`")
    };
    let named = Named::of(reference);
    let digest: Digest = named
        .digest
        .ok_or_else(unpinned)?
        .parse()
        .map_err(|error| Failure::usage(format_args!("in the base `{reference}`: {error}")))?;
    let (registry, repository) = named.full();
    let repository: Repository =
        repository.parse().map_err(|error| Failure::usage(format_args!("in the base `{reference}`: {error}")))?;
    Ok(Pinned { registry: registry.to_owned(), repository, digest })
}

/// A pinned image on its way into the cache. Everything in the cache is named by its digest and checked against it,
/// so that a second build needs no network and a spoilt file is fetched again.
struct Fetch<'a> {
    pinned: &'a Pinned,
    request: &'a Request<'a>,
    events: &'a Events,
    interrupt: &'a Interrupt,
}

impl Fetch<'_> {
    fn run(&self, platform: &str) -> anyhow::Result<(Manifest, Value)> {
        let (mut kind, mut bytes) = self.document(&self.pinned.digest)?;
        if [media_type::INDEX, media_type::DOCKER_INDEX].contains(&kind.as_str()) {
            let index = Index::parse(&bytes).context("it is not an image index")?;
            let chosen = index.choose(&platform.parse()?)?.digest.clone();
            (kind, bytes) = self.document(&chosen)?;
        }
        let manifest = Manifest::parse(bytes, &kind).context("it is not an image")?;
        let missing: Vec<&Descriptor> = manifest.blobs().filter(|blob| !self.blob(&blob.digest).exists()).gather();
        if !missing.is_empty() {
            let bytes: u64 = missing.iter().map(|blob| blob.size).sum();
            let mebibytes = bytes.div_ceil(1024 * 1024);
            self.events.note("Fetching", format!("base {} ({mebibytes} MiB)", self.pinned));
        }
        let registry = (self.request.registry)(&self.pinned.registry);
        let remote = registry.repository(&self.pinned.repository, self.events, self.interrupt);
        for blob in manifest.blobs() {
            remote.blob(blob, &self.blob(&blob.digest))?;
        }
        let config = fs::read(self.blob(&manifest.config.digest)).context("failed to read the base's configuration")?;
        ensure_digest(&config, &manifest.config.digest)?;
        let config = serde_json::from_slice(&config).context("the base's configuration is not JSON")?;
        Ok((manifest, config))
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.request.cache.join("blobs").join(digest.hex())
    }

    /// A manifest or index and its media type. In the cache the type is the file's first line.
    fn document(&self, digest: &Digest) -> anyhow::Result<(String, Vec<u8>)> {
        let path = self.request.cache.join("manifests").join(digest.hex());
        if let Ok(cached) = fs::read(&path)
            && let Some(end) = cached.iter().position(|byte| *byte == b'\n')
            && Digest::of(&cached[end + 1..]) == *digest
        {
            return Ok((String::from_utf8_lossy(&cached[..end]).into_owned(), cached[end + 1..].to_vec()));
        }
        let registry = (self.request.registry)(&self.pinned.registry);
        let (kind, bytes) =
            registry.repository(&self.pinned.repository, self.events, self.interrupt).document(digest)?;
        ensure_digest(&bytes, digest)?;
        files::keep(&path, &[kind.as_bytes(), b"\n", &bytes].concat())?;
        Ok((kind, bytes))
    }
}

fn ensure_digest(bytes: &[u8], expected: &Digest) -> anyhow::Result<()> {
    let found = Digest::of(bytes);
    ensure!(found == *expected, "expected digest {expected}, found {found}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_docker_reads_them_and_must_be_pinned() {
        let digest = Digest::of(b"");
        for (written, meant) in [
            ("debian", "docker.io/library/debian"),
            ("docker.io/debian:12", "docker.io/library/debian"),
            ("index.docker.io/library/debian", "docker.io/library/debian"),
            ("sample/app:1.2", "docker.io/sample/app"),
            ("BUILDER/app", "BUILDER/app"),
            ("localhost/app", "localhost/app"),
            ("registry.example/team/my__app--x", "registry.example/team/my__app--x"),
            ("gcr.io/distroless/static", "gcr.io/distroless/static"),
            ("127.0.0.1:5000/app:1", "127.0.0.1:5000/app"),
        ] {
            let pinned = parse(&format!("{written}@{digest}")).expect("it is a reference");
            assert_eq!(pinned.to_string(), format!("{meant}@{digest}"));
        }
        let message = parse("debian:12").expect_err("it is not pinned").to_string();
        assert!(message.contains("is not pinned"), "{message}");
        assert!(parse("debian@sha256:12").is_err());
    }
}
