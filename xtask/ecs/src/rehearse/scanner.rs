//! Scanners that only a rehearsal may use.

use std::path::Path;

use crate::config::{Config, Image};
use crate::event::{Events, Finding};
use crate::failure::Result;
use crate::gate::{Report, Scanner};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::oci::layout::Layout;
use crate::process;
use crate::release::find_trivy;

/// trivy where it is installed, else the stand-in, said loudly.
pub(super) fn find(config: &Config, events: &Events, interrupt: &Interrupt) -> Result<Box<dyn Scanner>> {
    if process::is_in_path("trivy") {
        return Ok(Box::new(find_trivy(config, events, interrupt)?));
    }
    events.warn(
        "trivy was not found, so a stand-in takes its place: NOTHING IS SCANNED in this rehearsal. \
         A release in earnest refuses to go on without trivy",
    );
    Ok(Box::new(StandIn))
}

/// Reports the image that is in the layout, and nothing about it.
pub(crate) struct StandIn;

impl Scanner for StandIn {
    fn name(&self) -> String {
        "a stand-in that scans nothing".to_owned()
    }

    fn scan(&self, image: &Image, folder: &Path, _: &Interrupt) -> anyhow::Result<Report> {
        let manifest = Layout::open(&folder.join("layout"))?.manifest(image.platform())?;
        let expected = image.expected().unwrap_or_else(|| vec!["stand-in", "rustbinary"]);
        Ok(Report {
            image_id: manifest.config.digest.to_string(),
            kinds: expected.into_iter().map(|kind| (kind.to_owned(), 1)).gather(),
            ..Report::default()
        })
    }
}

/// Adds a made-up finding to what a scanner reports.
pub(super) struct Vulnerable<'a>(pub &'a dyn Scanner);

impl Scanner for Vulnerable<'_> {
    fn name(&self) -> String {
        self.0.name()
    }

    fn scan(&self, image: &Image, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<Report> {
        let mut report = self.0.scan(image, folder, interrupt)?;
        report.findings.push(Finding {
            package: "rehearsed".to_owned(),
            installed: "1.0.0".to_owned(),
            fixed: "1.0.1".to_owned(),
            aliases: Vec::new(),
            id: "CVE-2026-00000".to_owned(),
            severity: "CRITICAL".to_owned(),
            target: image.name.clone(),
            title: "made up for this rehearsal".to_owned(),
        });
        Ok(report)
    }
}
