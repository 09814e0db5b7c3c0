//! Evidence in a manifest's clothes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::envelope::{BUNDLE, Envelope};
use super::{CYCLONEDX, IN_TOTO, PREDICATE, PROVENANCE, SIGNED_PREDICATE, kind};
use crate::config::Evidence;
use crate::digest::Digest;
use crate::gate::VERDICT;
use crate::oci::layout::{DOCUMENT_LIMIT, Descriptor, media_type};
use crate::oci::registry::{Attachment, Document};

/// Source: OCI image specification 1.1, manifest.md, "Guidance for an Empty Descriptor".
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");
/// A statement that is no larger stands in the manifest, too, where it is read without the permission to fetch blobs: in base64, and with
/// 4 KiB for the other members, that is all that registries take of a manifest.
const AT_HAND: u64 = (DOCUMENT_LIMIT - 4096) / 4 * 3;
/// The same of a list of contents, which only who may fetch blobs asks for.
const LIST_AT_HAND: u64 = 256 * 1024;

/// A piece of evidence, made and not yet attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub kind: Evidence,
    pub bytes: Vec<u8>,
    /// Whether that is a statement in its envelope.
    pub sealed: bool,
}

/// A piece of evidence, as its manifest tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attached {
    /// `None` of what others attach, such as a signature.
    pub kind: Option<Evidence>,
    pub artifact_type: String,
    /// Whether it is a statement in its envelope.
    pub sealed: bool,
    pub subject: Option<Digest>,
    /// Where its content is.
    pub blob: Descriptor,
    /// The content itself, where the manifest has it.
    pub bytes: Option<Vec<u8>>,
}

impl Made {
    /// Whether whoever reads its manifest has read it.
    pub(crate) fn is_at_hand(&self) -> bool {
        self.bytes.len() as u64 <= if self.kind == Evidence::Sbom { LIST_AT_HAND } else { AT_HAND }
    }

    /// As it is attached to the image with this descriptor.
    pub(crate) fn attachment(&self, subject: &Descriptor) -> Attachment {
        let (content, predicate) = match self.kind {
            Evidence::Verdict => (IN_TOTO, VERDICT),
            Evidence::Provenance => (IN_TOTO, PROVENANCE),
            Evidence::Sbom => (CYCLONEDX, ""),
        };
        let content = if self.sealed { BUNDLE } else { content };
        let config = descriptor(EMPTY.0, EMPTY.1);
        let blob = descriptor(content, &self.bytes);
        let mut layer = json!(blob);
        if self.is_at_hand() {
            layer["data"] = json!(STANDARD.encode(&self.bytes));
        }
        let annotations = match predicate {
            "" => json!({}),
            // As sigstore's clients write them.
            _ if self.sealed => json!({ "dev.sigstore.bundle.content": "dsse-envelope", SIGNED_PREDICATE: predicate }),
            _ => json!({ PREDICATE: predicate }),
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::MANIFEST,
            "artifactType": content,
            "config": config,
            "layers": [layer],
            "subject": subject,
            "annotations": annotations,
        });
        let bytes = manifest.to_string().into_bytes();
        let document = Document { digest: Digest::of(&bytes), media_type: media_type::MANIFEST.to_owned(), bytes };
        let mut entry = json!(descriptor(&document.media_type, &document.bytes));
        entry["artifactType"] = json!(content);
        entry["annotations"] = annotations;
        let blobs = vec![(config, EMPTY.1.to_vec()), (blob, self.bytes.clone())];
        Attachment { document, blobs, subject: subject.digest.clone(), entry }
    }
}

impl Attached {
    /// `None` where it is no artifact of one blob: whatever it is, it is no evidence of ours.
    pub(crate) fn read(manifest: &[u8]) -> Option<Self> {
        let manifest: Value = serde_json::from_slice(manifest).ok()?;
        let artifact_type = manifest["artifactType"].as_str().or(manifest["config"]["mediaType"].as_str());
        let artifact_type = artifact_type.unwrap_or_default().to_owned();
        let sealed = artifact_type == BUNDLE;
        let predicate = if sealed { SIGNED_PREDICATE } else { PREDICATE };
        let predicate = manifest["annotations"][predicate].as_str().unwrap_or_default();
        let [layer] = manifest["layers"].as_array()?.as_slice() else { return None };
        let blob: Descriptor = serde_json::from_value(layer.clone()).ok()?;
        let data = layer["data"].as_str().and_then(|data| STANDARD.decode(data).ok());
        let subject = manifest["subject"]["digest"].as_str().and_then(|digest| digest.parse().ok());
        Some(Self {
            kind: kind(&artifact_type, predicate),
            sealed,
            subject,
            // Bytes that are others than the descriptor names are none.
            bytes: data.filter(|data| Digest::of(data) == blob.digest),
            blob,
            artifact_type,
        })
    }

    /// What it says, whoever signed it; a list of contents as it is.
    pub(crate) fn content(&self) -> Option<Vec<u8>> {
        let bytes = self.bytes.as_ref()?;
        if self.sealed { Envelope::read(bytes).map(Envelope::unverified) } else { Some(bytes.clone()) }
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor { media_type: media_type.to_owned(), digest: Digest::of(bytes), size: bytes.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_attached_is_read_back_and_is_the_same_wherever_it_is_made() {
        let subject = descriptor(media_type::MANIFEST, b"the image");
        for kind in [Evidence::Verdict, Evidence::Sbom, Evidence::Provenance] {
            let made = Made { kind, bytes: b"{\"a\":1}".to_vec(), sealed: false };
            let attachment = made.attachment(&subject);
            assert_eq!(attachment, made.attachment(&subject));
            let read = Attached::read(&attachment.document.bytes).expect("it is evidence");
            assert_eq!((read.kind, read.subject), (Some(kind), Some(subject.digest.clone())));
            assert_eq!(read.bytes.as_deref(), Some(made.bytes.as_slice()));
            assert_eq!(attachment.entry["digest"], attachment.document.digest.as_str());
        }
        let large = Made {
            kind: Evidence::Sbom,
            bytes: vec![b' '; usize::try_from(LIST_AT_HAND).expect("it fits") + 1],
            sealed: false,
        };
        let read = Attached::read(&large.attachment(&subject).document.bytes).expect("it is evidence");
        assert_eq!((read.bytes, read.blob.size), (None, LIST_AT_HAND + 1));
    }

    #[test]
    fn the_largest_statement_that_is_at_hand_has_a_manifest_that_registries_take() {
        let subject = descriptor(media_type::MANIFEST, b"the image");
        let made = |length: u64| {
            let length = usize::try_from(length).expect("it fits");
            Made { kind: Evidence::Verdict, bytes: vec![b' '; length], sealed: true }
        };
        let largest = made(AT_HAND);
        assert!(largest.is_at_hand() && !made(AT_HAND + 1).is_at_hand());
        let manifest = largest.attachment(&subject).document.bytes;
        assert!(manifest.len() as u64 <= DOCUMENT_LIMIT, "{}", manifest.len());
        assert_eq!(Attached::read(&manifest).and_then(|read| read.bytes), Some(largest.bytes));
    }

    #[test]
    fn bytes_in_a_manifest_that_are_not_the_blobs_are_none() {
        let made = Made { kind: Evidence::Verdict, bytes: b"{}".to_vec(), sealed: false };
        let document = made.attachment(&descriptor(media_type::MANIFEST, b"the image")).document.bytes;
        let forged =
            String::from_utf8(document).expect("text").replace(&STANDARD.encode(b"{}"), &STANDARD.encode(b"[]"));
        assert_eq!(Attached::read(forged.as_bytes()).expect("it is evidence").bytes, None);
        assert_eq!(Attached::read(b"no manifest"), None);
    }
}
