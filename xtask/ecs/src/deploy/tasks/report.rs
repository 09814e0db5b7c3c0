//! What became of a task, as data.

use serde::Serialize;
use serde_json::Value;

use super::order;
use crate::config::Task;
use crate::event::{ContainerExit, TaskOutcome};

/// What became of one task.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskReport {
    /// The key under `tasks`.
    pub task: String,
    /// The key under `services`; empty where it has none.
    pub service: String,
    /// A name or an ARN, as the configuration has it.
    pub cluster: String,
    /// The ARN of the revision; absent in a plan that is going to register it.
    pub revision: Option<String>,
    /// The container whose exit code decides.
    pub container: String,
    /// What that container runs, as the task definition has it.
    pub image: String,
    /// What became of it; of several at once, of the first that did not end well.
    pub outcome: TaskOutcome,
    /// The tasks in ECS; none where it was not run.
    pub runs: Vec<RunReport>,
    /// From the first look to the last.
    pub seconds: f64,
    /// What the terminal says of it, where it did not end well.
    pub failure: Option<String>,
}

/// One task in ECS.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunReport {
    /// Its ARN.
    pub arn: String,
    /// The watched container's log group and stream; empty where its log is not in CloudWatch.
    pub log: String,
    /// Of the watched container; absent where it has none.
    pub exit_code: Option<i32>,
    /// ECS's word, such as `EssentialContainerExited`; may be empty.
    pub stop_code: String,
    /// ECS's `stoppedReason`; may be empty.
    pub reason: String,
    /// How each of its containers ended.
    pub containers: Vec<ContainerExit>,
}

impl TaskReport {
    pub(super) fn planned(task: &Task, revision: Option<String>, document: &Value) -> Self {
        Self {
            task: task.name.clone(),
            service: task.service.clone().unwrap_or_default(),
            cluster: task.cluster.clone(),
            revision,
            container: task.container.clone(),
            image: order::image(document, &task.container).to_owned(),
            ..Self::default()
        }
    }
}
