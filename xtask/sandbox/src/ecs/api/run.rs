//! Tasks that are run and stopped by hand: RunTask, StopTask.

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecs::json::{invalid, list, required, short, text, texts};
use crate::ecs::life::{Order, constant};
use crate::ecs::state::behaviour::NextRun;
use crate::ecs::state::task::Task;
use crate::ecs::state::{Ecs, Remembered};
use crate::ecs::timing::{self, after};
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn run_task(&mut self, input: &Value, now: Instant) -> ApiResult {
        let cluster = self.active_cluster(input)?;
        let count = match input.get("count").map(Value::as_u64) {
            None => 1,
            Some(Some(count @ 1..=10)) => count,
            Some(_) => return Err(invalid("count must be between 1 and 10.")),
        };
        let token = text(input, "clientToken").map(|token| format!("{cluster}/{token}"));
        // A token lives as long as what it stands for, and an hour.
        let remembered = token.as_ref().and_then(|token| self.run_tokens.get(token));
        let lives = |it: &&Remembered| it.numbers.iter().any(|number| self.tasks.contains_key(number));
        if let Some(remembered) = remembered.filter(lives) {
            if remembered.input != *input {
                let message = "The provided clientToken is already in use with a different RunTask request.";
                return Err(ApiError::new("ConflictException", message));
            }
            let tasks: Vec<Value> =
                remembered.numbers.iter().filter_map(|number| self.tasks.get(number)).map(Task::answer).collect();
            return Ok(json!({ "tasks": tasks, "failures": [] }));
        }
        if input.get("launchType").is_some() && !list(input, "capacityProviderStrategy").is_empty() {
            let message = "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.";
            return Err(invalid(message));
        }
        let definition = self.usable_definition(required(input, "taskDefinition")?)?;
        let fargate = text(input, "launchType") == Some("FARGATE");
        let compatible = texts(&definition.document, "requiresCompatibilities").contains(&"FARGATE");
        if fargate && !compatible {
            return Err(invalid("Task definition does not support launch_type FARGATE."));
        }
        if definition.is_awsvpc() && input["networkConfiguration"]["awsvpcConfiguration"].is_null() {
            return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
        }
        for container in input.get("overrides").map(|it| list(it, "containerOverrides")).unwrap_or_default() {
            let name = text(container, "name").unwrap_or_default();
            if definition.container(name).is_none() {
                return Err(invalid(format!(
                    "Override for container named {name} is not a container in the TaskDefinition."
                )));
            }
        }
        let group = text(input, "group").map_or_else(|| format!("family:{}", definition.family), str::to_owned);
        let name = format!("{}:{}", definition.family, definition.revision);
        let next_run = self.next_run.take();
        if let Some(NextRun::Unplaced(reason)) = next_run {
            return Ok(json!({ "tasks": [], "failures": [{ "reason": reason }] }));
        }
        let exits = match next_run {
            Some(NextRun::Exits(code)) => Some(code),
            _ => None,
        };
        let mut constant = constant(input, input);
        constant["tags"] = input.get("tags").cloned().unwrap_or_else(|| json!([]));
        let mut numbers = Vec::new();
        for _ in 0..count {
            let order = Order {
                cluster: cluster.clone(),
                definition: name.clone(),
                placement: None,
                started_by: text(input, "startedBy").map(str::to_owned),
                group: group.clone(),
                constant: constant.clone(),
                target: None,
                grace: 0,
                network: input["networkConfiguration"].clone(),
                exits,
            };
            numbers.extend(self.start_task(order, now));
        }
        let tasks: Vec<Value> = numbers.iter().map(|number| self.tasks[number].answer()).collect();
        if let Some(token) = token {
            self.run_tokens.insert(token, Remembered { input: input.clone(), numbers });
        }
        Ok(json!({ "tasks": tasks, "failures": [] }))
    }

    pub(crate) fn stop_task(&mut self, input: &Value, now: Instant) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let id = short(required(input, "task")?);
        let reason = text(input, "reason").unwrap_or("Task stopped by user");
        let number = self.task(&cluster, id).and_then(|_| self.roll.number(id));
        let stopped = number.and_then(|number| {
            self.tasks.change(&number, |task| {
                task.stop("UserInitiated", reason, now);
                (task.answer(), task.placement.as_ref().map(|it| it.key.clone()))
            })
        });
        let Some((task, key)) = stopped else { return Err(invalid("The referenced task was not found.")) };
        if let Some(key) = key {
            self.services.change(&key, |service| service.look_by(after(now, timing::SCHEDULER)));
        }
        Ok(json!({ "task": task }))
    }
}
