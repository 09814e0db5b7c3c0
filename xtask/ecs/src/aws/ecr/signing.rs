//! Whether ECR has signed an image, by its managed signing.
//! Source: Amazon ECR API Reference, DescribeImageSigningStatus.

use serde::Serialize;
use serde_json::json;

use super::{ECR, Ecr};
use crate::aws::{AwsError, calls};
use crate::digest::Digest;
use crate::gather::Gather;
use crate::reference::Repository;

/// What became of signing an image by one of the registry's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Signing {
    /// The signing profile's ARN.
    pub profile: String,
    /// `IN_PROGRESS`, `COMPLETE` or `FAILED`.
    pub status: String,
    /// Why it failed, by ECR's own word; empty where it did not.
    pub why: String,
}

impl Signing {
    /// For people.
    pub(crate) fn says(&self) -> String {
        let profile = &self.profile;
        match self.status.as_str() {
            "COMPLETE" => format!("signed by {profile}"),
            "IN_PROGRESS" => format!("is being signed by {profile}"),
            "FAILED" => format!("not signed by {profile}: {}", self.why),
            other => format!("{other} by {profile}"),
        }
    }
}

impl Ecr {
    /// What became of signing an image, an element a rule; empty where no rule of the registry was for it when it was pushed.
    pub(crate) fn signing(&self, repository: &Repository, digest: &Digest) -> Result<Vec<Signing>, AwsError> {
        let input = json!({
            "registryId": self.home.account,
            "repositoryName": repository.as_str(),
            "imageId": { "imageDigest": digest },
        });
        let about = format!("image {}{repository}@{digest}", self.place);
        let answer = self.signed.json(&ECR, &calls::DESCRIBE_IMAGE_SIGNING_STATUS, &about, &input)?;
        let found = answer["signingStatuses"].as_array().into_iter().flatten().map(|one| {
            let text = |member: &str| one[member].as_str().unwrap_or_default().to_owned();
            let said = [text("failureCode"), text("failureReason")];
            let why = said.into_iter().filter(|said| !said.is_empty()).gather::<Vec<_>>().join(", ");
            Signing { profile: text("signingProfileArn"), status: text("status"), why }
        });
        Ok(found.gather())
    }
}
