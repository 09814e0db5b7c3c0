//! trivy's JSON report, as far as the gate reads it.
//! Source: trivy, pkg/types/report.go, SchemaVersion 2.

use serde::Deserialize;

use crate::event::Finding;
use crate::gather::Gather;

/// What a scanner says of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The config digest of the image that was scanned.
    pub image_id: String,
    /// Result types (`debian`, `rustbinary`, …) with the number of packages under each.
    pub kinds: Vec<(String, usize)>,
    /// All of them, whatever the configuration lets pass.
    pub findings: Vec<Finding>,
    /// Family and release of the operating system, such as `debian 12.7`; empty where there is none.
    pub system: String,
    /// The scanner said that it does not know this release of the operating system.
    pub system_is_unknown: bool,
    /// The Rust programs whose crates are among the packages.
    pub programs: Vec<Program>,
    /// The moment that the scanner's database is of, as it says itself; empty where nothing says so.
    pub database: String,
    /// What makes the report worth less than it looks.
    pub warnings: Vec<String>,
}

/// A program that the scanner saw in one of the image's layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Relative to the image's root.
    pub path: String,
    /// Of the layer's uncompressed bytes; empty where the scanner does not say.
    pub diff_id: String,
    /// Which of the report's `kinds` it is.
    kind: usize,
}

/// What stands behind a target that only lists crates, as a Cargo.lock or an SBOM that an image happens to hold.
pub(crate) const ONLY_A_LIST: &str = " (only a list of crates)";

impl Report {
    /// Reads trivy's JSON (`trivy image --format json`, SchemaVersion 2).
    pub fn parse(json: &[u8]) -> serde_json::Result<Self> {
        let raw: Raw = serde_json::from_slice(json)?;
        let mut report = Self { image_id: raw.metadata.image_id, ..Self::default() };
        if let Some(Os { family, name, ended }) = raw.metadata.os {
            format!("{family} {name}").trim().clone_into(&mut report.system);
            if ended {
                report.warnings.push(format!(
                    "its base, {}, gets no security updates any more, so findings may be missing; move to a newer one",
                    report.system
                ));
            }
        }
        for mut result in raw.results {
            if result.kind == "rustbinary" {
                let layer = result.packages.iter().map(|package| package.layer.diff_id.clone()).next();
                let (path, kind) = (result.target.clone(), report.kinds.len());
                report.programs.push(Program { path, diff_id: layer.unwrap_or_default(), kind });
            } else if result.kind == "cargo" {
                result.target.push_str(ONLY_A_LIST);
            }
            report.kinds.push((result.kind, result.packages.len()));
            for found in result.vulnerabilities {
                report.findings.push(Finding {
                    package: found.package,
                    installed: found.installed,
                    fixed: found.fixed,
                    id: found.id,
                    aliases: found.aliases,
                    severity: found.severity,
                    target: result.target.clone(),
                    title: found.title,
                });
            }
        }
        Ok(report)
    }

    /// Takes in what the scanner said beside its report, line by line. Source: trivy, pkg/log, and
    /// pkg/detector/ospkg/version for the sentence.
    pub fn hear(&mut self, line: &str) {
        let mut parts = line.split('\t').map(str::trim);
        if !parts.any(|part| part == "WARN") {
            return;
        }
        let said = parts.filter(|part| !part.is_empty()).gather::<Vec<_>>().join(" ");
        self.system_is_unknown |= said.contains("OS version is not on the EOL list");
        let warning = format!("trivy warns: {said}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Takes back that a program was seen: another file is in its place in the finished image, or none.
    pub fn unsee(&mut self, program: &Program) {
        if let Some((_, packages)) = self.kinds.get_mut(program.kind) {
            *packages = 0;
        }
        for finding in self.findings.iter_mut().filter(|finding| finding.target == program.path) {
            finding.target.push_str(" (of a layer below)");
        }
        self.warnings.push(format!(
            "the scanner lists the crates of {} from a layer below, and a layer above has something else in its place: its \
             own crates were not seen",
            program.path
        ));
    }

    /// Packages of all kinds.
    pub fn packages(&self) -> usize {
        self.kinds.iter().map(|(_, packages)| packages).sum()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    results: Vec<RawResult>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default, rename = "OS")]
    os: Option<Os>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Os {
    #[serde(default)]
    family: String,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "EOSL")]
    ended: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawResult {
    #[serde(default)]
    target: String,
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default)]
    packages: Vec<RawPackage>,
    #[serde(default)]
    vulnerabilities: Vec<RawFinding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPackage {
    #[serde(default)]
    layer: RawLayer,
}

#[derive(Default, Deserialize)]
struct RawLayer {
    #[serde(default, rename = "DiffID")]
    diff_id: String,
}

#[derive(Deserialize)]
struct RawFinding {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(default, rename = "VendorIDs")]
    aliases: Vec<String>,
    #[serde(rename = "PkgName")]
    package: String,
    #[serde(default, rename = "InstalledVersion")]
    installed: String,
    #[serde(default, rename = "FixedVersion")]
    fixed: String,
    #[serde(default, rename = "Severity")]
    severity: String,
    #[serde(default, rename = "Title")]
    title: String,
}
