//! S3: buckets that somebody else filled, to be read.
//! Source: Amazon S3 API Reference, version 2006-03-01, and S3 User Guide, "Making requests" and "Error responses".

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecr::digest_of;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};

/// Every bucket: names are everybody's.
#[derive(Debug, Default)]
pub(crate) struct S3 {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    home: Home,
    objects: BTreeMap<String, Object>,
}

#[derive(Debug)]
pub(crate) struct Object {
    pub bytes: Vec<u8>,
    /// When it was put.
    pub at: Instant,
}

/// The region that requests without a region of their own are signed for, and whose endpoint knows every bucket.
const GLOBAL: &str = "us-east-1";

impl S3 {
    /// Puts an object, into a bucket that is made with it. A bucket is taken by its name, whoever asks.
    pub fn put(&mut self, home: &Home, bucket: &str, key: &str, object: Object) {
        let made = || Bucket { home: home.clone(), objects: BTreeMap::new() };
        let bucket = self.buckets.entry(bucket.to_owned()).or_insert_with(made);
        bucket.objects.insert(key.to_owned(), object);
    }

    /// One call by somebody of this account, signed for this region; `arn` says who.
    pub fn call(&self, home: &Home, arn: &str, operation: &str, input: &Value) -> ApiResult {
        let text = |member: &str| input[member].as_str().unwrap_or_default();
        let (name, key) = (text("Bucket"), text("Key"));
        let Some(bucket) = self.buckets.get(name) else {
            let refusal = ApiError::with(404, "NoSuchBucket", "The specified bucket does not exist");
            return Err(refusal.member("BucketName", name));
        };
        // Where a bucket is, everybody may ask anywhere.
        if operation == "GetBucketLocation" && bucket.home.account == home.account {
            let region = Some(bucket.home.region.as_str()).filter(|region| *region != GLOBAL);
            return Ok(json!({"LocationConstraint": region}));
        }
        if bucket.home.region != home.region {
            return Err(elsewhere(name, &bucket.home.region, &home.region));
        }
        if bucket.home.account != home.account {
            let action = if key.is_empty() { "s3:ListBucket" } else { "s3:GetObject" };
            let path = if key.is_empty() { name.to_owned() } else { format!("{name}/{key}") };
            let message = format!(
                "User: {arn} is not authorized to perform: {action} on resource: \"arn:aws:s3:::{path}\" because no \
                 resource-based policy allows the {action} action"
            );
            return Err(ApiError::with(403, "AccessDenied", message));
        }
        match operation {
            "HeadBucket" => Ok(json!({"BucketRegion": bucket.home.region})),
            "GetObject" | "HeadObject" => bucket.object(key),
            _ => Err(ApiError::with(
                501,
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
            )),
        }
    }
}

impl Bucket {
    fn object(&self, key: &str) -> ApiResult {
        let Some(object) = self.objects.get(key) else {
            return Err(ApiError::with(404, "NoSuchKey", "The specified key does not exist.").member("Key", key));
        };
        Ok(json!({
            "Body": STANDARD.encode(&object.bytes),
            "ETag": format!("\"{}\"", &digest_of(&object.bytes)[7..39]),
            "LastModified": object.at.http(),
            "ContentType": "binary/octet-stream",
        }))
    }
}

/// What is answered to a signature for another region than the bucket's. The endpoint of us-east-1 sends a request on to
/// where the bucket is, which finds the signature wrong; every other one says where else to ask.
fn elsewhere(bucket: &str, actual: &str, signed: &str) -> ApiError {
    let refusal = if signed == GLOBAL {
        let message =
            format!("The authorization header is malformed; the region '{signed}' is wrong; expecting '{actual}'");
        ApiError::with(400, "AuthorizationHeaderMalformed", message).member("Region", actual)
    } else {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
            send all future requests to this endpoint.";
        let endpoint = format!("{bucket}.s3.{actual}.amazonaws.com");
        ApiError::with(301, "PermanentRedirect", message).member("Endpoint", endpoint).member("Bucket", bucket)
    };
    refusal.header("x-amz-bucket-region", actual)
}
