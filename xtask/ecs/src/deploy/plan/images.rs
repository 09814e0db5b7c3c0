//! The images that services are to run, as ECR has them: by the tag of the configuration, or by a digest that was named.

use super::Pin;
use crate::aws::ecr::{Found, Kept};
use crate::aws::{AwsError, Session};
use crate::commit;
use crate::config::{Config, Image, Service};
use crate::digest::Digest;
use crate::event::{ImageSource, VersionChange};
use crate::failure::Failure;
use crate::gather::Gather as _;
use crate::platform::Platform;
use crate::sorted::SortedMap;
use crate::text::program;

/// An image that is in ECR.
pub(super) struct InEcr {
    found: Found,
    /// What it is called: the tag of the configuration, or of what was named by its digest one that it has.
    tag: String,
    /// Whether its digest was named in the place of the tag.
    named: bool,
}

impl InEcr {
    pub(super) fn platforms(&self, image: &Image) -> Vec<Platform> {
        platforms(image, &self.found)
    }

    /// Where it comes from, by its own word.
    pub(super) fn source(&self, image: &Image, here: Option<&str>) -> ImageSource {
        let digest = self.named.then(|| self.found.digest.clone());
        ImageSource { tag: self.tag.clone(), digest, ..commit::source(image, &self.found.marks, here) }
    }
}

/// What an image in ECR runs on, by its own word, else by the configuration's.
pub(in crate::deploy) fn platforms(image: &Image, found: &Found) -> Vec<Platform> {
    if !found.marks.platforms.is_empty() {
        return found.marks.platforms.clone();
    }
    image.platforms.iter().filter_map(|platform| platform.parse().ok()).gather()
}

/// The images that the services run, each once.
pub(in crate::deploy) fn of<'a>(config: &'a Config, services: &[&Service]) -> Vec<&'a Image> {
    let names = services.iter().flat_map(|service| service.containers.values());
    let unique: SortedMap<_, _> = names.filter_map(|name| config.images.get_key_value(name)).gather();
    unique.into_values().gather()
}

/// Asks ECR for each: tags together, what was named by its digest one by one.
pub(super) fn find(
    session: &Session,
    images: &[&Image],
    named: &SortedMap<String, Digest>,
) -> Vec<Result<Option<InEcr>, AwsError>> {
    let ecr = session.ecr();
    let tagged: Vec<&&Image> = images.iter().filter(|image| !named.contains_key(&image.name)).gather();
    let wanted: Vec<_> = tagged.iter().map(|image| (image.repository(), image.tag())).gather();
    let mut by_tag = ecr.find(&wanted).into_iter();
    let by_digest = |image: &Image, digest: &Digest| -> Result<Option<InEcr>, AwsError> {
        let repository = image.repository();
        let Some(found) = ecr.image(repository, digest)? else { return Ok(None) };
        let kept = ecr.kept(&[(repository.clone(), digest.clone())]).pop().transpose()?;
        let tags = kept.map(Kept::tags).unwrap_or_default();
        let latest = VersionChange::new(&image.name, &tags, image.tag().as_str()).before;
        Ok(Some(InEcr { found, tag: latest.unwrap_or_else(|| digest.to_string()), named: true }))
    };
    let ask = |image: &&Image| {
        if let Some(digest) = named.get(&image.name) {
            return by_digest(image, digest);
        }
        let found = by_tag.next().expect("each that is not named is asked for")?;
        Ok(found.map(|found| InEcr { found, tag: image.tag().to_string(), named: false }))
    };
    images.iter().map(ask).gather()
}

/// Each image that is in ECR, by its name; one that is not names the command that brings it there.
pub(super) fn sort_out(
    config: &Config,
    images: &[&Image],
    answers: Vec<Result<Option<InEcr>, AwsError>>,
    named: &SortedMap<String, Digest>,
    problems: &mut Vec<Failure>,
) -> SortedMap<String, InEcr> {
    let mut released = SortedMap::new();
    for (image, answer) in images.iter().zip(answers) {
        match answer {
            Ok(Some(found)) => drop(released.insert(image.name.clone(), found)),
            Ok(None) => problems.push(missing(config, image, named.get(&image.name))),
            Err(error) => problems.push(error.into()),
        }
    }
    released
}

/// With what is to be run before the image can be deployed.
pub(in crate::deploy) fn missing(config: &Config, image: &Image, named: Option<&Digest>) -> Failure {
    let Image { name, reference, .. } = image;
    if let Some(digest) = named {
        let pinned = reference.pin(digest.clone());
        let failure = Failure::conflict(format_args!("image {name} is not in ECR: {pinned} was not found"));
        return failure.help(format!("`{}` shows the digests that were deployed", config.command("history")));
    }
    let failure = Failure::conflict(format_args!("image {name} is not in ECR: {reference} was not found"));
    match (&config.promoted_from, &config.environment) {
        (Some(from), Some(to)) => {
            failure.help(format!("promote it first: `{} promote --from {from} --to {to} {name}`", program()))
        }
        _ => failure.help(format!("release it first: `{} {name}`", config.command("release"))),
    }
}

/// `None` where an image of the service has no digest, which is among the problems already.
pub(super) fn pins(config: &Config, service: &Service, released: &SortedMap<String, InEcr>) -> Option<Vec<Pin>> {
    let pin = |(container, image): (&String, &String)| {
        let (reference, is) = (&config.images.get(image)?.reference, released.get(image)?);
        let (tag, pinned) = (is.tag.clone(), reference.pin(is.found.digest.clone()));
        Some(Pin { container: container.clone(), image: image.clone(), tag, pinned })
    };
    service.containers.iter().map(pin).collect()
}
