//! One image that a rule of the source's registry replicates: waited for, and verified.

use std::time::Duration;

use super::{Promotions, Sent, Wanted, copy, plan};
use crate::aws::ecr::NO_REPOSITORY;
use crate::failure::{Ending, Failure, Result};
use crate::oci::registry::failure;
use crate::text::quantity;
use crate::time;

/// The first pause between two looks, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Waits until the target has the tag, and then holds what is under it against what the source has. Nothing is sent, and
/// the tag is the one that came.
pub(super) fn wait(stage: &Promotions<'_>, wanted: &Wanted<'_>) -> Result<Sent> {
    let Promotions { from, to, events, interrupt } = stage;
    let Wanted { image, from: source, digest, .. } = wanted;
    let deadline = to.config.promotion.deadline;
    events.note("Waiting", format!("{} to be replicated to {}", image.name, image.reference));
    let (begun, mut pause) = (time::instant(), PAUSES.0);
    loop {
        let found = match to.ecr.find(&[(image.repository(), image.tag())]).pop() {
            // The rule makes it with the first image.
            Some(Err(error)) if error.code == NO_REPOSITORY => None,
            found => found.transpose()?.flatten(),
        };
        match found {
            Some(found) if found.digest == *digest => break,
            Some(found) => return Err(plan::taken(stage, wanted, Some(&found.digest))),
            None if time::since(begun) >= deadline => return Err(late(stage, wanted)),
            None => {}
        }
        let left = deadline.saturating_sub(time::since(begun));
        if interrupt.wait(pause.mul_f64(0.5 + time::chance() / 2.0).min(left)) {
            return Err(Failure::interrupted(format_args!(
                "interrupted while image {} was to be replicated, which goes on in ECR",
                image.name
            )));
        }
        pause = (pause * 2).min(PAUSES.1);
    }
    let there = from.registry.repository(&source.repository, events, interrupt);
    let here = to.registry.repository(image.repository(), events, interrupt);
    let tree = there.tree(vec![there.fetch(digest).map_err(failure)?]).map_err(failure)?;
    copy::verify(&here, digest, &tree)?;
    // What is attached comes by the same rule, and later than what it is attached to.
    let evidence = there.attached(&tree).map_err(failure)?.documents.len();
    let came = here.attached(&tree).map_err(failure)?.documents.len();
    if came < evidence {
        let (name, environment) = (&image.name, to.name());
        events
            .warn(format!("{came} of {evidence} documents that are attached to image {name} are in {environment} yet"));
    }
    Ok(Sent { evidence: came, ..Sent::default() })
}

fn late(stage: &Promotions<'_>, wanted: &Wanted<'_>) -> Failure {
    let Wanted { image, from, digest, .. } = wanted;
    let (source, target) = (stage.from.name(), stage.to.name());
    let deadline = quantity::duration(stage.to.config.promotion.deadline.as_secs_f64());
    Failure::new(
        Ending::TimedOut,
        format_args!("image {} was not replicated from {source} to {target} within {deadline}", image.name),
    )
    .help(format!(
        "`aws ecr describe-image-replication-status --repository-name {} --image-id imageDigest={digest}` with {source}'s \
         credentials says how far it is; an image that was pushed before the rule is not replicated: leave \
         `promotion.by` out to copy it",
        from.repository
    ))
}
