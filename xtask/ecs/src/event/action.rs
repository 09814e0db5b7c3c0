//! What a plan says: what is going to be done about images and services.

use serde::Serialize;

use crate::digest::Digest;

/// What a release or a promotion does about one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageAction {
    /// The tag is not in ECR: build, scan, push.
    Release,
    /// The tag is in ECR with this digest: nothing to do.
    AlreadyReleased {
        /// What has the tag now.
        digest: Digest,
        /// What the image says of where it comes from.
        source: ImageSource,
    },
    /// The tag is in another environment's registry (`from`) and not in this one: copy it.
    Promote {
        /// `REGISTRY/REPOSITORY:TAG` in the other registry.
        from: String,
        /// What has the tag there.
        digest: Digest,
    },
    /// The tag is in both with this digest: nothing to do.
    AlreadyPromoted {
        /// `REGISTRY/REPOSITORY:TAG` in the other registry.
        from: String,
        /// What has the tag in both.
        digest: Digest,
    },
}

/// What a deploy does about one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceAction {
    /// Create the service with the first revision: there is nothing that it could go back to.
    Create,
    /// Register a revision and update the service to it.
    Deploy,
    /// A revision that is equal is registered: update the service to it, which starts a rollout.
    Update,
    /// The service is on its way to an equal revision: follow that rollout.
    Follow,
    /// The live revision is equal; only settings of the service change that start no rollout.
    Settings,
    /// The live revision is equal; only the number of tasks changes, which starts no rollout.
    Scale,
    /// The live revision is equal, no setting changes, and its rollout is complete.
    NothingToDo,
}

/// How many tasks a service is to have: now, and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DesiredCount {
    /// What the service has now.
    pub before: u32,
    /// The same where the configuration has no `desired-count`.
    pub after: u32,
}

/// Where an image that is in ECR comes from, by its own word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageSource {
    /// The key under `images`.
    pub image: String,
    /// The tag of the configuration; of bytes that `--digest` names, one that they have, or the digest.
    pub tag: String,
    /// What `--digest` names in the place of the tag; absent where it names nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether a release of this tool made it. Where it does not say so, it may be older than that, or pushed by
    /// other means.
    pub released: bool,
    /// The commit that it was built of, with `-dirty` where files differed from it; absent where it does not say.
    pub commit: Option<String>,
    /// The commit that is checked out here; absent outside git.
    pub here: Option<String>,
}

/// An image whose bytes are to change, by its tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionChange {
    /// The key under `images`.
    pub image: String,
    /// The tag of what runs, or `commit HASH` where ECR has none that can be compared and the image says its commit; absent
    /// where neither is known.
    pub before: Option<String>,
    /// The tag of what is to run, or its digest where it has none.
    pub after: String,
    /// Which of the two is later.
    pub direction: Direction,
    /// Whether the direction is that in which they were pushed to ECR, for neither their tags nor their commits have one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_push: bool,
}

/// Which of two tags is the later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// What is to run is the later one, or the same.
    Forward,
    /// What is to run is the earlier one.
    Back,
    /// One of the tags is no version, or is not known; nor is the order of the commits or of the pushes.
    Unknown,
}
