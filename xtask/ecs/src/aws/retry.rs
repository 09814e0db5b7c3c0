//! Answers that are asked for again although the SDK does not know them: a 429 of any code, and ECS's words about two
//! revisions of one family that are registered at once.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use serde_json::Value;

use crate::cause::{self, Kind, Message};

/// Has the SDK wait and try again, as after any throttle that it knows.
#[derive(Debug)]
pub(super) struct Later;

impl ClassifyRetry for Later {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response().filter(|response| !response.status().is_success()) else {
            return RetryAction::NoActionIndicated;
        };
        let body: Value =
            response.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let said = |member: &str| body[member].as_str().unwrap_or_default();
        // `com.amazonaws.ecs#ClientException`
        let code = said("__type").rsplit('#').next().unwrap_or_default();
        let message = if said("message").is_empty() { said("Message") } else { said("message") };
        match cause::answered(Some(response.status().as_u16()), code, &Message::parse(message)) {
            (Kind::Throttled, _) => RetryAction::throttling_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "later"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::interceptors::context::Input;
    use aws_smithy_runtime_api::http::{Response, StatusCode};
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn is_tried_again(status: u16, body: &str) -> bool {
        let mut context = InterceptorContext::new(Input::erase("asked"));
        let status = StatusCode::try_from(status).expect("it is one");
        context.set_response(Response::new(status, SdkBody::from(body)));
        Later.classify_retry(&context) == RetryAction::throttling_error()
    }

    #[test]
    fn a_rate_and_a_race_are_tried_again_whatever_their_code() {
        for (status, body) in [
            (429, ""),
            (429, "<html>slow down</html>"),
            (429, r#"{"__type":"com.amazonaws.ecs#SomethingNew","message":"no"}"#),
            (
                400,
                r#"{"__type":"ClientException","message":"Too many concurrent attempts to create a new revision of the specified family."}"#,
            ),
        ] {
            assert!(is_tried_again(status, body), "{status} {body}");
        }
        for (status, body) in [
            (400, r#"{"__type":"ClientException","message":"TaskDefinition is inactive"}"#),
            (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#),
            (200, r#"{"message":"Rate exceeded"}"#),
        ] {
            assert!(!is_tried_again(status, body), "{status} {body}");
        }
    }
}
