//! Tasks that run once: RunTask, StopTask, and those that somebody started.
//!
//! The two calls are made without the SDK's operations, each of which costs time to compile: what goes in is JSON as the
//! rest of the house has it, and of what comes back little is read.

use serde_json::{Value, json};

use super::{AwsError, Ecs, Task, calls};
use crate::aws::calls::Call;
use crate::aws::signed::{ECS, Signed};
use crate::gather::Gather;
use crate::net;
use crate::text::of_json as text;
use aws_sdk_ecs::types::DesiredStatus;

/// What RunTask made of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Started {
    /// The ARNs of the tasks.
    pub tasks: Vec<String>,
    /// Why some were not started.
    pub failures: Vec<Unplaced>,
}

/// An entry of `failures`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unplaced {
    /// Such as `RESOURCE:MEMORY`.
    pub reason: String,
    /// May be empty.
    pub detail: String,
}

impl Ecs {
    /// One RunTask with these members.
    pub(crate) fn run_task(&self, input: &Value) -> Result<Started, AwsError> {
        let subject =
            format!("task definition {} in cluster {}", text(&input["taskDefinition"]), text(&input["cluster"]));
        let answer = self.signed(&calls::RUN_TASK, &subject, input)?;
        let list = |member: &str| answer[member].as_array().cloned().unwrap_or_default();
        Ok(Started {
            tasks: list("tasks").iter().map(|task| text(&task["taskArn"])).gather(),
            failures: list("failures")
                .iter()
                .map(|failure| Unplaced { reason: text(&failure["reason"]), detail: text(&failure["detail"]) })
                .gather(),
        })
    }

    /// Stops a task; ECS shows people the reason.
    pub(crate) fn stop_task(&self, cluster: &str, task: &str, reason: &str) -> Result<(), AwsError> {
        let input = json!({ "cluster": cluster, "task": task, "reason": reason });
        self.signed(&calls::STOP_TASK, task, &input).map(drop)
    }

    /// The tasks that were started under this name: those that run, and those that stopped within the last hour.
    pub(crate) fn tasks_started_by(&self, cluster: &str, name: &str) -> Result<Vec<Task>, AwsError> {
        let mut arns = Vec::new();
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let asked = self.client.list_tasks().cluster(cluster).started_by(name).desired_status(status);
            arns.extend(
                self.task_pages(&asked, &format!("tasks of {name} in cluster {cluster}"), usize::MAX)?
                    .unwrap_or_default(),
            );
        }
        self.tasks(cluster, &arns)
    }

    pub(super) fn signed(&self, call: &'static Call, subject: &str, input: &Value) -> Result<Value, AwsError> {
        net::wait(self.pace.turn(call.action));
        Signed::new(&self.sdk).json(&ECS, call, subject, input)
    }
}
