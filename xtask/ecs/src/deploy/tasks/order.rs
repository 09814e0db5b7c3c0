//! What ECS is asked for: pure functions over a task and what was planned of it.

use serde_json::{Map, Value, json};

use super::containers;
use super::run::Job;
use crate::aws::ecs::Task as Known;
use crate::aws::ecs::Unplaced;
use crate::config::Task;
use crate::digest::Digest;
use crate::gather::Gather;

/// What is to be done about a task, by what ECS remembers of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is under way: these are watched.
    Join(Vec<String>),
    /// It ended well for these bytes, and that is enough.
    Done,
    /// So many have failed before, of those that ECS remembers.
    Start { failed: usize },
}

/// Tasks that were started by one call were created within this time of each other.
const TOGETHER: i64 = 60_000;

/// `known` are the tasks that were started for the same bytes, arguments and variables.
pub(super) fn decide(known: &[Known], container: &str, once: bool) -> Decision {
    let newest = known.iter().map(|task| task.created_at).max().unwrap_or_default();
    let latest: Vec<&Known> = known.iter().filter(|task| newest - task.created_at < TOGETHER).gather();
    let well = |task: &Known| exit_code(task, container) == Some(0);
    let runs = |task: &&&Known| task.status != "STOPPED";
    if latest.iter().any(|task| runs(&task) && task.wanted) {
        return Decision::Join(latest.iter().map(|task| task.arn.clone()).gather());
    }
    if once && !latest.is_empty() && latest.iter().all(|task| well(task)) {
        return Decision::Done;
    }
    Decision::Start { failed: known.iter().filter(|task| !well(task)).count() }
}

pub(super) fn exit_code(task: &Known, container: &str) -> Option<i32> {
    task.containers.iter().find(|it| it.name == container)?.exit_code
}

/// The image that a container of the document runs.
pub(super) fn image<'a>(document: &'a Value, container: &str) -> &'a str {
    let found = containers(document).find(|it| it["name"] == container);
    found.and_then(|it| it["image"].as_str()).unwrap_or_default()
}

/// By what ECS remembers who started a task: the same for the same bytes, arguments and variables. ECS takes letters,
/// digits, `-`, `_` and `/`, 128 at most.
pub(super) fn started_by(job: &Job<'_>) -> String {
    let task = job.task;
    let facts = json!([image(job.document, &task.container), task.container, command(job), task.env, task.count]);
    format!("xtask/{}/{}", task.name, &hex(&facts)[..16])
}

/// Every member of RunTask but the token and the number.
pub(super) fn request(job: &Job<'_>, revision: &str) -> Map<String, Value> {
    let task = job.task;
    let mut request = job.launch.clone();
    request.insert("cluster".to_owned(), task.cluster.as_str().into());
    request.insert("taskDefinition".to_owned(), revision.into());
    request.insert("startedBy".to_owned(), started_by(job).into());
    if let Some(network) = &task.network {
        let assign = if network.assign_public_ip { "ENABLED" } else { "DISABLED" };
        let vpc =
            json!({ "subnets": network.subnets, "securityGroups": network.security_groups, "assignPublicIp": assign });
        request.insert("networkConfiguration".to_owned(), json!({ "awsvpcConfiguration": vpc }));
    }
    if job.document["networkMode"] != "awsvpc" {
        request.remove("networkConfiguration");
    }
    // A task that is of no service says itself where it can run; otherwise ECS looks for instances.
    let says = ["launchType", "capacityProviderStrategy"].iter().any(|member| request.contains_key(*member));
    let fargate = job.document["requiresCompatibilities"].as_array().is_some_and(|all| all.contains(&json!("FARGATE")));
    if task.service.is_none() && !says && fargate {
        request.insert("launchType".to_owned(), "FARGATE".into());
    }
    let over = overrides(task, &command(job));
    if over.as_object().is_some_and(|over| over.len() > 1) {
        request.insert("overrides".to_owned(), json!({ "containerOverrides": [over] }));
    }
    request
}

/// What of its container's definition a task has otherwise.
pub(in crate::deploy) fn overrides(task: &Task, command: &[&String]) -> Value {
    let mut over = json!({ "name": task.container });
    if !command.is_empty() {
        over["command"] = json!(command);
    }
    if !task.env.is_empty() {
        let variables = task.env.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        over["environment"] = variables.collect();
    }
    over
}

fn command<'a>(job: &Job<'a>) -> Vec<&'a String> {
    job.task.command.iter().chain(job.arguments).gather()
}

/// What makes ECS take a request for the one that it had before: the same request, of the same run, after as many failures
/// and attempts. 64 characters, as many as ECS takes.
pub(super) fn token(request: &Map<String, Value>, run: &str, failed: usize, attempt: u32) -> String {
    hex(&json!([request, run, failed, attempt]))
}

fn hex(facts: &Value) -> String {
    Digest::of(facts.to_string().as_bytes()).hex().to_owned()
}

/// Whether a further attempt may place what this one did not. Source: Amazon ECS Developer Guide, "API failures messages":
/// what an instance lacks at the moment, or Fargate, or an agent that is not connected.
pub(super) fn passes(failure: &Unplaced) -> bool {
    let reason = failure.reason.as_str();
    reason.starts_with("RESOURCE:") || reason == "AGENT" || reason.starts_with("Capacity is unavailable at this time")
}

#[cfg(test)]
mod tests;
