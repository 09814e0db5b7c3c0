//! Whether a rollout can still succeed, from what its tasks and ECS have said so far.

use std::time::Duration;

use serde_json::Value;

use super::post_mortem::exit;
use crate::aws::ecs::Task;
use crate::cause::{Blamed, Case, Decisive, Pinned, blame, ended_by_itself, explain_event};
use crate::gather::Gather;
use crate::sorted::SortedMap;

/// Longer than a program takes that gives up at its start.
const LONG: Duration = Duration::from_secs(5 * 60);

/// What is known of a rollout under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs<'a> {
    /// The stopped tasks of the revision that is rolled out.
    pub tasks: &'a [Task],
    /// ECS's words about the service since the rollout began.
    pub messages: &'a [String],
    pub document: &'a Value,
    pub pinned: &'a [Pinned],
    /// So many tasks that end alike are enough; none where exits are not weighed.
    pub exits: Option<u32>,
}

/// Why no further task of this revision will do better, as a fragment; none as long as one may. So many of the first tasks and
/// messages have been judged by themselves before, and were not decisive: neither changes any more.
pub(super) fn hopeless(signs: &Signs<'_>, (tasks, messages): (usize, usize)) -> Option<String> {
    let by_task = signs.tasks[tasks..].iter().find_map(|task| decided(&blame_of(task, signs)));
    let said =
        |text: &String| explain_event(text, Some(signs.document), signs.pinned).and_then(|blamed| decided(&blamed));
    let by_message = || signs.messages[messages..].iter().find_map(said);
    by_task.or_else(by_message).or_else(|| if tasks < signs.tasks.len() { same_end(signs) } else { None })
}

fn decided(blamed: &Blamed) -> Option<String> {
    match blamed.finding.decisive {
        Decisive::Yes(why) => Some(format!("{}, and {why}", blamed.finding.sentence)),
        Decisive::No(_) => None,
    }
}

fn blame_of(task: &Task, signs: &Signs<'_>) -> Blamed {
    let containers: Vec<_> = task.containers.iter().map(exit).gather();
    blame(&Case {
        stop_code: &task.stop_code,
        reason: &task.stopped_reason,
        containers: &containers,
        document: Some(signs.document),
        pinned: signs.pinned,
    })
}

/// A container that ended by itself, with the same code, on as many tasks as are enough, none of which was ever healthy.
/// A first start may wait for another service, so one such end says nothing.
fn same_end(signs: &Signs<'_>) -> Option<String> {
    let enough = signs.exits?;
    let mut ends: SortedMap<(String, i32), u32> = SortedMap::new();
    for task in signs.tasks.iter().filter(|task| !was_healthy(task)) {
        let Blamed { finding, container: Some(name), .. } = blame_of(task, signs) else { continue };
        let container = task.containers.iter().find(|container| container.name == name);
        let code = container.and_then(|container| container.exit_code).filter(|code| ended_by_itself(*code));
        let Some(code) = code.filter(|_| finding.name == "exit") else { continue };
        let count = ends.or_default((name, code));
        *count += 1;
        if *count >= enough {
            let tasks = if enough == 1 { "task".to_owned() } else { format!("{enough} tasks") };
            return Some(format!("{}; so it ended on {tasks}, none of which was ever healthy", finding.sentence));
        }
    }
    None
}

/// A task without health checks counts as healthy once it has run for long.
fn was_healthy(task: &Task) -> bool {
    task.health == "HEALTHY" || task.health != "UNHEALTHY" && task.ran >= LONG
}

#[cfg(test)]
mod tests;
