//! Images in the archive: UpdateImageStorageClass, and what an image's storage class means for those who want it.
//! Source: Amazon ECR User Guide, "Archive an image".

use serde_json::{Value, json};

use super::images::Image;
use super::{Ecr, Repository, text};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// Restoring takes up to 20 minutes.
const RESTORING: u64 = 20 * 60 * 1000;

/// `imageStatus`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Active,
    Archived,
    Activating,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Activating => "ACTIVATING",
        }
    }
}

/// When an image went to the archive, and when it is back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Archived {
    pub(super) at: Option<Instant>,
    pub(super) until: Option<Instant>,
}

impl Image {
    pub(crate) fn status(&self, now: Instant) -> Status {
        match (self.archived.at, self.archived.until) {
            (Some(_), None) => Status::Archived,
            (Some(_), Some(until)) if now < until => Status::Activating,
            _ => Status::Active,
        }
    }

    /// Takes it out of the archive at once, if it is there: somebody has pushed it again.
    pub(super) fn restore(&mut self, now: Instant) {
        if self.status(now) != Status::Active {
            self.archived.until = Some(now);
        }
    }
}

impl Repository {
    /// Whether a pull of this digest finds it: an archived image is answered as one that is not there.
    pub(crate) fn is_pullable(&self, digest: &str, now: Instant) -> bool {
        self.images.get(digest).is_some_and(|image| image.status(now) == Status::Active)
    }
}

impl Ecr {
    pub(super) fn update_image_storage_class(&mut self, input: &Value, now: Instant) -> ApiResult {
        let (name, id) = (text(input, "repositoryName"), &input["imageId"]);
        let account = self.account.clone();
        let digest = self.repository(name)?.find(id).map_err(|_| self.no_image(name, id))?;
        let Some(image) = self.repository_mut(name)?.images.get_mut(&digest) else {
            return Err(ApiError::new("ImageNotFoundException", "The image does not exist"));
        };
        match (text(input, "targetStorageClass"), image.status(now)) {
            ("ARCHIVE", Status::Active) => image.archived = Archived { at: Some(now), until: None },
            ("STANDARD", Status::Archived) => image.archived.until = Some(Instant(now.0 + RESTORING)),
            ("ARCHIVE", Status::Archived) | ("STANDARD", Status::Active | Status::Activating) => {}
            (_, status) => {
                let message = format!("The image is {} and cannot change its storage class now", status.word());
                return Err(ApiError::new("ImageStorageClassUpdateNotSupportedException", message));
            }
        }
        let status = image.status(now).word();
        Ok(json!({"registryId": account, "repositoryName": name, "imageId": id, "imageStatus": status}))
    }
}
