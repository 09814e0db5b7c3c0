//! What is attached to an image, read without the registry's own API: whoever may read an image may read this.
//! Source: Amazon ECR API Reference, ListImageReferrers.

use serde_json::{Value, json};

use super::{ECR, Ecr, Id};
use crate::aws::AwsError;
use crate::aws::calls;
use crate::digest::Digest;
use crate::gather::Gather;
use crate::net;
use crate::oci::layout::DOCUMENT_LIMIT;
use crate::reference::Repository;

/// On one page, at most.
const PAGE: u32 = 50;
/// The bytes of manifests that one answer is asked for, unless a single one has more.
const ANSWER: u64 = DOCUMENT_LIMIT;

impl Ecr {
    /// The manifests of these types, all of them for none, whose subject a digest is. None of a subject that is not there.
    pub(crate) fn attached(
        &self,
        repository: &Repository,
        subject: &Digest,
        types: &[&str],
    ) -> Result<Vec<(Digest, String)>, AwsError> {
        let mut listed = Vec::new();
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
            let one =
                |it: &Value| Some((it["digest"].as_str()?.parse().ok()?, it["size"].as_u64().unwrap_or_default()));
            listed.extend(found.filter_map(one));
            next = answer["nextToken"].clone();
            if !next.is_string() {
                break;
            }
        }
        let mut found = Vec::new();
        for batch in batches(&listed) {
            found.extend(self.manifests(repository, &batch)?);
        }
        Ok(found)
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

/// These, in groups of which each has no more bytes than an answer is asked for.
fn batches(listed: &[(Digest, u64)]) -> Vec<Vec<Digest>> {
    let (mut batches, mut bytes) = (Vec::<Vec<Digest>>::new(), 0);
    for (digest, size) in listed {
        bytes = size.saturating_add(bytes);
        if let Some(batch) = batches.last_mut().filter(|_| bytes <= ANSWER) {
            batch.push(digest.clone());
        } else {
            bytes = *size;
            batches.push(vec![digest.clone()]);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_is_asked_for_in_answers_of_its_own_and_nothing_is_left_out() {
        let sizes = |sizes: &[u64]| -> Vec<usize> {
            let listed: Vec<_> =
                sizes.iter().enumerate().map(|(at, size)| (Digest::of(&at.to_be_bytes()), *size)).collect();
            let batches = batches(&listed);
            assert_eq!(batches.concat(), listed.into_iter().map(|(digest, _)| digest).collect::<Vec<_>>());
            batches.iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[1000; 150]), [150], "so many are asked for in as many calls as ECR wants");
        assert_eq!(sizes(&[ANSWER, 1, ANSWER - 1, ANSWER + 7, 0]), [1, 2, 1, 1]);
    }
}
