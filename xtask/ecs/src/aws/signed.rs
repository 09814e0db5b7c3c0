//! Calls to APIs that have no SDK crate here, through what the SDK crates are made of: their credentials, HTTP client,
//! signature, retries and deadlines. An SDK crate for two calls would take as long to compile as all of this tool.

use std::error::Error;
use std::fmt;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

use super::calls::Call;
use super::retry::Later;
use super::{AwsError, SdkConfig};
use crate::config::dns_suffix;
use crate::net;

/// An API; what else it is called by is the first half of its actions.
pub(super) struct Api {
    /// As `AWS_ENDPOINT_URL_…` and a profile's `services` have it, such as `SSM`.
    pub id: &'static str,
    /// What its operations are called in, such as `AmazonSSM`.
    pub target: &'static str,
}

/// Who signs, and for which region. Methods block.
#[derive(Clone)]
pub(super) struct Signed {
    sdk: SdkConfig,
    region: Region,
}

/// What travels to AWS.
#[derive(Debug)]
struct Request {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Signed {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        let region = sdk.region().cloned().unwrap_or_else(|| Region::from_static(""));
        Self { sdk: sdk.clone(), region }
    }

    /// A call in AWS JSON 1.1. Source: Smithy, "AWS JSON 1.1 protocol".
    pub(super) fn json(&self, api: &Api, call: &Call, subject: &str, input: &Value) -> Result<Value, AwsError> {
        let (_, operation) = halves(call);
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("{}.{operation}", api.target)),
        ];
        let request = Request { path: "/".to_owned(), headers, body: input.to_string() };
        let answer = self.send(api, call, request).map_err(|error| AwsError::new(call.action, subject, &error))?;
        serde_json::from_slice(&answer).map_err(|error| {
            AwsError::answered(call.action, subject, "an answer that is not AWS's", &error.to_string())
        })
    }

    fn send(&self, api: &Api, call: &Call, request: Request) -> Result<Vec<u8>, Box<SdkError<Refused, HttpResponse>>> {
        let (service, operation) = halves(call);
        let operation = Operation::builder()
            .service_name(service)
            .operation_name(operation)
            .endpoint_url(&self.endpoint(api, service))
            .runtime_plugin(self.ways(service))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refused>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
            .retry_classifier(Later)
            .standard_retry(&self.sdk.retry_config().cloned().unwrap_or_else(RetryConfig::standard))
            .timeout_config(self.sdk.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
            .serializer(|request: Request| request.into_http())
            .deserializer(read)
            .build();
        net::wait(operation.invoke(request)).map_err(Box::new)
    }

    /// Where an API answers: where the environment or the profile says, as the SDK's clients have it, or else at AWS.
    fn endpoint(&self, api: &Api, service: &str) -> String {
        let id = api.id.replace(' ', "_");
        let (profile, variable) = (id.to_ascii_lowercase(), format!("AWS_ENDPOINT_URL_{}", id.to_ascii_uppercase()));
        let of_service = || {
            let key = ServiceConfigKey::builder().service_id(&profile).profile("endpoint_url").env(&variable);
            self.sdk.service_config()?.load_config(key.build().ok()?)
        };
        let by_code = self.sdk.get_origin("endpoint_url").is_client_config();
        let given = if by_code { None } else { of_service() };
        given.or_else(|| self.sdk.endpoint_url().map(str::to_owned)).unwrap_or_else(|| {
            let region = self.region.as_ref();
            let fips = if self.sdk.use_fips() == Some(true) { "-fips" } else { "" };
            format!("https://{service}{fips}.{region}.{}", dns_suffix(region))
        })
    }

    /// The credentials, the signature and the HTTP client.
    fn ways(&self, service: &str) -> StaticRuntimePlugin {
        let mut settings = Layer::new("signed");
        settings.store_put(AuthSchemeOptionResolverParams::new(()));
        settings.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(self.region.clone())),
            name: Some(SigningName::from(service.to_owned())),
            signing_options: SigningOptions::default(),
            ..SigV4OperationSigningConfig::default()
        });
        let sigv4 = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("signed")
            .with_http_client(self.sdk.http_client())
            .with_sleep_impl(self.sdk.sleep_impl())
            .with_time_source(self.sdk.time_source())
            .with_identity_cache(self.sdk.identity_cache())
            .with_auth_scheme_option_resolver(Some(sigv4))
            .with_auth_scheme(SigV4AuthScheme::new());
        if let Some(credentials) = self.sdk.credentials_provider() {
            components = components.with_identity_resolver(SCHEME_ID, credentials);
        }
        StaticRuntimePlugin::new().with_config(settings.freeze()).with_runtime_components(components)
    }
}

/// `ssm` and `GetParameters` of `ssm:GetParameters`.
fn halves(call: &Call) -> (&'static str, &'static str) {
    call.action.split_once(':').unwrap_or_default()
}

impl Request {
    fn into_http(self) -> Result<HttpRequest, Box<dyn Error + Send + Sync>> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method("POST")?;
        request.set_uri(self.path)?;
        for (name, value) in self.headers {
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }
}

/// AWS said no.
#[derive(Debug)]
struct Refused(ErrorMetadata);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Refused {}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// The body of an answer that is AWS's.
fn read(response: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<Refused>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(body.to_vec());
    }
    let of_header = response.headers().get("x-amzn-errortype").unwrap_or_default();
    match said_no(of_header, body) {
        Some(error) => Err(OrchestratorError::operation(Refused(error))),
        None => Err(OrchestratorError::other(format!("{} without a word of AWS's", response.status()))),
    }
}

/// What an error says of itself. Source: Smithy, "AWS JSON 1.1 protocol", "Operation error serialization".
fn said_no(of_header: &str, body: &[u8]) -> Option<ErrorMetadata> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| body[name].as_str()).unwrap_or_default();
    let code = if of_header.is_empty() { text(["__type", "code"]) } else { of_header };
    // `com.amazonaws.ssm#ParameterNotFound:http://…`
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    (!code.is_empty()).then(|| ErrorMetadata::builder().code(code).message(text(["message", "Message"])).build())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use serde_json::json;

    use super::*;
    use crate::aws::{Kind, calls, http_client};
    use crate::net::loopback::{Answer, Server};

    const LOGS: Api = Api { id: "CloudWatch Logs", target: "Logs_20140328" };

    /// What a call ends with where a server gives these answers, and the server with what it heard.
    fn asked(answers: Vec<Answer>) -> (Result<Value, AwsError>, Server) {
        let server = Server::start(answers);
        let keys = Credentials::new("AKIAEXAMPLE", "secret", Some("token".to_owned()), None, "test");
        let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
        let sdk = SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .http_client(http_client().expect("a client"))
            .retry_config(retries)
            .endpoint_url(server.url(""))
            .build();
        let answer = Signed::new(&sdk).json(&LOGS, &calls::BATCH_GET_IMAGE, "repository app", &json!({ "limit": 3 }));
        (answer, server)
    }

    #[test]
    fn a_call_is_signed_and_says_which_operation_is_meant() {
        let (answer, server) = asked(vec![Answer::ok(r#"{"events":[1]}"#)]);
        assert_eq!(answer.expect("an answer"), json!({ "events": [1] }));
        let request = server.requests.recv().expect("it was asked");
        assert_eq!((request.line.as_str(), request.body.as_slice()), ("POST / HTTP/1.1", &br#"{"limit":3}"#[..]));
        assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(request.header("x-amz-target"), Some("Logs_20140328.BatchGetImage"));
        assert_eq!(request.header("x-amz-security-token"), Some("token"));
        let signature = request.header("authorization").expect("a signature");
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"), "{signature}");
        assert!(signature.contains("/eu-west-1/ecr/aws4_request"), "{signature}");
    }

    #[test]
    fn what_passes_is_asked_again_and_what_does_not_is_told_with_its_fix() {
        let no = |status, body: &str| Answer::Full(status, String::new(), body.into());
        let throttled = || no(400, r#"{"__type":"com.amazonaws.logs#ThrottlingException","message":"Rate exceeded"}"#);
        let (answer, server) = asked(vec![throttled(), no(503, "<html>"), Answer::ok("{}")]);
        assert_eq!(answer.expect("the third try"), json!({}));
        assert_eq!(server.requests.iter().count(), 3);

        let denied = r#"{"__type":"AccessDeniedException","Message":"User: arn:aws:iam::1:user/ci is not authorized to perform: logs:GetLogEvents on resource: arn:aws:logs:eu-west-1:1:log-group:app because no identity-based policy allows it"}"#;
        let error = asked(vec![no(400, denied)]).0.expect_err("it is denied");
        assert_eq!((error.kind, error.code.as_str()), (Kind::Denied, "AccessDeniedException"));
        assert!(error.fix.contains("allow the action `logs:GetLogEvents` on arn:aws:logs:"), "{}", error.fix);
    }

    #[test]
    fn an_answer_that_is_not_aws_s_is_told_as_such() {
        for answer in [
            Answer::Full(407, String::new(), b"<html>sign in".to_vec()),
            Answer::ok("<html>welcome"),
            Answer::Full(400, String::new(), b"{}".to_vec()),
        ] {
            let error = asked(vec![answer]).0.expect_err("it is none");
            assert_eq!(error.code, "an answer that is not AWS's", "{error}");
        }
        let error = asked(vec![]).0.expect_err("nobody answers");
        assert_eq!((error.kind, error.code.as_str()), (Kind::Unreachable, ""), "{error}");
    }
}
