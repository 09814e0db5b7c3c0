//! The release stage: plan, build, scan beside upload, tag.

mod attach;
mod build;
mod context;
mod dockerfile;
pub(crate) mod engine;
mod git_tag;
mod handed;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod inputs;
mod line;
mod login;
mod look;
mod manifest;
mod mounts;
mod parts;
mod plan;
mod push;
mod rescan;
mod scanner;
mod tag;
mod trivy;
mod turns;

use std::fs::File;

use serde::Serialize;

use crate::aws::Session;
use crate::aws::ecr::Ecr;
use crate::commit::Commit;
use crate::config::{Config, Image, images_named};
use crate::digest::Digest;
use crate::event::{Event, Events, ImageSource, Step};
use crate::failure::{Failure, Result};
use crate::gate::{self, Gate, Passed, Record, Scanner, Summary};
use crate::interrupt::Interrupt;
use crate::reference::Pinned;
use crate::stage::{Around, Ended};
pub use build::{Builders, Order};
pub(crate) use git_tag::VARIABLE as GIT_TAG;
use line::{Line, Way};
pub(crate) use parts::Share;
use plan::{Found, Tools};
pub use plan::{Planned, ReleasePlan};
#[cfg(feature = "rehearse")]
pub(crate) use scanner::find_trivy;
use tag::{Tagging, Whole};

/// An image whose tag is in ECR.
#[derive(Clone, Debug, Serialize)]
pub struct Released {
    /// The key under `images`.
    pub image: String,
    /// What it is released under.
    pub tag: String,
    /// Of the manifest, or of the index of several platforms.
    pub digest: Digest,
    /// `REGISTRY/REPOSITORY@sha256:…`.
    pub reference: Pinned,
    /// False where the tag was in ECR before.
    pub new: bool,
    /// The commit that it was built of, with `-dirty` where files differed from it; absent where nothing says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// `OS/ARCHITECTURE`; absent where nothing was built, or for several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What was built for each of several platforms; `digest` is then that of their index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<ForPlatform>,
    /// Such as `trivy 0.70.0`; absent where nothing was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// Absent where nothing was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<Summary>,
}

/// One image of an index.
#[derive(Clone, Debug, Serialize)]
pub struct ForPlatform {
    /// `OS/ARCHITECTURE[/VARIANT]`.
    pub platform: String,
    /// Of its manifest.
    pub digest: Digest,
}

/// The release stage of one configuration.
pub struct Releases<'a> {
    pub(crate) config: &'a Config,
    pub(crate) session: &'a Session,
    /// What the repository, or a rehearsal, scans with; trivy otherwise.
    pub(crate) scanner: Option<&'a dyn Scanner>,
    /// What the repository builds with, by name.
    pub(crate) builders: &'a Builders,
    /// What refuses beside the scan gate.
    pub(crate) gates: &'a [Gate],
    pub(crate) around: Option<&'a dyn Around<[Planned], [Released]>>,
    pub(crate) share: Share,
    pub(crate) events: &'a Events,
    pub(crate) interrupt: &'a Interrupt,
}

impl<'a> Releases<'a> {
    /// Finds out what a release of these images would do, all of them for no name, and does nothing.
    ///
    /// Fails with every problem at once: names that are unknown, tools that are missing, tags that ECR was not ready to
    /// tell of.
    pub fn plan(&self, names: &[String]) -> Result<ReleasePlan<'a>> {
        plan::plan(self, &self.share.in_any(images_named(self.config, names)?)?)
    }

    /// Releases each image whose tag is not in ECR, and writes the release manifest. Several are on their way at once;
    /// tags are put in order, and after an image that fails none is.
    ///
    /// A refused, failed or interrupted release leaves no tag; a re-run finds the tags and blobs that are there.
    pub fn run(&self, plan: &ReleasePlan<'_>) -> Ended<Vec<Released>> {
        let mut done = Vec::new();
        let result = self.run_into(&mut done, plan);
        Ended { done, result }
    }

    fn run_into(&self, done: &mut Vec<Released>, plan: &ReleasePlan<'_>) -> Result<()> {
        let Self { config, events, .. } = *self;
        warn_of_content_trust(events);
        if let Some(around) = self.around.filter(|_| plan.builds()) {
            around.before(&plan.images())?;
        }
        let commit = Commit::of(&config.root)?;
        let mut released = |image: &Image, one: Released| self.tell(done, &commit, image, one);
        let coming = scanner::Coming::new(config, events);
        match &plan.tools {
            Some(tools) => {
                let scanner: &dyn Scanner = match &tools.scanner {
                    Found::Own(own) => *own,
                    Found::Trivy(trivy) => trivy,
                    Found::ToFetch => &coming,
                };
                self.tell_what_with(plan, tools, scanner);
                line::run(self, plan, &Way { commit: &commit, tools, scanner }, released)?;
            }
            None => plan.already().try_for_each(|(image, one)| released(image, one))?,
        }
        warn_of_unmatched(config, done, events);
        self.around.map_or(Ok(()), |around| around.after(done))
    }

    /// Tells of an image whose tag is in ECR, and writes it into the release manifest.
    fn tell(&self, done: &mut Vec<Released>, commit: &Commit, image: &Image, one: Released) -> Result<()> {
        self.events.emit(Event::ImageReleased {
            image: one.image.clone(),
            reference: image.reference.to_string(),
            pinned: one.reference.to_string(),
            digest: one.digest.clone(),
            new: one.new,
            from: None,
        });
        done.push(one);
        manifest::write(self.config, commit, done).map(drop)
    }

    fn tell_what_with(&self, plan: &ReleasePlan<'_>, tools: &Tools<'_>, scanner: &dyn Scanner) {
        if !matches!(tools.scanner, Found::Own(_)) {
            let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            if let Some(sentence) = trivy::withheld(set) {
                self.events.warn(sentence);
            }
        }
        self.events.note("Using", tools.describe(&plan.images, &scanner.name()));
    }
}

/// Only where every image was scanned it is known that an entry of `ignore` matches nothing.
fn warn_of_unmatched(config: &Config, released: &[Released], events: &Events) {
    let scanned = released.iter().filter_map(|image| image.scan.as_ref());
    if scanned.clone().count() < config.images.len() {
        return;
    }
    for id in gate::unmatched(&config.scan, &scanned) {
        events.warn(format!("`ignore` accepts {id}, which no image has any more: take it out"));
    }
}

/// An image for one platform, all of it in its repository and without a tag. Another release waits until it is dropped.
struct Ready {
    platform: String,
    passed: Passed,
    record: Record,
    _lock: File,
}

/// One image on its way, for one platform.
struct Making<'a> {
    config: &'a Config,
    image: &'a Image,
    commit: &'a Commit,
    session: &'a Session,
    tools: &'a Tools<'a>,
    builders: &'a Builders,
    scanner: &'a dyn Scanner,
    gates: &'a [Gate],
    share: &'a Share,
    ecr: &'a Ecr,
    events: &'a Events,
    /// Set, too, where an image before this one failed.
    interrupt: &'a Interrupt,
    line: &'a Line,
    /// Where it stands in the release's order.
    place: usize,
}

impl Making<'_> {
    /// All that may be done while images before this one are on their way. The lock holds until the tag is put.
    fn to_the_tag(&self) -> Result<Ready> {
        let Self { config, image, events, interrupt, line, place, .. } = *self;
        let turn = line.begin(image, place, interrupt)?;
        let lock = build::lock(config, image)?;
        parts::forget(config, image)?;
        let built = events.step(Step::Build, &image.name, || build::build(self, turn))?;
        let (passed, record) = events.step(Step::Push, &image.name, || push::scan_and_upload(self, &built))?;
        attach::attach(self, &built, &record)?;
        if !self.share.tags() {
            parts::leave(self, &passed, &record)?;
        }
        Ok(Ready { platform: image.platform().to_owned(), passed, record, _lock: lock })
    }

    /// Puts the tag on what is ready: on the one image, or on the index of one for each platform.
    fn tag(&self, ready: Vec<Ready>) -> Result<Released> {
        let Self { image, .. } = self;
        if self.interrupt.is_set() {
            return Err(Failure::interrupted(format_args!(
                "interrupted before the tag of image `{}` was put; its blobs are in ECR, and a re-run does not send them again",
                image.name
            )));
        }
        let mut whole = Whole::default();
        for Ready { platform, passed, record, .. } in ready {
            whole.images.push((platform.parse()?, passed));
            whole.records.push(record);
        }
        let Self { config, commit, session, tools, ecr, events, line, interrupt, .. } = *self;
        let signer = tools.signer.as_ref();
        let remote = &line.registry.repository(image.repository(), events, interrupt);
        Tagging { config, image, commit, session, signer, ecr, remote, events }.put(whole, Some(self.scanner.name()))
    }
}

fn already(image: &Image, digest: Digest, source: &ImageSource) -> Released {
    Released {
        image: image.name.clone(),
        tag: image.tag().to_string(),
        reference: image.reference.pin(digest.clone()),
        digest,
        new: false,
        commit: source.commit.clone(),
        platform: None,
        platforms: Vec::new(),
        scanner: None,
        scan: None,
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
