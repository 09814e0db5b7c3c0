//! The native builder: a compiled binary, files and perhaps a base become an OCI layout, without an engine.
//!
//! ```text
//! layers  the base's own, as they are
//!         assets: configured files, CA certificates and the like where the base has none
//!         the binary, alone, so that an ordinary change uploads nothing else
//! ```
//!
//! Same input, same bytes: entries are sorted, owners and modes fixed, all times are the commit's.
//! Source: OCI image specification 1.1, layer.md, config.md, manifest.md.

mod base;
mod configuration;
mod furnish;
mod layer;
mod tree;
mod zstandard;

use std::path::{Path, PathBuf};

use serde_json::json;

use self::base::BaseImage;
pub(crate) use self::base::holds;
use self::layer::{Written, write_layer};
use self::tree::{Content, Entry, Owner, Tree};
use crate::binary::Binary;
use crate::commit::Commit;
use crate::config::Package;
use crate::event::Events;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::oci::layout::{Descriptor, Layout, LayoutWriter, Manifest, media_type};
use crate::oci::registry::Registry;

/// Where the binary is in the image. A folder that is in every PATH.
const BINARIES: &str = "usr/local/bin";

/// What to put together. Paths are absolute.
pub(crate) struct Request<'a> {
    pub package: &'a Package,
    pub binary: &'a Binary,
    pub commit: &'a Commit,
    /// The repository's folder, or the workspace's outside of one, which assets may not leave.
    pub root: &'a Path,
    /// A folder that is kept between builds, such as `target/xtask/cache`: base blobs and what is in them.
    pub cache: PathBuf,
    /// Where a base's registry comes from, by host; whoever has credentials for it puts them in.
    pub registry: &'a dyn Fn(&str) -> Registry,
}

/// Writes the layout to `destination`, in place of what was there, once it is complete.
///
/// # Errors
/// `Usage` where an asset is missing or leaves the workspace, the base is for another platform or lacks the
/// binary's loader; `World` where a base cannot be fetched or has another digest, or the disk fails.
pub(crate) fn build(
    request: &Request<'_>,
    destination: &Path,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<(Layout, Manifest)> {
    let package = request.package;
    let base = match &package.base {
        Some(base) => BaseImage::open(base, request, events, interrupt)?,
        None => BaseImage::scratch(&package.platform)?,
    };
    let binary = binary_path(request.binary);
    check_loader(request.binary, &base)?;

    let mut assets = Tree::collect(&package.assets, request.root, &base.files)?;
    if assets.contains(&binary) {
        return Err(
            Failure::usage(format_args!("an asset has the binary's own path, /{}", binary.display())).help("move it")
        );
    }
    let certificates = assets.furnish(&package.user, &package.workdir)?;
    assets.add_folders(None)?;
    let mut program = Tree::on(&base.files);
    program.put(&binary, Entry::file(Content::Disk(request.binary.path.clone()), 0o755, Owner::ROOT));
    program.add_folders(Some(&assets))?;

    let writer = LayoutWriter::create(destination)?;
    for layer in &base.layers {
        writer.link_blob(&layer.file, &layer.descriptor)?;
    }
    let seconds = request.commit.time;
    let mut written = Vec::new();
    if !assets.is_empty() {
        let layer = write_layer(&writer, &assets, package.compression, seconds, interrupt)?;
        written.push((layer, "files"));
    }
    let layer = write_layer(&writer, &program, package.compression, seconds, interrupt)?;
    written.push((layer, "binary"));

    let entrypoint = format!("/{}", binary.display());
    let configuration = configuration::document(request, &base, &written, &entrypoint, certificates);
    let configuration = writer.add_bytes(media_type::CONFIG, configuration.to_string().as_bytes())?;
    let layers: Vec<&Descriptor> = base.layers.iter().map(|layer| &layer.descriptor).chain(own(&written)).gather();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::MANIFEST,
        "config": configuration,
        "layers": layers,
    });
    Ok(writer.finish(manifest.to_string().into_bytes(), &package.platform)?)
}

fn own<'a>(written: &'a [(Written, &str)]) -> impl Iterator<Item = &'a Descriptor> {
    written.iter().map(|(layer, _)| &layer.descriptor)
}

fn binary_path(binary: &Binary) -> PathBuf {
    Path::new(BINARIES).join(&binary.name)
}

fn interrupted() -> Failure {
    Failure::interrupted("interrupted while the image was built; no layout was written")
}

/// A dynamic program starts only where its loader is.
fn check_loader(binary: &Binary, base: &BaseImage) -> Result<()> {
    match &binary.interpreter {
        Some(loader) if !base.files.has(Path::new(loader)) => Err(Failure::usage(format_args!(
            "the binary `{}` wants {loader} to start, and the image has no such file",
            binary.name
        ))
        .help("drop `-crt-static` from the compiler flags, or set a `base` that has it")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
