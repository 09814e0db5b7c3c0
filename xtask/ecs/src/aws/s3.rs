//! Objects in S3, read whole. Source: Amazon S3 API Reference, GetObject; User Guide, "Virtual hosting of buckets", "Path-style
//! requests" and "Request redirection".

use super::signed::{Api, Refusal, Signed, encoded};
use super::{AwsError, SdkConfig, calls, xml};

const S3: Api = Api { id: "S3", target: "" };

/// The object's bytes, whatever the region of its bucket.
pub(crate) fn object(sdk: &SdkConfig, bucket: &str, key: &str) -> Result<Vec<u8>, AwsError> {
    let path = format!("/{}/{}", encoded(bucket, ""), encoded(key, "/"));
    let here = Signed::new(sdk);
    let answer = here.get(&S3, &calls::GET_OBJECT, &path).or_else(|refusal| match elsewhere(&refusal) {
        Some(region) if region != here.region() => here.in_region(region).get(&S3, &calls::GET_OBJECT, &path),
        _ => Err(refusal),
    });
    answer.map_err(|refusal| AwsError::new(calls::GET_OBJECT.action, format_args!("s3://{bucket}/{key}"), &refusal))
}

/// The region that S3 names where it was asked in another one.
fn elsewhere(refusal: &Refusal) -> Option<String> {
    let response = refusal.raw_response()?;
    if let Some(region) = response.headers().get("x-amz-bucket-region") {
        return Some(region.to_owned());
    }
    let body = xml::parse(std::str::from_utf8(response.body().bytes()?).ok()?)?;
    let region = body.text_of("Region");
    (!region.is_empty()).then(|| region.to_owned())
}
