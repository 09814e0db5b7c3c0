//! PutAccountSetting and GetAccountSetting.
//! Source: Amazon ECR API Reference, PutAccountSetting.

use serde_json::{Value, json};

use super::{Ecr, invalid_parameter, text};
use crate::protocol::ApiResult;

/// What there is to set, with the values it takes: the first holds where nobody has set it.
const SETTINGS: [(&str, &[&str]); 3] = [
    ("BASIC_SCAN_TYPE_VERSION", &["AWS_NATIVE", "CLAIR"]),
    ("BLOB_MOUNTING", &["DISABLED", "ENABLED"]),
    ("REGISTRY_POLICY_SCOPE", &["V2", "V1"]),
];

impl Ecr {
    pub(super) fn put_account_setting(&mut self, input: &Value) -> ApiResult {
        let (name, value) = (text(input, "name"), text(input, "value"));
        let values = SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, values)| values);
        let values = values.ok_or_else(|| invalid_parameter("name", "Invalid registry account setting name"))?;
        let value = values.iter().find(|known| **known == value);
        let value = value.ok_or_else(|| invalid_parameter("value", "Invalid registry account setting value"))?;
        self.settings.insert(name.to_owned(), value);
        self.get_account_setting(input)
    }

    pub(super) fn get_account_setting(&self, input: &Value) -> ApiResult {
        let name = text(input, "name");
        match self.setting(name) {
            Some(value) => Ok(json!({"name": name, "value": value})),
            None => Err(invalid_parameter("name", "Invalid registry account setting name")),
        }
    }

    /// Whether a layer that one repository has is handed to another without being sent.
    pub fn mounts_blobs(&self) -> bool {
        self.setting("BLOB_MOUNTING") == Some("ENABLED")
    }

    fn setting(&self, name: &str) -> Option<&'static str> {
        let by_default = SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, values)| values[0]);
        self.settings.get(name).copied().or(by_default)
    }
}
