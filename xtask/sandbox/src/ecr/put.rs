//! PutImage, and the same through the registry.

use serde_json::{Value, json};

use super::archive::Status;
use super::names::{digest_of, is_digest, is_tag};
use super::{Ecr, Image, invalid_parameter, manifest, text};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// What is to be put where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put<'a> {
    pub repository: &'a str,
    pub manifest: &'a str,
    pub media_type: Option<&'a str>,
    pub tag: Option<&'a str>,
    /// The digest that the caller computed.
    pub digest: Option<&'a str>,
}

impl Ecr {
    pub(super) fn put_image(&mut self, input: &Value, now: Instant) -> ApiResult {
        // The model has no pattern for these two.
        if input["imageTag"].as_str().is_some_and(|tag| !is_tag(tag)) {
            let rule = "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'";
            return Err(invalid_parameter("imageTag", rule));
        }
        if input["imageDigest"].as_str().is_some_and(|digest| !is_digest(digest)) {
            let rule = "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
            return Err(invalid_parameter("imageDigest", rule));
        }
        let put = Put {
            repository: text(input, "repositoryName"),
            manifest: text(input, "imageManifest"),
            media_type: input["imageManifestMediaType"].as_str(),
            tag: input["imageTag"].as_str(),
            digest: input["imageDigest"].as_str(),
        };
        let digest = self.put(put, now)?;
        let mut id = json!({"imageDigest": digest});
        if let Some(tag) = put.tag {
            id["imageTag"] = json!(tag);
        }
        let image = &self.repository(put.repository)?.images[&digest];
        Ok(json!({"image": {
            "registryId": self.account,
            "repositoryName": put.repository,
            "imageId": id,
            "imageManifest": image.manifest,
            "imageManifestMediaType": image.media_type,
        }}))
    }

    /// Stores a manifest whose parts are all there, under its tag if it has one; answers its digest.
    pub fn put(&mut self, put: Put, now: Instant) -> Result<String, ApiError> {
        let Put { repository: name, tag, .. } = put;
        let account = self.account.clone();
        self.create_on_push(name, now)?;
        let repository = self.repository_mut(name)?;
        let read = manifest::read(put.manifest, put.media_type)
            .map_err(|reason| invalid_parameter("imageManifest", &reason))?;
        let digest = digest_of(put.manifest.as_bytes());
        if let Some(expected) = put.digest.filter(|expected| *expected != digest) {
            return Err(ApiError::new(
                "ImageDigestDoesNotMatchException",
                format!("The provided digest '{expected}' does not match the digest '{digest}' of the image manifest"),
            ));
        }
        let place = format!("repository with name '{name}' in the registry with id '{account}'");
        let layers: Vec<&str> =
            missing(read.blobs.iter().map(|(digest, _)| digest), |d| repository.layers.contains_key(d));
        if !layers.is_empty() {
            let message = format!(
                "Layers with digests '[{}]' required for pushing image into {place} do not exist",
                layers.join(", ")
            );
            return Err(ApiError::new("LayersNotFoundException", message));
        }
        let images: Vec<&str> = missing(read.children.iter(), |d| repository.images.contains_key(d));
        if !images.is_empty() {
            let message = format!(
                "Images with digests '[{}]' required for pushing image into {place} do not exist",
                images.join(", ")
            );
            return Err(ApiError::new("ReferencedImagesNotFoundException", message));
        }
        if let Some((blob, size)) = read.blobs.iter().find(|(blob, size)| repository.layers[blob].size != *size) {
            let stored = repository.layers[blob].size;
            let rule = format!("Layer '{blob}' has {stored} bytes and not {size}");
            return Err(invalid_parameter("imageManifest", &rule));
        }

        let archived = repository.images.get(&digest).map(|image| image.status(now) != Status::Active);
        match tag.map(|tag| (tag, repository.tags.get(tag))) {
            Some((tag, Some(other))) if *other != digest => {
                if repository.mutability.protects(tag) {
                    return Err(ApiError::new(
                        "ImageTagAlreadyExistsException",
                        format!(
                            "The image tag '{tag}' already exists in the '{name}' repository and cannot be \
                             overwritten because the tag is immutable."
                        ),
                    ));
                }
            }
            // Pushing an archived image again restores it.
            Some((_, Some(_))) | None if archived == Some(true) => {}
            Some((tag, Some(_))) => {
                return Err(ApiError::new(
                    "ImageAlreadyExistsException",
                    format!("Image with digest '{digest}' and tag '{tag}' already exists in the {place}"),
                ));
            }
            None if archived.is_some() => {
                return Err(ApiError::new(
                    "ImageAlreadyExistsException",
                    format!("Image with digest '{digest}' already exists in the {place}"),
                ));
            }
            Some((_, None)) | None => {}
        }
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), digest.clone());
        }
        let image = repository.images.entry(digest.clone()).or_insert_with(|| Image::new(put.manifest, read, now));
        image.restore(now);
        Ok(digest)
    }
}

fn missing<'a>(digests: impl Iterator<Item = &'a String>, is_there: impl Fn(&str) -> bool) -> Vec<&'a str> {
    digests.map(String::as_str).filter(|digest| !is_there(digest)).collect()
}
