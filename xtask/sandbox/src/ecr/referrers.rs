//! What refers to an image: ListImageReferrers, and the list that the registry has of them.
//! Source: Amazon ECR API Reference, ListImageReferrers.

use serde_json::{Value, json};

use super::archive::Status;
use super::repositories::page;
use super::{Ecr, Repository, text};
use crate::clock::Instant;
use crate::protocol::ApiResult;

/// So many on a page where nobody asks for another number.
const PAGE: u64 = 20;

impl Ecr {
    pub(super) fn list_image_referrers(&self, input: &Value, now: Instant) -> ApiResult {
        let name = text(input, "repositoryName");
        let repository = self.repository(name)?;
        let subject = text(&input["subjectId"], "imageDigest");
        if !repository.images.contains_key(subject) {
            return Err(self.no_image(name, &input["subjectId"]));
        }
        let filter = &input["filter"];
        let is_wanted = |referrer: &&Value| {
            let types = filter["artifactTypes"].as_array().filter(|types| !types.is_empty());
            let status = filter["artifactStatus"].as_str().unwrap_or("ACTIVE");
            types.is_none_or(|types| types.contains(&referrer["artifactType"]))
                && (status == "ANY" || referrer["artifactStatus"] == status)
        };
        let referrers: Vec<Value> = repository
            .referring(subject)
            .map(|(digest, mut referrer)| {
                referrer["artifactStatus"] = json!(repository.images[digest].status(now).word());
                referrer
            })
            .collect();
        let referrers = referrers.iter().filter(is_wanted).cloned().collect();
        let mut paged = input.clone();
        paged["maxResults"] = json!(input["maxResults"].as_u64().unwrap_or(PAGE));
        let (referrers, next) = page(referrers, &paged)?;
        let mut answer = json!({"referrers": referrers});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }
}

impl Repository {
    /// The descriptors of what has this subject, as an index has them; what is in the archive is left out.
    pub fn active_referrers(&self, subject: &str, now: Instant) -> Vec<Value> {
        let active = |digest: &str| self.images[digest].status(now) == Status::Active;
        self.referring(subject).filter(|(digest, _)| active(digest)).map(|(_, descriptor)| descriptor).collect()
    }

    fn referring<'a>(&'a self, subject: &'a str) -> impl Iterator<Item = (&'a str, Value)> {
        let images = self.images.iter().filter(move |(_, image)| image.read.subject.as_deref() == Some(subject));
        images.map(|(digest, image)| {
            let mut descriptor = json!({
                "mediaType": image.media_type,
                "digest": digest,
                "size": image.manifest.len(),
            });
            if let Some(artifact_type) = &image.read.artifact_type {
                descriptor["artifactType"] = json!(artifact_type);
            }
            if image.read.annotations.is_object() {
                descriptor["annotations"] = image.read.annotations.clone();
            }
            (digest.as_str(), descriptor)
        })
    }
}
