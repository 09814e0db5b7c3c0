//! Why there are no credentials: what a token service answered, what a profile wants, or that nothing offers any.

use std::error::Error;

use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::metadata::ErrorMetadata;

use super::error::chain;
use crate::cause::{self, Kind, Message};
use crate::net::certificate;

/// What was said, and what would likely help.
pub(super) struct Lack {
    pub said: String,
    pub kind: Kind,
    pub fix: String,
}

const NONE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role is attached";
const EXPORT: &str = "sign in and run `eval \"$(aws configure export-credentials --format env)\"`";
const TRUST: &str = "the certificate is of an authority that this machine does not know: name its certificates in \
                     AWS_CA_BUNDLE, or all of yours in SSL_CERT_FILE; a profile's `ca_bundle` is not read";
const REACH: &str = "check the network, the region and any AWS_ENDPOINT_URL";
const CLOCK: &str = "set this machine's clock: by it, the server's certificate is not valid now";

/// Reads the chain of errors of whoever was to find credentials.
pub(super) fn lack(error: &(dyn Error + 'static)) -> Lack {
    let all = || std::iter::successors(Some(error), |&error| error.source());
    if let Some(answer) = all().find_map(answer) {
        return answered(answer);
    }
    let said = chain(error);
    if all().any(<dyn Error>::is::<ConnectorError>) {
        let (kind, fix) = unreachable(error);
        return Lack { said, kind, fix: fix.to_owned() };
    }
    let fix = of_profile(&Message::parse(&said));
    Lack { said, kind: Kind::Credentials, fix }
}

/// What a token service said. Errors that its model has are types of their own, and hold what was said inside.
fn answer<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ErrorMetadata> {
    let of_role = || error.downcast_ref().map(AssumeRoleError::meta);
    let of_web = || error.downcast_ref().map(AssumeRoleWithWebIdentityError::meta);
    error.downcast_ref().or_else(of_role).or_else(of_web)
}

/// Why nothing answered at all.
pub(super) fn unreachable(error: &(dyn Error + 'static)) -> (Kind, &'static str) {
    if certificate::refused(error).is_some_and(certificate::is_about_time) {
        (Kind::Clock, CLOCK)
    } else if certificate::refused(error).is_some() {
        (Kind::Unreachable, TRUST)
    } else {
        (Kind::Unreachable, REACH)
    }
}

/// A token service said no.
fn answered(answer: &ErrorMetadata) -> Lack {
    let (code, message) = (answer.code().unwrap_or_default(), answer.message().unwrap_or_default());
    let read = Message::parse(message);
    let (kind, fix) = cause::answered(None, code, &read);
    let fix = match read.denial {
        _ if !fix.is_empty() => fix,
        Some(denial) => denial.fix("this identity", "the role"),
        None if read.says("Not authorized to perform sts:AssumeRoleWithWebIdentity") => {
            "let the trust policy of the role take this token: its issuer, `aud` and `sub`".to_owned()
        }
        None => NONE.to_owned(),
    };
    let said = if code.is_empty() { message.to_owned() } else { format!("{code}: {message}") };
    Lack { said, kind, fix }
}

/// The SDK flattens its profile's error into a text, whose one clause names what is not compiled in.
fn of_profile(said: &Message) -> String {
    match said.after("This behavior requires following cargo feature(s) enabled") {
        Some("sso") => format!("enable the feature `sso` of xtask-ecs, or {EXPORT}"),
        Some(_) => format!("this profile's way to credentials is not built in: {EXPORT}"),
        None if cfg!(feature = "sso") => format!("sign in (`aws sso login` for IAM Identity Center), or {NONE}"),
        None => NONE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::error::CredentialsError;

    use super::*;

    fn refused(code: &str, message: &str) -> Lack {
        let answer = ErrorMetadata::builder().code(code).message(message).build();
        lack(&CredentialsError::provider_error(answer))
    }

    #[test]
    fn what_a_token_service_answers_has_its_fix() {
        for (code, message, kind, fix) in [
            ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", Kind::Denied, "trust policy"),
            (
                "AccessDenied",
                "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on resource: \
                 arn:aws:iam::123456789012:role/deploy",
                Kind::Denied,
                "allow the action `sts:AssumeRole` on arn:aws:iam::123456789012:role/deploy",
            ),
            (
                "SignatureDoesNotMatch",
                "Signature expired: 20151221T200419Z is now earlier than 20151221T201450Z (20151221T201950Z - 5 min.)",
                Kind::Clock,
                "clock",
            ),
            (
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://x",
                Kind::Credentials,
                "OIDC",
            ),
            (
                "ExpiredTokenException",
                "Token expired: current date/time 1 must be before 0",
                Kind::Credentials,
                "sign in",
            ),
        ] {
            let found = refused(code, message);
            assert_eq!((found.kind, found.said), (kind, format!("{code}: {message}")));
            assert!(found.fix.contains(fix), "{code}: {}", found.fix);
        }
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_no_lack_of_keys() {
        let refused = ConnectorError::io("no route".into());
        let found = lack(&CredentialsError::provider_error(refused));
        assert_eq!((found.kind, found.fix.as_str()), (Kind::Unreachable, REACH));
    }

    #[test]
    fn a_profile_is_told_by_what_it_needs_and_not_by_its_name() {
        let needs = |feature: &str| {
            let text = format!(
                "ProfileFile provider could not be built: This behavior requires following cargo feature(s) enabled: {feature}. None"
            );
            lack(&CredentialsError::invalid_configuration(text)).fix
        };
        assert!(needs("credentials-login").contains("is not built in"));
        assert!(needs("sso").contains("enable the feature `sso`"));
        let named = lack(&CredentialsError::not_loaded("profile `sso` has no credentials")).fix;
        assert!(named.contains("set AWS_ACCESS_KEY_ID"), "{named}");
    }
}
