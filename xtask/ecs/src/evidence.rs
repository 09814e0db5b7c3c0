//! What is attached to a digest in its registry: the verdict on it, what it holds, how it was made.
//!
//! Each is an OCI artifact of its own whose subject is the image, so that the image's digest stays what it is, and each has
//! the same bytes wherever it is made of the same: attached twice, it is there once.
//!
//! Sources: OCI image specification 1.1, manifest.md, "Guidelines for Artifact Usage"; in-toto Attestation Framework,
//! Statement v1; SLSA v1.0, provenance; CycloneDX 1.6.

mod artifact;
mod provenance;
mod sbom;

pub(crate) use artifact::{Attached, Made};
pub(crate) use provenance::{MadeBy, provenance};
pub(crate) use sbom::sbom;

use crate::aws::{AwsError, Session};
use crate::config::Evidence;
use crate::digest::Digest;
use crate::gate::{Record, VERDICT};
use crate::gather::Gather;
use crate::oci::layout::Index;
use crate::reference::{Pinned, Repository};

/// Source: SLSA v1.0, provenance.
pub(crate) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
pub(crate) const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
/// What an artifact says of itself, beside its type. Source: in-toto Attestation Framework, OCI bundles.
pub(crate) const PREDICATE: &str = "in-toto.io/predicate-type";

/// What an artifact of this type is; `None` of what others attach.
pub(crate) fn kind(artifact_type: &str, predicate: &str) -> Option<Evidence> {
    match (artifact_type, predicate) {
        (IN_TOTO, VERDICT) => Some(Evidence::Verdict),
        (IN_TOTO, PROVENANCE) => Some(Evidence::Provenance),
        (CYCLONEDX, _) => Some(Evidence::Sbom),
        _ => None,
    }
}

/// The verdicts that are attached to an image and speak of it.
pub(crate) fn verdicts(session: &Session, pinned: &Pinned) -> Result<Vec<Record>, AwsError> {
    let attached = session.ecr().attached(&pinned.repository, &pinned.digest, Some(IN_TOTO))?;
    let record = |(_, manifest): &(_, String)| {
        let attached = Attached::read(manifest.as_bytes())?;
        // A statement about this image that is attached to another one says nothing of either.
        let fits = attached.kind == Some(Evidence::Verdict) && attached.subject.as_ref() == Some(&pinned.digest);
        Record::read(&attached.bytes.filter(|_| fits)?)
    };
    Ok(attached.iter().filter_map(record).gather())
}

/// Who made an image, or the images of an index, as the provenance says that is attached; `None` where none is, or where ECR
/// does not tell.
pub(crate) fn made_by(session: &Session, repository: &Repository, digest: &Digest) -> Option<MadeBy> {
    let of = |digest: &Digest| {
        let attached = session.ecr().attached(repository, digest, Some(IN_TOTO)).ok()?;
        attached.iter().find_map(|(_, manifest)| {
            let attached = Attached::read(manifest.as_bytes())?;
            let fits = attached.kind == Some(Evidence::Provenance) && attached.subject.as_ref() == Some(digest);
            MadeBy::read(&attached.bytes.filter(|_| fits)?)
        })
    };
    of(digest).or_else(|| {
        let manifests = session.ecr().manifests(repository, std::slice::from_ref(digest)).ok()?;
        let index = manifests.iter().find_map(|(_, manifest)| Index::parse(manifest.as_bytes()).ok())?;
        of(&index.entries().find(|entry| entry.is_image())?.descriptor.digest)
    })
}
