//! What a verdict does not rest on, and people would think that it does.

use super::{Report, Summary, is, severity};
use crate::config::{Builder, Image, Scan, Severity};
use crate::gather::Gather;

/// Why the scanner may not see a Rust program that is there. Source: trivy, pkg/fanal/analyzer/language/rust/binary and
/// pkg/fanal/handler/sysfile, tried with 0.76.
pub(super) const WHEN_A_PROGRAM_IS_SEEN: &str = "a Rust program is seen only where it carries the list of its crates (`.dep-v0`: `binaries`, `package` and \
     cargo-auditable put it in, and a packer such as upx takes it out), is executable, belongs to no package of the \
     system's, and is the file that the finished image has at that path";

/// Sentences about one image's report that end nothing.
pub(crate) fn doubts(report: &Report, image: &Image, scan: &Scan) -> Vec<String> {
    unseen_program(report, image).into_iter().chain(unrated(report, scan)).gather()
}

/// In a cargo workspace an image without any Rust list is scanned for everything but the program.
fn unseen_program(report: &Report, image: &Image) -> Option<String> {
    let says_nothing = matches!(&image.builder, Builder::Dockerfile(_)) && image.expected().is_none();
    let seen = report.kinds.iter().any(|(kind, packages)| kind == "rustbinary" && *packages > 0);
    (says_nothing && !seen).then(|| {
        "no Rust program was seen in it, so its crates were not looked at: have cargo compile it with \
         `binaries = [\"PACKAGE\"]` (or build with cargo-auditable, keep the file executable and outside what the \
         system's packages own), or say what is to be seen with `expect = [\"…\"]`"
            .to_owned()
    })
}

/// Findings that nobody has rated yet, which the configured severities let through.
fn unrated(report: &Report, scan: &Scan) -> Option<String> {
    if scan.severity.contains(&Severity::Unknown) {
        return None;
    }
    let counts = |fixed: &str| !(scan.ignore_unfixed && fixed.is_empty());
    let accepted = |finding| scan.ignore.iter().any(|ignore| is(finding, &ignore.id));
    let unrated = report.findings.iter().filter(|finding| severity(&finding.severity) == Some(Severity::Unknown));
    let mut ids: Vec<String> = unrated
        .filter(|finding| counts(&finding.fixed) && !accepted(finding))
        .map(|finding| format!("{} ({} {})", finding.id, finding.package, finding.installed))
        .gather();
    ids.sort();
    ids.dedup();
    (!ids.is_empty()).then(|| {
        format!(
            "without a severity yet, and so let through: {}; look at them, or add \"UNKNOWN\" to `severity`",
            ids.join(", ")
        )
    })
}

/// The ids under `ignore` that no finding has, of scans of all images.
pub(crate) fn unmatched<'a>(scan: &Scan, scanned: &(impl Iterator<Item = &'a Summary> + Clone)) -> Vec<String> {
    let matched = |id: &String| scanned.clone().any(|summary| summary.matched.contains(id));
    scan.ignore.iter().map(|ignore| ignore.id.clone()).filter(|id| !matched(id)).gather()
}
