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
    pub cluster: String,
    /// The ARN of the revision; absent in a plan that is going to register it.
    pub revision: Option<String>,
    /// The container whose exit code decides, and its image.
    pub container: String,
    pub image: String,
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
    pub arn: String,
    /// The watched container's log group and stream; empty where its log is not in CloudWatch.
    pub log: String,
    /// Of the watched container; absent where it has none.
    pub exit_code: Option<i32>,
    pub stop_code: String,
    pub reason: String,
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
