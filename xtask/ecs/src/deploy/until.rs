//! How far a rollout is followed.

use std::str::FromStr;

use super::outcome::Conclusion;
use crate::aws::ecs::{DeploymentSettings, ServiceDeployment, Status, Strategy};
use crate::failure::{Ending, Failure};
use crate::reader::shift;

/// The lifecycle stages of a rollout that shifts traffic, in their order. Linear and canary ones go through the two before
/// `POST_PRODUCTION_TRAFFIC_SHIFT` once a step.
/// Source: Amazon ECS Developer Guide, "Amazon ECS blue/green service deployments workflow".
const STAGES: [&str; 11] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

/// A stage, as ECS writes it or in small letters with `-`.
pub(crate) fn stage(text: &str) -> Option<&'static str> {
    let written = text.to_ascii_uppercase().replace('-', "_");
    STAGES.into_iter().find(|stage| *stage == written)
}

/// Where the watch of a rollout ends, if it does not end before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// The rollout's own end.
    #[default]
    Done,
    /// A hook that waits for a decision.
    Paused,
    /// A lifecycle stage, or a later one: a fast stage may pass between two looks.
    Stage(&'static str),
}

impl FromStr for Until {
    type Err = String;

    /// `done`, `bake`, `paused`, or a stage as ECS writes it or in small letters with `-`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "done" => Ok(Self::Done),
            "bake" => Ok(Self::Stage("BAKE_TIME")),
            "paused" => Ok(Self::Paused),
            _ => stage(text).map(Self::Stage).ok_or_else(|| {
                let stages = STAGES.map(|stage| stage.to_ascii_lowercase().replace('_', "-"));
                format!("it is `done`, `bake`, `paused` or a stage: {}", stages.join(", "))
            }),
        }
    }
}

impl Until {
    /// Why a rollout of this service never gets there; none where it may.
    pub(super) fn never(self, service: &str, settings: &DeploymentSettings) -> Option<Failure> {
        let what = match (self, settings.strategy) {
            (Self::Done, _)
            | (Self::Stage(_), Strategy::Shifting { .. })
            | (Self::Paused, Strategy::Shifting { pauses: true }) => return None,
            (Self::Paused, Strategy::Shifting { pauses: false }) => {
                let message = format!("service {service} has no PAUSE hook, so its rollout never waits for a decision");
                let help = "add one to `lifecycleHooks` of its deployment configuration, or leave out `--until paused`";
                return Some(Failure::new(Ending::Usage, message).help(help));
            }
            (Self::Paused, Strategy::Rolling) => "never waits for a decision".to_owned(),
            (Self::Stage(stage), Strategy::Rolling) => format!("has no stage {stage}"),
        };
        let message = format!("service {service} rolls its tasks over, and such a rollout {what}");
        let help = "only BLUE_GREEN, LINEAR and CANARY have stages: leave out `--until`, or change `strategy` of its \
                    deployment configuration";
        Some(Failure::new(Ending::Usage, message).help(help))
    }

    /// How the watch ends, where the rollout has come this far.
    pub(super) fn reached(self, rollout: &ServiceDeployment) -> Option<Conclusion> {
        if rollout.status != Status::InProgress {
            return None;
        }
        let stage = rollout.stage.clone();
        match self {
            Self::Done => None,
            Self::Paused => rollout.pause().map(|hook| Conclusion::Paused {
                hook: hook.id.clone(),
                stage,
                deadline: shift::deadline(hook),
            }),
            Self::Stage(goal) => {
                let place = |stage: &str| STAGES.iter().position(|known| *known == stage);
                (place(&stage)? >= place(goal)?).then_some(Conclusion::Reached { stage })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Hook;

    fn at(stage: &str) -> ServiceDeployment {
        ServiceDeployment { stage: stage.into(), status: Status::InProgress, ..ServiceDeployment::default() }
    }

    #[test]
    fn a_stage_is_written_as_ecs_does_or_in_small_letters() {
        for text in ["bake", "bake-time", "BAKE_TIME"] {
            assert_eq!(text.parse(), Ok(Until::Stage("BAKE_TIME")), "{text}");
        }
        assert_eq!(("done".parse(), "paused".parse()), (Ok(Until::Done), Ok(Until::Paused)));
        let error = "baked".parse::<Until>().expect_err("no such stage");
        assert!(error.contains("post-test-traffic-shift"), "{error}");
    }

    #[test]
    fn a_stage_that_was_skipped_between_two_looks_is_reached_by_a_later_one() {
        let goal = Until::Stage("POST_TEST_TRAFFIC_SHIFT");
        for (stage, reached) in [
            ("", false),
            ("SCALE_UP", false),
            ("POST_TEST_TRAFFIC_SHIFT", true),
            ("BAKE_TIME", true),
            ("A_STAGE_OF_2031", false),
        ] {
            assert_eq!(goal.reached(&at(stage)).is_some(), reached, "{stage}");
        }
        let back = ServiceDeployment { status: Status::RollbackInProgress, ..at("CLEAN_UP") };
        assert_eq!(goal.reached(&back), None, "a rollback reaches nothing");
    }

    #[test]
    fn a_pause_is_reached_once_a_hook_waits() {
        let hook = |status: &str| Hook { id: "ecs-pause-1".into(), status: status.into(), ..Hook::default() };
        let waits = |status| ServiceDeployment { hooks: vec![hook(status)], ..at("PRE_SCALE_UP") };
        assert_eq!(Until::Paused.reached(&waits("SUCCEEDED")), None);
        let found = Until::Paused.reached(&waits("AWAITING_ACTION"));
        assert!(matches!(found, Some(Conclusion::Paused { hook, .. }) if hook == "ecs-pause-1"));
        assert_eq!(Until::Done.reached(&waits("AWAITING_ACTION")), None);
    }

    #[test]
    fn what_the_strategy_does_not_have_is_said_before_anything_is_done() {
        let rolling = DeploymentSettings::default();
        let shifting = |pauses| DeploymentSettings { strategy: Strategy::Shifting { pauses }, ..rolling };
        let shifted = shifting(false);
        let bake = Until::Stage("BAKE_TIME");
        assert!(bake.never("app", &rolling).is_some_and(|it| it.message().contains("has no stage BAKE_TIME")));
        assert!(Until::Paused.never("app", &shifted).is_some_and(|it| it.message().contains("no PAUSE hook")));
        assert!(Until::Paused.never("app", &shifting(true)).is_none());
        assert!(bake.never("app", &shifted).is_none() && Until::Done.never("app", &rolling).is_none());
    }
}
