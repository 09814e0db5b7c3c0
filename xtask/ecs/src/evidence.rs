//! What is attached to a digest in its registry: the verdict on it, what it holds, how it was made.
//!
//! Each is an OCI artifact of its own whose subject is the image, so that the image's digest stays what it is, and each has
//! the same bytes wherever it is made of the same: attached twice, it is there once.
//!
//! Sources: OCI image specification 1.1, manifest.md, "Guidelines for Artifact Usage"; in-toto Attestation Framework,
//! Statement v1; SLSA v1.0, provenance; CycloneDX 1.6.

mod artifact;
mod provenance;
mod record;
mod sbom;
mod standing;

pub(crate) use artifact::{Attached, Made};
pub(crate) use provenance::provenance;
pub(crate) use record::Record;
pub(crate) use sbom::sbom;
pub(crate) use standing::{Policy, stands};

use crate::config::Evidence;

/// The type of a statement that is no statement of somebody else's kind: that of a verdict.
pub(crate) const VERDICT: &str = "urn:xtask-ecs:verdict:v1";
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
