//! A scanner's look at a layout, and what the gate says of it.

use std::path::Path;

use super::build::Built;
use crate::config::{Config, Image};
use crate::digest::Digest;
use crate::event::{Event, Events};
use crate::failure::{Ending, Failure, Result};
use crate::gate::{self, Record, Report, Scanner, Summary, Verdict};
use crate::image;
use crate::interrupt::Interrupt;
use crate::time::today;

pub(super) struct Look<'a> {
    pub config: &'a Config,
    pub image: &'a Image,
    pub scanner: &'a dyn Scanner,
    pub events: &'a Events,
    pub interrupt: &'a Interrupt,
}

pub(super) struct Seen {
    pub report: Report,
    pub verdict: Verdict,
}

impl Look<'_> {
    /// Scans, and holds the report against the configuration.
    pub(super) fn at(&self, built: &Built) -> Result<Seen> {
        let Self { config, image, scanner, events, interrupt } = self;
        let mut report = scanner.scan(image, &built.folder, interrupt)?;
        look_again(&mut report, built, interrupt);
        for warning in &report.warnings {
            events.warn(format!("image `{}`: {warning}", image.name));
        }
        for doubt in gate::doubts(&report, image, &config.scan) {
            events.warn(format!("image `{}`: {doubt}", image.name));
        }
        let verdict = gate::judge(built.manifest.clone(), &report, image, &config.scan, &today())?;
        Ok(Seen { report, verdict })
    }

    pub(super) fn tell(&self, built: &Built, summary: &Summary, passed: bool) {
        self.events.emit(Event::ImageScanned {
            image: self.image.name.clone(),
            digest: built.manifest.digest.clone(),
            scanner: self.scanner.name(),
            passed,
            findings: summary.findings.clone(),
            ignored: summary.ignored.len(),
        });
        for expired in &summary.expired {
            self.events.warn(format!("an accepted finding is past its day and counts again: {expired}"));
        }
    }

    pub(super) fn record(&self, digest: (&Digest, bool), report: &Report, summary: &Summary) -> Record {
        Record::new(digest, &self.scanner.name(), (report, summary), &self.config.scan, &today())
    }
}

pub(super) fn refused(image: &Image, summary: &Summary) -> Failure {
    let refused = Failure::new(
        Ending::Refused,
        format_args!(
            "image `{}` is refused by the scan gate: {} {} of the severities that refuse",
            image.name,
            summary.findings.len(),
            if summary.findings.len() == 1 { "finding" } else { "findings" },
        ),
    )
    .said(gate::table(&summary.findings))
    .help(
        "update what is listed, or accept an id for a while under [workspace.metadata.xtask.scan] `ignore`, with a \
         reason and a day",
    );
    match gate::only_lists(&summary.findings) {
        Some(fix) => refused.help(fix),
        None => refused,
    }
}

/// A scanner may report a program of a layer below that a layer above has replaced: that is no sight of what runs.
fn look_again(report: &mut Report, built: &Built, interrupt: &Interrupt) {
    for program in report.programs.clone() {
        if program.diff_id.is_empty() {
            continue;
        }
        let place = (Path::new(&program.path), program.diff_id.as_str());
        match image::holds(&built.layout, &built.manifest, place, interrupt) {
            Ok(true) => {}
            Ok(false) => report.unsee(&program),
            Err(error) => report.warnings.push(format!(
                "whether {} is the file that the finished image has there is not known: {error:#}",
                program.path
            )),
        }
    }
}
