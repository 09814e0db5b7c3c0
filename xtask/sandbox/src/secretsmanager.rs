//! Secrets Manager: secrets that somebody else stored, to be read.
//! Source: AWS Secrets Manager API Reference, version 2017-10-17.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecr::digest_of;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("secretsmanager/members.txt"), include_str!("secretsmanager/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationException")
});

/// The secrets of one account in one region.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// By name.
    secrets: BTreeMap<String, Secret>,
}

#[derive(Debug)]
struct Secret {
    value: String,
    at: Instant,
}

impl Secrets {
    pub fn put(&mut self, name: &str, value: &str, now: Instant) {
        self.secrets.insert(name.to_owned(), Secret { value: value.to_owned(), at: now });
    }

    pub fn call(&self, home: &Home, operation: &str, input: Value) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "DescribeSecret" => self.describe_secret(home, input),
            "GetSecretValue" => self.get_secret_value(home, input),
            _ => Err(unknown(operation)),
        }
    }

    fn describe_secret(&self, home: &Home, input: &Value) -> ApiResult {
        let (name, secret, arn) = self.find(home, input)?;
        Ok(json!({ "ARN": arn, "Name": name, "CreatedDate": secret.at.seconds() }))
    }

    fn find(&self, home: &Home, input: &Value) -> Result<(&String, &Secret, String), ApiError> {
        let wanted = input["SecretId"].as_str().unwrap_or_default();
        let found = self.secrets.iter().map(|(name, secret)| (name, secret, arn(home, name)));
        // An ARN may be written without its six last letters.
        let mut found =
            found.filter(|(name, _, arn)| *name == wanted || arn == wanted || arn[..arn.len() - 7] == *wanted);
        let missing = || ApiError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        found.next().ok_or_else(missing)
    }

    fn get_secret_value(&self, home: &Home, input: &Value) -> ApiResult {
        let (name, secret, arn) = self.find(home, input)?;
        let stage = input["VersionStage"].as_str().unwrap_or("AWSCURRENT");
        if stage != "AWSCURRENT" {
            let message = format!("Secrets Manager can't find the specified secret value for staging label: {stage}");
            return Err(ApiError::new("ResourceNotFoundException", message));
        }
        let version = digest_of(secret.value.as_bytes());
        Ok(json!({
            "ARN": arn,
            "Name": name,
            "VersionId": version[7..43],
            "SecretString": secret.value,
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": secret.at.seconds(),
        }))
    }
}

fn arn(home: &Home, name: &str) -> String {
    let letters = &digest_of(name.as_bytes())[7..13];
    format!("arn:aws:secretsmanager:{}:{}:secret:{name}-{letters}", home.region, home.account)
}
