//! S3's protocol: the path says what of which bucket.
//! Source: Amazon S3 User Guide, "Virtual hosting of buckets", path-style requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use serde_json::{Value, json};

use super::protocol::{Protocol, Target};
use super::signature::Signature;
use super::xml;
use crate::ecr::random_id;
use crate::http::{Answer, Cut, full};
use crate::registry::decode;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What a request that is signed for S3 asks for.
pub(super) fn target(head: &Parts) -> Option<Target> {
    Signature::of(&head.headers).filter(|signature| signature.service() == Some("s3"))?;
    let (_, key) = place(head);
    let query = head.uri.query().unwrap_or_default();
    let operation = match (head.method.clone(), key.is_empty()) {
        (Method::GET, true) if query.split('&').any(|pair| pair == "location" || pair == "location=") => {
            "GetBucketLocation"
        }
        (Method::GET, true) => "ListObjectsV2",
        (Method::GET, false) => "GetObject",
        (Method::HEAD, true) => "HeadBucket",
        (Method::HEAD, false) => "HeadObject",
        (Method::PUT, _) => "PutObject",
        (Method::DELETE, _) => "DeleteObject",
        _ => "PostObject",
    };
    Some(Target { protocol: Protocol::Rest, service: "s3", operation: operation.to_owned() })
}

/// The members that the path holds.
pub(super) fn input(head: &Parts) -> Value {
    let (bucket, key) = place(head);
    if key.is_empty() { json!({"Bucket": bucket}) } else { json!({"Bucket": bucket, "Key": key}) }
}

/// Bucket and key.
fn place(head: &Parts) -> (String, String) {
    let path = head.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (decode(bucket), decode(key))
}

pub(super) fn answer(operation: &str, output: &Value) -> Answer {
    let mut builder = Response::builder().status(200).header("x-amz-request-id", random_id());
    if operation == "GetBucketLocation" {
        let region = output["LocationConstraint"].as_str().unwrap_or_default();
        let body = xml::document("LocationConstraint", NAMESPACE, region);
        return builder.header("content-type", "application/xml").body(full(body)).map_err(|_| Cut);
    }
    for (member, header) in [
        ("BucketRegion", "x-amz-bucket-region"),
        ("ETag", "etag"),
        ("LastModified", "last-modified"),
        ("ContentType", "content-type"),
    ] {
        if let Some(value) = output[member].as_str() {
            builder = builder.header(header, value);
        }
    }
    let bytes = STANDARD.decode(output["Body"].as_str().unwrap_or_default()).unwrap_or_default();
    builder.body(full(bytes)).map_err(|_| Cut)
}
