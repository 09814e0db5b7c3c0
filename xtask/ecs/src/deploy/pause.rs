//! Checks that are made while a rollout waits for a decision, and decide.

/// A rollout that waits for a decision.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Pause {
    /// The key under `services`.
    pub service: String,
    /// The revision that is rolled out, as `FAMILY:REVISION`.
    pub revision: String,
    /// The lifecycle stage, as ECS writes it, such as `POST_TEST_TRAFFIC_SHIFT`.
    pub stage: String,
    /// The id of the hook that waits; each step of a linear or canary rollout has its own.
    pub hook: String,
    /// The percentage of the traffic that the new revision has; none where ECS does not say.
    pub production_weight: Option<f64>,
    /// The same of the test traffic.
    pub test_weight: Option<f64>,
    /// The ARNs of the target groups that ECS uses for it.
    pub target_groups: Vec<String>,
}

/// What a check decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The rollout goes on.
    Continue,
    /// ECS rolls it back, for this reason.
    RollBack(String),
}

/// Who has checks, and makes them.
pub(crate) trait Checks {
    /// The stages for which there is one.
    fn stages(&self) -> Vec<&'static str>;
    fn check(&self, pause: &Pause) -> Answer;
}
