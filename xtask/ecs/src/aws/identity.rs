//! Who is asking: the role that is assumed, and the account that the credentials are of.

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::calls::GET_CALLER_IDENTITY;
use super::error::AwsError;
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::gather::Gather;

/// What AWS says of the credentials. Source: AWS STS API Reference, GetCallerIdentity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub account: String,
    pub arn: String,
}

/// `xtask-COMMAND-WHO`, as STS takes it: 2 to 64 letters, digits and `_+=,.@-`. What somebody else is called by is made
/// of what is left of their name.
/// Source: AWS STS API Reference, AssumeRole, RoleSessionName.
pub(crate) fn session_name(command: &str, who: &str) -> String {
    let parts = ["xtask", command, who].into_iter().filter(|part| !part.is_empty());
    let fits = |c: char| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' };
    parts.gather::<Vec<_>>().join("-").chars().take(64).map(fits).collect()
}

/// The same configuration with the credentials of a role. They last an hour, and the SDK asks for new ones before that
/// is over, as long as those that it asks with are good.
pub(super) async fn assume(sdk: SdkConfig, role: &str, session: &str) -> Result<SdkConfig> {
    let Some(own) = sdk.credentials_provider() else { return Ok(sdk) };
    let provider = AssumeRoleProvider::builder(role).configure(&sdk).session_name(session);
    let provider = SharedCredentialsProvider::new(provider.build_from_provider(own).await);
    provider.provide_credentials().await.map_err(|error| {
        let failure = super::no_credentials(&error);
        failure.during(format_args!("could not assume the role {role} as {session}"))
    })?;
    Ok(sdk.into_builder().credentials_provider(provider).build())
}

/// Whom AWS takes these credentials for. It needs no permission.
pub(super) async fn ask(sdk: &SdkConfig) -> Result<Identity, AwsError> {
    let call = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    let answer = call.map_err(|error| AwsError::new(GET_CALLER_IDENTITY.action, "these credentials", &error))?;
    Ok(Identity {
        account: answer.account().unwrap_or_default().to_owned(),
        arn: answer.arn().unwrap_or_default().to_owned(),
    })
}

/// Credentials of one environment do nothing to another.
pub(super) fn belongs(identity: &Identity, config: &Config) -> Result<()> {
    let Some(environment) = &config.environment else { return Ok(()) };
    let Identity { account, arn } = identity;
    if *account == config.account {
        return Ok(());
    }
    let failure = Failure::usage(format_args!(
        "these credentials are of {account}, and {environment} is {}: nothing was done",
        config.account
    ))
    .said([arn]);
    Err(match &config.role {
        Some(role) => failure.help(format!("`role` is {role}: write one of {}", config.account)),
        None => failure.help(format!(
            "take credentials of {0} (another AWS_PROFILE, another role of the job), or write a `role` of {0} to be assumed",
            config.account
        )),
    })
}

/// When the keys in the environment end, in seconds since the epoch, where whoever exported them said so. Keys from
/// anywhere else are renewed by who offers them.
/// Source: AWS CLI, `aws configure export-credentials`.
pub(super) fn end_of_keys(variable: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    variable("AWS_ACCESS_KEY_ID").filter(|key| !key.is_empty())?;
    let ends = DateTime::from_str(variable("AWS_CREDENTIAL_EXPIRATION")?.trim(), Format::DateTimeWithOffset).ok()?;
    ends.secs().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_when_whoever_exported_them_says_so() {
        let ends = |key: Option<&str>, at: &str| {
            end_of_keys(&|name| match name {
                "AWS_ACCESS_KEY_ID" => key.map(str::to_owned),
                _ => Some(at.to_owned()),
            })
        };
        assert_eq!(ends(Some("ASIA"), "2026-11-27T12:00:00Z"), Some(1_795_780_800));
        assert_eq!(ends(Some("ASIA"), "2026-11-27T13:00:00+01:00"), Some(1_795_780_800));
        assert_eq!(ends(None, "2026-11-27T12:00:00Z"), None);
        assert_eq!(ends(Some("ASIA"), "soon"), None);
    }

    #[test]
    fn a_sessions_name_says_who_does_what_in_letters_that_sts_takes() {
        assert_eq!(session_name("deploy", "alice"), "xtask-deploy-alice");
        assert_eq!(session_name("deploy", "dependabot[bot]"), "xtask-deploy-dependabot-bot-");
        assert_eq!(session_name("deploy", "Zoë Ødegård"), "xtask-deploy-Zo---deg-rd");
        assert_eq!(session_name("deploy", ""), "xtask-deploy");
        assert_eq!(session_name("deploy", &"x".repeat(200)).len(), 64);
    }
}
