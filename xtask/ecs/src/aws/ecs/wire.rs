//! Bodies as they travel: a document that goes out untouched, and one that comes in whole, with the members that the
//! SDK does not know.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use super::TaskDefinition;
use crate::text::taken;

/// Puts another body into a request that is not signed yet.
pub(super) fn replace_body(request: &mut HttpRequest, body: &str) {
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}

/// An interceptor that keeps the response's body, and the place where it keeps it.
pub(super) fn capture() -> (Capture, Body) {
    let body = Body::default();
    (Capture(body.clone()), body)
}

#[derive(Clone, Debug, Default)]
pub(super) struct Body(Arc<Mutex<Vec<u8>>>);

impl Body {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
pub(super) struct Capture(Body);

impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "Capture"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default().to_vec();
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        Ok(())
    }
}

/// What DescribeTaskDefinition answered; the error says what is wrong with it.
pub(super) fn task_definition(body: &[u8]) -> Result<TaskDefinition, String> {
    let mut answer: Value =
        serde_json::from_slice(body).map_err(|error| format!("a response that is not JSON ({error})"))?;
    let mut document = taken(&mut answer, "taskDefinition");
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let (arn, registered_by) = (text("taskDefinitionArn"), text("registeredBy"));
    if arn.is_empty() {
        return Err("a response without taskDefinitionArn".to_owned());
    }
    let tags = taken(&mut answer, "tags");
    if let (Some(members), Some(true)) = (document.as_object_mut(), tags.as_array().map(|tags| !tags.is_empty())) {
        members.insert("tags".to_owned(), tags);
    }
    Ok(TaskDefinition { arn, document, registered_by })
}

/// Of seconds with a fraction, as AWS JSON has times.
#[expect(clippy::cast_possible_truncation, reason = "a time of this century")]
pub(super) fn millis(value: &Value) -> i64 {
    (value.as_f64().unwrap_or_default() * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_description_keeps_members_that_the_sdk_does_not_know() {
        let body = br#"{"taskDefinition":{"taskDefinitionArn":"arn:x/app:3","registeredBy":"arn:me","futureField":1},
                        "tags":[{"key":"team","value":"a"}]}"#;
        let found = task_definition(body).unwrap();
        assert_eq!((found.arn.as_str(), found.registered_by.as_str()), ("arn:x/app:3", "arn:me"));
        assert_eq!(found.document["futureField"], 1);
        assert_eq!(found.document["tags"][0]["key"], "team");
    }

    #[test]
    fn a_response_that_names_no_revision_is_an_error() {
        assert!(task_definition(b"{}").unwrap_err().contains("taskDefinitionArn"));
        assert!(task_definition(b"<html>").unwrap_err().contains("not JSON"));
    }
}
