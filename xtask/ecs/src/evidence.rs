//! What is attached to a digest in its registry: the verdict on it, what it holds, how it was made.
//!
//! Each is an OCI artifact of its own whose subject is the image, so that the image's digest stays what it is, and each has
//! the same bytes wherever it is made of the same: attached twice, it is there once.
//!
//! Sources: OCI image specification 1.1, manifest.md, "Guidelines for Artifact Usage"; in-toto Attestation Framework,
//! Statement v1; SLSA v1.0, provenance; CycloneDX 1.6.

mod artifact;
mod envelope;
mod key;
mod provenance;
mod sbom;
mod signer;

pub(crate) use artifact::{Attached, Made};
pub(crate) use envelope::{BUNDLE, Doubt, Envelope, doubted};
pub(crate) use key::PublicKey;
pub(crate) use provenance::{MadeBy, provenance};
pub(crate) use sbom::sbom;
pub(crate) use signer::{Signer, fits_file, of_file, signing, trusted};

use crate::aws::{AwsError, Session};
use crate::config::Evidence;
use crate::digest::Digest;
use crate::event::Events;
use crate::gate::{Record, VERDICT};
use crate::oci::layout::Index;
use crate::reference::{Pinned, Repository};

/// Source: SLSA v1.0, provenance.
pub(crate) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
pub(crate) const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
/// What an artifact says of itself, beside its type. Source: in-toto Attestation Framework, OCI bundles.
pub(crate) const PREDICATE: &str = "in-toto.io/predicate-type";
/// The same of a statement in its envelope. Source: cosign, pkg/oci/remote.
pub(crate) const SIGNED_PREDICATE: &str = "dev.sigstore.bundle.predicateType";

/// What an artifact of this type is; `None` of what others attach.
pub(crate) fn kind(artifact_type: &str, predicate: &str) -> Option<Evidence> {
    match (artifact_type, predicate) {
        (IN_TOTO | BUNDLE, VERDICT) => Some(Evidence::Verdict),
        (IN_TOTO | BUNDLE, PROVENANCE) => Some(Evidence::Provenance),
        (CYCLONEDX, _) => Some(Evidence::Sbom),
        _ => None,
    }
}

/// The verdicts that are attached to an image and speak of it: with a key those that it has signed, and why others are not believed.
pub(crate) fn verdicts(
    session: &Session,
    pinned: &Pinned,
    key: Option<&PublicKey>,
) -> Result<(Vec<Record>, Vec<Doubt>), AwsError> {
    let attached = session.ecr().attached(&pinned.repository, &pinned.digest, &[IN_TOTO, BUNDLE])?;
    let (mut records, mut doubts) = (Vec::new(), Vec::new());
    for (_, manifest) in &attached {
        let attached = Attached::read(manifest.as_bytes());
        let verdict = attached
            .filter(|it| it.kind == Some(Evidence::Verdict) && it.subject.as_ref() == Some(&pinned.digest))
            .map(|it| believed(&it, key));
        match verdict {
            Some(Ok(statement)) => match Record::read(&statement) {
                // A statement about another image says nothing of this one.
                Some(record) if record.digest != pinned.digest => doubts.push(Doubt::OfAnother(record.digest)),
                Some(record) => records.push(record),
                None => doubts.push(Doubt::Strange),
            },
            Some(Err(doubt)) => doubts.push(doubt),
            None => {}
        }
    }
    doubts.sort();
    doubts.dedup();
    Ok((records, doubts))
}

/// Tells of the verdicts beside those that count; they may have been refusals.
pub(crate) fn warn_of(doubts: &[Doubt], (image, digest): (&str, &Digest), events: &Events) {
    if !doubts.is_empty() {
        let digest = digest.short();
        events.warn(format!("image `{image}` ({digest}) has verdicts that count for nothing: {}", doubted(doubts)));
    }
}

/// What something that is attached says, where it is believed: with a key only what that has signed.
pub(crate) fn believed(attached: &Attached, key: Option<&PublicKey>) -> Result<Vec<u8>, Doubt> {
    if key.is_some() && !attached.sealed {
        return Err(Doubt::Unsigned);
    }
    let bytes = attached.bytes.as_ref().ok_or(Doubt::NotAtHand)?;
    match key {
        None => attached.content().ok_or(Doubt::Unreadable),
        Some(key) => Envelope::read(bytes).ok_or(Doubt::Unreadable)?.open(key),
    }
}

/// Who made an image, or the images of an index, as the provenance says that is attached; `None` where none is, or where ECR
/// does not tell.
pub(crate) fn made_by(session: &Session, repository: &Repository, digest: &Digest) -> Option<MadeBy> {
    let of = |digest: &Digest| {
        let attached = session.ecr().attached(repository, digest, &[IN_TOTO, BUNDLE]).ok()?;
        attached.iter().find_map(|(_, manifest)| {
            let attached = Attached::read(manifest.as_bytes())?;
            let fits = attached.kind == Some(Evidence::Provenance) && attached.subject.as_ref() == Some(digest);
            MadeBy::read(&attached.content().filter(|_| fits)?)
        })
    };
    of(digest).or_else(|| {
        let manifests = session.ecr().manifests(repository, std::slice::from_ref(digest)).ok()?;
        let index = manifests.iter().find_map(|(_, manifest)| Index::parse(manifest.as_bytes()).ok())?;
        of(&index.entries().find(|entry| entry.is_image())?.descriptor.digest)
    })
}
