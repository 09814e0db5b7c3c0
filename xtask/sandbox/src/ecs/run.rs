//! Tasks by name: RunTask, StopTask, ListTasks, DescribeTasks.

use serde_json::{Value, json};

use super::Ecs;
use super::json::{invalid, list, missing, page, required, short, text, texts};
use super::life::Order;
use super::task::Task;
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// What a client token stood for.
#[derive(Debug)]
pub(super) struct Remembered {
    input: Value,
    numbers: Vec<u64>,
}

impl Ecs {
    pub(super) fn run_task(&mut self, input: &Value, now: Instant) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let count = match input.get("count").map(Value::as_u64) {
            None => 1,
            Some(Some(count @ 1..=10)) => count,
            Some(_) => return Err(invalid("count must be between 1 and 10.")),
        };
        let token = text(input, "clientToken").map(|token| format!("{cluster}/{token}"));
        if let Some(remembered) = token.as_ref().and_then(|token| self.run_tokens.get(token)) {
            if remembered.input != *input {
                let message = "The provided clientToken is already in use with a different RunTask request.";
                return Err(ApiError::new("ConflictException", message));
            }
            let tasks: Vec<Value> =
                remembered.numbers.iter().filter_map(|number| self.tasks.get(number)).map(Task::answer).collect();
            return Ok(json!({ "tasks": tasks, "failures": [] }));
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
            };
            numbers.extend(self.start_task(order, now));
        }
        let tasks: Vec<Value> = numbers.iter().map(|number| self.tasks[number].answer()).collect();
        if let Some(token) = token {
            self.run_tokens.insert(token, Remembered { input: input.clone(), numbers });
        }
        Ok(json!({ "tasks": tasks, "failures": [] }))
    }

    pub(super) fn stop_task(&mut self, input: &Value, now: Instant) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let id = short(required(input, "task")?);
        let reason = text(input, "reason").unwrap_or("Task stopped by user");
        let Some(task) = self.tasks.values_mut().find(|task| task.cluster == cluster && task.id == id) else {
            return Err(invalid("The referenced task was not found."));
        };
        task.stop("UserInitiated", reason, now);
        let answer = json!({ "task": task.answer() });
        if let Some(key) = task.placement.as_ref().map(|it| it.key.clone())
            && let Some(service) = self.services.get_mut(&key)
        {
            service.look_by(super::task::after(now, super::timing::SCHEDULER));
        }
        Ok(answer)
    }

    pub(super) fn list_tasks(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let service = match text(input, "serviceName") {
            Some(name) => Some(&self.named_service(&cluster, name)?.key),
            None => None,
        };
        let stopped = text(input, "desiredStatus") == Some("STOPPED");
        let (started_by, family) = (text(input, "startedBy"), text(input, "family"));
        let launch = text(input, "launchType");
        let arns = self
            .tasks
            .values()
            .filter(|task| task.cluster == cluster && task.is_wanted() != stopped)
            .filter(|task| service.is_none_or(|key| task.placement.as_ref().is_some_and(|it| it.key == *key)))
            .filter(|task| started_by.is_none_or(|by| task.started_by.as_deref() == Some(by)))
            .filter(|task| family.is_none_or(|family| task.family == family))
            .filter(|task| launch.is_none_or(|launch| task.constant["launchType"] == launch))
            .map(|task| json!(task.arn))
            .collect();
        page(input, "taskArns", arns, 100)
    }

    pub(super) fn describe_tasks(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let names = texts(input, "tasks");
        if names.is_empty() {
            return Err(invalid("Tasks cannot be empty."));
        }
        if names.len() > 100 {
            return Err(invalid("Tasks cannot have more than 100 elements."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in names {
            match self.tasks.values().find(|task| task.cluster == cluster && task.id == short(name)) {
                Some(task) => found.push(task.answer()),
                None => failures.push(missing(&self.arn(&format!("task/{cluster}/{}", short(name))))),
            }
        }
        Ok(json!({ "tasks": found, "failures": failures }))
    }
}

/// The members of a task's answer that its launch decides: where it runs and what it overrides.
pub(super) fn constant(launch: &Value, options: &Value) -> Value {
    let fargate = launch["launchType"] == "FARGATE" || !list(launch, "capacityProviderStrategy").is_empty();
    let mut constant = json!({
        "launchType": if fargate { "FARGATE" } else { "EC2" },
        "enableExecuteCommand": options["enableExecuteCommand"] == json!(true),
        "overrides": { "containerOverrides": [], "inferenceAcceleratorOverrides": [] },
        "tags": [],
    });
    if fargate {
        constant["platformVersion"] = json!("1.4.0");
        constant["platformFamily"] = json!("Linux");
        constant["ephemeralStorage"] = json!({ "sizeInGiB": 20 });
    }
    if let Some(overrides) = options.get("overrides").and_then(Value::as_object) {
        for (name, value) in overrides {
            constant["overrides"][name] = value.clone();
        }
    }
    constant
}
