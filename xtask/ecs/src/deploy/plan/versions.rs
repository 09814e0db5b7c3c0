//! From which version to which each image goes.

use std::path::Path;

use super::{Pin, Plan, TaskDefinition};
use crate::aws::ecr::{Ecr, Known};
use crate::aws::ecs::short;
use crate::commit;
use crate::config::Config;
use crate::digest::Digest;
use crate::event::{Direction, Events, ImageSource, VersionChange};
use crate::failure::{Ending, Failure};
use crate::gather::Gather;
use crate::reference::{Named, Repository};
use crate::sorted::SortedMap;

/// What a container runs, of the repository that it is to run another image of.
enum Running {
    Tag(String),
    Digest(Repository, Digest),
}

/// Fills in the plans' `versions`. Where tags have no order, the commits that the images are of may have one, and else what
/// was pushed later is taken for the newer one. Where ECR does not tell, that is a warning, and the version unknown.
pub(super) fn find(
    ecr: &Ecr,
    root: &Path,
    plans: &mut [Plan],
    known: &SortedMap<String, TaskDefinition>,
    events: &Events,
) {
    let mut found = Vec::new();
    for (position, plan) in plans.iter().enumerate() {
        let Some(running) = known.get(&plan.live.task_definition) else { continue };
        found.extend(plan.pins.iter().filter_map(|pin| Some((position, pin.clone(), running_of(pin, running)?))));
    }
    let asked: Vec<(Repository, Digest)> = found
        .iter()
        .filter_map(|(.., running)| match running {
            Running::Digest(repository, digest) => Some((repository.clone(), digest.clone())),
            Running::Tag(_) => None,
        })
        .gather();
    let mut answers = ecr.kept(&asked).into_iter();
    let (mut told, mut changes) = (false, Vec::new());
    for (position, pin, running) in found {
        let Known { tags, pushed } = match &running {
            Running::Tag(tag) => Known { tags: vec![tag.clone()], pushed: None },
            Running::Digest(repository, digest) => match answers.next().expect("an answer for each") {
                Ok(kept) => {
                    let Plan { service, live, .. } = &plans[position];
                    if let Some(why) = kept.lacks() {
                        events.warn(format!(
                            "service {}: if this rollout fails, ECS cannot go back: the image of container {} of {} {why} \
                             ({repository}@{digest})",
                            service.name,
                            pin.container,
                            short(&live.task_definition)
                        ));
                    }
                    kept.known()
                }
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        events.warn(format!(
                            "which version runs is not known: {}",
                            error.to_string().replace('\n', "; ")
                        ));
                    }
                    Known::default()
                }
            },
        };
        let mut change = VersionChange::new(&pin.image, &tags, &pin.tag);
        if let (Direction::Unknown, Running::Digest(repository, digest)) = (change.direction, &running) {
            let of_it = |source: &&ImageSource| source.image == pin.image;
            let after = plans[position].sources.iter().find(of_it).and_then(|source| source.commit.clone());
            let before = || ecr.image(repository, digest).ok()??.marks.commit;
            if let Some((before, after)) = after.and_then(|after| Some((before()?, after))) {
                change.direction = commit::direction(root, &before, &after);
                change.before = change.before.or_else(|| Some(format!("commit {}", before.get(..12)?)));
            }
        }
        changes.push((position, pin, pushed, change));
    }
    by_push(ecr, &mut changes);
    for (position, .., change) in changes {
        if !plans[position].versions.contains(&change) {
            plans[position].versions.push(change);
        }
    }
}

/// A change of a service's image: whose it is, to what, and when what runs was pushed.
type Changed = (usize, Pin, Option<i64>, VersionChange);

/// Takes what was pushed later for the newer, where nothing else tells.
fn by_push(ecr: &Ecr, changes: &mut [Changed]) {
    let mut unknown = Vec::new();
    for (_, pin, before, change) in changes {
        if let (Direction::Unknown, Some(_), Some(before)) = (change.direction, &change.before, *before) {
            unknown.push((before, (pin.pinned.repository.clone(), pin.pinned.digest.clone()), change));
        }
    }
    let asked: Vec<(Repository, Digest)> = unknown.iter().map(|(_, image, _)| image.clone()).gather();
    for ((before, _, change), answer) in unknown.into_iter().zip(ecr.kept(&asked)) {
        let after = answer.ok().and_then(|kept| kept.known().pushed);
        change.by_push = after.is_some_and(|after| after != before);
        if change.by_push {
            change.direction = if after > Some(before) { Direction::Forward } else { Direction::Back };
        }
    }
}

/// `None` where the container runs these bytes already, or something that is no image of this repository.
fn running_of(pin: &Pin, running: &TaskDefinition) -> Option<Running> {
    let containers = running.document["containerDefinitions"].as_array()?;
    let container = containers.iter().find(|container| container["name"] == pin.container.as_str())?;
    let image = Named::of(container["image"].as_str()?);
    if image.host != Some(&pin.pinned.registry) || image.path != pin.pinned.repository.as_str() {
        return None;
    }
    match (image.tag, image.digest) {
        (_, Some(digest)) if digest == pin.pinned.digest.as_str() => None,
        (None, Some(digest)) => Some(Running::Digest(pin.pinned.repository.clone(), digest.parse().ok()?)),
        (tag, _) => Some(Running::Tag(tag?.to_owned())),
    }
}

/// Refuses to put an older version in the place of a newer one.
pub(crate) fn refuse_older(config: &Config, plans: &[Plan]) -> Result<(), Failure> {
    let back = |plan: &Plan| {
        let changes = plan.versions.iter().filter(|change| change.direction == Direction::Back);
        let sentences: Vec<String> = changes.map(VersionChange::sentence).gather();
        (!sentences.is_empty()).then(|| format!("on service {}, {}", plan.service.name, sentences.join(" and ")))
    };
    let back: Vec<String> = plans.iter().filter_map(back).gather();
    if back.is_empty() {
        return Ok(());
    }
    let message =
        format!("an older version would take the place of a newer one: {}; nothing was done", back.join("; "));
    Err(Failure::new(Ending::Superseded, message)
        .help(format!("if that is meant, `{}`", config.command("deploy --allow-older"))))
}
