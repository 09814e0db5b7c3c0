//! Pushes an image from a layout to any registry: nothing if the tag is there with this digest, else the blobs that
//! are missing, then the manifest.
//!
//! ```text
//! cargo run --package xtask-ecs --example tour -- push LAYOUT REGISTRY/REPOSITORY:TAG [PLATFORM]
//! ```
//!
//! `REGISTRY_AUTH` may hold `USER:PASSWORD`; without it, only registries open to everyone take the image. The pinned
//! reference is printed at the end.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use base64::Engine;
use xtask_ecs::digest::Digest;
use xtask_ecs::event::Events;
use xtask_ecs::interrupt::Interrupt;
use xtask_ecs::oci::layout::{Descriptor, Layout};
use xtask_ecs::oci::registry::{Credentials, Registry};
use xtask_ecs::reference::{Reference, Repository, Tag};

struct Password(String);

impl Credentials for Password {
    fn authorization(&self, _stale: bool) -> Result<Option<String>> {
        Ok(Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(&self.0))))
    }
}

pub fn run(arguments: &[String]) -> Result<()> {
    let (layout, reference, platform) = match arguments {
        [layout, reference] => (layout, reference, "linux/amd64"),
        [layout, reference, platform] => (layout, reference, platform.as_str()),
        _ => bail!("usage: push LAYOUT REGISTRY/REPOSITORY:TAG [PLATFORM]"),
    };
    let reference = parse(reference).with_context(|| format!("`{reference}` is not REGISTRY/REPOSITORY:TAG"))?;
    let credentials = std::env::var("REGISTRY_AUTH").ok().map(|auth| Arc::new(Password(auth)) as Arc<dyn Credentials>);
    let registry = Registry::new(&reference.registry, credentials);
    let (events, interrupt) = (Events::discard(), Interrupt::listen()?);

    let layout = Layout::open(Path::new(layout))?;
    let manifest = layout.manifest(platform)?;
    let repository = &reference.repository;
    if registry.resolve(repository, &reference.tag, &events, &interrupt)?.as_ref() == Some(&manifest.digest) {
        return print(&reference, manifest.digest);
    }
    let blobs: Vec<Descriptor> = manifest.blobs().cloned().collect();
    let missing = registry.missing(repository, &blobs, &events, &interrupt)?;
    registry.upload(repository, &layout, &missing, &|_, _| {}, &events, &interrupt)?;
    let digest = registry.put_manifest(repository, &manifest, Some(&reference.tag), &events, &interrupt)?;
    print(&reference, digest)
}

#[expect(clippy::print_stdout, clippy::unnecessary_wraps, reason = "what this program is for, and its end")]
fn print(reference: &Reference, digest: Digest) -> Result<()> {
    println!("{}", reference.pin(digest));
    Ok(())
}

fn parse(text: &str) -> Option<Reference> {
    let (registry, rest) = text.split_once('/')?;
    let (repository, tag) = rest.rsplit_once(':')?;
    let repository: Repository = repository.parse().ok()?;
    let tag: Tag = tag.parse().ok()?;
    Some(Reference { registry: registry.to_owned(), repository, tag })
}
