//! What happened to one-off tasks.

use super::exits;
use crate::event::{Event, TaskOutcome};

/// One task in ECS.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskRecord {
    /// The key under `tasks`.
    pub name: String,
    pub arn: String,
    pub revision: String,
    /// Log group and stream.
    pub log: String,
    /// Absent while it is open.
    pub outcome: Option<TaskOutcome>,
    /// How its containers ended, in words.
    pub exits: String,
    pub seconds: f64,
}

impl TaskRecord {
    /// `succeeded`, `failed` or `unfinished`.
    pub(crate) fn outcome(&self) -> &'static str {
        match self.outcome {
            Some(TaskOutcome::Succeeded) => "succeeded",
            Some(TaskOutcome::Failed) => "failed",
            _ => "unfinished",
        }
    }
}

/// Takes in one event, where it is about a task.
pub(super) fn take(tasks: &mut Vec<TaskRecord>, event: &Event) {
    match event {
        Event::TaskStarted { task, arn, revision, log, .. } => tasks.push(TaskRecord {
            name: task.clone(),
            arn: arn.clone(),
            revision: revision.clone(),
            log: log.clone(),
            ..TaskRecord::default()
        }),
        Event::TaskEnded { arn, outcome, exit_codes, seconds, .. } => {
            for task in tasks.iter_mut().filter(|task| task.arn == *arn) {
                task.outcome = Some(*outcome);
                task.exits = exits(exit_codes);
                task.seconds = *seconds;
            }
        }
        _ => {}
    }
}
