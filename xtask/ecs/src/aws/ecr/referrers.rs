//! What is attached to an image, read without the registry's own API: whoever may read an image may read this.
//! Source: Amazon ECR API Reference, ListImageReferrers.

use serde_json::{Value, json};

use super::{ECR, Ecr, Id};
use crate::aws::AwsError;
use crate::aws::calls;
use crate::digest::Digest;
use crate::gather::Gather;
use crate::net;
use crate::reference::Repository;

/// On one page, at most.
const PAGE: u32 = 50;

impl Ecr {
    /// The manifests of these types, all of them for none, whose subject a digest is. None of a subject that is not there.
    pub(crate) fn attached(
        &self,
        repository: &Repository,
        subject: &Digest,
        types: &[&str],
    ) -> Result<Vec<(Digest, String)>, AwsError> {
        let mut digests = Vec::new();
        let mut next = Value::Null;
        loop {
            let mut input = json!({
                "registryId": self.home.account,
                "repositoryName": repository.as_str(),
                "subjectId": { "imageDigest": subject },
                "maxResults": PAGE,
            });
            if !types.is_empty() {
                input["filter"] = json!({ "artifactTypes": types });
            }
            if next.is_string() {
                input["nextToken"] = next;
            }
            let about = format!("image {}{repository}@{subject}", self.place);
            let answer = match self.signed.json(&ECR, &calls::LIST_IMAGE_REFERRERS, &about, &input) {
                Ok(answer) => answer,
                Err(error) if error.code == "ImageNotFoundException" => return Ok(Vec::new()),
                // There is no action of this call's name.
                Err(error) => {
                    let fix = error.fix.replace(calls::LIST_IMAGE_REFERRERS.action, calls::BATCH_GET_IMAGE.action);
                    return Err(AwsError { fix, ..error });
                }
            };
            let found = answer["referrers"].as_array().into_iter().flatten();
            digests.extend(found.filter_map(|it| it["digest"].as_str()?.parse::<Digest>().ok()));
            next = answer["nextToken"].clone();
            if !next.is_string() {
                break;
            }
        }
        self.manifests(repository, &digests)
    }

    /// The bytes of these manifests; of one that is gone by now, none.
    pub(crate) fn manifests(
        &self,
        repository: &Repository,
        digests: &[Digest],
    ) -> Result<Vec<(Digest, String)>, AwsError> {
        let mut found = Vec::new();
        for batch in digests.chunks(super::BATCH) {
            let ids = batch.iter().map(|digest| Id::Digest(digest.to_string()).asked()).gather();
            let answer = net::wait(self.under(repository, ids))?;
            for image in answer.images() {
                let digest = image.image_id().and_then(|id| id.image_digest()?.parse().ok());
                found.extend(digest.zip(image.image_manifest().map(str::to_owned)));
            }
        }
        Ok(found)
    }
}
