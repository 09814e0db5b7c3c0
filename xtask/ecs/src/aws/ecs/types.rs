//! What ECS says, as plain values.
//! Source: Amazon ECS API Reference, version 2014-11-13, data types. Times are milliseconds since the Unix epoch.

use serde_json::Value;

use crate::digest::Digest;

/// A service as DescribeServices and UpdateService answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
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
}

impl Service {
    /// The deployment that the service is being moved to, or rests on.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    pub fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }
}

/// One entry of a service's `deployments`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deployment {
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
pub struct ServiceMessage {
    pub id: String,
    pub at: i64,
    pub text: String,
}

/// Where a service deployment stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
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
    pub fn from_name(name: &str) -> Self {
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
    pub fn name(&self) -> &str {
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
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}

/// A service deployment as ListServiceDeployments knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedDeployment {
    pub arn: String,
    /// The ARN of the service revision that it leads to.
    pub target: String,
    pub status: Status,
    pub created_at: i64,
}

/// A service deployment as DescribeServiceDeployments knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceDeployment {
    pub arn: String,
    pub status: Status,
    pub reason: String,
    /// The ARN of the service revision that it leads to.
    pub target: String,
    pub rollback: Option<Rollback>,
    /// The circuit breaker's count of failed tasks and its threshold.
    pub breaker: Option<(u32, u32)>,
    pub alarms: Vec<String>,
    /// Of blue/green, linear and canary rollouts only, such as `BAKE_TIME`.
    pub stage: String,
    pub created_at: i64,
}

/// Why and where to a service deployment was rolled back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollback {
    pub reason: String,
    /// The ARN of the service revision that serves again.
    pub revision: String,
}

/// A service revision: a task definition and everything else a service deployment fixed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceRevision {
    pub arn: String,
    pub task_definition: String,
    pub images: Vec<ContainerImage>,
}

/// Which bytes a container of a service revision, or of a task, runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerImage {
    pub container: String,
    pub image: String,
    /// Absent where ECS does not know it (yet).
    pub digest: Option<Digest>,
}

/// A task, as far as a rollout looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    pub arn: String,
    /// The id of the deployment it belongs to.
    pub started_by: String,
    /// Such as `EssentialContainerExited`; empty where the task has not stopped.
    pub stop_code: String,
    pub stopped_reason: String,
    pub containers: Vec<Container>,
}

impl Task {
    /// The last part of the ARN, which is what people and the AWS CLI call the task.
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    pub name: String,
    pub exit_code: Option<i32>,
    pub reason: String,
    pub image: ContainerImage,
}

/// A revision of a task definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskDefinition {
    pub arn: String,
    /// The document as ECS sent it, with every member it has; `tags` is among them where there are any.
    pub document: Value,
    /// The ARN of who registered it; empty where ECS does not say.
    pub registered_by: String,
}

/// `FAMILY:REVISION` of a task definition's ARN, which is how people say it.
pub fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
