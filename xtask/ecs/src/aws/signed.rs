//! Calls to APIs that have no SDK crate here, through what the SDK crates are made of: their credentials, HTTP client,
//! signature, retries and deadlines. An SDK crate for two calls would take as long to compile as all of this tool.

use std::error::Error;
use std::fmt;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
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
use super::xml::{self, Element};
use super::{AwsError, SdkConfig};
use crate::config::Partition;
use crate::gather::Gather;
use crate::net;

/// An API; what else it is called by is the first half of its actions.
pub(super) struct Api {
    /// As `AWS_ENDPOINT_URL_…` and a profile's `services` have it, such as `SSM`.
    pub id: &'static str,
    /// What its operations are named in: `AmazonSSM` for JSON, the version for Query.
    pub target: &'static str,
}

/// For what a call of the SDK's own crate is not worth, or cannot say.
pub(super) const ECS: Api = Api { id: "ECS", target: "AmazonEC2ContainerServiceV20141113" };

/// Who signs, and for which region. Methods block.
#[derive(Clone)]
pub(super) struct Signed {
    sdk: SdkConfig,
    region: Region,
}

/// What travels to AWS.
#[derive(Debug)]
struct Request {
    method: &'static str,
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
        let request = Request { method: "POST", path: "/".to_owned(), headers, body: input.to_string() };
        let answer = self.send(api, call, request).map_err(|error| AwsError::new(call.action, subject, &error))?;
        // Nothing that an API of AWS answers is another value than an object.
        serde_json::from_slice(&answer)
            .map(Value::Object)
            .map_err(|error| AwsError::foreign(call.action, subject.to_owned(), None, &error.to_string()))
    }

    /// A call in AWS Query: a form in, XML out. Source: Smithy, "AWS query protocol".
    pub(super) fn query(
        &self,
        api: &Api,
        call: &Call,
        subject: &str,
        members: &[(&str, &str)],
    ) -> Result<Element, AwsError> {
        let (_, operation) = halves(call);
        let all = [("Action", operation), ("Version", api.target)].into_iter().chain(members.iter().copied());
        let form: Vec<_> = all.map(|(name, value)| format!("{name}={}", encoded(value, ""))).gather();
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let request = Request { method: "POST", path: "/".to_owned(), headers, body: form.join("&") };
        let answer = self.send(api, call, request).map_err(|error| AwsError::new(call.action, subject, &error))?;
        let answer = std::str::from_utf8(&answer).ok().and_then(xml::parse);
        answer.ok_or_else(|| AwsError::foreign(call.action, subject.to_owned(), None, "no XML"))
    }

    /// A GET of a path that is encoded already.
    pub(super) fn get(&self, api: &Api, call: &Call, path: &str) -> Result<Vec<u8>, Refusal> {
        let request = Request { method: "GET", path: path.to_owned(), headers: Vec::new(), body: String::new() };
        self.send(api, call, request)
    }

    /// A call in AWS restJson1, whose answer is JSON where it has one. Source: Smithy, "AWS restJson1 protocol".
    pub(super) fn rest(
        &self,
        api: &Api,
        call: &Call,
        (method, path): (&'static str, String),
        body: String,
    ) -> Result<Vec<u8>, Refusal> {
        let headers = vec![("content-type", "application/json".to_owned())];
        self.send(api, call, Request { method, path, headers, body })
    }

    pub(super) fn region(&self) -> &str {
        self.region.as_ref()
    }

    pub(super) fn in_region(&self, region: String) -> Self {
        Self { sdk: self.sdk.clone(), region: Region::new(region) }
    }

    fn send(&self, api: &Api, call: &Call, request: Request) -> Result<Vec<u8>, Refusal> {
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
            // A clock that is off is corrected by the date of the answer, as in the SDK's clients: the one sees how far it is,
            // the other has the call signed anew.
            .retry_classifier(ServiceClockSkewClassifier::<Refused>::new())
            .interceptor(ServiceClockSkewInterceptor::new())
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
            let Partition { dns_suffix, dual_stack, .. } = Partition::of(region);
            match (service, self.sdk.use_dual_stack() == Some(true)) {
                // S3 had such endpoints before there were names for all of them.
                ("s3", true) => format!("https://s3{fips}.dualstack.{region}.{dns_suffix}"),
                // IAM's has no region in its name.
                ("iam", true) => format!("https://iam{fips}.{region}.{dns_suffix}"),
                (_, true) => format!("https://{service}{fips}.{region}.{dual_stack}"),
                (_, false) => format!("https://{service}{fips}.{region}.{dns_suffix}"),
            }
        })
    }

    /// The credentials, the signature and the HTTP client.
    fn ways(&self, service: &str) -> StaticRuntimePlugin {
        let mut signing_options = SigningOptions::default();
        // Source: Amazon S3 API Reference, "Signature calculations": a key is not normalised, and encoded once.
        if service == "s3" {
            signing_options.double_uri_encode = false;
            signing_options.normalize_uri_path = false;
            signing_options.content_sha256_header = true;
        }
        let mut settings = Layer::new("signed");
        settings.store_put(AuthSchemeOptionResolverParams::new(()));
        settings.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(self.region.clone())),
            name: Some(SigningName::from(service.to_owned())),
            signing_options,
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
        request.set_method(self.method)?;
        request.set_uri(self.path)?;
        for (name, value) in self.headers {
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }
}

/// A text as it stands in a form or a path: what is neither unreserved nor in `also` by its bytes. Source: RFC 3986, 2.3.
pub(super) fn encoded(text: &str, also: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter) || also.contains(letter);
    let letter = |byte| if fits(char::from(byte)) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(letter).collect()
}

/// What kept a call from its answer.
pub(super) type Refusal = Box<SdkError<Refused, HttpResponse>>;

/// AWS said no.
#[derive(Debug)]
pub(super) struct Refused(ErrorMetadata);

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

/// What an error says of itself. Source: Smithy, "AWS JSON 1.1 protocol" and "AWS query protocol", "Operation error
/// serialization"; Amazon S3 API Reference, "Error responses".
fn said_no(of_header: &str, body: &[u8]) -> Option<ErrorMetadata> {
    let body = std::str::from_utf8(body).ok()?;
    if let Some(answer) = xml::parse(body) {
        let error = answer.child("Error").unwrap_or(&answer);
        return metadata(error.text_of("Code"), error.text_of("Message"));
    }
    let body: Value = serde_json::from_str(body).ok()?;
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| body[name].as_str()).unwrap_or_default();
    let code = if of_header.is_empty() { text(["__type", "code"]) } else { of_header };
    // `com.amazonaws.ssm#ParameterNotFound:http://…`
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    metadata(code, text(["message", "Message"]))
}

fn metadata(code: &str, message: &str) -> Option<ErrorMetadata> {
    (!code.is_empty()).then(|| ErrorMetadata::builder().code(code).message(message).build())
}

#[cfg(test)]
mod tests;
