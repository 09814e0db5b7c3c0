//! What a registry holds, read from its store.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use xtask_sandbox::Site;

use super::stage::{Stage, TAG, layers};
use super::world::{Image, Kind, Rival, World};
use crate::digest::Digest;

/// The digest under the tag, where there is one; an error where not every byte behind it is right.
pub(super) fn tagged(stage: &Stage, world: &World, image: &Image) -> Result<Option<String>, String> {
    let (site, repository) = (stage.target(), stage.repository(image));
    let Some((digest, document)) = found(&site, &repository, &json!({ "imageTag": TAG })) else { return Ok(None) };
    let mut manifests = vec![document.clone()];
    if let Some(entries) = document["manifests"].as_array() {
        manifests.clear();
        for entry in entries {
            let wanted = json!({ "imageDigest": entry["digest"] });
            let found = found(&site, &repository, &wanted);
            let (_, manifest) =
                found.ok_or_else(|| format!("{repository}: {} of its index is not there", entry["digest"]))?;
            manifests.push(manifest);
        }
    }
    for manifest in &manifests {
        blobs(&site, &repository, manifest)?;
    }
    if world.kind == Kind::Promotion {
        let (source, from) = stage.source(image);
        let there = self::found(&source, &from, &json!({ "imageTag": TAG })).map(|(digest, _)| digest);
        return if there.as_ref() == Some(&digest) {
            Ok(Some(digest))
        } else {
            Err(format!("{repository} has {digest}, and {from} {there:?}"))
        };
    }
    // What was built, and nothing else.
    let has = |other: bool| {
        manifests.len() == image.platforms.len()
            && manifests.iter().zip(&image.platforms).all(|(manifest, platform)| {
                let built: Vec<Value> =
                    layers(image, platform, other).iter().map(|bytes| json!(Digest::of(bytes).to_string())).collect();
                let layers: Vec<Value> =
                    manifest["layers"].as_array().into_iter().flatten().map(|layer| layer["digest"].clone()).collect();
                built == layers
            })
    };
    if has(false) || world.rival == Some(Rival::OtherBytes) && has(true) {
        Ok(Some(digest))
    } else {
        Err(format!("{repository}: {digest} is nothing that was built: {document}"))
    }
}

/// Every blob that a manifest names is there, and has the digest and the size that it says.
fn blobs(site: &Site<'_>, repository: &str, manifest: &Value) -> Result<(), String> {
    let layers = manifest["layers"].as_array().into_iter().flatten();
    for blob in layers.chain([&manifest["config"]]) {
        let digest = blob["digest"].as_str().unwrap_or_default();
        let bytes = site.layer(repository, digest).ok_or_else(|| format!("{repository}: {digest} is not there"))?;
        if Digest::of(&bytes).as_str() != digest || blob["size"] != bytes.len() {
            return Err(format!("{repository}: {digest} has other bytes"));
        }
    }
    Ok(())
}

/// What is under a tag or a digest; its digest is made of its bytes.
fn found(site: &Site<'_>, repository: &str, id: &Value) -> Option<(String, Value)> {
    let answer = site.ecr("BatchGetImage", json!({ "repositoryName": repository, "imageIds": [id] })).ok()?;
    let text = answer["images"][0]["imageManifest"].as_str()?;
    Some((Digest::of(text.as_bytes()).to_string(), serde_json::from_str(text).unwrap_or_default()))
}

/// The digests of what is attached to a digest, each with all of its bytes.
pub(super) fn attached(site: &Site<'_>, repository: &str, digest: &str) -> Result<BTreeSet<String>, String> {
    let input = json!({ "repositoryName": repository, "subjectId": { "imageDigest": digest }, "maxResults": 50 });
    let answer = site.ecr("ListImageReferrers", input).map_err(|error| error.message)?;
    let mut all = BTreeSet::new();
    for referrer in answer["referrers"].as_array().into_iter().flatten() {
        let (digest, manifest) = found(site, repository, &json!({ "imageDigest": referrer["digest"] }))
            .ok_or_else(|| format!("{repository}: {} is listed and not there", referrer["digest"]))?;
        blobs(site, repository, &manifest)?;
        all.insert(digest);
    }
    Ok(all)
}
