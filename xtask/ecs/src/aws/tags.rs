//! The tags of ECS's resources, which are written one by one.
//! Source: Amazon ECS API Reference, TagResource and UntagResource, version 2014-11-13.

use std::sync::Arc;

use serde_json::{Value, json};

use super::calls::{self, Call};
use super::pace::Pace;
use super::signed::{ECS, Signed};
use super::{AwsError, SdkConfig};
use crate::net;

/// The tags of the session's account and region. Methods block.
pub(crate) struct Tags {
    signed: Signed,
    pace: Arc<Pace>,
}

impl Tags {
    pub(super) fn new(sdk: &SdkConfig, pace: Arc<Pace>) -> Self {
        Self { signed: Signed::new(sdk), pace }
    }

    /// Adds a tag, or gives it another value.
    pub(crate) fn put(&self, arn: &str, key: &str, value: &str) -> Result<(), AwsError> {
        let input = json!({ "resourceArn": arn, "tags": [{ "key": key, "value": value }] });
        self.send(&calls::TAG_RESOURCE, arn, &input)
    }

    /// Takes tags away; one that is not there is none to take away.
    pub(crate) fn remove(&self, arn: &str, keys: &[&str]) -> Result<(), AwsError> {
        self.send(&calls::UNTAG_RESOURCE, arn, &json!({ "resourceArn": arn, "tagKeys": keys }))
    }

    fn send(&self, call: &Call, arn: &str, input: &Value) -> Result<(), AwsError> {
        net::wait(self.pace.turn(call.action));
        self.signed.json(&ECS, call, arn, input).map(drop)
    }
}
