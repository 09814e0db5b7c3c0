//! The release stage: plan, build, scan beside upload, tag.

mod build;
mod context;
mod dockerfile;
pub(crate) mod engine;
mod handed;
mod inputs;
mod login;
mod manifest;
pub(crate) mod plan;
mod push;
mod trivy;

use std::path::Path;

use serde::Serialize;

use crate::aws::Session;
use crate::commit::Commit;
use crate::config::{Config, Image};
use crate::digest::Digest;
use crate::event::{Event, Events, ImageAction, Step};
use crate::failure::{Failure, Result};
use crate::gate::{Report, Scanner, Summary};
use crate::interrupt::Interrupt;
use crate::reference::Pinned;
use crate::tools;
use plan::{FindScanner, Planned, Tools};
use trivy::Trivy;

/// An image whose tag is in ECR.
#[derive(Clone, Debug, Serialize)]
pub struct Released {
    pub image: String,
    pub tag: String,
    pub digest: Digest,
    /// `REGISTRY/REPOSITORY@sha256:…`.
    pub reference: Pinned,
    /// False where the tag was in ECR before.
    pub new: bool,
    /// `OS/ARCHITECTURE`; absent where nothing was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// Absent where nothing was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<Summary>,
}

/// Says what a release would do, and does nothing.
pub(crate) fn plan(
    config: &Config,
    images: &[&Image],
    session: &Session,
    find_scanner: &FindScanner<'_>,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<Vec<Planned>> {
    let plan = plan::plan(config, images, &session.ecr(), find_scanner, events, interrupt)?;
    Ok(plan
        .images
        .into_iter()
        .map(|(image, action)| Planned { image: image.name.clone(), reference: image.reference.to_string(), action })
        .collect())
}

/// Releases each image whose tag is not in ECR, in order, and writes the release manifest.
///
/// `released` holds what was done even where a later image fails. A refused, failed or interrupted release leaves no
/// tag; a re-run finds the tags and blobs that are there.
pub(crate) fn run(
    config: &Config,
    images: &[&Image],
    session: &Session,
    find_scanner: &FindScanner<'_>,
    events: &Events,
    interrupt: &Interrupt,
    released: &mut Vec<Released>,
) -> Result<()> {
    warn_of_content_trust(events);
    let ecr = session.ecr();
    let plan = plan::plan(config, images, &ecr, find_scanner, events, interrupt)?;
    if let Some(tools) = &plan.tools {
        events.note("Using", tools.describe(&plan.images));
    }
    let commit = Commit::of(&config.root)?;
    for (image, action) in plan.images {
        let one = match (action, &plan.tools) {
            (ImageAction::AlreadyReleased { digest }, _) => already(image, digest),
            (ImageAction::Release, Some(tools)) => release(config, image, &commit, tools, &ecr, events, interrupt)?,
            (ImageAction::Release, None) => return Err(Failure::world("nothing was found to build with")),
        };
        events.emit(Event::ImageReleased {
            image: one.image.clone(),
            reference: image.reference.to_string(),
            pinned: one.reference.to_string(),
            digest: one.digest.clone(),
            new: one.new,
        });
        released.push(one);
        manifest::write(config, &commit, released)?;
    }
    Ok(())
}

fn release(
    config: &Config,
    image: &Image,
    commit: &Commit,
    tools: &Tools,
    ecr: &crate::aws::ecr::Ecr,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<Released> {
    let _lock = build::lock(config, image)?;
    let built = events.step(Step::Build, &image.name, || {
        let registries = |host: &str| push::registry(config, ecr, host, interrupt);
        build::build(config, image, tools.engine.as_ref(), &registries, commit, events, interrupt)
    })?;
    let passed = events.step(Step::Push, &image.name, || {
        push::scan_and_upload(config, image, &built, tools.scanner.as_ref(), ecr, events, interrupt)
    })?;
    if interrupt.is_set() {
        return Err(Failure::Interrupted(format!(
            "interrupted before the tag of image `{}` was put; its blobs are in ECR, and a re-run does not send them again",
            image.name
        )));
    }
    let pinned = push::tag(image, &passed, ecr)?;
    Ok(Released {
        image: image.name.clone(),
        tag: image.tag().to_string(),
        digest: pinned.digest.clone(),
        reference: pinned,
        new: true,
        platform: Some(image.platform().to_owned()),
        scanner: Some(tools.scanner.name()),
        scan: Some(passed.summary().clone()),
    })
}

fn already(image: &Image, digest: Digest) -> Released {
    Released {
        image: image.name.clone(),
        tag: image.tag().to_string(),
        reference: image.reference.pin(digest.clone()),
        digest,
        new: false,
        platform: None,
        scanner: None,
        scan: None,
    }
}

/// The pinned trivy, or the one in PATH.
pub(crate) fn find_trivy(config: &Config, events: &Events, interrupt: &Interrupt) -> Result<Box<dyn Scanner>> {
    let program = tools::trivy(config.scan.trivy.as_ref(), &config.target, events, interrupt)?;
    Ok(Box::new(Trivy::probe(&program, &config.scan, interrupt)?.with_database(&config.target)))
}

/// As [`find_trivy`], for a plan, which fetches nothing.
pub(crate) fn plan_trivy(config: &Config, _: &Events, interrupt: &Interrupt) -> Result<Box<dyn Scanner>> {
    let pin = config.scan.trivy.as_ref();
    match tools::trivy_at_hand(pin, &config.target, interrupt)? {
        Some(program) => Ok(Box::new(Trivy::probe(&program, &config.scan, interrupt)?)),
        None => Ok(Box::new(NotFetched(pin.map(|pin| pin.version.clone()).unwrap_or_default()))),
    }
}

/// A pinned trivy that a release will fetch; it scans nothing.
struct NotFetched(String);

impl Scanner for NotFetched {
    fn name(&self) -> String {
        format!("trivy {}, still to be fetched", self.0)
    }

    fn scan(&self, image: &Image, _: &Path, _: &Interrupt) -> Result<Report> {
        Err(Failure::world(format_args!("image `{}` cannot be scanned with {}", image.name, self.name())))
    }
}

fn warn_of_content_trust(events: &Events) {
    if std::env::var_os("DOCKER_CONTENT_TRUST").is_some_and(|value| value == "1") {
        events.warn(
            "DOCKER_CONTENT_TRUST=1 verifies nothing here: BuildKit never looked at it, and Docker 29 removed it; what \
             stands in for it is every FROM pinned by digest, which this release reports on",
        );
    }
}
