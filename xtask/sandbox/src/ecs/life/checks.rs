//! Health checks of containers and of targets.

use serde_json::{Value, json};

use super::speech;
use crate::clock::Instant;
use crate::ecs::state::behaviour::Tasks;
use crate::ecs::state::service::Service;
use crate::ecs::state::task::{Checks, Container, Health, Task};
use crate::ecs::timing;

/// One check more has passed; if it was the last, the task's deployment starts well.
pub(crate) fn proven(task: &Task, service: Option<&mut Service>) {
    if let (Some(service), Some(placement), true) = (service, &task.placement, task.is_healthy()) {
        service.forgive(&placement.deployment);
    }
}

pub(crate) fn container_check(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    task.health_at = None;
    let found = task.found() == Health::Unhealthy;
    if task.behaviour != Tasks::Unhealthy && !found {
        task.health = Health::Healthy;
        return proven(task, service);
    }
    task.health = Health::Unhealthy;
    task.write(at, speech::unhealthy);
    // Without a service nobody replaces it, and it runs on.
    let (Some(service), Some(placement)) = (service, &task.placement) else { return };
    service.tell(&format!("(task {}) failed container health checks.", task.id), at);
    service.count_failure(&placement.deployment, false, at);
    service.tell(&format!("has stopped 1 running tasks: (task {}).", task.id), at);
    task.stop("ServiceSchedulerInitiated", "Task failed container health checks", at);
}

pub(crate) fn target_check(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    task.target_at = None;
    let found = task.found();
    let Some(target) = &mut task.target else { return };
    if found == Health::Unknown {
        task.target_at = Some(timing::after(at, timing::TARGET_INTERVAL));
        return;
    }
    if task.behaviour != Tasks::Unhealthy && found == Health::Healthy {
        target.health = Health::Healthy;
        return proven(task, service);
    }
    target.health = Health::Unhealthy;
    let (group, port) = (target.group.clone(), target.port);
    task.write(at, speech::unhealthy);
    let (Some(service), Some(placement)) = (service, &task.placement) else { return };
    service.tell(
        &format!(
            "(task {}) (port {port}) is unhealthy in (target-group {group}) due to (reason Health checks failed).",
            task.id
        ),
        at,
    );
    service.count_failure(&placement.deployment, false, at);
    service.tell(&format!("has stopped 1 running tasks: (task {}).", task.id), at);
    service.tell(&format!("deregistered 1 targets in (target-group {group})"), at);
    task.stop("ServiceSchedulerInitiated", format!("Task failed ELB health checks in (target-group {group})"), at);
}

impl Task {
    /// What was found of its containers that run in earnest; Healthy where there are none.
    fn found(&self) -> Health {
        let mut found = self.containers.iter().filter_map(Container::probed);
        if found.clone().any(|health| health == Health::Unhealthy) {
            return Health::Unhealthy;
        }
        if found.any(|health| health == Health::Unknown) { Health::Unknown } else { Health::Healthy }
    }
}

/// The health checks of the containers, as one; None where no container has one.
pub(crate) fn checks(containers: &[Value]) -> Option<Checks> {
    // A task's health is that of its essential containers.
    let essential = containers.iter().filter(|it| it.get("essential") != Some(&json!(false)));
    let checks = essential.filter_map(|it| it.get("healthCheck")).map(|check| {
        let number = |member: &str, default| check.get(member).and_then(Value::as_u64).unwrap_or(default) * 1000;
        let interval = number("interval", timing::CHECK_INTERVAL);
        let retries = check.get("retries").and_then(Value::as_u64).unwrap_or(timing::CHECK_RETRIES);
        Checks { pass_after: interval, fail_after: number("startPeriod", 0) + retries * interval }
    });
    checks.reduce(|a, b| Checks {
        pass_after: a.pass_after.max(b.pass_after),
        fail_after: a.fail_after.min(b.fail_after),
    })
}
