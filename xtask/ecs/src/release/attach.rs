//! What is attached to an image that passed, before its tag is put: whoever finds the tag finds the evidence, too.

use super::Making;
use super::build::Built;
use super::tag::Tagging;
use crate::aws::Session;
use crate::config::{Evidence, Image};
use crate::event::Events;
use crate::evidence::{self, Made, Signer};
use crate::failure::{Failure, Result};
use crate::gate::Record;
use crate::gather::Gather;
use crate::oci::layout::Descriptor;
use crate::oci::registry::{Document, Remote, failure};
use crate::text::quantity;

/// Makes and attaches what the configuration wants.
pub(super) fn attach(making: &Making<'_>, built: &Built, record: &Record) -> Result<()> {
    let mut all = Vec::new();
    for kind in &making.config.evidence {
        if let Some(bytes) = make(making, built, record, *kind)? {
            all.push(Made { kind: *kind, bytes, sealed: false });
        }
    }
    let Making { image, line, session, tools, events, interrupt, .. } = making;
    let remote = line.registry.repository(image.repository(), events, interrupt);
    let putting = Putting { remote: &remote, session, signer: tools.signer.as_ref(), events };
    putting.put(image, &built.manifest.descriptor(), all)
}

/// Attaches to an index what is said of all its images; what each of them holds and how it was made is attached to each.
pub(super) fn to_index(tagging: &Tagging<'_>, index: &Document, records: &[Record]) -> Result<()> {
    let Tagging { config, image, commit, remote, session, signer, events, .. } = *tagging;
    let mut all = Vec::new();
    for kind in &config.evidence {
        let bytes = match kind {
            Evidence::Verdict => Record::of_index(&index.digest, records).map(|record| record.statement()),
            Evidence::Provenance => {
                Some(evidence::provenance(&index.digest, image, commit, &|name| std::env::var(name).ok()))
            }
            Evidence::Sbom => None,
        };
        all.extend(bytes.map(|bytes| Made { kind: *kind, bytes, sealed: false }));
    }
    Putting { remote, session, signer, events }.put(image, &index.descriptor(), all)
}

/// Where it is put, what signs it, and who is told.
pub(super) struct Putting<'a> {
    pub remote: &'a Remote<'a>,
    pub session: &'a Session,
    /// `None` where what is attached is not signed.
    pub signer: Option<&'a Signer>,
    pub events: &'a Events,
}

impl Putting<'_> {
    /// Attaches all that is made of an image, signed where there is a key; what is there already is not attached twice.
    pub(super) fn put(&self, image: &Image, subject: &Descriptor, all: Vec<Made>) -> Result<()> {
        let Self { remote, session, signer, events } = *self;
        let kinds: Vec<Evidence> = all.iter().map(|made| made.kind).gather();
        let all = match signer {
            Some(signer) => signer.signed(session, (image.repository(), &subject.digest), all)?,
            None => all,
        };
        // What a gate could not read is no verdict.
        if let Some(made) = all.iter().find(|made| made.kind == Evidence::Verdict && !made.is_at_hand()) {
            return Err(too_large(image, made.bytes.len()));
        }
        for made in &all {
            remote.attach(&made.attachment(subject)).map_err(failure)?;
        }
        if !kinds.is_empty() {
            let to = format!("{} {}", image.name, subject.digest.short());
            events.note("Attached", attached(&kinds, &to, signer.map(|signer| signer.key().name.as_str())));
        }
        Ok(())
    }
}

fn too_large(image: &Image, bytes: usize) -> Failure {
    let size = quantity::size(bytes as u64);
    Failure::world(format_args!(
        "the verdict on image `{}` has {size}, more than a registry takes in a manifest: it was not attached, and one that is there counts on",
        image.name
    ))
    .help("it lists what refuses and what is accepted: `severity` and `ignore-unfixed` under [workspace.metadata.xtask.scan] say which findings count")
}

/// What was attached to what, and what of it is signed: a list of contents never is.
fn attached(kinds: &[Evidence], to: &str, key: Option<&str>) -> String {
    let names = |sealed: bool| {
        let of = |kind: &&Evidence| (key.is_some() && **kind != Evidence::Sbom) == sealed;
        kinds.iter().filter(of).map(|kind| kind.name()).gather::<Vec<_>>().join(", ")
    };
    match (names(true), names(false), key) {
        (sealed, plain, Some(key)) if plain.is_empty() => format!("{sealed} to {to}, signed by {key}"),
        (sealed, plain, Some(key)) if !sealed.is_empty() => {
            format!("{sealed} to {to}, signed by {key}; {plain}, not signed")
        }
        (_, plain, _) => format!("{plain} to {to}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_contents_is_not_said_to_be_signed() {
        let (verdict, sbom, key) = (Evidence::Verdict, Evidence::Sbom, Some("k"));
        assert_eq!(attached(&[verdict, sbom], "app 1", None), "verdict, sbom to app 1");
        assert_eq!(
            attached(&[verdict, Evidence::Provenance], "app 1", key),
            "verdict, provenance to app 1, signed by k"
        );
        let all = [verdict, sbom, Evidence::Provenance];
        assert_eq!(attached(&all, "app 1", key), "verdict, provenance to app 1, signed by k; sbom, not signed");
        assert_eq!(attached(&[sbom], "app 1", key), "sbom to app 1");
    }
}
