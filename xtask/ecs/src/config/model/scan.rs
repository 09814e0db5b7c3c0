//! What refuses an image, and the scanner.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::gather::Gather;

/// `[workspace.metadata.xtask.scan]`.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The severities that refuse an image; HIGH and CRITICAL by default.
    pub severity: Vec<Severity>,
    /// Whether findings without a fixed version are passed over; true by default.
    pub ignore_unfixed: bool,
    /// Findings that are accepted until a day; none by default.
    pub ignore: Vec<Ignore>,
    /// Releases of operating systems that the scanner does not know and that are good enough.
    pub accept_systems: Vec<AcceptedSystem>,
    /// How long one scan may take; 10 minutes by default.
    pub timeout: Duration,
    /// How many scans go on at once; `None` for as many as the machine allows.
    pub at_once: Option<u32>,
    /// Further arguments for `trivy image`, such as `--cache-dir DIR --skip-db-update`; none that could hide a finding.
    pub args: Vec<String>,
    /// The trivy to fetch where no trivy of that version is in PATH; none by default.
    pub trivy: Option<TrivyPin>,
}

/// How bad a finding is, in the scanner's word; later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scanner's sources name none.
    Unknown,
    /// `LOW`.
    Low,
    /// `MEDIUM`.
    Medium,
    /// `HIGH`.
    High,
    /// `CRITICAL`.
    Critical,
}

/// What is attached to an image in its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// What the scan gate said of it.
    Verdict,
    /// What it holds.
    Sbom,
    /// How it was made.
    Provenance,
}

impl Evidence {
    /// As the configuration and people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Sbom => "sbom",
            Self::Provenance => "provenance",
        }
    }
}

/// `ignore = [{ id = "CVE-…", reason = "…", until = "2027-01-31" }]`: a finding accepted until a day.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// Such as `CVE-2026-12345`: the finding's own id or another one of the same vulnerability.
    pub id: String,
    /// Why it can wait.
    pub reason: String,
    /// The last day it holds, `YYYY-MM-DD`, UTC.
    pub until: String,
}

/// `accept-systems = [{ system = "debian 99", reason = "…" }]`: a release that the scanner does not know.
#[derive(Clone, Debug)]
pub struct AcceptedSystem {
    /// Family and release, as the scanner has them.
    pub system: String,
    /// Why it is good enough.
    pub reason: String,
}

impl Severity {
    /// Trivy's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            severity: vec![Severity::High, Severity::Critical],
            ignore_unfixed: true,
            ignore: Vec::new(),
            accept_systems: Vec::new(),
            timeout: Duration::from_secs(600),
            at_once: None,
            args: Vec::new(),
            trivy: None,
        }
    }
}

/// `[workspace.metadata.xtask.scan] trivy = { version = "…", sha256 = { x86_64-linux = "…" } }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrivyPin {
    /// Such as `0.70.0`.
    pub version: String,
    /// Platform (one of [`PLATFORMS`]) → SHA-256 of the release archive, 64 lowercase hexadecimal digits.
    pub sha256: BTreeMap<String, String>,
    /// Where archives are, with `{version}`, `{os}` (`Linux`, `macOS`) and `{arch}` (`64bit`, `ARM64`) to be filled in;
    /// [`TRIVY_URL`] by default.
    pub url: String,
}

/// Where the project publishes its archives.
pub const TRIVY_URL: &str =
    "https://github.com/aquasecurity/trivy/releases/download/v{version}/trivy_{version}_{os}-{arch}.tar.gz";

/// The platforms that a hash can be given for.
pub const PLATFORMS: [&str; 4] = ["x86_64-linux", "aarch64-linux", "x86_64-macos", "aarch64-macos"];

/// Whether this version was published by an attacker (trivy's security advisory of March 2026).
pub fn is_malicious(version: &str) -> bool {
    let numbers: Vec<u32> = version.trim_start_matches('v').split(['.', '-']).map_while(|n| n.parse().ok()).gather();
    matches!(numbers[..], [0, 69, 4..=6, ..])
}

/// The key of KMS that signs evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceKey {
    /// An ARN, or `alias/NAME`.
    pub kms: String,
    /// The file that has its public half.
    pub public: Option<PathBuf>,
}
