//! Whether an image can be pulled.

use aws_sdk_ecr::types::{ImageDetail, ImageStatus};

use crate::digest::Digest;
use crate::gather::Gather;
use crate::reference::Repository;

/// Where ECR keeps an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Where it is pulled from.
    Active(Known),
    /// In the archive, from which nothing is pulled, or on its way back from there.
    Archived(Known),
    Gone,
}

/// What ECR knows of an image that it keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub tags: Vec<String>,
    /// When it was pushed, in milliseconds since 1970.
    pub pushed: Option<i64>,
}

impl Kept {
    /// Of what DescribeImages says of one image.
    pub(super) fn of(details: &[ImageDetail]) -> Self {
        let tags = details.iter().flat_map(|image| image.image_tags().to_vec()).gather();
        let pushed = details.first().and_then(ImageDetail::image_pushed_at).and_then(|at| at.to_millis().ok());
        let known = Known { tags, pushed };
        let active = |image: &ImageDetail| matches!(image.image_status(), None | Some(ImageStatus::Active));
        if details.iter().all(active) { Self::Active(known) } else { Self::Archived(known) }
    }

    /// Nothing of what is gone.
    pub(crate) fn known(self) -> Known {
        match self {
            Self::Active(known) | Self::Archived(known) => known,
            Self::Gone => Known::default(),
        }
    }

    /// None of what is gone.
    pub(crate) fn tags(self) -> Vec<String> {
        self.known().tags
    }

    /// Why it cannot be pulled, as the end of a sentence about the image.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        match self {
            Self::Active(_) => None,
            Self::Archived(_) => Some("is archived in ECR"),
            Self::Gone => Some("is gone from ECR"),
        }
    }

    /// What brings it back, where something does. Source: Amazon ECR User Guide, "Archive an image".
    pub(crate) fn restore(&self, repository: &Repository, digest: &Digest) -> Option<String> {
        matches!(self, Self::Archived(_)).then(|| {
            format!(
                "restore it: `aws ecr update-image-storage-class --repository-name {repository} --image-id \
                 imageDigest={digest} --target-storage-class STANDARD`, which takes up to 20 minutes"
            )
        })
    }
}
