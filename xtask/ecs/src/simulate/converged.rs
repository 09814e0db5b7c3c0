//! What is true after everything, however it went.

use serde_json::Value;

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
            let roomy =
                || world.services.iter().zip(&played.after).all(|(it, truth)| has_room(&it.deployment, truth.desired));
            let stuck = failure.ending == Ending::RolledBack && !roomy();
            if !short && !pauses && !stuck {
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

/// Whether a rolling deployment of so many tasks may start one or stop one; none ever ends where it may not.
fn has_room(deployment: &Value, desired: u64) -> bool {
    let percent = |member: &str| deployment[member].as_u64().unwrap_or(100) * desired;
    let (lower, upper) = (percent("minimumHealthyPercent").div_ceil(100), percent("maximumPercent") / 100);
    deployment["strategy"] != "ROLLING" || desired == 0 || lower < desired || upper > desired
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentages_of_few_tasks_may_leave_no_room() {
        for (least, most, desired, expected) in [
            (50, 150, 1, false),
            (50, 150, 2, true),
            (100, 150, 2, true),
            (50, 200, 1, true),
            (0, 100, 1, true),
            (50, 150, 0, true),
        ] {
            let deployment = json!({ "strategy": "ROLLING", "minimumHealthyPercent": least, "maximumPercent": most });
            assert_eq!(has_room(&deployment, desired), expected, "{least} to {most} of {desired}");
        }
    }
}
