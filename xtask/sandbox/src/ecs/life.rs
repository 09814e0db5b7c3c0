//! What happens to tasks by themselves: starting, pulling, being checked, exiting, stopping.

use serde_json::{Value, json};

use super::json::text;
use super::service::{Key, Service};
use super::task::{Checks, Container, Health, Phase, Placement, Target, Task, after};
use super::{Ecs, Images, Tasks, timing};
use crate::clock::Instant;

/// Everything a new task needs to know.
pub(super) struct Order {
    pub(super) cluster: String,
    /// `family:revision`.
    pub(super) definition: String,
    pub(super) placement: Option<Placement>,
    pub(super) started_by: Option<String>,
    pub(super) group: String,
    /// Members that the task's answer repeats: launchType, platformVersion, overrides, tags, …
    pub(super) constant: Value,
    pub(super) target: Option<Target>,
    /// Health check grace period in milliseconds.
    pub(super) grace: u64,
}

impl Ecs {
    /// Starts a task: it is PROVISIONING from now on. Gives its number.
    pub(super) fn start_task(&mut self, order: Order, now: Instant) -> Option<u64> {
        let definition = self.definition(&order.definition)?;
        let family = definition.family.clone();
        let behaviour = self.behaviour_of(&family, definition.revision);
        let definition_arn = self.definition_arn(definition);
        let checks = checks(definition.containers());
        let described = definition.containers().to_vec();
        let mut constant = order.constant;
        constant["availabilityZone"] = json!(format!("{}a", self.region));
        for member in ["cpu", "memory"] {
            if constant.get(member).is_none() && text(&definition.document, member).is_some() {
                constant[member] = definition.document[member].clone();
            }
        }
        let containers = described.iter().map(|it| self.container(it)).collect();
        let id = self.long_hex();
        let number = self.identifiers;
        let task = Task {
            arn: self.arn(&format!("task/{}/{id}", order.cluster)),
            cluster_arn: self.arn(&format!("cluster/{}", order.cluster)),
            id,
            cluster: order.cluster,
            family,
            definition_arn,
            placement: order.placement,
            started_by: order.started_by,
            group: order.group,
            constant,
            containers,
            behaviour,
            phase: Phase::Provisioning,
            due: Some(after(now, timing::PROVISIONING)),
            exit_at: None,
            health_at: None,
            target_at: None,
            proven_at: None,
            checks,
            health: Health::Unknown,
            target: order.target,
            grace: order.grace,
            stop: None,
            created_at: now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            execution_stopped_at: None,
            stopped_at: None,
            version: 1,
        };
        self.tasks.insert(number, task);
        Some(number)
    }

    fn container(&mut self, described: &Value) -> Container {
        let size = |member: &str| described.get(member).filter(|it| it.is_number()).map(ToString::to_string);
        Container {
            sizes: [size("cpu"), size("memory"), size("memoryReservation")],
            id: self.long_hex(),
            name: text(described, "name").unwrap_or_default().to_owned(),
            image: text(described, "image").unwrap_or_default().to_owned(),
            essential: described.get("essential") != Some(&json!(false)),
            checked: described.get("healthCheck").is_some(),
            digest: None,
            exit_code: None,
            reason: None,
        }
    }

    /// The event of this task that is due at `at`.
    pub(super) fn step(&mut self, number: u64, at: Instant, images: &dyn Images) {
        let Some(mut task) = self.tasks.remove(&number) else { return };
        let key: Option<Key> = task.placement.as_ref().map(|it| it.key.clone());
        let mut service = key.as_ref().and_then(|key| self.services.remove(key));
        if task.due == Some(at) {
            next_phase(&mut task, service.as_mut(), at, images);
        } else if task.exit_at == Some(at) {
            exit(&mut task, service.as_mut(), at);
        } else if task.health_at == Some(at) {
            container_check(&mut task, service.as_mut(), at);
        } else if task.target_at == Some(at) {
            target_check(&mut task, service.as_mut(), at);
        } else if task.proven_at == Some(at) {
            task.proven_at = None;
            proven(&task, service.as_mut());
        }
        self.tasks.insert(number, task);
        if let (Some(key), Some(mut service)) = (key, service) {
            service.look_by(after(at, timing::SCHEDULER));
            self.services.insert(key, service);
        }
    }
}

fn next_phase(task: &mut Task, service: Option<&mut Service>, at: Instant, images: &dyn Images) {
    match task.phase {
        Phase::Provisioning => {
            task.pull_started_at = Some(at);
            let due = (task.behaviour != Tasks::NeverStarts).then(|| after(at, timing::PULL));
            task.enter(Phase::Pending, due);
        }
        Phase::Pending => pull(task, service, at, images),
        Phase::Activating => run(task, service, at),
        Phase::Running | Phase::Stopped => task.due = None,
        Phase::Deactivating => task.enter(Phase::Stopping, Some(after(at, timing::STOPPING))),
        Phase::Stopping => {
            // A program that listens to SIGTERM ends with 0.
            task.containers.iter_mut().for_each(|it| it.exit_code = it.exit_code.or(Some(0)));
            task.execution_stopped_at = Some(at);
            task.enter(Phase::Deprovisioning, Some(after(at, timing::DEPROVISIONING)));
        }
        Phase::Deprovisioning => {
            task.stopped_at = Some(at);
            task.enter(Phase::Stopped, None);
        }
    }
}

/// Pulls every image. The first pull of a service revision decides its digests; later tasks of it pull those.
fn pull(task: &mut Task, service: Option<&mut Service>, at: Instant, images: &dyn Images) {
    let revision = task.placement.as_ref().map(|it| it.revision);
    for container in &mut task.containers {
        let resolved = match (&service, revision) {
            (Some(service), Some(revision)) => service.revisions[revision].digest(&container.name),
            _ => None,
        };
        // Another registry's image has no digest of its own here, and is asked for by the name it was given.
        let known = resolved.filter(|digest| *digest != elsewhere(&container.image));
        let wanted = known.map_or_else(|| container.image.clone(), |digest| pinned(&container.image, digest));
        match images.resolve(&wanted) {
            Ok(digest) => {
                let digest = digest.unwrap_or_else(|| resolved.map_or_else(|| elsewhere(&wanted), str::to_owned));
                container.digest = Some(digest);
            }
            Err(reason) => {
                let named = reason.starts_with("CannotPull");
                let reason = if named { reason } else { format!("CannotPullContainerError: {reason}") };
                container.reason = Some(reason.clone());
                task.pull_stopped_at = Some(at);
                return failed_to_start(task, service, &reason, at);
            }
        }
    }
    task.pull_stopped_at = Some(at);
    if let (Some(service), Some(revision)) = (service, revision) {
        service.revisions[revision].remember(&task.containers);
    }
    task.enter(Phase::Activating, Some(after(at, timing::ACTIVATING)));
}

fn failed_to_start(task: &mut Task, service: Option<&mut Service>, reason: &str, at: Instant) {
    task.stop("TaskFailedToStart", reason, at);
    if let (Some(service), Some(placement)) = (service, &task.placement) {
        service.tell_once(&format!("was unable to place a task. Reason: {reason}"), at);
        service.count_failure(&placement.deployment, true, at);
    }
}

fn run(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    task.started_at = Some(at);
    task.enter(Phase::Running, None);
    if let (Some(service), Some(target)) = (service, &task.target) {
        service.tell(&format!("registered 1 targets in (target-group {})", target.group), at);
    }
    let target = |count: u64| Some(after(at, count * timing::TARGET_INTERVAL));
    match &task.behaviour {
        Tasks::NeverStarts | Tasks::NeverStable => {}
        Tasks::Unhealthy => {
            task.health_at = task.checks.map(|checks| after(at, checks.fail_after.max(task.grace)));
            let failed = timing::TARGET_UNHEALTHY * timing::TARGET_INTERVAL;
            task.target_at = task.target.as_ref().map(|_| after(at, failed.max(task.grace)));
        }
        Tasks::Healthy | Tasks::Exits { .. } => {
            task.health_at = task.checks.map(|checks| after(at, checks.pass_after));
            task.target_at = task.target.as_ref().and_then(|_| target(timing::TARGET_HEALTHY));
            let unchecked = task.checks.is_none() && task.target.is_none();
            task.proven_at = unchecked.then(|| after(at, timing::STEADY));
        }
    }
    if let Tasks::Exits { after_seconds, .. } = task.behaviour {
        task.exit_at = Some(after(at, after_seconds * 1000));
    }
}

/// One check more has passed; if it was the last, the task's deployment starts well.
fn proven(task: &Task, service: Option<&mut Service>) {
    if let (Some(service), Some(placement), true) = (service, &task.placement, task.is_healthy()) {
        service.forgive(&placement.deployment);
    }
}

fn exit(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    task.exit_at = None;
    let Tasks::Exits { code, container, .. } = task.behaviour.clone() else { return };
    let named = |it: &&mut Container| container.as_ref().map_or(it.essential, |name| *name == it.name);
    let Some(container) = task.containers.iter_mut().find(named) else { return };
    container.exit_code = Some(code);
    if code == 137 {
        container.reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
    }
    if !container.essential {
        return;
    }
    task.stop("EssentialContainerExited", "Essential container in task exited", at);
    if let (Some(service), Some(placement)) = (service, &task.placement) {
        service.count_failure(&placement.deployment, false, at);
    }
}

fn container_check(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    task.health_at = None;
    if task.behaviour != Tasks::Unhealthy {
        task.health = Health::Healthy;
        return proven(task, service);
    }
    task.health = Health::Unhealthy;
    // Without a service nobody replaces it, and it runs on.
    let (Some(service), Some(placement)) = (service, &task.placement) else { return };
    service.tell(&format!("(task {}) failed container health checks.", task.id), at);
    service.count_failure(&placement.deployment, false, at);
    service.tell(&format!("has stopped 1 running tasks: (task {}).", task.id), at);
    task.stop("ServiceSchedulerInitiated", "Task failed container health checks", at);
}

fn target_check(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    task.target_at = None;
    let Some(target) = &mut task.target else { return };
    if task.behaviour != Tasks::Unhealthy {
        target.health = Health::Healthy;
        return proven(task, service);
    }
    target.health = Health::Unhealthy;
    let (group, port) = (target.group.clone(), target.port);
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

/// The health checks of the containers, as one; None where no container has one.
fn checks(containers: &[Value]) -> Option<Checks> {
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

/// The reference without tag or digest, and then this digest.
fn pinned(image: &str, digest: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let name = name[slash..].rfind(':').map_or(name, |colon| &name[..slash + colon]);
    format!("{name}@{digest}")
}

/// The digest of an image of another registry, which is taken to exist: its own, or one made of its name.
fn elsewhere(image: &str) -> String {
    if let Some((_, digest)) = image.split_once('@') {
        return digest.to_owned();
    }
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let words = (0..4u8).map(|round| {
        hash = image.bytes().chain([round]).fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    });
    format!("sha256:{}", words.collect::<String>())
}

#[cfg(test)]
mod pinning {
    use super::pinned;

    #[test]
    fn a_port_is_not_taken_for_a_tag() {
        assert_eq!(pinned("127.0.0.1:5000/app", "sha256:aa"), "127.0.0.1:5000/app@sha256:aa");
        assert_eq!(pinned("127.0.0.1:5000/app:1.0", "sha256:aa"), "127.0.0.1:5000/app@sha256:aa");
        assert_eq!(pinned("r/app:1.0@sha256:bb", "sha256:aa"), "r/app@sha256:aa");
        assert_eq!(pinned("nginx:1", "sha256:aa"), "nginx@sha256:aa");
    }
}
