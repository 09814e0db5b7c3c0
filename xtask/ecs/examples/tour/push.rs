//! Pushes an image from a layout to any registry: the blobs that it lacks, then the manifest, by its digest. No tag: one
//! is put on what a gate let pass, by `cargo xtask release`.
//!
//! ```text
//! cargo run --package xtask-ecs --example tour -- push LAYOUT REGISTRY/REPOSITORY [PLATFORM]
//! ```
//!
//! `REGISTRY_AUTH` may hold `USER:PASSWORD`; without it, only registries open to everyone take the image. The pinned
//! reference is printed at the end.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use base64::Engine;
use xtask_ecs::event::Events;
use xtask_ecs::interrupt::Interrupt;
use xtask_ecs::oci::layout::{Descriptor, Layout};
use xtask_ecs::oci::registry::{Credentials, Registry};
use xtask_ecs::reference::{Pinned, Repository};

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
        _ => bail!("usage: push LAYOUT REGISTRY/REPOSITORY [PLATFORM]"),
    };
    let (host, repository) =
        reference.split_once('/').with_context(|| format!("`{reference}` is not REGISTRY/REPOSITORY"))?;
    let repository: Repository = repository.parse()?;
    let credentials = std::env::var("REGISTRY_AUTH").ok().map(|auth| Arc::new(Password(auth)) as Arc<dyn Credentials>);
    let registry = Registry::new(host, credentials);
    let (events, interrupt) = (Events::discard(), Interrupt::listen()?);
    let remote = registry.repository(&repository, &events, &interrupt);

    let layout = Layout::open(Path::new(layout))?;
    let manifest = layout.manifest(platform)?;
    let blobs: Vec<Descriptor> = manifest.blobs().cloned().collect();
    remote.upload(&layout, &remote.missing(&blobs)?, &|_, _| {})?;
    remote.put_manifest(&manifest)?;
    print(&Pinned { registry: host.to_owned(), repository: repository.clone(), digest: manifest.digest })
}

#[expect(clippy::print_stdout, clippy::unnecessary_wraps, reason = "what this program is for, and its end")]
fn print(pinned: &Pinned) -> Result<()> {
    println!("{pinned}");
    Ok(())
}
