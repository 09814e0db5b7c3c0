//! What a promotion would do: the tags of both registries, compared.

use serde::Serialize;

use super::{Promotions, Side, Wanted};
use crate::aws::AwsError;
use crate::aws::ecr::{NO_REPOSITORY, Templates};
use crate::beside::both;
use crate::config::{By, Image, images_named};
use crate::digest::Digest;
use crate::event::{Event, ImageAction};
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::text::program;
/// What will be done about each image, found out before anything is done.
pub(crate) struct PromotionPlan<'a> {
    pub(super) images: Vec<Wanted<'a>>,
}

/// One element of `promote --plan --format json`.
#[derive(Serialize)]
pub(crate) struct Planned {
    image: String,
    reference: String,
    action: ImageAction,
}

impl PromotionPlan<'_> {
    /// The plan as data, an element an image.
    pub(crate) fn images(&self) -> Vec<Planned> {
        let one = |wanted: &Wanted<'_>| Planned {
            image: wanted.image.name.clone(),
            reference: wanted.image.reference.to_string(),
            action: wanted.action(),
        };
        self.images.iter().map(one).gather()
    }
}

impl Wanted<'_> {
    fn action(&self) -> ImageAction {
        let (from, digest) = (self.from.to_string(), self.digest.clone());
        if self.new { ImageAction::Promote { from, digest } } else { ImageAction::AlreadyPromoted { from, digest } }
    }
}

/// Asks both registries about every tag at once.
pub(super) fn plan<'a>(stage: &Promotions<'a>, names: &[String]) -> Result<PromotionPlan<'a>> {
    let Promotions { from, to, events, .. } = stage;
    let images = images_named(to.config, names)?;
    // Every environment has the images of the one table, and may call their repositories otherwise.
    let sources: Vec<&Image> = images.iter().map(|image| &from.config.images[&image.name]).gather();
    let (there, here) = both(|| find(from, &sources), || find(to, &images));
    let mut problems = Vec::new();
    let mut planned = Vec::new();
    let templates = Templates::new(&to.ecr);
    for (((image, source), there), here) in images.into_iter().zip(sources).zip(there).zip(here) {
        let here = here.or_else(|error| match to.config.promotion.by {
            // A rule makes the repository, too.
            By::Replication if error.code == NO_REPOSITORY => Ok(None),
            By::Replication => Err(vec![error]),
            By::Copy => {
                let why = templates.made_by_push(image.repository(), error)?;
                events.note("Repository", why);
                Ok(None)
            }
        });
        match (there, here) {
            (Ok(there), Ok(here)) => match decide(stage, image, source, (there, here)) {
                Ok(wanted) => planned.push(wanted),
                Err(problem) => problems.push(problem),
            },
            (there, here) => {
                let wrong = there.err().into_iter().chain(here.err().into_iter().flatten());
                problems.extend(wrong.map(Failure::from));
            }
        }
    }
    if !problems.is_empty() {
        return Err(Failure::together(problems));
    }
    for wanted in &planned {
        events.emit(Event::ImagePlanned {
            image: wanted.image.name.clone(),
            reference: wanted.image.reference.to_string(),
            action: wanted.action(),
        });
    }
    Ok(PromotionPlan { images: planned })
}

fn find(side: &Side<'_>, images: &[&Image]) -> Vec<Result<Option<Digest>, AwsError>> {
    let wanted: Vec<_> = images.iter().map(|image| (image.repository(), image.tag())).gather();
    let found = side.ecr.find(&wanted).into_iter();
    found.map(|found| Ok(found?.map(|found| found.digest))).gather()
}

/// What becomes of an image: `there` is what the source has under the tag, `here` what the target has.
fn decide<'a>(
    stage: &Promotions<'_>,
    image: &'a Image,
    source: &Image,
    (there, here): (Option<Digest>, Option<Digest>),
) -> Result<Wanted<'a>> {
    let from = source.reference.clone();
    let Some(digest) = there else {
        let (name, environment) = (&image.name, stage.from.name());
        return Err(Failure::conflict(format_args!("image {name} is not in {environment}: {from} was not found"))
            .help(format!("release it there first: `{} -e {environment} release {name}`", program())));
    };
    let new = here.is_none();
    if stage.to.config.promotion.by == By::Replication && source.repository() != image.repository() {
        let (name, environment) = (&image.name, stage.to.name());
        let (theirs, ours) = (source.repository(), image.repository());
        return Err(Failure::usage(format_args!(
            "image {name} cannot be replicated to {environment}: ECR replicates {theirs} to a repository of the same name, \
             and {environment} has it in {ours}"
        ))
        .help("give both the same `repository`, or leave `promotion.by` out to copy it"));
    }
    let wanted = Wanted { image, from, digest, new };
    match here {
        Some(here) if here != wanted.digest => Err(taken(stage, &wanted, Some(&here))),
        _ => Ok(wanted),
    }
}

/// The target has the tag, and other content under it.
pub(super) fn taken(stage: &Promotions<'_>, wanted: &Wanted<'_>, here: Option<&Digest>) -> Failure {
    let (from, to) = (stage.from.name(), stage.to.name());
    let here = here.map_or_else(|| "a digest that could not be read".to_owned(), ToString::to_string);
    Failure::conflict(format_args!(
        "the tag {} is in {to} with other content than in {from}; nothing was overwritten",
        wanted.image.reference
    ))
    .said([format!("in {from}: {}", wanted.digest), format!("in {to}: {here}")])
    .help("give this image another tag, and release that")
}
