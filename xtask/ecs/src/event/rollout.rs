//! What is told of rollouts and of one-off tasks while they go on, and how they end.

use serde::Serialize;

/// Where a rollout stands. The numbers are those of the revision that is rolled out; once ECS goes back, of the one that it
/// goes back to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// ECS's word, such as `IN_PROGRESS`.
    pub status: String,
    /// How many tasks it is to have.
    pub desired: u32,
    /// Tasks that have been placed and do not run yet.
    pub pending: u32,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that did not start, in a row, or what the circuit breaker has counted, whichever is more.
    pub failed: u32,
    /// ECS's word, such as `BAKE_TIME`; empty in a rolling rollout.
    pub stage: String,
    /// The revision that is rolled out first, then those before it; none where ECS does not name them.
    pub revisions: Vec<RevisionProgress>,
    /// Those that ECS tells of.
    pub hooks: Vec<Hook>,
    /// The names of the alarms that are watched.
    pub alarms: Vec<String>,
    /// Those of them that went off.
    pub triggered: Vec<String>,
    /// None where it is off, or ECS does not say.
    pub breaker: Option<Breaker>,
    /// What is left of the bake at most, in whole minutes; only in the stage `BAKE_TIME`.
    pub bake_minutes: Option<u32>,
    /// None where that is not enabled.
    pub early_success: Option<EarlySuccess>,
    /// None where that is not known, or says nothing of this rollout: it goes back, waits for a decision, or has ended.
    pub usual: Option<Usual>,
}

/// What rollouts of this service usually take: the median of those of the last 90 days that went well, of three at least.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Usual {
    /// From the update to the end.
    pub seconds: f64,
    /// What is left of that, in whole tens; 0 where it takes longer, null where the rollout was begun by another run.
    pub left_seconds: Option<u32>,
}

/// One service revision in a rollout. Weights are percentages of the traffic, null where none is shifted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RevisionProgress {
    /// The ARN of the service revision.
    pub arn: String,
    /// How many tasks it is to have.
    pub desired: u32,
    /// Tasks that have been placed and do not run yet.
    pub pending: u32,
    /// Tasks that run.
    pub running: u32,
    /// 0 to 100.
    pub production_weight: Option<f64>,
    /// 0 to 100, of the test traffic.
    pub test_weight: Option<f64>,
    /// The ARNs of the target groups that ECS uses for it, where they are not those of the service.
    pub target_groups: Vec<String>,
}

/// A hook that ECS has called, or that waits for a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hook {
    /// By which a decision names it; each step of a linear or canary rollout has its own.
    pub id: String,
    /// `PAUSE` or `AWS_LAMBDA`.
    pub kind: String,
    /// The ARN of the Lambda function; empty for a pause.
    pub target: String,
    /// ECS's word: `AWAITING_ACTION`, `IN_PROGRESS`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
    pub status: String,
    /// Seconds since 1970.
    pub expires: Option<f64>,
    /// What ECS does then: `ROLLBACK` or `CONTINUE`.
    pub on_timeout: String,
}

/// The circuit breaker of a rollout; `resets` says whether one healthy task sets its count back to 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Breaker {
    /// Failed tasks that count so far.
    pub count: u32,
    /// At how many it ends the rollout.
    pub threshold: u32,
    /// `resetOnHealthyTask` of the service's deployment configuration.
    pub resets: bool,
}

/// A rollout that is called a success before its last task runs; with `cleanup` `DEFERRED` old tasks serve on for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EarlySuccess {
    /// At how many percent of its tasks healthy it is a success; absent where ECS does not say.
    pub healthy_percent: Option<u32>,
    /// ECS's word; empty where it says none.
    pub cleanup: String,
}

/// How one container of a stopped task ended. `exit_code` is absent where it never ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerExit {
    /// Its name in the task definition.
    pub container: String,
    /// Above 128 where a signal ended it: 137 is SIGKILL.
    pub exit_code: Option<i32>,
    /// ECS's words, such as `OutOfMemoryError: …`; may be empty.
    pub reason: String,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What was wanted runs.
    Deployed,
    /// What was wanted runs already.
    NothingToDo,
    /// It failed, and the service is back on the revision before.
    RolledBack,
    /// It failed, and the service is not on its last good revision.
    RollbackFailed,
    /// Another deployment took its place.
    Superseded,
    /// It had not ended when its deadline passed, and goes on in ECS.
    TimedOut,
    /// It was to be followed up to a stage, which it has reached, and goes on.
    Reached,
    /// It was to be followed up to a pause, and waits for a decision.
    Paused,
}

impl Outcome {
    /// As JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::NothingToDo => "nothing-to-do",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed-out",
            Self::Reached => "reached",
            Self::Paused => "paused",
        }
    }

    /// Whether what was wanted runs.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Deployed | Self::NothingToDo)
    }

    /// Whether something else than what was wanted happened.
    pub fn is_bad(self) -> bool {
        !self.is_good() && !matches!(self, Self::Reached | Self::Paused)
    }
}

/// What became of a one-off task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskOutcome {
    /// Only a plan was asked for, or nothing was begun.
    #[default]
    Planned,
    /// It ended by itself, and the watched container with 0.
    Succeeded,
    /// It is not run again: ECS remembers that it ended well for this digest.
    RanBefore,
    /// It ran, and did not end well.
    Failed,
    /// It had not ended when its time was over.
    TimedOut,
    /// Ctrl-C or SIGTERM came first.
    Interrupted,
    /// ECS could not start it, or was not able to say how it ended.
    Unknown,
}
