//! `[workspace.metadata.xtask.evidence-key]`, or `evidence-key = "arn:aws:kms:…"`.

use toml::de::DeValue;

use super::file::file;
use super::keys::{Keys, optional, required};
use super::model::EvidenceKey;
use super::table::Table;
use super::value::Value;

pub(super) const EVIDENCE_KEY: Keys = Keys {
    table: "evidence-key",
    note: "`evidence-key = \"arn:…\"` is this table with `kms` alone.",
    list: &[
        required("kms", "a key's ARN, an alias's ARN, or `alias/NAME` of this account and region", "what signs"),
        optional(
            "public-key",
            "a PEM file",
            "its public half: then `deploy` and `evidence` verify by that, and ask KMS nothing",
        ),
    ],
};

pub(super) fn read(table: &mut Table<'_>) -> Option<EvidenceKey> {
    let value = table.take("evidence-key")?;
    if !matches!(value.get(), DeValue::Table(_)) {
        let kms = value.check(key)?;
        table.note("evidence-key", &kms, value.origin());
        return Some(EvidenceKey { kms, public: None });
    }
    let mut table = value.table(&[&EVIDENCE_KEY])?;
    let kms = table.required("kms", "kms = \"alias/evidence\"", |value| value.check(key));
    let public = table.optional("public-key", |value: &Value<'_>| file(value, "public key"));
    table.finish();
    Some(EvidenceKey { kms: kms?, public })
}

/// Source: AWS KMS Developer Guide, "Key identifiers".
fn key(text: &str) -> Result<String, &'static str> {
    let name = match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "kms", region, account, name]
            if !partition.is_empty()
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name.strip_prefix("key/").or(name.strip_prefix("alias/"))
        }
        _ => text.strip_prefix("alias/"),
    };
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte))
    };
    match name {
        Some(name) if is_name(name) => Ok(text.to_owned()),
        _ => Err("a key is named by its ARN, `arn:aws:kms:REGION:ACCOUNT:key/ID`, by its alias's, or as `alias/NAME`"),
    }
}
