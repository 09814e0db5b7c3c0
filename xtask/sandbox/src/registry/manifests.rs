//! Manifests, in and out, and the lists of them.

use hyper::body::Incoming;
use serde_json::json;

use super::{Exchange, Outcome, Refusal, Stop, empty, reply, unsupported};
use crate::ecr::manifest::OCI_INDEX;
use crate::ecr::{Put, Wanted};
use crate::http::{collect, full};

/// Source: OCI distribution specification 1.1, section Pushing Manifests.
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// GET and HEAD; of a HEAD the server sends no body.
pub(super) fn get(exchange: &Exchange, name: &str, reference: &str) -> Outcome {
    let mut state = exchange.world.lock();
    let now = state.now();
    let repository = state.ecr_of(&exchange.home).repository(name)?;
    let pullable = repository.resolve(wanted(reference)).filter(|digest| repository.is_pullable(digest, now));
    let image = pullable.and_then(|digest| repository.images.get_key_value(digest));
    let Some((digest, image)) = image else {
        return Err(Refusal::new(404, "MANIFEST_UNKNOWN", "Requested image not found").into());
    };
    reply(200)
        .header("content-type", &image.media_type)
        .header("content-length", image.manifest.len())
        .header("docker-content-digest", digest)
        .body(full(image.manifest.clone()))
        .map_err(|_| Stop::Cut)
}

pub(super) async fn put(exchange: Exchange<'_>, name: &str, reference: &str, body: Incoming) -> Outcome {
    let bytes = collect(body, LARGEST_MANIFEST).await?;
    let manifest = bytes
        .as_deref()
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .ok_or_else(|| Refusal::new(400, "MANIFEST_INVALID", "the manifest is no text of at most 4 MiB"))?;
    let media_type = exchange.header("content-type").and_then(|text| text.split(';').next()).map(str::trim);
    let (tag, digest) = match wanted(reference) {
        Wanted::Tag(tag) => (Some(tag), None),
        Wanted::Digest(digest) => (None, Some(digest)),
    };
    if tag.is_some_and(|tag| !crate::ecr::names::is_tag(tag)) {
        return Err(Refusal::new(400, "TAG_INVALID", format!("'{reference}' is no tag")).into());
    }
    let mut state = exchange.world.lock();
    let now = state.now();
    let stored =
        match state.ecr_of(&exchange.home).put(Put { repository: name, manifest, media_type, tag, digest }, now) {
            Ok(digest) => digest,
            // Putting the same again is no error here, other than in the JSON API.
            Err(error) if error.code == "ImageAlreadyExistsException" => crate::ecr::digest_of(manifest.as_bytes()),
            Err(error) => return Err(error.into()),
        };
    let subject = state.ecr_of(&exchange.home).repository(name)?.images[&stored].read.subject.clone();
    drop(state);
    let mut builder = reply(201)
        .header("location", format!("{}/v2/{name}/manifests/{stored}", exchange.base()))
        .header("docker-content-digest", stored)
        .header("content-length", "0");
    if let Some(subject) = subject {
        builder = builder.header("oci-subject", subject);
    }
    empty(builder)
}

/// An image goes by its digest, and its tags with it; a tag alone is BatchDeleteImage's.
/// Source: OCI distribution specification 1.1, section Content Management.
pub(super) fn delete(exchange: &Exchange, name: &str, reference: &str) -> Outcome {
    let mut state = exchange.world.lock();
    let repository = state.ecr_of(&exchange.home).repository_mut(name)?;
    let Wanted::Digest(digest) = wanted(reference) else { return Err(unsupported().into()) };
    if !repository.images.contains_key(digest) {
        return Err(Refusal::new(404, "MANIFEST_UNKNOWN", "Requested image not found").into());
    }
    if repository.is_part(digest) {
        return Err(Refusal::new(403, "DENIED", "Requested image referenced by manifest list").into());
    }
    repository.forget(digest);
    empty(reply(202).header("content-length", "0"))
}

pub(super) fn tags(exchange: &Exchange, name: &str) -> Outcome {
    let mut state = exchange.world.lock();
    let repository = state.ecr_of(&exchange.home).repository(name)?;
    let last = exchange.parameter("last").unwrap_or_default();
    let size = exchange.parameter("n").and_then(|n| n.parse().ok()).unwrap_or(1000);
    let mut tags: Vec<&String> = repository.tags.keys().filter(|tag| **tag > last).collect();
    let more = tags.len() > size;
    tags.truncate(size);
    let mut builder = reply(200).header("content-type", "application/json");
    if let (true, Some(last)) = (more, tags.last()) {
        builder = builder.header("link", format!("</v2/{name}/tags/list?last={last}&n={size}>; rel=\"next\""));
    }
    builder.body(full(json!({"name": name, "tags": tags}).to_string())).map_err(|_| Stop::Cut)
}

pub(super) fn referrers(exchange: &Exchange, name: &str, digest: &str) -> Outcome {
    let mut state = exchange.world.lock();
    let now = state.now();
    let manifests = state.ecr_of(&exchange.home).repository(name)?.active_referrers(digest, now);
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    reply(200).header("content-type", OCI_INDEX).body(full(index.to_string())).map_err(|_| Stop::Cut)
}

/// No tag holds a colon and every digest does.
fn wanted(reference: &str) -> Wanted<'_> {
    if reference.contains(':') { Wanted::Digest(reference) } else { Wanted::Tag(reference) }
}
