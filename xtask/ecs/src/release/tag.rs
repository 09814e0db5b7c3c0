//! The tag, when everything that it stands for is in the repository and has passed.

use super::{ForPlatform, Released, attach};
use crate::aws::Session;
use crate::aws::ecr::{Ecr, Put};
use crate::commit::Commit;
use crate::config::{Config, Image};
use crate::event::Events;
use crate::evidence::Signer;
use crate::failure::{Failure, Result};
use crate::gate::{Passed, Record};
use crate::oci::registry::{Remote, failure};
use crate::platform::Platform;
use crate::reference::Pinned;

/// What a tag is put on: one image, or one for each of several platforms. All their blobs are in the repository.
#[derive(Default)]
pub(super) struct Whole {
    pub images: Vec<(Platform, Passed)>,
    pub records: Vec<Record>,
}

/// Who puts the tag of one image, and where.
pub(super) struct Tagging<'a> {
    pub config: &'a Config,
    pub image: &'a Image,
    pub commit: &'a Commit,
    pub session: &'a Session,
    pub signer: Option<&'a Signer>,
    pub ecr: &'a Ecr,
    pub remote: &'a Remote<'a>,
    pub events: &'a Events,
}

impl Tagging<'_> {
    /// Puts the tag. `scanner` is what looked at the image in this run, if anything did.
    pub(super) fn put(&self, whole: Whole, scanner: Option<String>) -> Result<Released> {
        let Self { image, commit, .. } = *self;
        let mut platforms = Vec::new();
        for (platform, passed) in whole.images.iter().filter(|_| whole.images.len() > 1) {
            platforms.push(ForPlatform { platform: platform.to_string(), digest: passed.document().digest.clone() });
        }
        let passed = &self.one(whole)?;
        let pinned = self.tag(passed)?;
        Ok(Released {
            image: image.name.clone(),
            tag: image.tag().to_string(),
            digest: pinned.digest.clone(),
            reference: pinned,
            new: true,
            commit: commit.revision.clone(),
            platform: platforms.is_empty().then(|| image.platform().to_owned()),
            platforms,
            scan: scanner.is_some().then(|| passed.summary().clone()),
            scanner,
        })
    }

    /// What the tag is put on: the one image, or the index of several, which are in the repository then, its verdict attached.
    fn one(&self, Whole { mut images, records }: Whole) -> Result<Passed> {
        if let [_] = *images
            && let Some((_, passed)) = images.pop()
        {
            return Ok(passed);
        }
        for (_, passed) in &images {
            self.remote.put_document(passed.document()).map_err(failure)?;
        }
        let passed = Passed::index(&images, self.commit.revision.as_deref());
        attach::to_index(self, passed.document(), &records)?;
        Ok(passed)
    }

    /// Puts the tag on what passed, and only on that.
    fn tag(&self, passed: &Passed) -> Result<Pinned> {
        let Self { image, ecr, .. } = self;
        let document = passed.document();
        let conflict = |holder: Option<String>| {
            Failure::conflict(format_args!(
                "the tag {} was put by somebody else while this release ran, with other content; nothing was overwritten",
                image.reference
            ))
            .said([
                format!("in ECR: {}", holder.unwrap_or_else(|| "a digest that could not be read".to_owned())),
                format!("built here: {}", document.digest),
            ])
            .help("give this image another tag")
        };
        match ecr.put_image(image.repository(), image.tag(), passed)? {
            Put::New | Put::AlreadyThere => Ok(image.reference.pin(document.digest.clone())),
            Put::TakenBy(holder) => Err(conflict(holder.map(|digest| digest.to_string()))),
        }
    }
}
