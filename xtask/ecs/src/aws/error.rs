//! What AWS answered, in the words of a calm colleague.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::failure::Failure;

/// A call to AWS that did not succeed, after the SDK's retries.
#[derive(Clone, Debug)]
pub struct AwsError {
    /// The call, which is also the IAM action: `ecr:BatchGetImage`.
    pub call: &'static str,
    /// What it was about, such as the repository.
    pub subject: String,
    pub kind: Kind,
    /// AWS's error code, such as `RepositoryNotFoundException`; empty where no answer came.
    pub code: String,
    pub message: String,
}

/// What kind of trouble it is, as far as the fix differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Credentials,
    Denied,
    Throttled,
    /// No answer: connection, name resolution, TLS, timeout.
    Unreachable,
    /// Anything else; `code` says what.
    Answered,
}

impl AwsError {
    pub(super) fn new<E, R>(call: &'static str, subject: impl fmt::Display, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug,
    {
        let subject = subject.to_string();
        match error {
            SdkError::ServiceError(context) => {
                let code = context.err().code().unwrap_or("an error without a code").to_owned();
                let message = context.err().message().unwrap_or_default().to_owned();
                Self { call, subject, kind: kind_of(&code), code, message }
            }
            other => {
                let source = other.source();
                let kind =
                    if source.is_some_and(holds_credentials_error) { Kind::Credentials } else { Kind::Unreachable };
                let message = source.map_or_else(|| other.to_string(), chain);
                Self { call, subject, kind, code: String::new(), message }
            }
        }
    }

    /// An answer that AWS gave inside a successful response, such as an entry of `failures[]`.
    pub(super) fn answered(call: &'static str, subject: impl fmt::Display, code: &str, message: &str) -> Self {
        Self {
            call,
            subject: subject.to_string(),
            kind: kind_of(code),
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    fn fix(&self) -> Option<String> {
        match self.kind {
            Kind::Credentials => Some("sign in again, or set fresh AWS credentials".to_owned()),
            Kind::Denied => Some(format!(
                "allow the action `{}` on {} in this identity's IAM policy",
                self.denied_action().unwrap_or(self.call),
                self.denied_resource().unwrap_or(&self.subject)
            )),
            Kind::Throttled => {
                Some("the account's request rate is used up; run it again in a minute, nothing is repeated".to_owned())
            }
            Kind::Unreachable => Some("check the network, the region and any AWS_ENDPOINT_URL".to_owned()),
            Kind::Answered => match self.code.as_str() {
                "RepositoryNotFoundException" => {
                    let name = self.subject.rsplit(' ').next().unwrap_or_default();
                    Some(format!("create it: `aws ecr create-repository --repository-name {name}`"))
                }
                "ClusterNotFoundException" => Some("check `cluster` and `region` in the configuration".to_owned()),
                _ => None,
            },
        }
    }

    /// The action that AWS's sentence names; not always the call: RegisterTaskDefinition asks for `iam:PassRole`, too.
    fn denied_action(&self) -> Option<&str> {
        self.message.split("authorized to perform: ").nth(1)?.split_whitespace().next()
    }

    /// The ARN that AWS's sentence names: "… is not authorized to perform: ACTION on resource: ARN because …".
    fn denied_resource(&self) -> Option<&str> {
        self.message.split("on resource: ").nth(1)?.split_whitespace().next()
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} failed: ", self.call, self.subject)?;
        match (self.code.as_str(), self.message.as_str()) {
            ("", message) => write!(f, "{message}")?,
            (code, "") => write!(f, "{code}")?,
            (code, message) => write!(f, "{code}: {message}")?,
        }
        match self.fix() {
            Some(fix) => write!(f, "\n{fix}"),
            None => Ok(()),
        }
    }
}

impl Error for AwsError {}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        Self::World(error.into())
    }
}

fn kind_of(code: &str) -> Kind {
    match code {
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedException" => Kind::Denied,
        "ExpiredTokenException"
        | "ExpiredToken"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "InvalidClientTokenId"
        | "RequestExpired" => Kind::Credentials,
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => Kind::Throttled,
        _ => Kind::Answered,
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

    #[test]
    fn a_missing_repository_comes_with_the_command_that_makes_it() {
        let error = AwsError::answered(
            "ecr:BatchGetImage",
            "repository sample/app",
            "RepositoryNotFoundException",
            "The repository with name 'sample/app' does not exist",
        );
        assert!(error.to_string().ends_with("`aws ecr create-repository --repository-name sample/app`"));
    }
}
