//! BatchGetImage, DescribeImages, ListImages, BatchDeleteImage.

use serde_json::{Value, json};

use super::archive::{Archived, Status};
use super::manifest::Manifest;
use super::names::{is_digest, is_tag};
use super::repositories::page;
use super::{Ecr, Repository, Wanted, text};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// A manifest that was put.
#[derive(Debug)]
pub(crate) struct Image {
    pub manifest: String,
    pub media_type: String,
    pub read: Manifest,
    pushed_at: Instant,
    pub(super) archived: Archived,
}

impl Image {
    pub fn new(manifest: &str, read: Manifest, now: Instant) -> Self {
        let media_type = read.media_type.clone();
        Self { manifest: manifest.to_owned(), media_type, read, pushed_at: now, archived: Archived::default() }
    }

    pub(super) fn pushed_at(&self) -> Instant {
        self.pushed_at
    }

    /// The bytes that a pull transfers, but for the manifest.
    fn size(&self) -> u64 {
        self.read.blobs.iter().map(|(_, size)| size).sum()
    }
}

impl Repository {
    /// The image's digest, where it is here.
    pub fn resolve(&self, wanted: Wanted) -> Option<&str> {
        match wanted {
            Wanted::Tag(tag) => self.tags.get(tag).map(String::as_str),
            Wanted::Digest(digest) => self.images.get_key_value(digest).map(|(digest, _)| digest.as_str()),
        }
    }

    /// The images that name this layer; without one nobody can pull it.
    pub fn naming<'a>(&'a self, layer: &'a str) -> impl Iterator<Item = &'a Image> {
        self.images.values().filter(move |image| image.read.blobs.iter().any(|(blob, _)| blob == layer))
    }

    fn tags_of(&self, digest: &str) -> Vec<&str> {
        self.tags.iter().filter(|(_, to)| *to == digest).map(|(tag, _)| tag.as_str()).collect()
    }

    /// Whether an index names this image.
    pub fn is_part(&self, digest: &str) -> bool {
        self.images.values().any(|image| image.read.children.iter().any(|child| child == digest))
    }

    /// Takes away an image and its tags.
    pub fn forget(&mut self, digest: &str) {
        self.images.remove(digest);
        self.tags.retain(|_, to| to != digest);
    }

    /// The digest that an `imageIds` element means, or the failure that it is.
    pub(super) fn find(&self, id: &Value) -> Result<String, (&'static str, &'static str)> {
        const NOT_FOUND: (&str, &str) = ("ImageNotFound", "Requested image not found");
        let by_tag = |tag| self.tags.get(tag).cloned().ok_or(NOT_FOUND);
        match (id["imageTag"].as_str(), id["imageDigest"].as_str()) {
            (None, None) => Err(("MissingDigestAndTag", "Image digest and image tag are both missing")),
            (_, Some(digest)) if !is_digest(digest) => Err((
                "InvalidImageDigest",
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
            )),
            (Some(tag), _) if !is_tag(tag) => Err((
                "InvalidImageTag",
                "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
            )),
            (None, Some(digest)) if self.images.contains_key(digest) => Ok(digest.to_owned()),
            (None, Some(_)) => Err(NOT_FOUND),
            (Some(tag), None) => by_tag(tag),
            (Some(tag), Some(digest)) => match by_tag(tag)? {
                found if found == digest => Ok(found),
                _ => Err(("ImageTagDoesNotMatchDigest", "The image tag does not match the image digest")),
            },
        }
    }
}

impl Ecr {
    pub(super) fn batch_get_image(&self, input: &Value, now: Instant) -> ApiResult {
        let name = text(input, "repositoryName");
        let repository = self.repository(name)?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in ids(input) {
            match repository.find(id) {
                Err(failure) => failures.push(failed(id, failure)),
                Ok(digest) if !repository.is_pullable(&digest, now) => {
                    let why = "Requested image is in the archive and has to be restored first";
                    failures.push(failed(id, ("ImageInaccessible", why)));
                }
                Ok(digest) => {
                    let image = &repository.images[&digest];
                    let mut found = json!({"imageDigest": digest});
                    if let Some(tag) = id["imageTag"].as_str() {
                        found["imageTag"] = json!(tag);
                    }
                    images.push(json!({
                        "registryId": self.account,
                        "repositoryName": name,
                        "imageId": found,
                        "imageManifest": image.manifest,
                        "imageManifestMediaType": image.media_type,
                    }));
                }
            }
        }
        Ok(json!({"images": images, "failures": failures}))
    }

    pub(super) fn describe_images(&self, input: &Value, now: Instant) -> ApiResult {
        let name = text(input, "repositoryName");
        let repository = self.repository(name)?;
        let digests: Vec<String> = match input["imageIds"].as_array() {
            None => {
                repository.images.keys().filter(|digest| has_status(repository, digest, input, now)).cloned().collect()
            }
            Some(wanted) => wanted
                .iter()
                .map(|id| repository.find(id).map_err(|_| self.no_image(name, id)))
                .collect::<Result<_, _>>()?,
        };
        let details = digests.iter().map(|digest| self.detail(repository, digest, now)).collect();
        let (details, next) = page(details, input)?;
        let mut answer = json!({"imageDetails": details});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    pub(super) fn no_image(&self, repository: &str, id: &Value) -> ApiError {
        let or_null = |member: &str| id[member].as_str().unwrap_or("null").to_owned();
        ApiError::new(
            "ImageNotFoundException",
            format!(
                "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with \
                 name '{repository}' in the registry with id '{}'",
                or_null("imageDigest"),
                or_null("imageTag"),
                self.account
            ),
        )
    }

    fn detail(&self, repository: &Repository, digest: &str, now: Instant) -> Value {
        let image = &repository.images[digest];
        let mut detail = json!({
            "registryId": self.account,
            "repositoryName": repository.name,
            "imageDigest": digest,
            "imageSizeInBytes": image.size(),
            "imagePushedAt": image.pushed_at.seconds(),
            "imageManifestMediaType": image.media_type,
            "imageStatus": image.status(now).word(),
        });
        if let Some(at) = image.archived.at {
            detail["lastArchivedAt"] = json!(at.seconds());
        }
        if let Some(until) = image.archived.until.filter(|until| *until <= now) {
            detail["lastActivatedAt"] = json!(until.seconds());
        }
        if let Some(subject) = &image.read.subject {
            detail["subjectManifestDigest"] = json!(subject);
        }
        let tags = repository.tags_of(digest);
        if !tags.is_empty() {
            detail["imageTags"] = json!(tags);
        }
        if let Some(artifact_type) = &image.read.artifact_type {
            detail["artifactMediaType"] = json!(artifact_type);
        }
        detail
    }

    pub(super) fn list_images(&self, input: &Value, now: Instant) -> ApiResult {
        let repository = self.repository(text(input, "repositoryName"))?;
        let mut list = Vec::new();
        for digest in repository.images.keys().filter(|digest| has_status(repository, digest, input, now)) {
            let tags = repository.tags_of(digest);
            if tags.is_empty() {
                list.push(json!({"imageDigest": digest}));
            }
            list.extend(tags.into_iter().map(|tag| json!({"imageDigest": digest, "imageTag": tag})));
        }
        let (list, next) = page(list, input)?;
        let mut answer = json!({"imageIds": list});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    /// A tag alone is taken from its image, which goes with its last tag; a digest takes the image and all its tags.
    pub(super) fn batch_delete_image(&mut self, input: &Value) -> ApiResult {
        let repository = self.repository_mut(text(input, "repositoryName"))?;
        let (mut gone, mut failures) = (Vec::new(), Vec::new());
        for id in ids(input) {
            let digest = match repository.find(id) {
                Ok(digest) => digest,
                Err(failure) => {
                    failures.push(failed(id, failure));
                    continue;
                }
            };
            if let Some(tag) =
                id["imageTag"].as_str().filter(|_| repository.tags_of(&digest).len() > 1 && id["imageDigest"].is_null())
            {
                repository.tags.remove(tag);
                gone.push(json!({"imageDigest": digest, "imageTag": tag}));
            } else if repository.is_part(&digest) {
                let why = "Requested image referenced by manifest list";
                failures.push(failed(id, ("ImageReferencedByManifestList", why)));
            } else {
                let tags = repository.tags_of(&digest);
                gone.extend(tags.iter().map(|tag| json!({"imageDigest": digest, "imageTag": tag})));
                if tags.is_empty() {
                    gone.push(json!({"imageDigest": digest}));
                }
                repository.forget(&digest);
            }
        }
        Ok(json!({"imageIds": gone, "failures": failures}))
    }
}

fn ids(input: &Value) -> impl Iterator<Item = &Value> {
    input["imageIds"].as_array().into_iter().flatten()
}

fn failed(id: &Value, (code, reason): (&str, &str)) -> Value {
    json!({"imageId": id, "failureCode": code, "failureReason": reason})
}

/// Whether an image is one that a list with this filter shows; without one it shows those that are not archived.
fn has_status(repository: &Repository, digest: &str, input: &Value, now: Instant) -> bool {
    let filter = &input["filter"];
    let tagged = match filter["tagStatus"].as_str() {
        Some("TAGGED") => !repository.tags_of(digest).is_empty(),
        Some("UNTAGGED") => repository.tags_of(digest).is_empty(),
        _ => true,
    };
    let status = repository.images[digest].status(now);
    tagged && filter["imageStatus"].as_str().map_or(status == Status::Active, |it| it == "ANY" || it == status.word())
}
