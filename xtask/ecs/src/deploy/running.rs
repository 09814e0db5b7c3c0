//! The last step of the promise: what runs is what was released, by digest.

use super::outcome::Observation;
use super::plan::{Pin, Plan};
use super::rollout::Observe;
use crate::aws::AwsError;
use crate::aws::ecs::{ContainerImage, short};
use crate::digest::Digest;
use crate::event::Events;
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::sorted::SortedSet;

/// Asks ECS which digest each container of the finished rollout runs: its service revision first, its running tasks
/// where that does not say. Another digest than the released one, or than that of an image which the released index names, is
/// a [`Ending::RollbackFailed`] naming both.
pub(super) fn assert_digests<O: Observe>(
    observe: &mut O,
    plan: &Plan,
    seen: &Observation,
    events: &Events,
) -> Result<()> {
    let revision = of_revision(observe, seen);
    let mut open: Vec<&Pin> = Vec::new();
    for pin in &plan.pins {
        match revision.as_ref().ok().and_then(|images| digest(images, &pin.container)) {
            Some(running) => compare(observe, plan, pin, &running)?,
            None => open.push(pin),
        }
    }
    if open.is_empty() || seen.service.desired == 0 {
        return Ok(());
    }
    let tasks = of_tasks(observe, seen);
    for pin in open {
        if let Some(running) = tasks.as_ref().ok().and_then(|images| digest(images, &pin.container)) {
            compare(observe, plan, pin, &running)?;
            continue;
        }
        let why = [&revision, &tasks].into_iter().find_map(|answer| answer.as_ref().err());
        let why = why.map_or_else(|| "ECS does not say it".to_owned(), ToString::to_string);
        events.warn(format!(
            "which digest container {} runs could not be read; {} names {} and no other: {why}",
            pin.container,
            short(&seen.revision),
            pin.pinned.digest
        ));
    }
    Ok(())
}

fn of_revision<O: Observe>(observe: &mut O, seen: &Observation) -> Result<Vec<ContainerImage>, AwsError> {
    let target = seen.rollout.as_ref().map(|rollout| rollout.target.clone()).filter(|target| !target.is_empty());
    let Some(target) = target else { return Ok(Vec::new()) };
    Ok(observe.revisions(&[target])?.pop().map(|revision| revision.images).unwrap_or_default())
}

fn of_tasks<O: Observe>(observe: &mut O, seen: &Observation) -> Result<Vec<ContainerImage>, AwsError> {
    let tasks = observe.tasks(false, &SortedSet::new())?;
    let ours = tasks.into_iter().filter(|task| task.is_of(&seen.deployment, &seen.revision));
    Ok(ours.flat_map(|task| task.containers).map(|container| container.image).gather())
}

/// What ECS resolved the container's image to, or the digest that the image itself names.
fn digest(images: &[ContainerImage], container: &str) -> Option<Digest> {
    let mut images = images.iter().filter(|image| image.container == container);
    images.find_map(|image| image.digest.clone().or_else(|| image.image.split_once('@')?.1.parse().ok()))
}

fn compare<O: Observe>(observe: &mut O, plan: &Plan, pin: &Pin, running: &Digest) -> Result<()> {
    let Pin { container, image, pinned, .. } = pin;
    if *running == pinned.digest {
        return Ok(());
    }
    // Where an index was released, ECS may say which of its images it took.
    let unread = match observe.children(pinned) {
        Ok(children) if children.contains(running) => return Ok(()),
        Ok(_) => String::new(),
        Err(error) => format!("; whether that is an image of the index {} could not be read: {error}", pinned.digest),
    };
    Err(Failure::new(
        Ending::RollbackFailed,
        format_args!(
            "the rollout on service {} finished, but container {container} runs {running} and not {}, the digest of image \
         {image} in ECR{unread}",
            plan.service.name, pinned.digest
        ),
    ))
}

#[cfg(test)]
mod tests;
