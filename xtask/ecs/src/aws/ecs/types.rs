//! What ECS says, as plain values.
//! Source: Amazon ECS API Reference, version 2014-11-13, data types. Times are milliseconds since the Unix epoch.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::DAEMON_FAMILY;
use crate::digest::Digest;
use crate::event::{Breaker, EarlySuccess, Hook, RevisionProgress};
use crate::text::short;

/// A service as DescribeServices and UpdateService answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Service {
    pub arn: String,
    pub name: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub controller: String,
    /// `REPLICA` or `DAEMON`.
    pub scheduling: String,
    /// Whether ECS manages the service's resources itself, as it does for Express services.
    pub express: bool,
    /// The ARN of the revision that the service was last set to.
    pub task_definition: String,
    pub desired: u32,
    pub running: u32,
    pub pending: u32,
    /// The newest, `PRIMARY`, first.
    pub deployments: Vec<Deployment>,
    /// ECS's own words, the newest first.
    pub messages: Vec<ServiceMessage>,
    /// Whether a failed rollout is rolled back by the circuit breaker.
    pub rolls_back: bool,
    /// The ARN of the service deployment that the service is on; older services and emulators name none.
    pub current_deployment: Option<String>,
    /// The service revisions that have tasks, the newest first.
    pub current_revisions: Vec<RevisionProgress>,
    pub settings: DeploymentSettings,
    /// Whether commands can be executed in tasks that start from now on.
    pub executes: bool,
    /// What load balancers send to its tasks through.
    pub behind: Vec<Behind>,
    /// Where its tasks run, as members of RunTask: network, capacity provider strategy or launch type, platform version.
    pub launch: Map<String, Value>,
    /// Keys and values; empty where they were not asked for.
    pub tags: Vec<(String, String)>,
}

/// A target group that a service registers its tasks with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Behind {
    /// Its ARN.
    pub group: String,
    pub container: String,
    pub port: u64,
}

/// How a service deploys, as far as it says how a rollout can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeploymentSettings {
    /// Its circuit breaker is on.
    pub breaks: bool,
    /// Alarms roll it back.
    pub alarms: bool,
    pub minimum: u32,
    pub maximum: u32,
    pub strategy: Strategy,
    /// Bakes and steps together.
    pub least: Duration,
}

/// How a new revision takes the place of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Task by task.
    Rolling,
    /// Beside it, and then the traffic moves; `pauses` where one of its hooks waits for a decision.
    Shifting { pauses: bool },
}

impl Default for DeploymentSettings {
    /// Source: Amazon ECS API Reference, `DeploymentConfiguration`.
    fn default() -> Self {
        Self {
            breaks: false,
            alarms: false,
            minimum: 100,
            maximum: 200,
            strategy: Strategy::Rolling,
            least: Duration::ZERO,
        }
    }
}

impl Service {
    /// The deployment that the service is being moved to, or rests on.
    pub(crate) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// The revision of the deployment that came to a good end last, of those that are shown. Behind a classic load balancer none
    /// has a state.
    pub(crate) fn last_good(&self) -> Option<&str> {
        let good = |deployment: &&Deployment| matches!(deployment.rollout_state.as_str(), "COMPLETED" | "");
        let newest = || self.deployments.iter().filter(good).rev().max_by_key(|deployment| deployment.created_at);
        let primary = self.primary().filter(good).or_else(newest);
        primary.map(|deployment| deployment.task_definition.as_str())
    }

    pub(crate) fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }
}

/// One entry of a service's `deployments`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Deployment {
    /// `ecs-svc/…`; the tasks of this deployment have it as `startedBy`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    pub task_definition: String,
    pub desired: u32,
    pub pending: u32,
    pub running: u32,
    /// Tasks that did not start, in a row.
    pub failed: u32,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`; empty where ECS does not say.
    pub rollout_state: String,
    pub rollout_reason: String,
    pub created_at: i64,
}

/// One entry of a service's `events`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServiceMessage {
    pub id: String,
    pub at: i64,
    pub text: String,
}

/// Where a service deployment stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Pending,
    InProgress,
    StopRequested,
    RollbackRequested,
    RollbackInProgress,
    Successful,
    Stopped,
    RollbackSuccessful,
    RollbackFailed,
    /// One that ECS has learnt since.
    Other(String),
}

impl Status {
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "STOP_REQUESTED" => Self::StopRequested,
            "ROLLBACK_REQUESTED" => Self::RollbackRequested,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "SUCCESSFUL" => Self::Successful,
            "STOPPED" => Self::Stopped,
            "ROLLBACK_SUCCESSFUL" => Self::RollbackSuccessful,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// ECS's name of it, such as `IN_PROGRESS`.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::StopRequested => "STOP_REQUESTED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::Other(name) => name,
        }
    }

    /// Nothing follows this status.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}

/// A service deployment as ListServiceDeployments knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ListedDeployment {
    pub arn: String,
    /// The ARN of the service revision that it leads to.
    pub target: String,
    pub status: Status,
    pub reason: String,
    pub created_at: i64,
    /// Absent while it goes on.
    pub finished_at: Option<i64>,
}

/// A service deployment as DescribeServiceDeployments knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServiceDeployment {
    pub arn: String,
    pub status: Status,
    pub reason: String,
    /// The ARN of the service revision that it leads to.
    pub target: String,
    pub rollback: Option<Rollback>,
    /// The service revisions that take part, the one that it leads to first.
    pub revisions: Vec<RevisionProgress>,
    pub breaker: Option<Breaker>,
    /// The alarms that are watched, and those that went off.
    pub watched: Vec<String>,
    pub alarms: Vec<String>,
    /// Of blue/green, linear and canary rollouts only, such as `BAKE_TIME`.
    pub stage: String,
    pub hooks: Vec<Hook>,
    /// How long both revisions are kept after all traffic has moved.
    pub bake: Duration,
    pub early_success: Option<EarlySuccess>,
    pub created_at: i64,
}

impl ServiceDeployment {
    /// The hook that waits for a decision.
    pub(crate) fn pause(&self) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.status == "AWAITING_ACTION")
    }

    /// Whether this hook has been answered like this. The answer shows in the hook before it shows in the status.
    pub(crate) fn is_decided(&self, hook: &str, go_on: bool) -> bool {
        match self.hooks.iter().find(|it| it.id == hook).map(|it| it.status.as_str()) {
            Some("AWAITING_ACTION") => false,
            Some("SUCCEEDED") => go_on,
            Some("FAILED") => !go_on,
            _ => self.goes_back() != go_on,
        }
    }

    /// ECS is going back to the revision before, has gone, or has failed to.
    pub(crate) fn goes_back(&self) -> bool {
        use Status::{RollbackFailed, RollbackInProgress, RollbackRequested, RollbackSuccessful};
        [RollbackRequested, RollbackInProgress, RollbackSuccessful, RollbackFailed].contains(&self.status)
    }
}

/// Why and where to a service deployment was rolled back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rollback {
    pub reason: String,
    /// The ARN of the service revision that serves again.
    pub revision: String,
}

/// A service revision: a task definition and everything else a service deployment fixed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServiceRevision {
    pub arn: String,
    pub task_definition: String,
    pub images: Vec<ContainerImage>,
    /// The ARNs of the target groups in use, which after a swap are not those that the service names.
    pub target_groups: Vec<String>,
}

/// Which bytes a container of a service revision, or of a task, runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ContainerImage {
    pub container: String,
    pub image: String,
    /// Absent where ECS does not know it (yet).
    pub digest: Option<Digest>,
}

/// A task, as far as a rollout looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Task {
    pub arn: String,
    /// The id of the deployment it belongs to; ECS promises none of a daemon's tasks.
    pub started_by: String,
    /// The ARN of the revision of its task definition.
    pub revision: String,
    /// ECS's word, such as `RUNNING`.
    pub status: String,
    /// Whether ECS means it to run on.
    pub wanted: bool,
    pub created_at: i64,
    /// Such as `EssentialContainerExited`; empty where the task has not stopped.
    pub stop_code: String,
    pub stopped_reason: String,
    /// The last that its containers' health checks said: `HEALTHY`, `UNHEALTHY` or, without any, `UNKNOWN`.
    pub health: String,
    /// From its start to its end; none where it never ran or still runs.
    pub ran: Duration,
    pub containers: Vec<Container>,
    /// Whether commands can be executed in it; decided when it starts.
    pub executes: bool,
}

impl Task {
    /// Whether it says how it ended. One that is listed as stopped may be described as it was before, and tells more later.
    pub(crate) fn tells_its_end(&self) -> bool {
        let says = !self.stop_code.is_empty() || !self.stopped_reason.is_empty();
        self.status == "STOPPED" || says || self.containers.iter().any(|it| it.exit_code.is_some())
    }

    /// Whether it is of this deployment (its id) of this revision (its ARN): a daemon's task is told by the revision alone.
    pub(crate) fn is_of(&self, deployment: &str, revision: &str) -> bool {
        self.started_by == deployment || self.revision.contains(DAEMON_FAMILY) && self.revision == revision
    }

    /// The last part of the ARN, which is what people and the AWS CLI call the task.
    pub(crate) fn id(&self) -> &str {
        short(&self.arn)
    }
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Container {
    pub name: String,
    pub exit_code: Option<i32>,
    pub reason: String,
    pub image: ContainerImage,
    /// What the runtime calls it; empty where it does not run yet.
    pub runtime_id: String,
}

/// A revision of a task definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TaskDefinition {
    pub arn: String,
    /// The document as ECS sent it, with every member it has; `tags` is among them where there are any.
    pub document: Value,
    /// The ARN of who registered it; empty where ECS does not say.
    pub registered_by: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_shows_in_its_hook_before_it_shows_in_the_status() {
        for (hook, status, goes_on, goes_back) in [
            ("AWAITING_ACTION", Status::InProgress, false, false),
            ("SUCCEEDED", Status::InProgress, true, false),
            ("FAILED", Status::InProgress, false, true),
            ("FAILED", Status::RollbackInProgress, false, true),
            ("TIMED_OUT", Status::RollbackSuccessful, false, true),
        ] {
            let hooks = vec![Hook { id: "ecs-pause-1".to_owned(), status: hook.to_owned(), ..Hook::default() }];
            let rollout = ServiceDeployment { status, hooks, ..ServiceDeployment::default() };
            let decided = [true, false].map(|go_on| rollout.is_decided("ecs-pause-1", go_on));
            assert_eq!(decided, [goes_on, goes_back], "{hook}");
        }
    }
}
