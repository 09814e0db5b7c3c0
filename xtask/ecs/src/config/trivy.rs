//! `trivy = { version = "0.69.3", sha256 = { x86_64-linux = "…" } }` in `[workspace.metadata.xtask.scan]`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::diagnostic::suggestion;
use super::keys::{Keys, derived, or, required};
use super::model::{PLATFORMS, TRIVY_URL, TrivyPin, is_malicious};
use super::origin::Effective;
use super::value::Value;
use crate::gather::Gather;

pub(super) const TRIVY: Keys = Keys {
    table: "scan.trivy",
    note: "`cargo xtask tools pin trivy VERSION` prints such a table.",
    list: &[
        required("version", "`0.70.0`", "the version"),
        or(
            "sha256",
            "a hash by platform, such as `x86_64-linux`",
            "{}",
            "of the release archive, checked before it runs",
        ),
        derived(
            "url",
            "an address with `{version}`, and perhaps `{os}` and `{arch}`",
            "trivy's own release page",
            "where the archive is",
        ),
    ],
};

pub(super) fn read(value: &Value<'_>) -> Option<TrivyPin> {
    let mut table = value.table(&[&TRIVY])?;
    let version = table.need("version", "say which: `version = \"0.69.3\"`", |value| value.check(is_version));
    let sha256 = match table.take("sha256") {
        Some(value) => value.map(hash),
        None => Some(BTreeMap::new()),
    };
    let url = table.take("url").map_or(Some(TRIVY_URL.to_owned()), |value| value.check(is_url));
    table.finish();
    Some(TrivyPin { version: version?, sha256: sha256?, url: url? })
}

fn is_version(text: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = text.split('.').gather();
    if parts.len() != 3 || !parts.iter().all(|part| part.parse::<u32>().is_ok_and(|n| n.to_string() == **part)) {
        return Err("a version looks like `0.69.3`, without a `v`");
    }
    if is_malicious(text) {
        return Err("0.69.4 to 0.69.6 were published by an attacker in March 2026; take another one");
    }
    Ok(text.to_owned())
}

fn hash(platform: &str, value: &Value<'_>) -> Option<String> {
    if !PLATFORMS.contains(&platform) {
        let hint = suggestion(platform, PLATFORMS.iter().copied(), "platforms");
        value.error_at_key(format!("unknown platform `{}`", platform.escape_debug()), hint);
        return None;
    }
    value.check(|text| {
        let fits = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fits { Ok(text.to_owned()) } else { Err("a SHA-256 is 64 lowercase hexadecimal digits") }
    })
}

fn is_url(text: &str) -> Result<String, &'static str> {
    if !text.contains("{version}") {
        return Err("it must have `{version}` in it, and may have `{os}` and `{arch}`");
    }
    if text.starts_with("https://") || text.starts_with("http://127.0.0.1:") {
        return Ok(text.to_owned());
    }
    Err("an address begins with `https://`")
}

impl Effective for TrivyPin {
    fn effective(&self, _: &std::path::Path) -> Json {
        json!({ "version": self.version, "sha256": self.sha256, "url": self.url })
    }
}
