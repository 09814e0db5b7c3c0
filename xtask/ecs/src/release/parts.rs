//! Images that several runs make between them, and the run that puts their tags.
//!
//! What a run leaves behind is a file for each image and platform: the digest, the commit, and the verdict on it. Its bytes
//! are in the repository by then, under no tag. Whoever puts the tags holds all of that against the repository first, and
//! puts none where anything is missing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::tag::{Tagging, Whole};
use super::{Making, Released, Releases, already, plan, push};
use crate::aws::Session;
use crate::commit::Commit;
use crate::config::{Config, Image, images_named};
use crate::digest::Digest;
use crate::event::{Event, ImageAction};
use crate::evidence::{PublicKey, Signer, trusted, verdicts, warn_of};
use crate::failure::{Ending, Failure, Result};
use crate::gate::{Passed, Policy, Record};
use crate::gather::Gather;
use crate::oci::layout::Marks;
use crate::oci::registry::{Remote, failure};
use crate::platform::Platform;
use crate::stage::Ended;
use crate::text::some;
use crate::time::today;

/// How much of its images a run makes.
#[derive(Clone, Debug, Default)]
pub(crate) enum Share {
    /// All of them, and their tags.
    #[default]
    Whole,
    /// All of them, and no tag.
    Untagged,
    /// What is for one platform, and no tag.
    Platform(Platform),
}

impl Share {
    pub(super) fn tags(&self) -> bool {
        matches!(self, Self::Whole)
    }

    /// What a run makes of an image.
    pub(super) fn of(&self, image: &Image) -> Vec<Image> {
        let mut parts = image.parts();
        if let Self::Platform(only) = self {
            parts.retain(|part| part.platform().parse().is_ok_and(|platform: Platform| platform == *only));
        }
        parts
    }

    /// Those that a run has a share in; the error is that there is none.
    pub(super) fn in_any<'a>(&self, mut images: Vec<&'a Image>) -> Result<Vec<&'a Image>> {
        images.retain(|image| !self.of(image).is_empty());
        match self {
            Self::Platform(only) if images.is_empty() => Err(Failure::usage(format_args!("no image is for {only}"))
                .help("an image's `platforms` says what it is for")),
            _ => Ok(images),
        }
    }
}

/// Where a part's file is, as seen from the workspace's target folder.
fn file(part: &Image) -> PathBuf {
    let name = part.folder().display().to_string().replace(['/', '\\'], "-");
    PathBuf::from(format!("xtask/parts/{name}.json"))
}

/// Takes away what an earlier run left.
pub(super) fn forget(config: &Config, part: &Image) -> Result<()> {
    let path = config.target.join(file(part));
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::world(format_args!("could not remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Leaves what is ready in its repository under no tag, and writes down what it is.
pub(super) fn leave(making: &Making<'_>, passed: &Passed, record: &Record) -> Result<()> {
    let Making { image, events, line, interrupt, .. } = *making;
    let remote = line.registry.repository(image.repository(), events, interrupt);
    remote.put_document(passed.document()).map_err(failure)?;
    let file = write(making, record)?.display().to_string();
    let (image, reference, digest) = (image.name.clone(), image.reference.to_string(), record.digest.clone());
    events.emit(Event::ImageLeft { image, reference, digest, file });
    Ok(())
}

/// Writes down what was made of an image and the verdict on it, whatever that is.
pub(super) fn write(making: &Making<'_>, record: &Record) -> Result<PathBuf> {
    let Making { config, image, commit, .. } = *making;
    let path = config.target.join(file(image));
    let verdict: Value = serde_json::from_slice(&record.statement()).unwrap_or_default();
    let part = json!({
        "version": 1,
        "reference": image.reference.to_string(),
        "commit": commit.revision,
        "digest": record.digest,
        "verdict": verdict,
    });
    let written = std::fs::create_dir_all(config.target.join("xtask/parts"))
        .and_then(|()| std::fs::write(&path, format!("{part:#}\n")));
    let failed = |error| Failure::world(format_args!("could not write {}: {error}", path.display()));
    written.map_err(failed).map(|()| path)
}

/// What signs what an assembly attaches, and the key whose verdicts it believes: it believes no others where it signs nothing, too.
fn keys(config: &Config, session: &Session) -> Result<(Option<Signer>, Option<PublicKey>)> {
    let signer = Signer::of_release(config, session)?;
    let key = match &signer {
        Some(signer) => Some(signer.key().clone()),
        None => trusted(config, session)?,
    };
    Ok((signer, key))
}

/// What another run has left.
struct Left {
    commit: Option<String>,
    digest: Digest,
    verdict: Record,
}

impl Left {
    fn read(path: &Path, image: &Image) -> Result<Self> {
        let name = &image.name;
        let Ok(bytes) = std::fs::read(path) else {
            let missing = format_args!("image `{name}` was not made: there is no {}", path.display());
            return Err(Failure::usage(missing));
        };
        Self::parse(&bytes, image).ok_or_else(|| {
            let (path, reference) = (path.display(), &image.reference);
            Failure::usage(format_args!("image `{name}` was not made: {path} is of another one than {reference}"))
        })
    }

    /// `None` of what is none, or of another reference.
    fn parse(bytes: &[u8], image: &Image) -> Option<Self> {
        let left: Value = serde_json::from_slice(bytes).ok()?;
        (left["version"] == 1 && left["reference"] == image.reference.to_string()).then_some(())?;
        Some(Self {
            commit: left["commit"].as_str().map(str::to_owned),
            digest: left["digest"].as_str()?.parse().ok()?,
            verdict: Record::read(left["verdict"].to_string().as_bytes())?,
        })
    }
}

impl Releases<'_> {
    /// Puts the tag of each image, all of them for no name, on what other runs have left: on the image itself, or on the index
    /// of those of several platforms. Nothing is built, and no tag is put where anything of any image is missing.
    ///
    /// Fails (exit 2) where a part is missing or of another commit, and (exit 3) where one is refused.
    pub(crate) fn assemble(&self, names: &[String]) -> Ended<Vec<Released>> {
        let mut done = Vec::new();
        let result = self.assemble_into(&mut done, names);
        Ended { done, result }
    }

    fn assemble_into(&self, done: &mut Vec<Released>, names: &[String]) -> Result<()> {
        let Self { config, session, events, interrupt, .. } = *self;
        let images = images_named(config, names)?;
        let (planned, mut problems) = plan::look_up(self, &images)?;
        let commit = &Commit::of(&config.root)?;
        let there = planned.iter().filter(|(_, action)| *action != ImageAction::Release).count();
        let (signer, key) =
            if there < images.len() { keys(config, session) } else { Ok((None, None)) }.unwrap_or_else(|failure| {
                problems.push(failure);
                (None, None)
            });
        let ecr = &session.ecr();
        let registry = push::registry(config, ecr, &config.registry, interrupt);
        let mut wholes = Vec::new();
        for (image, _) in planned.iter().filter(|(_, action)| *action == ImageAction::Release) {
            let remote = &registry.repository(image.repository(), events, interrupt);
            match self.collect(image, commit, (remote, key.as_ref())) {
                Ok(whole) => wholes.push(whole),
                Err(failure) => problems.push(failure),
            }
        }
        let plan = plan::tell(self, planned, None, problems)?;
        if let Some(around) = self.around.filter(|_| plan.builds()) {
            around.before(&plan.images())?;
        }
        let mut wholes = wholes.into_iter();
        for (image, action) in &plan.images {
            let remote = &registry.repository(image.repository(), events, interrupt);
            let one = if let ImageAction::AlreadyReleased { digest, source } = action {
                already(image, digest.clone(), source)
            } else if let Some(whole) = wholes.next() {
                Tagging { config, image, commit, session, signer: signer.as_ref(), ecr, remote, events }
                    .put(whole, None)?
            } else {
                continue;
            };
            self.tell(done, commit, image, one)?;
        }
        self.around.map_or(Ok(()), |around| around.after(done))
    }

    /// Every part of an image: there, of this commit, and let pass by the verdicts on it.
    fn collect(&self, image: &Image, commit: &Commit, at: (&Remote<'_>, Option<&PublicKey>)) -> Result<Whole> {
        let (mut whole, mut problems) = (Whole::default(), Vec::new());
        for part in image.parts() {
            match self.part(&part, commit, at) {
                Ok((passed, record)) => {
                    whole.images.push((part.platform().parse()?, passed));
                    whole.records.push(record);
                }
                Err(failure) => problems.push(failure),
            }
        }
        if problems.is_empty() { Ok(whole) } else { Err(Failure::together(problems)) }
    }

    fn part(&self, image: &Image, commit: &Commit, at: (&Remote<'_>, Option<&PublicKey>)) -> Result<(Passed, Record)> {
        let config = self.config;
        let left = Left::read(&config.target.join(file(image)), image);
        left.and_then(|left| self.hold(image, left, commit, at)).map_err(|failure| {
            let (name, platform) = (image.name.split(' ').next().unwrap_or_default(), image.platform());
            let again = config.command(&format!("release --platform {platform} {name}"));
            failure.help(format!("no tag was put; `{again}` makes what `--assemble` looks for"))
        })
    }

    /// Holds what a file says against the repository.
    fn hold(
        &self,
        image: &Image,
        left: Left,
        commit: &Commit,
        (remote, key): (&Remote<'_>, Option<&PublicKey>),
    ) -> Result<(Passed, Record)> {
        let Left { digest, verdict, commit: made_of } = left;
        let name = &image.name;
        let of_another = |other: &Option<String>| {
            let told = |commit: &Option<String>| commit.clone().unwrap_or_else(|| "no commit".to_owned());
            let (other, here) = (told(other), told(&commit.revision));
            Failure::usage(format_args!("image `{name}` was made of {other}, and what is here is {here}"))
        };
        let refused = |why: String| {
            Failure::new(Ending::Refused, format_args!("image `{name}` ({}) gets no tag: it {why}", digest.short()))
        };
        if made_of != commit.revision {
            return Err(of_another(&made_of));
        }
        // What was refused may not have been sent.
        if !verdict.passed {
            return Err(refused(format!("was refused on {} for {}", verdict.day, some(&verdict.findings))));
        }
        let during = |failure: Failure| failure.during(format_args!("image `{name}`"));
        let document = remote.fetch(&digest).map_err(failure).map_err(during)?;
        let marks = Marks::of(&String::from_utf8_lossy(&document.bytes));
        if marks.commit != commit.revision {
            return Err(of_another(&marks.commit));
        }
        if marks.platforms != [image.platform().parse::<Platform>()?] {
            let is: Vec<String> = marks.platforms.iter().map(ToString::to_string).gather();
            return Err(Failure::usage(format_args!("what was left of image `{name}` is for {}", is.join(", "))));
        }
        // A verdict that was attached since then may have found more.
        let (mut records, doubts) = verdicts(self.session, &image.reference.pin(digest.clone()), key)?;
        warn_of(&doubts, (name, &digest), self.events);
        records.push(verdict);
        let today = today();
        let policy = Policy { scan: &self.config.scan, days: self.config.deploy.verdict_days, today: &today };
        let (passed, record) = Passed::on_record(document, &records, &policy).map_err(refused)?;
        Ok((passed, record.clone()))
    }
}
