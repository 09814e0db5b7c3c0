//! What a release would do: one preflight that gathers every problem before the first effect.

use std::cell::LazyCell;

use serde::Serialize;

use super::build::Builders;
use super::engine::Engine;
use super::git_tag;
use super::handed;
use super::trivy::Trivy;
use super::{Released, Releases, already};
use crate::aws::ecr::Templates;
use crate::beside::both;
use crate::binary;
use crate::commit;
use crate::config::{Builder, Config, Image, moving_tags, suggestion};
use crate::event::{Event, ImageAction};
use crate::evidence::Signer;
use crate::failure::{Ending, Failure, Result};
use crate::gate::Scanner;
use crate::gather::Gather;
use crate::tools;

/// What is to be done about each image, in their order.
pub(super) type Planning<'a> = Vec<(&'a Image, ImageAction)>;

/// What a release will do about each image, found out before anything is done.
pub struct ReleasePlan<'a> {
    /// In the order they will be released.
    pub(super) images: Planning<'a>,
    /// What builds and scans; `None` where nothing is to be built.
    pub(super) tools: Option<Tools<'a>>,
}

impl ReleasePlan<'_> {
    /// Whether anything is to be built.
    pub fn builds(&self) -> bool {
        self.images.iter().any(|(_, action)| *action == ImageAction::Release)
    }

    /// The images that are there already.
    pub(super) fn already(&self) -> impl Iterator<Item = (&Image, Released)> {
        self.images.iter().filter_map(|(image, action)| match action {
            ImageAction::AlreadyReleased { digest, source } => Some((*image, already(image, digest.clone(), source))),
            _ => None,
        })
    }

    /// The plan as data, an element an image.
    pub fn images(&self) -> Vec<Planned> {
        let one = |(image, action): &(&Image, ImageAction)| Planned {
            image: image.name.clone(),
            reference: image.reference.to_string(),
            action: action.clone(),
        };
        self.images.iter().map(one).gather()
    }
}

/// The tools a build needs, found good.
pub(super) struct Tools<'a> {
    /// `None` where no image is built from a Dockerfile.
    pub engine: Option<Engine>,
    pub scanner: Found<'a>,
    /// `None` where what is attached is not signed.
    pub signer: Option<Signer>,
}

/// The scanner of a release.
pub(super) enum Found<'a> {
    /// What the repository, or a rehearsal, brings.
    Own(&'a dyn Scanner),
    Trivy(Trivy),
    /// The pinned trivy, which is not here yet.
    ToFetch,
}

impl Tools<'_> {
    /// For people, such as `buildx 0.29, driver docker, and trivy 0.76.0`.
    pub(super) fn describe(&self, images: &[(&Image, ImageAction)], scanner: &str) -> String {
        let native = images
            .iter()
            .any(|(image, action)| *action == ImageAction::Release && matches!(image.builder, Builder::Package(_)));
        let engine = self.engine.as_ref().map(|engine| engine.description.as_str());
        let own = images.iter().filter_map(|(image, action)| match &image.builder {
            Builder::Own(own) if *action == ImageAction::Release => Some(own.builder.as_str()),
            _ => None,
        });
        let builders: Vec<&str> = engine.into_iter().chain(native.then_some("the native builder")).chain(own).gather();
        format!("{}; {scanner}", builders.join(" and "))
    }
}

/// One element of `release --plan --format json`.
#[derive(Serialize)]
pub struct Planned {
    /// The key under `images`.
    pub image: String,
    /// `REGISTRY/REPOSITORY:TAG`.
    pub reference: String,
    /// What a release would do about it.
    pub action: ImageAction,
}

/// Asks ECR about every tag at once; where one is missing, also looks for the tools to build it. All problems are in
/// the one failure.
pub(super) fn plan<'a>(stage: &Releases<'a>, images: &[&'a Image]) -> Result<ReleasePlan<'a>> {
    let Releases { config, interrupt, .. } = *stage;
    let (planned, mut problems) = look_up(stage, images)?;
    let released = |image: &Image| {
        planned.iter().any(|(known, action)| known.name == image.name && *action != ImageAction::Release)
    };
    // Of an image that ECR could not be asked about, it is not known that nothing is to be built.
    let to_build: Vec<&Image> = images.iter().copied().filter(|image| !released(image)).gather();
    problems.extend(to_build.iter().filter_map(|image| unknown_builder(image, stage.builders)));
    problems.extend(to_build.iter().flat_map(|image| handed::missing(image, &|name| std::env::var_os(name))));
    problems.extend(to_build.iter().flat_map(|image| uncompilable(config, image, &stage.share.of(image))));
    let mut tools = None;
    if !to_build.is_empty() {
        let with_dockerfile = to_build.iter().any(|image| matches!(image.builder, Builder::Dockerfile(_)));
        let engine = || with_dockerfile.then(|| Engine::probe(&to_build, interrupt)).transpose();
        match (both(engine, || find_scanner(stage)), Signer::of_release(config, stage.session)) {
            ((Ok(engine), Ok(scanner)), Ok(signer)) => tools = Some(Tools { engine, scanner, signer }),
            ((engine, scanner), signer) => {
                for failure in [engine.err(), scanner.err(), signer.err()].into_iter().flatten() {
                    if failure.ending == Ending::Interrupted {
                        return Err(failure);
                    }
                    problems.push(failure);
                }
            }
        }
    }
    tell(stage, planned, tools, problems)
}

/// The plan, told to all; or every problem in one failure.
pub(super) fn tell<'a>(
    stage: &Releases<'a>,
    planned: Planning<'a>,
    tools: Option<Tools<'a>>,
    problems: Vec<Failure>,
) -> Result<ReleasePlan<'a>> {
    if !problems.is_empty() {
        return Err(Failure::together(problems));
    }
    for (image, action) in &planned {
        stage.events.emit(Event::ImagePlanned {
            image: image.name.clone(),
            reference: image.reference.to_string(),
            action: action.clone(),
        });
    }
    Ok(ReleasePlan { images: planned, tools })
}

/// What ECR has of each image, and of which it was not ready to tell.
pub(super) fn look_up<'a>(stage: &Releases<'a>, images: &[&'a Image]) -> Result<(Planning<'a>, Vec<Failure>)> {
    let Releases { config, events, .. } = *stage;
    for warning in moving_tags(config) {
        events.warn(warning);
    }
    git_tag::check(config, &|name| std::env::var(name).ok(), events)?;
    let wanted: Vec<_> = images.iter().map(|image| (image.repository(), image.tag())).gather();
    let mut problems = Vec::new();
    let mut planned = Vec::new();
    let here = LazyCell::new(|| commit::here(&config.root));
    let ecr = stage.session.ecr();
    let templates = Templates::new(&ecr);
    for (&image, found) in images.iter().zip(ecr.find(&wanted)) {
        match found {
            Ok(None) => planned.push((image, ImageAction::Release)),
            Ok(Some(found)) => {
                let source = commit::source(image, &found.marks, here.as_deref());
                planned.push((image, ImageAction::AlreadyReleased { digest: found.digest, source }));
            }
            Err(error) => match templates.made_by_push(image.repository(), error) {
                Ok(why) => {
                    events.note("Repository", why);
                    planned.push((image, ImageAction::Release));
                }
                Err(wrong) => problems.extend(wrong.into_iter().map(Failure::from)),
            },
        }
    }
    Ok((planned, problems))
}

/// An image whose builder this xtask does not have.
fn unknown_builder(image: &Image, builders: &Builders) -> Option<Failure> {
    let Builder::Own(own) = &image.builder else { return None };
    if builders.contains_key(&own.builder) {
        return None;
    }
    let hint = suggestion(&own.builder, builders.keys().map(String::as_str), "builders");
    let message = format!("image `{}` is built by `{}`, which this xtask does not have", image.name, own.builder);
    Some(Failure::new(Ending::Usage, message).help(format!(
        "add it with `Xtask::builder`, or correct `builder` under [workspace.metadata.xtask.images.{}]: {hint}",
        image.name
    )))
}

/// Platforms that an image's programs cannot be compiled for here.
fn uncompilable(config: &Config, image: &Image, parts: &[Image]) -> Vec<Failure> {
    let target = match &image.builder {
        Builder::Package(package) => package.target.as_deref(),
        Builder::Dockerfile(dockerfile) if !dockerfile.binaries.is_empty() => None,
        _ => return Vec::new(),
    };
    let mut failures = Vec::new();
    for platform in parts.iter().map(Image::platform) {
        if let Err(failure) = binary::check_platform(&config.root, platform, target) {
            failures.push(failure.during(format_args!("image `{}` for {platform}", image.name)));
        }
    }
    failures
}

/// Looks for the scanner, and fetches none.
fn find_scanner<'a>(stage: &Releases<'a>) -> Result<Found<'a>> {
    let Releases { config, interrupt, .. } = *stage;
    if let Some(own) = stage.scanner {
        return Ok(Found::Own(own));
    }
    Ok(match tools::trivy_at_hand(config.scan.trivy.as_ref(), &config.target, interrupt)? {
        Some(program) => Found::Trivy(Trivy::probe(&program, &config.scan, interrupt)?.with_database(&config.target)),
        None => Found::ToFetch,
    })
}
