//! What is attached to an image that passed, before its tag is put: whoever finds the tag finds the evidence, too.

use super::Making;
use super::build::Built;
use crate::config::Evidence;
use crate::evidence::{self, Made, Record};
use crate::failure::{Failure, Result};
use crate::oci::registry::failure;

/// Makes and attaches what the configuration wants.
pub(super) fn attach(making: &Making<'_>, built: &Built, record: &Record) -> Result<()> {
    let Making { config, image, line, events, interrupt, .. } = making;
    let remote = line.registry.repository(image.repository(), events, interrupt);
    let mut names = Vec::new();
    for kind in &config.evidence {
        let Some(bytes) = make(making, built, record, *kind)? else { continue };
        let attachment = Made { kind: *kind, bytes }.attachment(&built.manifest.descriptor());
        remote.attach(&attachment).map_err(failure)?;
        names.push(kind.name());
    }
    if !names.is_empty() {
        events.note("Attached", format!("{} to {} {}", names.join(", "), image.name, built.manifest.digest.short()));
    }
    Ok(())
}

fn make(making: &Making<'_>, built: &Built, record: &Record, kind: Evidence) -> Result<Option<Vec<u8>>> {
    let Making { image, commit, scanner, events, interrupt, .. } = making;
    let digest = &built.manifest.digest;
    match kind {
        Evidence::Verdict => Ok(Some(record.statement())),
        Evidence::Provenance => Ok(Some(evidence::provenance(digest, image, commit, &|name| std::env::var(name).ok()))),
        Evidence::Sbom => {
            let failed = |error: anyhow::Error| {
                let failed = |error| Failure::from(error).during(format_args!("image `{}`", image.name));
                error.downcast().unwrap_or_else(failed)
            };
            let Some(document) = scanner.sbom(&built.folder, interrupt).map_err(failed)? else {
                events.warn(format!("{} makes no list of contents, so none is attached", scanner.name()));
                return Ok(None);
            };
            Ok(Some(evidence::sbom(&document, digest, commit.time).map_err(failed)?))
        }
    }
}
