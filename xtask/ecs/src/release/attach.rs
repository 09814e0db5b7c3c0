//! What is attached to an image that passed, before its tag is put: whoever finds the tag finds the evidence, too.

use super::Making;
use super::build::Built;
use super::tag::Tagging;
use crate::config::{Evidence, Image};
use crate::event::Events;
use crate::evidence::{self, Made};
use crate::failure::{Failure, Result};
use crate::gate::Record;
use crate::oci::layout::Descriptor;
use crate::oci::registry::{Document, Remote, failure};

/// Makes and attaches what the configuration wants.
pub(super) fn attach(making: &Making<'_>, built: &Built, record: &Record) -> Result<()> {
    let mut all = Vec::new();
    for kind in &making.config.evidence {
        if let Some(bytes) = make(making, built, record, *kind)? {
            all.push(Made { kind: *kind, bytes });
        }
    }
    let Making { image, line, events, interrupt, .. } = making;
    let remote = line.registry.repository(image.repository(), events, interrupt);
    put(image, &remote, events, (&built.manifest.descriptor(), &all))
}

/// Attaches to an index what is said of all its images; what each of them holds and how it was made is attached to each.
pub(super) fn to_index(tagging: &Tagging<'_>, index: &Document, records: &[Record]) -> Result<()> {
    let Tagging { config, image, commit, remote, events, .. } = *tagging;
    let mut all = Vec::new();
    for kind in &config.evidence {
        let bytes = match kind {
            Evidence::Verdict => Record::of_index(&index.digest, records).map(|record| record.statement()),
            Evidence::Provenance => {
                Some(evidence::provenance(&index.digest, image, commit, &|name| std::env::var(name).ok()))
            }
            Evidence::Sbom => None,
        };
        all.extend(bytes.map(|bytes| Made { kind: *kind, bytes }));
    }
    put(image, remote, events, (&index.descriptor(), &all))
}

fn put(image: &Image, remote: &Remote<'_>, events: &Events, (subject, all): (&Descriptor, &[Made])) -> Result<()> {
    let mut names = Vec::new();
    for made in all {
        remote.attach(&made.attachment(subject)).map_err(failure)?;
        names.push(made.kind.name());
    }
    if !names.is_empty() {
        events.note("Attached", format!("{} to {} {}", names.join(", "), image.name, subject.digest.short()));
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
