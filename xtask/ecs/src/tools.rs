//! A pinned trivy, fetched by hash.

use std::collections::BTreeMap;

/// Where the project publishes its archives.
pub const TRIVY_URL: &str =
    "https://github.com/aquasecurity/trivy/releases/download/v{version}/trivy_{version}_{os}-{arch}.tar.gz";

/// The platforms that a hash can be given for.
pub const PLATFORMS: [&str; 4] = ["x86_64-linux", "aarch64-linux", "x86_64-macos", "aarch64-macos"];

/// `[workspace.metadata.xtask.scan] trivy = { version = "…", sha256 = { x86_64-linux = "…" } }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrivyPin {
    /// Such as `0.69.3`.
    pub version: String,
    /// Platform (one of [`PLATFORMS`]) → SHA-256 of the release archive, 64 lowercase hexadecimal digits.
    pub sha256: BTreeMap<String, String>,
    /// Where archives are, with `{version}`, `{os}` (`Linux`, `macOS`) and `{arch}` (`64bit`, `ARM64`) to be filled in;
    /// [`TRIVY_URL`] by default.
    pub url: String,
}

/// Whether this version was published by an attacker (trivy's security advisory of March 2026).
pub fn is_malicious(version: &str) -> bool {
    matches!(version, "0.69.4" | "0.69.5" | "0.69.6")
}
