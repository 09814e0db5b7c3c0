//! The other way to a tag: that it is there already, in another registry.

use crate::digest::Digest;
use crate::oci::registry::Document;
use crate::reference::Tag;

/// Proof that ECR has exactly this manifest, or index, under this tag.
///
/// Only [`Ecr::tagged`](super::Ecr::tagged) makes one, of bytes that it read and whose digest it made itself; what takes
/// one puts the same tag on the same bytes in another registry, and can put no other. Whoever released the image there
/// needed a [`Passed`](crate::gate::Passed), so that a promotion carries a verdict on and never stands in for one.
#[derive(Debug)]
pub(crate) struct Tagged {
    tag: Tag,
    document: Document,
}

impl Tagged {
    /// `None` where the bytes do not have the digest that was looked for.
    pub(super) fn read(tag: &Tag, digest: &Digest, media_type: &str, manifest: &str) -> Option<Self> {
        let bytes = manifest.as_bytes().to_vec();
        let document = Document { digest: Digest::of(&bytes), media_type: media_type.to_owned(), bytes };
        (document.digest == *digest).then(|| Self { tag: tag.clone(), document })
    }

    pub(crate) fn tag(&self) -> &Tag {
        &self.tag
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_another_digest_prove_nothing() {
        let (tag, digest) = ("1.4.0".parse().expect("a tag"), Digest::of(b"{}"));
        let read = |manifest| Tagged::read(&tag, &digest, "application/vnd.oci.image.manifest.v1+json", manifest);
        assert_eq!(read("{}").expect("they are these").document().digest, digest);
        assert!(read("{ }").is_none());
    }
}
