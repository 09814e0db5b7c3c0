//! What AWS answered, in the words of a calm colleague.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::credentials::{Lack, lack, unreachable};
pub(crate) use crate::cause::Kind;
use crate::cause::{self, Message};
use crate::failure::Failure;

/// A call to AWS that did not succeed, after the SDK's retries.
#[derive(Clone, Debug)]
pub(crate) struct AwsError {
    /// The call, which is also the IAM action: `ecr:BatchGetImage`.
    pub call: &'static str,
    /// What it was about, such as the repository.
    pub subject: String,
    pub kind: Kind,
    /// AWS's error code, such as `RepositoryNotFoundException`; empty where no answer came.
    pub code: String,
    pub message: String,
    /// What would likely help; may be empty.
    pub fix: String,
}

impl AwsError {
    pub(super) fn new<E>(call: &'static str, subject: impl fmt::Display, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let subject = subject.to_string();
        match error {
            SdkError::ServiceError(context) => {
                let status = Some(context.raw().status().as_u16());
                let code = context.err().code().unwrap_or(NO_CODE);
                Self::of(call, subject, status, code, context.err().message().unwrap_or_default())
            }
            // What answers in no form that an API has is something before AWS, such as a proxy.
            SdkError::ResponseError(context) => {
                let status = Some(context.raw().status().as_u16());
                Self::foreign(call, subject, status, &error.source().map_or_else(String::new, chain))
            }
            other => Self::without_answer(call, subject, other.source().unwrap_or(other)),
        }
    }

    fn without_answer(call: &'static str, subject: String, error: &(dyn Error + 'static)) -> Self {
        let Lack { said, kind, fix } = if holds_credentials_error(error) {
            lack(error)
        } else {
            let (kind, fix) = unreachable(error);
            Lack { said: chain(error), kind, fix: fix.to_owned() }
        };
        Self { call, subject, kind, code: String::new(), message: said, fix }
    }

    /// An answer that AWS gave inside a successful response, such as an entry of `failures[]`.
    pub(crate) fn answered(call: &'static str, subject: impl fmt::Display, code: &str, message: &str) -> Self {
        Self::of(call, subject.to_string(), None, code, message)
    }

    /// What came is no answer of AWS's, or not all of one: nobody was reached, whatever the status says.
    pub(super) fn foreign(call: &'static str, subject: String, status: Option<u16>, message: &str) -> Self {
        let error = Self::of(call, subject, status, FOREIGN, message);
        let kind = if error.kind == Kind::Answered { Kind::Unreachable } else { error.kind };
        Self { kind, ..error }
    }

    fn of(call: &'static str, subject: String, status: Option<u16>, code: &str, message: &str) -> Self {
        let read = Message::parse(message);
        let (kind, fix) = cause::answered(status, code, &read);
        let fix = match (kind, read.denial) {
            _ if !fix.is_empty() => fix,
            (Kind::Denied, Some(denial)) => denial.fix("this identity", &subject),
            (Kind::Denied, None) => format!("allow the action `{call}` on {subject} in this identity's IAM policy"),
            _ => known(code).to_owned(),
        };
        Self { call, subject, kind, code: code.to_owned(), message: message.to_owned(), fix }
    }
}

/// The code of an answer in no form that the API has, such as a proxy's.
const FOREIGN: &str = "an answer that is not AWS's";

/// That of a refusal that names none.
const NO_CODE: &str = "an error without a code";

/// What to do about codes that are about what was asked for.
fn known(code: &str) -> &'static str {
    match code {
        FOREIGN | NO_CODE => {
            "something answers in AWS's place, or breaks its answers off: look at the proxy, at AWS_ENDPOINT_URL, and whether \
             this network wants a login first"
        }
        "ImageInaccessible" | "ImageArchivedException" => {
            "it is there and cannot be pulled: where it is archived, `aws ecr update-image-storage-class \
             --target-storage-class STANDARD` brings it back, which takes up to 20 minutes; a new tag is another way"
        }
        "ClusterNotFoundException" => "check `cluster` and `region` in the configuration",
        _ => "",
    }
}

/// On one line, for a warning.
impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} failed: ", self.call, self.subject)?;
        match (self.code.as_str(), self.message.as_str()) {
            ("", message) => write!(f, "{message}")?,
            (code, "") => write!(f, "{code}")?,
            (code, message) => write!(f, "{code}: {message}")?,
        }
        if self.fix.is_empty() { Ok(()) } else { write!(f, "; {}", self.fix) }
    }
}

impl Error for AwsError {}

impl From<AwsError> for Failure {
    /// What AWS said is quoted; what kept the call from AWS is told in the message.
    fn from(error: AwsError) -> Self {
        let AwsError { call, subject, code, message, fix, .. } = &error;
        let failure = match code.as_str() {
            "" => Self::world(format_args!("{call} on {subject} failed: {message}")),
            code => Self::world(format_args!("{call} on {subject} failed: {code}")).said([message]),
        };
        failure.help(fix)
    }
}

fn holds_credentials_error(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<CredentialsError>)
}

/// The error and its causes on one line, each said once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for part in std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string) {
        if !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_the_action_and_the_resource_to_allow() {
        let error = AwsError::answered(
            "ecr:BatchGetImage",
            "repository sample/app",
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:BatchGetImage on resource: \
             arn:aws:ecr:ap-northeast-1:123456789012:repository/sample/app because no identity-based policy allows it",
        );
        let text = error.to_string();
        assert!(
            text.ends_with(
                "allow the action `ecr:BatchGetImage` on \
                 arn:aws:ecr:ap-northeast-1:123456789012:repository/sample/app in this identity's IAM policy"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_answer_of_awss_says_what_may_stand_between_and_is_asked_for_again() {
        let error = AwsError::foreign("ecs:DescribeServices", "service app".to_owned(), Some(200), "expected object");
        assert_eq!(error.kind, Kind::Unreachable);
        assert!(error.to_string().contains("look at the proxy"), "{error}");
        let trouble = AwsError::foreign("ecs:DescribeServices", "service app".to_owned(), Some(503), "no JSON");
        assert_eq!(trouble.kind, Kind::Unavailable);
    }

    #[test]
    fn a_denial_of_another_action_than_the_call_names_that_one() {
        let error = AwsError::answered(
            "ecs:RegisterTaskDefinition",
            "task definition app",
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: iam:PassRole on resource: \
             arn:aws:iam::123456789012:role/app because no identity-based policy allows the iam:PassRole action",
        );
        let text = error.to_string();
        assert!(text.contains("allow the action `iam:PassRole` on arn:aws:iam::123456789012:role/app"), "{text}");
    }
}
