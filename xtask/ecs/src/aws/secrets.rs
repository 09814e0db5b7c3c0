//! Secrets, of which nothing but their being there is asked. Source: AWS Secrets Manager API Reference, DescribeSecret.

use serde_json::json;

use super::signed::{Api, Signed};
use super::{AwsError, SdkConfig, calls};

const SECRETS: Api = Api { id: "Secrets Manager", target: "secretsmanager" };

/// Whether a secret is there, in the region of its ARN.
pub(crate) fn exists(sdk: &SdkConfig, arn: &str) -> Result<bool, AwsError> {
    let here = Signed::new(sdk);
    let signed = match arn.split(':').nth(3) {
        Some(region) if !region.is_empty() && region != here.region() => here.in_region(region.to_owned()),
        _ => here,
    };
    let input = json!({ "SecretId": arn });
    match signed.json(&SECRETS, &calls::DESCRIBE_SECRET, &format!("secret {arn}"), &input) {
        // One that is to be deleted can be described, and not read.
        Ok(answer) => Ok(answer["DeletedDate"].is_null()),
        Err(error) if error.code == "ResourceNotFoundException" => Ok(false),
        Err(error) => Err(error),
    }
}
