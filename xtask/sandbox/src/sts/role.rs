//! The role that is asked for, and what is made up for a session of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::ecr::names::is_account;
use crate::ecr::random_id;
use crate::model::Rule;
use crate::protocol::ApiError;

/// Source: AWS STS API Reference, AssumeRole, `DurationSeconds`: an hour is the default, and all that a role assumed by
/// a role may have.
pub(super) const CHAINED_SECONDS: u64 = 3600;

/// A role and how it is to be assumed.
pub(super) struct Role {
    pub arn: String,
    pub account: String,
    /// Without its path.
    pub name: String,
    pub session: String,
    pub seconds: u64,
}

impl Role {
    /// Of an input that was checked.
    pub fn read(input: &Value) -> Result<Self, ApiError> {
        let text = |member: &str| input[member].as_str().unwrap_or_default().to_owned();
        let arn = text("RoleArn");
        let parts = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
        let parts = parts.map(|(account, path)| (account, path.rsplit('/').next().unwrap_or_default()));
        let Some((account, name)) = parts.filter(|(account, name)| is_account(account) && !name.is_empty()) else {
            return Err(ApiError::new("ValidationError", format!("{arn} is invalid")));
        };
        let (account, name) = (account.to_owned(), name.to_owned());
        let seconds = input["DurationSeconds"].as_u64().unwrap_or(CHAINED_SECONDS);
        Ok(Self { arn, account, name, session: text("RoleSessionName"), seconds })
    }
}

/// The patterns of STS's model that bind here.
pub(super) fn rule(shape: &str) -> Option<Rule> {
    let session: Rule = (is_session, "Member must satisfy regular expression pattern: [\\w+=,.@-]*");
    matches!(shape, "roleSessionNameType" | "sourceIdentityType").then_some(session)
}

fn is_session(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

/// Four letters that tell what it is the id of, and sixteen more of IAM's alphabet, always the same for the same name.
/// Source: IAM User Guide, "IAM identifiers", unique identifiers.
pub(super) fn unique_id(prefix: &str, name: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest(&SHA256, name.as_bytes());
    let letters = hash.as_ref().iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.chars().chain(letters).collect()
}

/// So many letters that nobody guesses.
pub(super) fn words(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text += &STANDARD.encode(digest(&SHA256, random_id().as_bytes()).as_ref()).replace('=', "");
    }
    text.truncate(length);
    text
}
