//! Parameter Store of AWS Systems Manager: reads, and PutParameter to have something to read.
//! Source: AWS Systems Manager API Reference, version 2014-11-06.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::clock::Instant;
use crate::ecr::digest_of;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("ssm/members.txt"), include_str!("ssm/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationException")
});

/// The parameters of one account in one region.
#[derive(Debug, Default)]
pub(crate) struct Ssm {
    /// By name, the oldest version first.
    parameters: BTreeMap<String, Vec<Version>>,
}

#[derive(Debug)]
struct Version {
    kind: String,
    value: String,
    data_type: String,
    at: Instant,
}

impl Ssm {
    pub fn call(&mut self, home: &Home, operation: &str, input: Value, now: Instant) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "GetParameter" => {
                let name = input["Name"].as_str().unwrap_or_default();
                let decrypted = input["WithDecryption"] == true;
                Ok(json!({"Parameter": self.parameter(home, name, decrypted)?}))
            }
            "GetParameters" => self.get_parameters(home, input),
            "PutParameter" => self.put_parameter(input, now),
            "StartSession" => start_session(input),
            _ => Err(unknown(operation)),
        }
    }

    fn get_parameters(&self, home: &Home, input: &Value) -> ApiResult {
        let names: Vec<&str> = input["Names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(twice) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
            let message = format!("Duplicate parameter names are not allowed: {}", twice.1);
            return Err(ApiError::new("ValidationException", message));
        }
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in names {
            match self.parameter(home, name, input["WithDecryption"] == true) {
                Ok(parameter) => found.push(parameter),
                Err(_) => invalid.push(name),
            }
        }
        Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
    }

    /// By name or ARN, with `:VERSION` behind it or without.
    fn parameter(&self, home: &Home, wanted: &str, decrypted: bool) -> ApiResult {
        let arn = format!("arn:aws:ssm:{}:{}:parameter", home.region, home.account);
        let (stem, selector) = split(wanted);
        let name = match stem.strip_prefix(&arn) {
            // The slash of the ARN is the name's own where the name is a path.
            Some(path) if self.parameters.contains_key(path) => path,
            Some(path) => path.trim_start_matches('/'),
            None => stem,
        };
        // Source: the service itself, whose answer has no sentence here.
        let versions = self.parameters.get(name).ok_or_else(|| ApiError::new("ParameterNotFound", ""))?;
        let number = selector.map_or(Some(versions.len()), |selector| selector.parse().ok());
        let version = number.and_then(|number| versions.get(number.checked_sub(1)?));
        let (Some(number), Some(version)) = (number, version) else {
            let message = format!(
                "Systems Manager could not find version {} of {name}. Verify the version and try again.",
                selector.unwrap_or_default()
            );
            return Err(ApiError::new("ParameterVersionNotFound", message));
        };
        let sealed = version.kind == "SecureString" && !decrypted;
        let value = if sealed { seal(&version.value) } else { version.value.clone() };
        let slash = if name.starts_with('/') { "" } else { "/" };
        let mut parameter = Map::from_iter([
            ("Name".to_owned(), json!(name)),
            ("Type".to_owned(), json!(version.kind)),
            ("Value".to_owned(), json!(value)),
            ("Version".to_owned(), json!(number)),
            ("LastModifiedDate".to_owned(), json!(version.at.seconds())),
            ("ARN".to_owned(), json!(format!("{arn}{slash}{name}"))),
            ("DataType".to_owned(), json!(version.data_type)),
        ]);
        if let Some(selector) = selector {
            parameter.insert("Selector".to_owned(), json!(format!(":{selector}")));
        }
        Ok(Value::Object(parameter))
    }

    fn put_parameter(&mut self, input: &Value, now: Instant) -> ApiResult {
        let text = |member: &str| input[member].as_str().unwrap_or_default();
        let name = text("Name");
        let before = self.parameters.get(name).and_then(|versions| versions.last());
        if before.is_some() && input["Overwrite"] != true {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the \
                request to true.";
            return Err(ApiError::new("ParameterAlreadyExists", message));
        }
        let kind = match (text("Type"), before) {
            ("", Some(before)) => before.kind.clone(),
            ("", None) => {
                let message = "A parameter type is required when you create a parameter.";
                return Err(ApiError::new("ValidationException", message));
            }
            (kind, _) => kind.to_owned(),
        };
        let data_type = input["DataType"].as_str().unwrap_or("text").to_owned();
        let versions = self.parameters.entry(name.to_owned()).or_default();
        versions.push(Version { kind, value: text("Value").to_owned(), data_type, at: now });
        Ok(json!({"Version": versions.len(), "Tier": "Standard"}))
    }
}

/// A name and the version or label behind it; an ARN has colons of its own.
fn split(wanted: &str) -> (&str, Option<&str>) {
    let colons = if wanted.starts_with("arn:") { 6 } else { 1 };
    match wanted.match_indices(':').nth(colons - 1) {
        Some((place, _)) => (&wanted[..place], Some(&wanted[place + 1..])),
        None => (wanted, None),
    }
}

/// What KMS would make of a value: nothing that tells it.
fn seal(value: &str) -> String {
    STANDARD.encode(format!("\u{1}\u{2}\u{2}\0x{}", digest_of(value.as_bytes())))
}

/// A session that nobody serves: only its names are given out.
pub(crate) fn session(id: &str) -> Value {
    let url = format!("wss://ssmmessages.invalid/v1/data-channel/{id}?role=publish_subscribe");
    json!({ "SessionId": id, "StreamUrl": url, "TokenValue": format!("token-of-{id}") })
}

/// Source: Systems Manager User Guide, "Starting a session"; targets of ECS are `ecs:CLUSTER_TASK_RUNTIMEID`.
fn start_session(input: &Value) -> ApiResult {
    let target = input["Target"].as_str().unwrap_or_default();
    if !target.starts_with("ecs:") || target.split('_').count() != 3 {
        return Err(ApiError::new("TargetNotConnected", format!("{target} is not connected.")));
    }
    let documents = ["AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost"];
    if !documents.contains(&input["DocumentName"].as_str().unwrap_or_default()) {
        let message = "The sandbox knows the documents that forward ports alone.";
        return Err(ApiError::new("InvalidDocument", message));
    }
    Ok(session("forward-0123456789abcdef0"))
}
