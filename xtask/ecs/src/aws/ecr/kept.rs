//! Whether an image can be pulled.

use aws_sdk_ecr::types::{ImageDetail, ImageStatus};

use crate::digest::Digest;
use crate::gather::Gather;
use crate::reference::Repository;

/// Where ECR keeps an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Where it is pulled from; with its tags.
    Active(Vec<String>),
    /// In the archive, from which nothing is pulled, or on its way back from there; with its tags.
    Archived(Vec<String>),
    Gone,
}

impl Kept {
    /// Of what DescribeImages says of one image.
    pub(super) fn of(details: &[ImageDetail]) -> Self {
        let tags = details.iter().flat_map(|image| image.image_tags().to_vec()).gather();
        let active = |image: &ImageDetail| matches!(image.image_status(), None | Some(ImageStatus::Active));
        if details.iter().all(active) { Self::Active(tags) } else { Self::Archived(tags) }
    }

    /// None of what is gone.
    pub(crate) fn tags(self) -> Vec<String> {
        match self {
            Self::Active(tags) | Self::Archived(tags) => tags,
            Self::Gone => Vec::new(),
        }
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
