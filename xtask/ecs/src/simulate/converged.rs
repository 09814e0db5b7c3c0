//! What is true after everything, however it went.

use super::played::Played;
use super::stage::Stage;
use super::world::World;
use crate::failure::Ending;

/// After all that happened, a deploy that nothing disturbs has to end well.
pub(super) fn converged(world: &World, stage: &Stage, played: &Played) -> Vec<String> {
    let mut findings = Vec::new();
    let mut say = |finding: String| findings.push(format!("the last deploy: {finding}"));
    match (&played.result, played.stuck, &played.panicked) {
        (_, Some(stuck), _) => say(stuck.to_owned()),
        (_, _, Some(panic)) => say(format!("it panicked: {panic}")),
        (Some(Err(failure)), ..) => {
            // A deadline that is shorter than any rollout of this kind is no fault.
            let short = failure.ending == Ending::TimedOut
                || failure.ending == Ending::TaskFailed && world.migrate == Some("exit 3");
            let pauses = world.services.iter().any(|service| !service.deployment["lifecycleHooks"].is_null());
            if !short && !pauses {
                say(format!("exit {}: {failure}", failure.exit_code()));
            }
            return findings;
        }
        _ => {}
    }
    let expected = stage.digest();
    for (service, truth) in world.services.iter().zip(&played.after) {
        let Some(newest) = truth.rollouts.first() else { continue };
        let Some((_, digest)) = newest.digests.iter().find(|(container, _)| container == "app") else { continue };
        if newest.status == "SUCCESSFUL" && *digest != expected {
            say(format!("{} runs {digest}, not {expected}", service.name));
        }
        if truth.revision != newest.revision {
            say(format!("{} is on {}, and {} was rolled out", service.name, truth.revision, newest.revision));
        }
    }
    findings
}
