//! The only code that names an AWS SDK type.
//!
//! What leaves this room are plain values, and [`AwsError`]: which call, on what, what AWS answered, and the fix.

pub(crate) mod autoscaling;
pub(crate) mod calls;
pub(crate) mod cloudformation;
mod credentials;
pub(crate) mod ecr;
pub(crate) mod ecs;
pub(crate) mod elb;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
pub(crate) mod iam;
mod identity;
#[cfg(feature = "rehearse")]
mod inside;
pub(crate) mod kms;
pub(crate) mod lambda;
pub(crate) mod logs;
mod pace;
mod retry;
pub(crate) mod rules;
pub(crate) mod s3;
pub(crate) mod scheduler;
pub(crate) mod secrets;
pub(crate) mod sessions;
mod signed;
pub(crate) mod ssm;
pub(crate) mod tags;
mod transport;
mod xml;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
#[cfg(any(test, feature = "rehearse"))]
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::ServiceConfigKey;

use credentials::{Lack, lack};
pub(crate) use error::{AwsError, Kind};
pub(crate) use identity::{Identity, session_name};
#[cfg(feature = "rehearse")]
pub(crate) use inside::{Answers, Exchange};
use transport::Transport;

use crate::config::Config;
use crate::failure::{Ending, Failure, Result};
use crate::net::{self, route};
use crate::reference::Home;

/// The first try and four more, with the SDK's standard backoff: throttles of a busy account pass within seconds.
const ATTEMPTS: u32 = 5;

/// The first pause before a stand-in is asked again; the SDK's own is a second.
#[cfg(any(test, feature = "rehearse"))]
const SOON: Duration = Duration::from_millis(50);

/// Where a stand-in for AWS listens, and the keys it takes.
#[cfg(any(test, feature = "rehearse"))]
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub url: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Resolved credentials and the two clients. Opening one asks AWS nothing.
pub(crate) struct Session {
    sdk: SdkConfig,
    own: Home,
    /// The registry's host.
    registry: String,
    /// Asked for where an environment or a role is configured.
    identity: Option<Identity>,
    pace: Arc<pace::Pace>,
    /// When the keys end, in seconds since the epoch, where that is known and nobody renews them.
    end_of_keys: Option<u64>,
}

impl Session {
    /// Loads the SDK's configuration (environment, profile, web identity, container, instance) and resolves
    /// credentials once, so that their absence is one clear error before anything else happens. `session` is what a
    /// role is assumed as.
    ///
    /// Fails (exit 2) where an environment is chosen and the credentials are of another account than it is.
    pub(crate) fn open(config: &Config, session: &str) -> Result<Self> {
        net::wait(async {
            let sdk = with_credentials(&config.region).await?;
            known(&config.registry, has_endpoint(&sdk))?;
            let sdk = match &config.role {
                Some(role) => identity::assume(sdk, role, session).await?,
                None => sdk,
            };
            let mut opened = Self::of(sdk, config);
            opened.end_of_keys = identity::end_of_keys(&|name| std::env::var(name).ok());
            if config.environment.is_some() || config.role.is_some() {
                let identity = identity::ask(&opened.sdk).await?;
                identity::belongs(&identity, config)?;
                opened.identity = Some(identity);
            }
            Ok(opened)
        })
    }

    /// Where nothing is configured yet: the account is that of the credentials.
    #[cfg(feature = "rehearse")]
    pub(crate) fn of_these_credentials(region: &str) -> Result<Self> {
        net::wait(async {
            let sdk = with_credentials(region).await?;
            let identity = identity::ask(&sdk).await?;
            let own = Home { account: identity.account.clone(), region: region.to_owned() };
            let pace = Arc::new(pace::Pace::new());
            Ok(Self { sdk, own, registry: String::new(), identity: Some(identity), end_of_keys: None, pace })
        })
    }

    /// Talks to a stand-in, with its own keys, whatever the environment says. There nobody else waits for a turn, so
    /// what is throttled is soon asked again.
    #[cfg(any(test, feature = "rehearse"))]
    pub(crate) fn at(config: &Config, endpoint: &Endpoint) -> Self {
        let keys = Credentials::new(&endpoint.access_key_id, &endpoint.secret_access_key, None, None, "stand-in");
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(SOON);
        let client = SharedHttpClient::new(Transport);
        let loader =
            loader(&config.region, client).retry_config(retries).credentials_provider(keys).endpoint_url(&endpoint.url);
        let sdk = net::wait(loader.load());
        Self::of(sdk, config)
    }

    /// Is answered without a network, by this, and waits on the clock that is turned by hand.
    #[cfg(feature = "rehearse")]
    pub(crate) fn inside(config: &Config, endpoint: &Endpoint, exchange: Exchange) -> Self {
        Self::of(inside::sdk(config, endpoint, exchange), config)
    }

    fn of(sdk: SdkConfig, config: &Config) -> Self {
        let own = Home { account: config.account.clone(), region: config.region.clone() };
        Self {
            sdk,
            own,
            registry: config.registry.clone(),
            identity: None,
            end_of_keys: None,
            pace: Arc::new(pace::Pace::new()),
        }
    }

    /// Whom AWS takes these credentials for, where it was asked.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whom AWS takes these credentials for, asked now where it was not before.
    pub(crate) fn who(&self) -> Result<Identity, AwsError> {
        match &self.identity {
            Some(identity) => Ok(identity.clone()),
            None => net::wait(identity::ask(&self.sdk)),
        }
    }

    pub(crate) fn end_of_keys(&self) -> Option<u64> {
        self.end_of_keys
    }

    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    pub(crate) fn ecr(&self) -> ecr::Ecr {
        ecr::Ecr::new(&self.sdk, &self.registry, &self.own)
    }

    /// A key by its ARN or alias.
    pub(crate) fn kms(&self, key: &str) -> kms::Kms {
        kms::Kms::new(&self.sdk, key)
    }

    pub(crate) fn tags(&self) -> tags::Tags {
        tags::Tags::new(&self.sdk, Arc::clone(&self.pace))
    }

    pub(crate) fn ecs(&self) -> ecs::Ecs {
        ecs::Ecs::new(&self.sdk, Arc::clone(&self.pace), &self.own.account)
    }
}

/// The SDK's client, on the way that the environment names.
fn http_client() -> Result<SharedHttpClient> {
    let unusable = |error: std::io::Error| Failure::new(Ending::Usage, error);
    route::bundle().map_err(unusable)?;
    route::proxy().map_err(unusable)?;
    Ok(SharedHttpClient::new(Transport))
}

/// Credentials that are there, so that their absence is one clear error.
async fn with_credentials(region: &str) -> Result<SdkConfig> {
    let sdk = loader(region, http_client()?).load().await;
    let Some(provider) = sdk.credentials_provider() else {
        return Err(no_credentials(&CredentialsError::not_loaded("no provider")));
    };
    provider.provide_credentials().await.map_err(|error| no_credentials(&error))?;
    Ok(sdk)
}

/// As often as `AWS_MAX_ATTEMPTS` says, which is AWS's own variable for it.
fn attempts() -> u32 {
    let wanted = std::env::var("AWS_MAX_ATTEMPTS").ok().and_then(|text| text.parse().ok());
    wanted.filter(|attempts| *attempts > 0).unwrap_or(ATTEMPTS)
}

fn loader(region: &str, client: SharedHttpClient) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .http_client(client)
        .retry_config(RetryConfig::standard().with_max_attempts(attempts()))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(net::CONNECT)
                .operation_attempt_timeout(Duration::from_secs(30))
                .build(),
        )
}

/// Tags are asked for in ECR: what it says of them is true of an ECR registry alone, or of a stand-in's.
fn known(registry: &str, stand_in: bool) -> Result<()> {
    if stand_in || Home::of(registry).is_some() {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "`registry` is {registry}, which is no registry of Amazon ECR: ECR cannot say what is released there"
    ))
    .help(
        "write `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, or leave `registry` and XTASK_REGISTRY out; a stand-in for ECR is \
         named in AWS_ENDPOINT_URL",
    ))
}

/// Whether ECR is asked somewhere else than at AWS, by the environment or by the profile.
fn has_endpoint(sdk: &SdkConfig) -> bool {
    let key =
        || ServiceConfigKey::builder().service_id("ecr").profile("endpoint_url").env("AWS_ENDPOINT_URL_ECR").build();
    let of_service = || sdk.service_config()?.load_config(key().ok()?);
    sdk.endpoint_url().is_some() || of_service().is_some()
}

fn no_credentials(error: &(dyn Error + 'static)) -> Failure {
    let Lack { said, fix, .. } = lack(error);
    Failure::world("could not load AWS credentials").said([said]).help(fix)
}
