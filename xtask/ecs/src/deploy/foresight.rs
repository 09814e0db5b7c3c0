//! What can be said of a rollout before it begins: how it would end badly, or never.

use std::time::Duration;

use crate::aws::ecs::{DeploymentSettings, Service as Live, Strategy};
use crate::config::Service;
use crate::text::quantity;

/// What the service's deployment configuration will lead to, each as a sentence with the way out.
pub(super) fn warnings(service: &Service, live: &Live) -> Vec<String> {
    let DeploymentSettings { breaks, alarms, minimum, maximum, strategy, least } = live.settings;
    let rolling = strategy == Strategy::Rolling;
    let (name, desired) = (&service.name, service.desired_count.unwrap_or(live.desired));
    let mut warnings = Vec::new();
    if !breaks && !alarms && rolling {
        warnings.push(format!(
            "service {name} has no deployment circuit breaker, so ECS starts tasks that cannot start again and again: set \
             `deploymentCircuitBreaker` to `enable` and `rollback` in its deployment configuration"
        ));
    }
    let (most, fewest) = (u64::from(desired) * u64::from(maximum) / 100, u64::from(desired) * u64::from(minimum));
    if rolling && desired > 0 && most <= u64::from(desired) && fewest.div_ceil(100) >= u64::from(desired) {
        warnings.push(format!(
            "service {name} leaves a rollout no room: of {desired} wanted, at least {minimum} % have to run and at most \
             {maximum} % may, so no task can be started before another is stopped, and none can be stopped: raise \
             `maximumPercent` or lower `minimumHealthyPercent`"
        ));
    }
    let deadline = service.rollout.deadline;
    if least / service.rollout.speed > deadline {
        warnings.push(format!(
            "a rollout of service {name} bakes for {} at least, and its deadline is {}: raise \
             `rollout = {{ deadline = … }}`, or the watch ends before it",
            long(least),
            long(deadline)
        ));
    }
    warnings
}

/// Keys that end before a rollout may have ended: it goes on in ECS then, and nobody watches.
pub(super) fn ends_early(service: &Service, end_of_keys: Option<u64>, now: u64) -> Option<String> {
    let left = Duration::from_secs(end_of_keys?.saturating_sub(now));
    let deadline = service.rollout.deadline;
    (left < deadline).then(|| {
        format!(
            "the credentials end in {}, and the rollout of service {} may take {}: take fresh ones before, or a `role` or a \
             profile, which are renewed",
            long(left),
            service.name,
            long(deadline)
        )
    })
}

/// `23 h`, `1 h 30 min`, `90 min`; seconds where it is less.
fn long(time: Duration) -> String {
    match (time.as_secs() / 3600, time.as_secs() / 60 % 60) {
        (0, _) => quantity::duration(time.as_secs_f64()),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn live(desired: u32, settings: DeploymentSettings) -> Live {
        Live { desired, settings, ..Live::default() }
    }

    const SOUND: DeploymentSettings = DeploymentSettings {
        breaks: true,
        alarms: false,
        minimum: 100,
        maximum: 200,
        strategy: Strategy::Rolling,
        least: Duration::ZERO,
    };

    #[test]
    fn a_sound_configuration_is_not_talked_about() {
        for (desired, settings) in [
            (2, SOUND),
            (0, SOUND),
            (2, DeploymentSettings { breaks: false, alarms: true, ..SOUND }),
            (
                2,
                DeploymentSettings {
                    breaks: false,
                    strategy: Strategy::Shifting { pauses: false },
                    maximum: 100,
                    ..SOUND
                },
            ),
            (2, DeploymentSettings { maximum: 150, ..SOUND }),
            (2, DeploymentSettings { maximum: 100, minimum: 50, ..SOUND }),
            (2, DeploymentSettings { least: Duration::from_secs(900), ..SOUND }),
        ] {
            assert_eq!(warnings(&Service::of_family("app"), &live(desired, settings)), [""; 0], "{settings:?}");
        }
    }

    #[test]
    fn keys_that_end_before_the_rollout_may_are_warned_of() {
        let told = |left: Option<u64>| ends_early(&Service::of_family("app"), left.map(|left| 1000 + left), 1000);
        assert_eq!((told(None), told(Some(900))), (None, None));
        let warning = told(Some(300)).expect("5 min are less than 15 min");
        assert!(warning.starts_with("the credentials end in 5"), "{warning}");
    }

    #[test]
    fn a_bake_of_a_rehearsal_passes_as_fast_as_its_clock() {
        let (mut service, baking) =
            (Service::of_family("app"), live(2, DeploymentSettings { least: Duration::from_secs(1800), ..SOUND }));
        assert_eq!(warnings(&service, &baking).len(), 1);
        service.rollout.speed = 30;
        assert_eq!(warnings(&service, &baking), [""; 0]);
    }

    #[test]
    fn no_breaker_no_room_and_a_deadline_that_is_too_short_are_warned_of() {
        for (desired, settings, says) in [
            (2, DeploymentSettings { breaks: false, ..SOUND }, "no deployment circuit breaker"),
            (2, DeploymentSettings { maximum: 100, ..SOUND }, "no room: of 2 wanted"),
            (1, DeploymentSettings { maximum: 199, minimum: 1, ..SOUND }, "no room: of 1 wanted"),
            (3, DeploymentSettings { maximum: 133, minimum: 67, ..SOUND }, "no room: of 3 wanted"),
            (
                2,
                DeploymentSettings { least: Duration::from_secs(23 * 3600), ..SOUND },
                "bakes for 23 h at least, and its deadline is 15",
            ),
        ] {
            let told = warnings(&Service::of_family("app"), &live(desired, settings));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(says), "{told:?}");
        }
    }
}
