//! One task: its containers, where it is in its life, how it looks to the outside.

use serde_json::{Value, json};

use super::json::{seconds, set};
use super::service::Key;
use super::{Tasks, timing};
use crate::clock::Instant;

/// The task life cycle (ECS, "Task lifecycle").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What a container's or a target's checks say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

impl Health {
    fn word(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

/// A container of a task.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) essential: bool,
    /// Whether the task definition gives it a health check.
    pub(super) checked: bool,
    /// `cpu`, `memory` and `memoryReservation` as strings, as DescribeTasks writes them.
    pub(super) sizes: [Option<String>; 3],
    pub(super) digest: Option<String>,
    pub(super) exit_code: Option<i32>,
    pub(super) reason: Option<String>,
}

/// Where a task of a service comes from.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    pub(super) key: Key,
    /// `ecs-svc/N`.
    pub(super) deployment: String,
    /// Index into the service's revisions.
    pub(super) revision: usize,
}

/// A target group that the task's network address is registered in.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) group: String,
    pub(super) port: u64,
    pub(super) health: Health,
}

/// Container health checks, the containers' taken together, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checks {
    /// From RUNNING to the first passed check of the slowest container.
    pub(super) pass_after: u64,
    /// From RUNNING to the last failed check of the most impatient one.
    pub(super) fail_after: u64,
}

/// Why a task stops.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) code: &'static str,
    pub(super) reason: String,
    pub(super) at: Instant,
}

/// A task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) cluster: String,
    pub(super) cluster_arn: String,
    pub(super) family: String,
    pub(super) definition_arn: String,
    pub(super) placement: Option<Placement>,
    pub(super) started_by: Option<String>,
    pub(super) group: String,
    /// Members of the answer that stay what they were at the start: launch type, sizes, overrides, tags.
    pub(super) constant: Value,
    pub(super) containers: Vec<Container>,
    pub(super) behaviour: Tasks,
    pub(super) phase: Phase,
    /// When the phase ends by itself.
    pub(super) due: Option<Instant>,
    pub(super) exit_at: Option<Instant>,
    pub(super) health_at: Option<Instant>,
    pub(super) target_at: Option<Instant>,
    /// When a task without any check has run long enough to count as started well.
    pub(super) proven_at: Option<Instant>,
    pub(super) checks: Option<Checks>,
    /// What the container health checks say; Unknown where there are none.
    pub(super) health: Health,
    pub(super) target: Option<Target>,
    /// Milliseconds from RUNNING during which the service scheduler ignores failed checks.
    pub(super) grace: u64,
    pub(super) stop: Option<Stop>,
    pub(super) created_at: Instant,
    pub(super) pull_started_at: Option<Instant>,
    pub(super) pull_stopped_at: Option<Instant>,
    pub(super) started_at: Option<Instant>,
    pub(super) execution_stopped_at: Option<Instant>,
    pub(super) stopped_at: Option<Instant>,
    /// Counts state changes, as DescribeTasks does.
    pub(super) version: u64,
}

impl Task {
    /// When something happens to it next, if nobody stops it before.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.due, self.exit_at, self.health_at, self.target_at, self.proven_at].into_iter().flatten().min()
    }

    /// Whether its desired status is RUNNING.
    pub(super) fn is_wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Whether the service scheduler counts it as healthy: RUNNING, and no check says otherwise or nothing yet.
    pub(super) fn is_healthy(&self) -> bool {
        let checks = self.checks.is_none() || self.health == Health::Healthy;
        let target = self.target.as_ref().is_none_or(|target| target.health == Health::Healthy);
        self.phase == Phase::Running && self.is_wanted() && self.behaviour != Tasks::NeverStable && checks && target
    }

    /// Whether Describe and List still show it.
    pub(super) fn visible(&self, now: Instant) -> bool {
        self.stopped_at.is_none_or(|at| now.0 < at.0 + timing::STOPPED_VISIBLE)
    }

    pub(super) fn enter(&mut self, phase: Phase, due: Option<Instant>) {
        self.phase = phase;
        self.due = due;
        self.version += 1;
    }

    /// Sends it towards STOPPED, from wherever it is. A task that is on its way there already stays on it.
    pub(super) fn stop(&mut self, code: &'static str, reason: impl Into<String>, now: Instant) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(Stop { code, reason: reason.into(), at: now });
        (self.exit_at, self.health_at, self.target_at, self.proven_at) = (None, None, None, None);
        let exited = self.containers.iter().any(|it| it.essential && it.exit_code.is_some());
        match self.phase {
            Phase::Running if exited => self.enter(Phase::Stopping, Some(after(now, timing::STOPPING))),
            Phase::Running if self.target.is_some() => {
                self.enter(Phase::Deactivating, Some(after(now, timing::DRAINING)));
            }
            Phase::Running => self.enter(Phase::Stopping, Some(after(now, timing::STOPPING))),
            _ => {
                self.execution_stopped_at = Some(now);
                self.enter(Phase::Deprovisioning, Some(after(now, timing::DEPROVISIONING)));
            }
        }
    }

    /// As DescribeTasks shows it.
    pub(super) fn answer(&self) -> Value {
        let at = |moment: Option<Instant>| moment.map(seconds);
        let mut answer = json!({
            "attachments": self.attachments(),
            "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
            "clusterArn": self.cluster_arn,
            "connectivity": (self.phase > Phase::Provisioning).then_some("CONNECTED"),
            "connectivityAt": at(self.pull_started_at),
            "containers": self.containers.iter().map(|it| self.container_answer(it)).collect::<Vec<_>>(),
            "createdAt": seconds(self.created_at),
            "desiredStatus": if self.is_wanted() { "RUNNING" } else { "STOPPED" },
            "executionStoppedAt": at(self.execution_stopped_at),
            "group": self.group,
            "healthStatus": self.health.word(),
            "lastStatus": self.phase.word(),
            "pullStartedAt": at(self.pull_started_at),
            "pullStoppedAt": at(self.pull_stopped_at),
            "startedAt": at(self.started_at),
            "startedBy": self.started_by,
            "stopCode": self.stop.as_ref().map(|stop| stop.code),
            "stoppedAt": at(self.stopped_at),
            "stoppedReason": self.stop.as_ref().map(|stop| stop.reason.as_str()),
            "stoppingAt": at(self.stop.as_ref().map(|stop| stop.at)),
            "taskArn": self.arn,
            "taskDefinitionArn": self.definition_arn,
            "version": self.version,
        });
        if let (Some(answer), Some(constant)) = (answer.as_object_mut(), self.constant.as_object()) {
            answer.extend(constant.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        set(answer)
    }

    fn container_answer(&self, container: &Container) -> Value {
        let ended = container.exit_code.is_some() || self.phase >= Phase::Deprovisioning;
        let status = match self.phase {
            _ if ended => "STOPPED",
            Phase::Provisioning | Phase::Pending => "PENDING",
            _ => "RUNNING",
        };
        let health = if container.checked { self.health } else { Health::Unknown };
        let [cpu, memory, reservation] = &container.sizes;
        set(json!({
            "containerArn": self.arn.replace(":task/", ":container/") + "/" + &container.id,
            "taskArn": self.arn,
            "name": container.name,
            "image": container.image,
            "imageDigest": container.digest,
            "runtimeId": self.started_at.map(|_| format!("{}-{}", self.id, &container.id[..10])),
            "lastStatus": status,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "networkBindings": [],
            "networkInterfaces": self.interfaces(),
            "healthStatus": health.word(),
            "cpu": cpu,
            "memory": memory,
            "memoryReservation": reservation,
        }))
    }

    /// A private address made of the task's identifier.
    fn address(&self) -> String {
        let byte = |at: usize| u8::from_str_radix(&self.id[at..at + 2], 16).unwrap_or(1);
        format!("10.0.{}.{}", byte(0), byte(2))
    }

    fn has_interface(&self) -> bool {
        self.constant.get("launchType").is_some_and(|it| it == "FARGATE")
    }

    fn interfaces(&self) -> Value {
        if !self.has_interface() || self.phase < Phase::Pending {
            return json!([]);
        }
        json!([{ "attachmentId": self.attachment(), "privateIpv4Address": self.address() }])
    }

    fn attachment(&self) -> String {
        let id = &self.id;
        format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
    }

    fn attachments(&self) -> Value {
        if !self.has_interface() {
            return json!([]);
        }
        let status = match self.phase {
            Phase::Provisioning => "PRECREATED",
            Phase::Deprovisioning => "DETACHING",
            Phase::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        json!([{
            "id": self.attachment(),
            "type": "ElasticNetworkInterface",
            "status": status,
            "details": [
                { "name": "networkInterfaceId", "value": format!("eni-{}", &self.id[..17]) },
                { "name": "privateIPv4Address", "value": self.address() },
            ],
        }])
    }
}

/// So many milliseconds later.
pub(super) fn after(at: Instant, millis: u64) -> Instant {
    Instant(at.0 + millis)
}
