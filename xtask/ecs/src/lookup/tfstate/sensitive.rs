//! What of an instance is a secret.

use serde_json::Value;

use super::address::{Key, Step};
use crate::gather::Gather;

/// The attributes that the state marks. Source: internal/states/statefile/version4.go, `unmarshalPaths`.
#[derive(Debug)]
pub(super) struct Marks(Vec<Vec<Mark>>);

#[derive(Debug)]
enum Mark {
    At(String),
    /// An element of a set, which has no name.
    Any,
}

impl Marks {
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn read(paths: &Value) -> Self {
        let mark = |step: &Value| match (&step["value"], &step["value"]["value"]) {
            (Value::String(name), _) | (_, Value::String(name)) => Mark::At(name.clone()),
            (Value::Number(index), _) | (_, Value::Number(index)) => Mark::At(index.to_string()),
            _ => Mark::Any,
        };
        let paths = paths.as_array().into_iter().flatten();
        Self(paths.map(|path| path.as_array().into_iter().flatten().map(mark).gather()).gather())
    }

    /// Whether what is at this path is marked, or lies in what is, or holds what is.
    pub(super) fn touch(&self, path: &[Step]) -> bool {
        self.0.iter().any(|marked| marked.iter().zip(path).all(|(mark, step)| meets(mark, step)))
    }
}

fn meets(mark: &Mark, step: &Step) -> bool {
    match (mark, step) {
        (Mark::Any, _) | (_, Step::Each) => true,
        (Mark::At(name), Step::Name(step) | Step::Index(Key::Text(step))) => name == step,
        (Mark::At(name), Step::Index(Key::Number(step))) => *name == step.to_string(),
    }
}

/// Attributes that are secrets, which a Terraform before 1.10 marks only where the configuration does.
/// Source: the schemas of hashicorp/aws, hashicorp/random and hashicorp/tls, `sensitive = true`.
const KNOWN: [(&str, &[&str]); 8] = [
    ("aws_secretsmanager_secret_version", &["secret_string", "secret_binary"]),
    ("aws_secretsmanager_random_password", &["random_password"]),
    ("aws_db_instance", &["password"]),
    ("aws_rds_cluster", &["master_password"]),
    ("aws_iam_access_key", &["secret", "ses_smtp_password_v4"]),
    ("random_password", &["result", "bcrypt_hash"]),
    ("tls_private_key", &["private_key_pem", "private_key_openssh", "private_key_pem_pkcs8"]),
    ("aws_ssm_parameter", &["value"]),
];

pub(super) fn is_known(kind: &str, attributes: &Value, path: &[Step]) -> bool {
    let is_plain = kind == "aws_ssm_parameter" && attributes["type"] != "SecureString";
    let secret = KNOWN.iter().find(|(known, _)| *known == kind).filter(|_| !is_plain);
    secret.is_some_and(|(_, names)| {
        let there = |name: &&&str| attributes.get(**name).is_some_and(|value| !value.is_null());
        match path.first() {
            Some(Step::Name(name) | Step::Index(Key::Text(name))) => names.contains(&name.as_str()),
            _ => names.iter().any(|name| there(&name)),
        }
    })
}
