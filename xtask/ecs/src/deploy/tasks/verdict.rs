//! How a task ended: only the watched container's exit code decides.

use serde_json::Value;

use super::super::post_mortem::exit;
use super::order::exit_code;
use crate::aws::ecs::Task;
use crate::cause::{Case, Pinned, blame};
use crate::event::ContainerExit;
use crate::failure::{Ending, Failure};
use crate::gather::Gather;

/// The watched container has ended and ECS means the others to go on.
pub(super) fn is_left_over(task: &Task, container: &str) -> bool {
    task.wanted && task.status != "STOPPED" && exit_code(task, container).is_some()
}

/// What a task that has stopped failed with, if it did. `name` is what the configuration calls it.
pub(super) fn failure(
    name: &str,
    container: &str,
    task: &Task,
    (document, pinned): (&Value, &[Pinned]),
) -> Option<Failure> {
    let code = exit_code(task, container);
    if code == Some(0) {
        return None;
    }
    let containers: Vec<ContainerExit> = task.containers.iter().map(exit).gather();
    let case = Case {
        stop_code: &task.stop_code,
        reason: &task.stopped_reason,
        containers: &containers,
        document: Some(document),
        pinned,
    };
    let blamed = blame(&case);
    let reason = containers.iter().find(|it| it.container == container).map(|it| it.reason.as_str());
    let reason = reason
        .filter(|reason| !reason.is_empty() && !task.stopped_reason.contains(reason))
        .map_or(String::new(), |reason| format!(" ({reason})"));
    let failure = |what: String| Failure::new(Ending::TaskFailed, format_args!("task {name} failed: {what}"));
    if let Some(code) = code {
        return Some(failure(format!("container {container} ended with exit code {code}{reason}")));
    }
    let said = [&task.stop_code, &task.stopped_reason].map(String::as_str);
    let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).gather();
    let failure = failure(format!("container {container} has no exit code{reason}")).said([said.join(": ")]);
    Some(failure.help(&blamed.finding.sentence).help(&blamed.finding.fix))
}

/// How each of its containers ended, those that do not decide among them.
pub(super) fn exits(task: &Task) -> Vec<ContainerExit> {
    task.containers.iter().map(exit).gather()
}
