//! Traffic that is shifted: the stages of a blue/green, linear or canary rollout, their weights and their hooks.
//! Source: ECS Developer Guide, "Amazon ECS blue/green service deployments workflow" and "Lifecycle hooks for Amazon ECS
//! service deployments".

use serde_json::Value;

use crate::clock::Instant;
use crate::ecs::json::{list, text, texts};

/// A lifecycle stage, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    /// In the guide and among the hooks' stages; clients whose stages are an enumeration do not know it.
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    pub(crate) const ALL: [Self; 11] = [
        Self::ReconcileService,
        Self::PreScaleUp,
        Self::ScaleUp,
        Self::PostScaleUp,
        Self::TestTrafficShift,
        Self::PostTestTrafficShift,
        Self::PreProductionTrafficShift,
        Self::ProductionTrafficShift,
        Self::PostProductionTrafficShift,
        Self::BakeTime,
        Self::CleanUp,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }

    fn after(self) -> Option<Self> {
        let place = Self::ALL.iter().position(|stage| *stage == self)?;
        Self::ALL.get(place + 1).copied()
    }
}

/// What a hook waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Waits {
    /// A Lambda function, by its ARN.
    Lambda(String),
    /// ContinueServiceDeployment.
    Pause,
}

/// What becomes of a deployment whose hook was not answered in time, or was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    Continue,
    RollBack,
}

impl Action {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::RollBack => "ROLLBACK",
        }
    }

    /// As it is written; `otherwise` where it is not.
    pub(crate) fn read(value: &Value, otherwise: Self) -> Self {
        match text(value, "action") {
            Some("CONTINUE") => Self::Continue,
            Some("ROLLBACK") => Self::RollBack,
            _ => otherwise,
        }
    }
}

/// Where a hook is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Awaited,
    Succeeded,
    Failed,
    TimedOut,
}

/// One invocation of a hook: every traffic step of a linear or canary rollout has its own.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) id: String,
    pub(crate) waits: Waits,
    pub(crate) stage: Stage,
    pub(crate) answer: Answer,
    /// When a Lambda function answers.
    pub(crate) answers_at: Option<Instant>,
    pub(crate) expires_at: Instant,
    pub(crate) timeout: Action,
}

impl Hook {
    pub(crate) fn status(&self) -> &'static str {
        match (self.answer, &self.waits) {
            (Answer::Awaited, Waits::Pause) => "AWAITING_ACTION",
            (Answer::Awaited, Waits::Lambda(_)) => "IN_PROGRESS",
            (Answer::Succeeded, _) => "SUCCEEDED",
            (Answer::Failed, _) => "FAILED",
            (Answer::TimedOut, _) => "TIMED_OUT",
        }
    }

    /// When something happens to it by itself.
    pub(crate) fn next(&self) -> Option<Instant> {
        let open = self.answer == Answer::Awaited;
        open.then(|| self.answers_at.map_or(self.expires_at, |at| at.min(self.expires_at)))
    }
}

/// Where a shifted rollout is. Weights are in tenths of a percent, and the new revision's: the old one has the rest.
#[derive(Clone, Debug)]
pub(crate) struct Shift {
    pub(crate) stage: Stage,
    pub(crate) entered_at: Instant,
    /// The production weights that the new revision gets, one step after the other; the last is all of it.
    pub(crate) steps: Vec<u64>,
    /// The step that comes next, or is being taken.
    pub(crate) step: usize,
    /// Milliseconds between two steps, and after the last.
    pub(crate) step_bake: u64,
    pub(crate) bake: u64,
    /// Whether there is a way for test traffic.
    pub(crate) tested: bool,
    pub(crate) test_weight: u64,
    pub(crate) production_weight: u64,
    pub(crate) hooks: Vec<Hook>,
}

/// All of the traffic.
pub(crate) const WHOLE: u64 = 1000;

impl Shift {
    /// A rollout of this configuration that begins; None where it is ROLLING. `crowded`: more than one revision serves.
    pub(crate) fn begin(configuration: &Value, balancers: &Value, crowded: bool, now: Instant) -> Option<Self> {
        let minutes = |value: &Value, member: &str, default: u64| value[member].as_u64().unwrap_or(default) * 60_000;
        let (linear, canary) = (&configuration["linearConfiguration"], &configuration["canaryConfiguration"]);
        let (steps, step_bake) = match text(configuration, "strategy")? {
            "BLUE_GREEN" => (vec![WHOLE], 0),
            "LINEAR" => {
                let percent = tenths(&linear["stepPercent"], 100);
                let steps = (1..=WHOLE.div_ceil(percent)).map(|step| (step * percent).min(WHOLE)).collect();
                (steps, minutes(linear, "stepBakeTimeInMinutes", 6))
            }
            "CANARY" => {
                let mut steps = vec![tenths(&canary["canaryPercent"], 50), WHOLE];
                steps.dedup();
                (steps, minutes(canary, "canaryBakeTimeInMinutes", 10))
            }
            _ => return None,
        };
        let tested = |balancer: &Value| text(&balancer["advancedConfiguration"], "testListenerRule").is_some();
        Some(Self {
            stage: if crowded { Stage::ReconcileService } else { Stage::PreScaleUp },
            entered_at: now,
            steps,
            step: 0,
            step_bake,
            bake: minutes(configuration, "bakeTimeInMinutes", 0),
            tested: balancers.as_array().is_some_and(|all| all.iter().any(tested)),
            test_weight: 0,
            production_weight: 0,
            hooks: Vec::new(),
        })
    }

    /// The stage after this one: each step of the production traffic goes through its stages again.
    pub(crate) fn following(&self) -> Option<Stage> {
        if self.stage == Stage::ProductionTrafficShift && self.production_weight < WHOLE {
            return Some(Stage::PreProductionTrafficShift);
        }
        self.stage.after()
    }

    /// Goes to a stage, and shifts the traffic that it shifts.
    pub(crate) fn enter(&mut self, stage: Stage, now: Instant) {
        self.stage = stage;
        self.entered_at = now;
        match stage {
            Stage::TestTrafficShift if self.tested => self.test_weight = WHOLE,
            Stage::ProductionTrafficShift => {
                self.production_weight = self.steps.get(self.step).copied().unwrap_or(WHOLE);
                self.step += 1;
            }
            _ => {}
        }
    }

    /// The hooks that a stage has, as they are configured.
    pub(crate) fn hooks_of(configuration: &Value, stage: Stage) -> Vec<(Waits, u64, Action)> {
        let at_stage = |hook: &&Value| texts(hook, "lifecycleStages").contains(&stage.word());
        let read = |hook: &Value| {
            let waits = match text(hook, "targetType") {
                Some("PAUSE") => Waits::Pause,
                _ => Waits::Lambda(text(hook, "hookTargetArn").unwrap_or_default().to_owned()),
            };
            let timeout = &hook["timeoutConfiguration"];
            // 24 hours, and then back (ECS API reference, `DeploymentLifecycleHookTimeoutConfiguration`).
            let minutes = timeout["timeoutInMinutes"].as_u64().unwrap_or(1440);
            (waits, minutes * 60_000, Action::read(timeout, Action::RollBack))
        };
        list(configuration, "lifecycleHooks").iter().filter(at_stage).map(read).collect()
    }

    /// The hooks of the stage that it is in, this time.
    pub(crate) fn awaited(&mut self) -> impl Iterator<Item = &mut Hook> {
        self.hooks.iter_mut().filter(|hook| hook.answer == Answer::Awaited)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage that was checked to be one")]
fn tenths(percent: &Value, default: u64) -> u64 {
    percent.as_f64().map_or(default, |percent| (percent * 10.0).round() as u64).clamp(1, WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn steps(configuration: &Value) -> Option<Vec<u64>> {
        Shift::begin(configuration, &Value::Null, false, Instant(0)).map(|shift| shift.steps)
    }

    #[test]
    fn a_strategy_decides_the_steps() {
        for (configuration, expected) in [
            (json!({ "strategy": "ROLLING" }), None),
            (json!({ "strategy": "BLUE_GREEN" }), Some(vec![1000])),
            (json!({ "strategy": "CANARY" }), Some(vec![50, 1000])),
            (json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": 0.1 } }), Some(vec![1, 1000])),
            (json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": 100.0 } }), Some(vec![1000])),
            (
                json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 30.0 } }),
                Some(vec![300, 600, 900, 1000]),
            ),
            (json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 50.0 } }), Some(vec![500, 1000])),
        ] {
            assert_eq!(steps(&configuration), expected, "{configuration}");
        }
        assert_eq!(steps(&json!({ "strategy": "LINEAR" })).map(|steps| steps.len()), Some(10));
    }

    #[test]
    fn every_step_goes_through_its_stages() {
        let canary = json!({ "strategy": "CANARY" });
        let mut shift = Shift::begin(&canary, &Value::Null, false, Instant(0)).expect("it shifts");
        let mut seen = vec![(shift.stage.word(), shift.production_weight)];
        while let Some(stage) = shift.following() {
            shift.enter(stage, Instant(0));
            seen.push((stage.word(), shift.production_weight));
        }
        assert_eq!(
            seen,
            [
                ("PRE_SCALE_UP", 0),
                ("SCALE_UP", 0),
                ("POST_SCALE_UP", 0),
                ("TEST_TRAFFIC_SHIFT", 0),
                ("POST_TEST_TRAFFIC_SHIFT", 0),
                ("PRE_PRODUCTION_TRAFFIC_SHIFT", 0),
                ("PRODUCTION_TRAFFIC_SHIFT", 50),
                ("PRE_PRODUCTION_TRAFFIC_SHIFT", 50),
                ("PRODUCTION_TRAFFIC_SHIFT", 1000),
                ("POST_PRODUCTION_TRAFFIC_SHIFT", 1000),
                ("BAKE_TIME", 1000),
                ("CLEAN_UP", 1000),
            ]
        );
    }
}
