//! Managed signing: the registry's rules, and what became of signing an image that was pushed under them. The signatures
//! themselves are AWS Signer's, and are not made here.
//! Source: Amazon ECR API Reference, PutSigningConfiguration and DescribeImageSigningStatus.

use serde_json::{Value, json};

use super::mutability::fits;
use super::{Ecr, text};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// How long after its push an image is being signed, in milliseconds.
const SIGNING: u64 = 10_000;

impl Ecr {
    pub(super) fn put_signing_configuration(&mut self, input: &Value, now: Instant) -> ApiResult {
        let configuration = input["signingConfiguration"].clone();
        self.signing = Some((configuration, now));
        self.get_signing_configuration()
    }

    pub(super) fn get_signing_configuration(&self) -> ApiResult {
        let (configuration, _) = self.signing.as_ref().ok_or_else(|| self.no_signing())?;
        Ok(json!({"registryId": self.account, "signingConfiguration": configuration}))
    }

    pub(super) fn delete_signing_configuration(&mut self) -> ApiResult {
        let (configuration, _) = self.signing.take().ok_or_else(|| self.no_signing())?;
        Ok(json!({"registryId": self.account, "signingConfiguration": configuration}))
    }

    /// A profile of another region signs nothing: which codes there are for what goes wrong, ECR does not document.
    pub(super) fn describe_image_signing_status(&self, input: &Value, now: Instant) -> ApiResult {
        let name = text(input, "repositoryName");
        let repository = self.repository(name)?;
        let id = &input["imageId"];
        let wanted = match id["imageDigest"].as_str() {
            Some(digest) => super::Wanted::Digest(digest),
            None => super::Wanted::Tag(text(id, "imageTag")),
        };
        let digest = repository.resolve(wanted).ok_or_else(|| self.no_image(name, id))?;
        let pushed = repository.images[digest].pushed_at();
        let rules = self.signing.as_ref().filter(|(_, since)| *since <= pushed).map(|(rules, _)| &rules["rules"]);
        let is_for = |rule: &&Value| {
            let filters = rule["repositoryFilters"].as_array().filter(|filters| !filters.is_empty());
            filters.is_none_or(|filters| filters.iter().any(|filter| fits(text(filter, "filter"), name)))
        };
        let status = |rule: &Value| {
            let profile = text(rule, "signingProfileArn");
            let mut told = json!({"signingProfileArn": profile, "status": "COMPLETE"});
            if profile.split(':').nth(3) != Some(&self.region) {
                told["status"] = json!("FAILED");
                told["failureCode"] = json!("ResourceNotFoundException");
                told["failureReason"] = json!(format!("The signing profile {profile} was not found"));
            } else if now.0 < pushed.0 + SIGNING {
                told["status"] = json!("IN_PROGRESS");
            }
            told
        };
        let statuses: Vec<Value> =
            rules.and_then(Value::as_array).into_iter().flatten().filter(is_for).map(status).collect();
        let id = json!({"imageDigest": digest, "imageTag": id["imageTag"]});
        let id: serde_json::Map<String, Value> = id
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, it)| !it.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Ok(json!({"repositoryName": name, "imageId": id, "registryId": self.account, "signingStatuses": statuses}))
    }

    fn no_signing(&self) -> ApiError {
        let message = format!("Signing configuration does not exist in the registry with id '{}'", self.account);
        ApiError::new("SigningConfigurationNotFoundException", message)
    }
}
