//! How an image is asked for.

use std::fmt;

use aws_sdk_ecr::types::ImageIdentifier;

/// A tag or a digest.
#[derive(Clone, Debug)]
pub(super) enum Id {
    Tag(String),
    Digest(String),
}

impl Id {
    pub(super) fn asked(&self) -> ImageIdentifier {
        let id = ImageIdentifier::builder();
        match self {
            Self::Tag(tag) => id.image_tag(tag).build(),
            Self::Digest(digest) => id.image_digest(digest).build(),
        }
    }

    /// Whether an answer is to this.
    pub(super) fn is(&self, answered: Option<&ImageIdentifier>) -> bool {
        match self {
            Self::Tag(tag) => answered.and_then(ImageIdentifier::image_tag) == Some(tag),
            Self::Digest(digest) => answered.and_then(ImageIdentifier::image_digest) == Some(digest),
        }
    }
}

/// As it stands behind a repository's name.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}
