//! What ECS refuses in a task definition, in its own sentences.

use std::collections::HashSet;

use serde_json::Value;

use super::names::is_name;
use super::normal::{mebibytes, units};
use crate::ecs::json::{client, invalid, list, text, texts};
use crate::protocol::ApiError;

/// The first rule that the input of RegisterTaskDefinition breaks.
pub(crate) fn check(input: &Value) -> Result<(), ApiError> {
    let family = text(input, "family").ok_or_else(|| client("Family should not be null or empty."))?;
    if !is_name(family) {
        return Err(client("Family contains invalid characters."));
    }
    if input.get("tags").is_some() && list(input, "tags").is_empty() {
        return Err(client("Tags can not be empty."));
    }
    let containers = list(input, "containerDefinitions");
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    let fargate = texts(input, "requiresCompatibilities").contains(&"FARGATE");
    let mut names = HashSet::new();
    for container in containers {
        check_container(container, input)?;
        if !names.insert(text(container, "name")) {
            return Err(client(format!("Duplicate container name: {}.", text(container, "name").unwrap_or_default())));
        }
    }
    // `essential` is true where it is left out.
    if containers.iter().all(|it| it.get("essential") == Some(&Value::Bool(false))) {
        return Err(client("Invalid setting for container list. At least one container must be essential."));
    }
    for container in containers {
        for dependency in list(container, "dependsOn") {
            let other = text(dependency, "containerName").unwrap_or_default();
            let Some(other) = containers.iter().find(|it| text(it, "name") == Some(other)) else {
                return Err(client(format!("Container dependency '{other}' does not exist in the task definition.")));
            };
            let ends = matches!(text(dependency, "condition"), Some("SUCCESS" | "COMPLETE"));
            if ends && other.get("essential") != Some(&Value::Bool(false)) {
                return Err(client(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
                ));
            }
        }
    }
    check_sizes(input, containers, fargate)?;
    if fargate { check_fargate(input, containers) } else { Ok(()) }
}

fn check_container(container: &Value, input: &Value) -> Result<(), ApiError> {
    let Some(name) = text(container, "name") else {
        return Err(client("Container.name should not be null or empty."));
    };
    if !is_name(name) {
        return Err(client("Container.name contains invalid characters."));
    }
    let Some(image) = text(container, "image") else {
        return Err(client("Container.image should not be null or empty."));
    };
    if image.contains(char::is_whitespace) || image.len() > 512 {
        return Err(client("Container.image contains invalid characters."));
    }
    if text(input, "memory").is_none() && container.get("memory").is_none_or(|it| it == 0) {
        let reserved = container.get("memoryReservation").is_some_and(|it| it != 0);
        if !reserved {
            return Err(client(format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
            )));
        }
    }
    if container.get("repositoryCredentials").is_some_and(|it| text(it, "credentialsParameter").is_none()) {
        return Err(client("RepositoryCredentials.credentialsParameter should not be null or empty."));
    }
    if text(input, "networkMode") == Some("awsvpc") {
        let differs =
            |port: &Value| port.get("hostPort").is_some_and(|it| it != 0 && Some(it) != port.get("containerPort"));
        if list(container, "portMappings").iter().any(differs) {
            return Err(client(
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
            ));
        }
        if !list(container, "links").is_empty() {
            return Err(client("Links are not supported when networkMode=awsvpc."));
        }
    }
    if !list(container, "secrets").is_empty() && text(input, "executionRoleArn").is_none() {
        return Err(client(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
        ));
    }
    if list(container, "environment").iter().any(|it| text(it, "name").is_none_or(|name| name.trim().is_empty())) {
        return Err(client("Environment variable name cannot be null or blank."));
    }
    // A variable that stands twice is taken, and the container gets the last; a secret's name is its own.
    let mut seen: HashSet<&str> = list(container, "environment").iter().filter_map(|it| text(it, "name")).collect();
    for secret in list(container, "secrets") {
        for member in ["name", "valueFrom"] {
            if text(secret, member).is_none() {
                return Err(client(format!("Secret.{member} should not be null or empty.")));
            }
        }
    }
    let secrets = list(container, "secrets").iter().filter_map(|it| text(it, "name"));
    if let Some(twice) = { secrets }.find(|name| !seen.insert(*name)) {
        return Err(client(format!(
            "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{twice}'."
        )));
    }
    if let Some(log) = container.get("logConfiguration").filter(|log| text(log, "logDriver") == Some("awslogs")) {
        let options = log.get("options").cloned().unwrap_or_default();
        if ["awslogs-region", "awslogs-group"].iter().any(|name| text(&options, name).is_none()) {
            return Err(client("Log driver awslogs requires options: awslogs-region, awslogs-group"));
        }
    }
    if let Some(check) = container.get("healthCheck") {
        check_health(check)?;
    }
    Ok(())
}

/// The limits of the API reference's `HealthCheck`.
fn check_health(check: &Value) -> Result<(), ApiError> {
    if texts(check, "command").is_empty() {
        return Err(client("HealthCheck command must not be empty."));
    }
    for (member, low, high) in [("interval", 5, 300), ("timeout", 2, 120), ("retries", 1, 10), ("startPeriod", 0, 300)]
    {
        let value = check.get(member).and_then(Value::as_i64);
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            return Err(client(format!("HealthCheck {member} must be between {low} and {high}.")));
        }
    }
    Ok(())
}

fn check_sizes(input: &Value, containers: &[Value], fargate: bool) -> Result<(), ApiError> {
    let read = |member, parse: fn(&str) -> Option<u64>| match text(input, member) {
        None => Ok(None),
        Some(given) => parse(given).map(Some).ok_or_else(|| client(format!("Invalid '{member}' setting for task."))),
    };
    let (cpu, memory) = (read("cpu", units)?, read("memory", mebibytes)?);
    let sum = |member| -> u64 { containers.iter().filter_map(|it| it.get(member).and_then(Value::as_u64)).sum() };
    if cpu.is_some_and(|cpu| sum("cpu") > cpu) {
        return Err(client(
            "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
        ));
    }
    if let Some(memory) = memory {
        if containers.iter().any(|it| it.get("memory").and_then(Value::as_u64).is_some_and(|own| own > memory)) {
            return Err(client(
                "Invalid setting for container. The container 'memory' cannot be greater than the value of the task 'memory'.",
            ));
        }
        if sum("memoryReservation") > memory {
            return Err(client(
                "The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'.",
            ));
        }
    }
    if !fargate {
        return Ok(());
    }
    let cpu = cpu.ok_or_else(|| client("Fargate requires that 'cpu' be defined at the task level."))?;
    let memory = memory.ok_or_else(|| client("Fargate requires that 'memory' be defined at the task level."))?;
    if fits_fargate(cpu, memory) {
        return Ok(());
    }
    Err(client(format!(
        "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
    )))
}

fn check_fargate(input: &Value, containers: &[Value]) -> Result<(), ApiError> {
    if text(input, "networkMode") != Some("awsvpc") {
        return Err(client("Fargate only supports network mode ‘awsvpc’."));
    }
    if containers.iter().any(|it| it.get("privileged") == Some(&Value::Bool(true))) {
        return Err(client("Fargate does not support 'privileged' containers."));
    }
    if !list(input, "placementConstraints").is_empty() {
        return Err(client("Fargate task definitions do not support 'placementConstraints'."));
    }
    if text(input, "executionRoleArn").is_none() {
        if containers.iter().any(|it| text(it, "image").is_some_and(|image| image.contains(".dkr.ecr."))) {
            return Err(client("Fargate requires task definition to have execution role ARN to support ECR images."));
        }
        let logs = |it: &Value| it.get("logConfiguration").and_then(|log| text(log, "logDriver")) == Some("awslogs");
        if containers.iter().any(logs) {
            return Err(client(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            ));
        }
    }
    let storage = input.get("ephemeralStorage").and_then(|it| it.get("sizeInGiB")).and_then(Value::as_i64);
    if storage.is_some_and(|size| !(21..=200).contains(&size)) {
        return Err(invalid("ephemeralStorage.sizeInGiB must be between 21 and 200."));
    }
    Ok(())
}

/// The pairs of CPU units and MiB that Fargate has (ECS, "Task CPU and memory").
pub(crate) fn fits_fargate(cpu: u64, memory: u64) -> bool {
    let (low, high, step) = match cpu {
        256 => return [512, 1024, 2048].contains(&memory),
        512 => (1024, 4096, 1024),
        1024 => (2048, 8192, 1024),
        2048 => (4096, 16_384, 1024),
        4096 => (8192, 30_720, 1024),
        8192 => (16_384, 61_440, 4096),
        16_384 => (32_768, 122_880, 8192),
        // Since June 2026, with three sizes of memory and nothing between them.
        32_768 => return [61_440, 122_880, 249_856].contains(&memory),
        _ => return false,
    };
    (low..=high).contains(&memory) && memory.is_multiple_of(step)
}
