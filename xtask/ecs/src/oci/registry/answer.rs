//! What a registry answered, and what to make of it.

use std::fmt;

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::cause::Message;
use crate::failure::Failure;

/// An answer, its body read as far as wanted.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The `Authorization` that the request carried.
    pub authorization: Option<String>,
}

/// An error in the registry's own words.
/// Source: OCI distribution specification 1.1, section Error Codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Complaint {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first error of the body; empty where it has none in the specified form.
    pub(super) fn complaint(&self) -> Complaint {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<Complaint>,
        }
        let errors: Option<Errors> = serde_json::from_slice(&self.body).ok();
        errors.and_then(|body| body.errors.into_iter().next()).unwrap_or_default()
    }

    /// The credentials are not or no longer good, and new ones may be. ECR says so of an expired token with DENIED; the answer to
    /// a HEAD has no body to say it in.
    pub(super) fn refuses_credentials(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
            || self.status == StatusCode::FORBIDDEN && self.body.is_empty()
            || self.status.is_client_error()
                && Message::parse(&self.complaint().message).says("Your authorization token has expired")
    }

    /// The same request may succeed later.
    pub(super) fn passes(&self) -> bool {
        let lost_upload = || ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID"];
        match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::RANGE_NOT_SATISFIABLE => true,
            status if status.is_server_error() => true,
            status if status.is_client_error() => lost_upload().contains(&self.complaint().code.as_str()),
            _ => false,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the registry answered {}", self.status)?;
        let Complaint { code, message } = self.complaint();
        match (code.is_empty(), message.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => write!(f, " ({code})"),
            (true, false) => write!(f, " ({message})"),
            (false, false) => write!(f, " ({code}: {message})"),
        }
    }
}

/// A registry did not do what it was asked, after all attempts that made sense.
#[derive(Debug)]
pub struct RegistryError {
    /// A verb and its object, such as `upload blob sha256:… (12.0 MiB)`.
    pub doing: String,
    /// Such as `sample/app`.
    pub repository: String,
    /// `HOST[:PORT]`.
    pub registry: String,
    /// What was answered, or how the connection ended.
    pub cause: String,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The registry's own code, such as `NAME_UNKNOWN`; may be empty.
    pub code: String,
    /// How many there were, at least 1.
    pub attempts: u32,
    /// What would likely help.
    pub fix: String,
}

impl std::fmt::Display for RegistryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { doing, repository, registry, cause, fix, .. } = self;
        write!(f, "failed to {doing} in {repository} at {registry}: {cause}{}; {fix}", attempts_text(self.attempts))
    }
}

impl std::error::Error for RegistryError {}

/// What came of an exchange with a registry as a failure: the fix apart, where the registry is to blame.
pub fn failure(error: anyhow::Error) -> Failure {
    match error.downcast::<RegistryError>() {
        Ok(error) => {
            let RegistryError { doing, repository, registry, cause, attempts, fix, .. } = &error;
            let attempts = attempts_text(*attempts);
            Failure::world(format_args!("failed to {doing} in {repository} at {registry}: {cause}{attempts}")).help(fix)
        }
        Err(error) => error.into(),
    }
}

fn attempts_text(attempts: u32) -> String {
    if attempts == 1 { String::new() } else { format!(", after {attempts} attempts") }
}

/// The likely fix for an answer; `needs` are the IAM actions of the request.
pub(super) fn fix(answer: &Answer, repository: &str, needs: &[&str]) -> String {
    let code = answer.complaint().code;
    let actions = needs.join(", ");
    if let Some(denial) = Message::parse(&answer.complaint().message).denial {
        return denial.fix("this identity", &format!("repository {repository}"));
    }
    match answer.status.as_u16() {
        401 => "a fresh token was refused too: check that the credentials belong to this registry's account and region"
            .to_owned(),
        403 => format!("allow {actions} on this repository to the identity that runs this"),
        404 if code == "NAME_UNKNOWN" => {
            format!("create the repository {repository}, or correct its name, account or region")
        }
        404 => "check the repository's name and the digest".to_owned(),
        413 => "something before the registry limits the size of requests".to_owned(),
        429 => "the registry limits the rate of requests: wait a while and run again; what arrived is not sent again"
            .to_owned(),
        500..=599 => "this is the registry's own trouble: run again; what arrived is not sent again".to_owned(),
        _ => "check that this is a registry that follows the OCI distribution specification".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str, message: &str) -> Answer {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string().into();
        let status = StatusCode::from_u16(status).expect("it is one");
        Answer { status, headers: HeaderMap::new(), body, authorization: None }
    }

    #[test]
    fn an_expired_token_is_renewed_and_a_name_that_says_so_is_none() {
        assert!(
            answer(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
                .refuses_credentials()
        );
        assert!(answer(401, "UNAUTHORIZED", "").refuses_credentials());
        let of_head = Answer { body: Bytes::new(), ..answer(403, "", "") };
        assert!(of_head.refuses_credentials(), "nothing says that it is for another reason");
        assert!(
            !answer(403, "DENIED", "repository your-authorization-token-has-expired is not yours")
                .refuses_credentials()
        );
    }

    #[test]
    fn a_denial_of_the_registry_is_lifted_in_the_policy_that_decided() {
        let because = |because: &str| {
            let message = format!(
                "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:InitiateLayerUpload on \
                 resource: arn:aws:ecr:eu-west-1:123456789012:repository/sample/app {because}"
            );
            fix(&answer(403, "DENIED", &message), "sample/app", &["ecr:UploadLayerPart"])
        };
        let identity = because("because no identity-based policy allows the ecr:InitiateLayerUpload action");
        assert!(identity.starts_with("allow the action `ecr:InitiateLayerUpload` on arn:aws:ecr"), "{identity}");
        let organisation = because("with an explicit deny in a service control policy");
        assert!(organisation.contains("who manages the AWS organisation"), "{organisation}");
        assert!(
            fix(&answer(403, "DENIED", "no"), "sample/app", &["ecr:UploadLayerPart"]).contains("ecr:UploadLayerPart")
        );
    }
}
