//! The gate: a scanner's report on one layout, and the verdict on one digest.
//!
//! A gate never passes by accident. A [`Passed`] is made by `judge`, from a report that names the image it speaks of, or by
//! `Passed::on_record`, from a verdict that `judge` gave elsewhere and that still stands; there is no other way to get one,
//! and the tag cannot be put without one.

mod doubts;
mod record;
mod report;
mod standing;

use std::path::Path;

use crate::config::{Ignore, Image, Scan, Severity};
use crate::digest::Digest;
use crate::event::Finding;
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::oci::layout::{Index, Manifest, media_type};
use crate::oci::registry::Document;
use crate::platform::Platform;
use crate::sorted::Arrange;
use crate::text::{self, Last};

pub(crate) use doubts::{doubts, unmatched};
pub(crate) use record::{Record, VERDICT};
pub use report::{Program, Report};
pub(crate) use standing::{Policy, stands};

/// Something that reads a layout and reports what it found.
pub trait Scanner: Sync {
    /// What people know it by, such as `trivy 0.70.0`.
    fn name(&self) -> String;
    /// `folder` holds an OCI layout as `layout/`. The report names the config digest of the image it speaks of.
    ///
    /// Fails where nothing can be said of the image, which is then not released.
    fn scan(&self, image: &Image, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<Report>;

    /// Gets what every scan needs, such as a database, while the first image is built. What fails here is tried again
    /// by the scan, which then says so. Nothing by default.
    fn prepare(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        let _ = interrupt;
        Ok(())
    }

    /// A CycloneDX document of what the image holds that was scanned in this folder just now; `None`, which is the
    /// default, of a scanner that makes none.
    fn sbom(&self, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<Option<Vec<u8>>> {
        let _ = (folder, interrupt);
        Ok(None)
    }

    /// How many scans may go on at once, where the configuration, or the machine, allows `limit`. One by default.
    fn at_once(&self, limit: usize) -> usize {
        limit.min(1)
    }
}

/// An image that passed the gate, for the gates that a repository adds.
pub struct Scanned<'a> {
    /// As the configuration has it; of one platform where it has several.
    pub image: &'a Image,
    /// What the tag is put on; of several platforms one that the tagged index names.
    pub manifest: &'a Manifest,
    /// All that the scanner said.
    pub report: &'a Report,
    /// What the scan gate made of it.
    pub summary: &'a Summary,
    /// Holds the OCI layout as `layout/`.
    pub folder: &'a Path,
}

/// A gate that a repository adds: an error refuses the image. It is asked after the scan gate, and only of what that let
/// pass, so it can refuse more and never less.
pub(crate) type Gate = Box<dyn Fn(&Scanned<'_>) -> anyhow::Result<()> + Sync>;

/// What the gate says of one image.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed(Passed),
    Refused(Summary),
}

/// Proof that the image with this manifest was scanned and passed, or each image of this index.
///
/// ECR's PutImage, the only way to a tag, takes one; and only the gate makes
/// one. (A promotion puts a tag, too: the one that the same bytes have in the
/// registry that they come from, which took a verdict there.) Code that asks for it compiles:
///
/// ```
/// fn tell(passed: &xtask_ecs::gate::Passed) -> String {
///     passed.document().digest.to_string()
/// }
/// ```
///
/// Code that makes one does not, neither by hand nor from a report of its own:
///
/// ```compile_fail,E0451
/// fn forge(document: xtask_ecs::oci::registry::Document) -> xtask_ecs::gate::Passed {
///     xtask_ecs::gate::Passed { document, summary: Default::default() }
/// }
/// ```
///
/// ```compile_fail,E0603
/// use xtask_ecs::gate::judge;
/// ```
#[derive(Debug)]
pub struct Passed {
    document: Document,
    summary: Summary,
}

impl Passed {
    /// The manifest that passed, or the index: exactly these bytes may be tagged.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The index of images that passed, and of no others.
    pub(crate) fn index(images: &[(Platform, Self)], commit: Option<&str>) -> Self {
        let mut summary = Summary::default();
        let mut entries = Vec::new();
        for (platform, passed) in images {
            entries.push((passed.document.descriptor(), platform.clone()));
            summary.add(&passed.summary);
        }
        Self { document: Document::new(media_type::INDEX, Index::write(&entries, commit)), summary }
    }

    /// What was looked at elsewhere, where the verdicts on it let it pass today, and the one that does. The error is why none
    /// does, as the end of a sentence about the image.
    pub(crate) fn on_record<'a>(
        document: Document,
        records: &'a [Record],
        policy: &Policy<'_>,
    ) -> Result<(Self, &'a Record), String> {
        let record = stands(records, &document.digest, policy)?;
        Ok((Self { document, summary: Summary::default() }, record))
    }

    /// What the scan saw; of an index, in all of its images.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// What the scan saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Packages of all kinds in the report.
    pub packages: usize,
    /// Findings that refuse, most severe first.
    pub findings: Vec<Finding>,
    /// Findings passed over because the configuration accepts them for now.
    pub ignored: Vec<String>,
    /// Acceptances that are past their day; their findings count again.
    pub expired: Vec<String>,
    /// The ids under `ignore` that some finding has, whether it would refuse or not.
    #[serde(skip)]
    pub matched: Vec<String>,
}

impl Summary {
    /// What is said of two platforms of one image.
    fn add(&mut self, other: &Self) {
        self.packages += other.packages;
        self.findings.extend(other.findings.iter().cloned());
        for (all, more) in [
            (&mut self.ignored, &other.ignored),
            (&mut self.expired, &other.expired),
            (&mut self.matched, &other.matched),
        ] {
            all.extend(more.iter().filter(|one| !all.contains(one)).cloned().gather::<Vec<_>>());
        }
    }
}

/// Holds the report against the configuration. `today` is `YYYY-MM-DD`, UTC.
///
/// Fails (exit 1) where the report cannot be trusted to speak of this image: another config digest, nothing
/// seen at all, or a kind of package missing that the image is expected to hold.
pub(crate) fn judge(manifest: Manifest, report: &Report, image: &Image, scan: &Scan, today: &str) -> Result<Verdict> {
    same_image(&report.image_id, &manifest.config.digest, &image.name)?;
    saw_enough(report, image)?;
    knows_the_system(report, image, scan)?;

    let mut summary = Summary { packages: report.packages(), ..Summary::default() };
    for finding in &report.findings {
        let accepted = scan.ignore.iter().find(|ignore| is(finding, &ignore.id));
        summary.matched.extend(accepted.map(|ignore| ignore.id.clone()));
        let severe = severity(&finding.severity).is_none_or(|severity| scan.severity.contains(&severity));
        if !severe || (scan.ignore_unfixed && finding.fixed.is_empty()) {
            continue;
        }
        match accepted {
            Some(ignore) if holds(ignore, today) => summary.ignored.push(finding.id.clone()),
            Some(ignore) => {
                summary.expired.push(format!("{} (accepted until {}: {})", ignore.id, ignore.until, ignore.reason));
                summary.findings.push(finding.clone());
            }
            None => summary.findings.push(finding.clone()),
        }
    }
    summary.findings.arrange_by(|a, b| {
        severity(&b.severity)
            .cmp(&severity(&a.severity))
            .then_with(|| (&a.target, &a.package, &a.id).cmp(&(&b.target, &b.package, &b.id)))
    });
    Ok(if summary.findings.is_empty() {
        let Manifest { media_type, bytes, .. } = manifest;
        Verdict::Passed(Passed { document: Document::new(&media_type, bytes), summary })
    } else {
        Verdict::Refused(summary)
    })
}

fn same_image(reported: &str, config: &Digest, image: &str) -> Result<()> {
    if reported == config.as_str() {
        return Ok(());
    }
    Err(Failure::world(format_args!(
        "the scan report for image `{image}` speaks of another image: it names {}, the layout holds {config}; nothing was \
         tagged",
        if reported.is_empty() { "none" } else { reported },
    ))
    .help("remove target/xtask and run it again"))
}

fn saw_enough(report: &Report, image: &Image) -> Result<()> {
    // A kind without a package is one that nothing was compared with: a database that was stripped, for one.
    let seen: Vec<&str> =
        report.kinds.iter().filter(|(_, packages)| *packages > 0).map(|(kind, _)| kind.as_str()).gather();
    match image.expected() {
        None if seen.is_empty() => Err(Failure::world(format_args!(
            "the scanner saw nothing it knows in image `{}`: no operating system packages, no language packages",
            image.name
        ))
        .help(
            "a Rust binary is seen when it carries its dependency list (`binaries` and `package` add it, or build with \
             cargo-auditable); if this image really holds nothing to scan, say so with `expect = []`",
        )),
        Some(expected) => match expected.iter().find(|kind| !seen.contains(*kind)) {
            Some(kind) => Err(Failure::world(format_args!(
                "the scan report for image `{}` holds no `{kind}` result, which `expect` asks for; it holds {}",
                image.name,
                if seen.is_empty() { "none".to_owned() } else { seen.join(", ") },
            ))
            .help(if *kind == "rustbinary" {
                doubts::WHEN_A_PROGRAM_IS_SEEN
            } else {
                "check that the image still holds it, or change `expect`"
            })),
            None => Ok(()),
        },
        None => Ok(()),
    }
}

/// A release of an operating system that the scanner does not know may have no advisories in its database: that
/// nothing was found in its packages then says nothing.
fn knows_the_system(report: &Report, image: &Image, scan: &Scan) -> Result<()> {
    let Report { system, system_is_unknown, findings, .. } = report;
    let lists_packages = report.kinds.iter().any(|(kind, packages)| system.starts_with(kind.as_str()) && *packages > 0);
    let accepted = scan.accept_systems.iter().any(|accepted| accepted.system == *system);
    if !system_is_unknown || !lists_packages || accepted || !findings.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Ending::World,
        format_args!(
            "the scanner does not know the release {system} of image `{}`'s base, and matched its packages with nothing: \
             that is no verdict",
            image.name
        ),
    )
    .help("take a newer trivy, or a base that it knows")
    .help(format!(
        "or say why it is good enough, under [workspace.metadata.xtask.scan]: \
         `accept-systems = [{{ system = \"{system}\", reason = \"…\" }}]`"
    )))
}

/// By its own id or by one of the others that the same vulnerability has.
fn is(finding: &Finding, id: &str) -> bool {
    finding.id == id || finding.aliases.iter().any(|alias| alias == id)
}

fn holds(ignore: &Ignore, today: &str) -> bool {
    // Both are YYYY-MM-DD, which sorts as text.
    ignore.until.as_str() >= today
}

fn severity(name: &str) -> Option<Severity> {
    Some(match name {
        "UNKNOWN" => Severity::Unknown,
        "LOW" => Severity::Low,
        "MEDIUM" => Severity::Medium,
        "HIGH" => Severity::High,
        "CRITICAL" => Severity::Critical,
        _ => return None,
    })
}

/// What to do about findings in files that only list crates.
pub(crate) fn only_lists(findings: &[Finding]) -> Option<String> {
    let mut files: Vec<&str> =
        findings.iter().filter_map(|finding| finding.target.strip_suffix(report::ONLY_A_LIST)).gather();
    files.arrange_by(Ord::cmp);
    files.dedup();
    (!files.is_empty()).then(|| {
        format!("nothing runs {}, which only lists crates: leave such a file out of the image", files.join(", "))
    })
}

/// Findings as a table with a header, columns aligned; one line each.
pub(crate) fn table(findings: &[Finding]) -> Vec<String> {
    let header = ["PACKAGE", "INSTALLED", "FIXED IN", "ID", "SEVERITY", "TARGET"];
    let row = |finding: &Finding| {
        let fixed = if finding.fixed.is_empty() { "-" } else { &finding.fixed };
        [&finding.package, &finding.installed, fixed, &finding.id, &finding.severity, &finding.target]
            .map(str::to_owned)
            .to_vec()
    };
    let rows = [header.map(str::to_owned).to_vec()].into_iter().chain(findings.iter().map(row));
    text::table(&rows.gather::<Vec<_>>(), Last::Value, None)
}

#[cfg(test)]
mod tests;
