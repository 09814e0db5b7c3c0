//! One task: its containers, where it is in its life, how it looks to the outside.

use super::agenda::Timed;
use serde_json::Value;

use super::behaviour::Tasks;
use super::key::Key;
use super::log::{Line, Sink};
use crate::clock::Instant;
use crate::ecs::timing::{self, after};

/// The task life cycle (ECS, "Task lifecycle").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
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
    pub(crate) fn word(self) -> &'static str {
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
pub(crate) enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

impl Health {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

/// A container of a task.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) essential: bool,
    /// Whether the task definition gives it a health check.
    pub(crate) checked: bool,
    /// `cpu`, `memory` and `memoryReservation` as strings, as DescribeTasks writes them.
    pub(crate) sizes: [Option<String>; 3],
    pub(crate) digest: Option<String>,
    /// The first of its ports.
    pub(crate) port: Option<u64>,
    /// None: another log driver, or none.
    pub(crate) log: Option<Sink>,
    /// What it writes beside its own lines.
    pub(crate) says: Vec<String>,
    /// The command that it runs once; none of a service's.
    pub(crate) runs: Option<String>,
    /// How it ends by itself, if it does, and when that is, once it runs.
    pub(crate) ending: Option<Ending>,
    pub(crate) exit_at: Option<Instant>,
    /// Where a program of this machine is it.
    pub(crate) earnest: Option<Earnest>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
}

/// What is known of a container that runs in earnest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Earnest {
    /// Whether there is something to look at, a health command or ports, and what was found.
    pub(crate) probed: bool,
    pub(crate) health: Health,
}

/// How a container ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ending {
    pub(crate) code: i32,
    /// In milliseconds from RUNNING.
    pub(crate) after: u64,
}

/// A network interface that a task has to itself.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) subnet: String,
    /// The domain of private names, such as `ap-northeast-1.compute.internal`.
    pub(crate) domain: String,
}

/// Where a task of a service comes from.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) key: Key,
    /// `ecs-svc/N`.
    pub(crate) deployment: String,
    /// Index into the service's revisions.
    pub(crate) revision: usize,
}

/// A target group that the task's network address is registered in.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) port: u64,
    pub(crate) health: Health,
}

/// Container health checks, the containers' taken together, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checks {
    /// From RUNNING to the first passed check of the slowest container.
    pub(crate) pass_after: u64,
    /// From RUNNING to the last failed check of the most impatient one.
    pub(crate) fail_after: u64,
}

/// Why a task stops.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    pub(crate) at: Instant,
}

/// A task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) cluster: String,
    pub(crate) cluster_arn: String,
    pub(crate) family: String,
    pub(crate) definition_arn: String,
    pub(crate) placement: Option<Placement>,
    pub(crate) started_by: Option<String>,
    pub(crate) group: String,
    /// Members of the answer that stay what they were at the start: launch type, sizes, overrides, tags.
    pub(crate) constant: Value,
    pub(crate) containers: Vec<Container>,
    pub(crate) interface: Option<Interface>,
    pub(crate) behaviour: Tasks,
    pub(crate) phase: Phase,
    /// When the phase ends by itself.
    pub(crate) due: Option<Instant>,
    pub(crate) health_at: Option<Instant>,
    pub(crate) target_at: Option<Instant>,
    /// When a task without any check has run long enough to count as started well.
    pub(crate) proven_at: Option<Instant>,
    pub(crate) checks: Option<Checks>,
    /// What the container health checks say; Unknown where there are none.
    pub(crate) health: Health,
    pub(crate) target: Option<Target>,
    /// Milliseconds from RUNNING during which the service scheduler ignores failed checks.
    pub(crate) grace: u64,
    pub(crate) stop: Option<Stop>,
    pub(crate) created_at: Instant,
    pub(crate) pull_started_at: Option<Instant>,
    pub(crate) pull_stopped_at: Option<Instant>,
    pub(crate) started_at: Option<Instant>,
    pub(crate) execution_stopped_at: Option<Instant>,
    pub(crate) stopped_at: Option<Instant>,
    /// Lines that nobody has fetched yet.
    pub(crate) written: Vec<Line>,
    /// Whether its containers that run in earnest were asked for, and whether they were told to stop.
    pub(crate) begun: bool,
    pub(crate) ending: bool,
    /// Counts state changes, as DescribeTasks does.
    pub(crate) version: u64,
}

impl Container {
    /// What was found of it, where it runs in earnest and there is something to look at.
    pub(crate) fn probed(&self) -> Option<Health> {
        self.earnest.filter(|it| it.probed && self.essential).map(|it| it.health)
    }
}

impl Timed for Task {
    /// When something happens to it, if nobody stops it before.
    fn next(&self) -> Option<Instant> {
        let own = [self.due, self.health_at, self.target_at, self.proven_at].into_iter().flatten();
        own.chain(self.next_exit()).min()
    }
}

impl Task {
    /// When the next of its containers ends by itself.
    pub(crate) fn next_exit(&self) -> Option<Instant> {
        self.containers.iter().filter_map(|container| container.exit_at).min()
    }

    /// Whether its desired status is RUNNING.
    pub(crate) fn is_wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Whether the service scheduler counts it as healthy: RUNNING, and no check says otherwise or nothing yet.
    pub(crate) fn is_healthy(&self) -> bool {
        let checks = self.checks.is_none() || self.health == Health::Healthy;
        let target = self.target.as_ref().is_none_or(|target| target.health == Health::Healthy);
        self.phase == Phase::Running && self.is_wanted() && self.behaviour != Tasks::NeverStable && checks && target
    }

    pub(crate) fn enter(&mut self, phase: Phase, due: Option<Instant>) {
        self.phase = phase;
        self.due = due;
        self.version += 1;
    }

    /// Sends it towards STOPPED, from wherever it is. A task that is on its way there already stays on it.
    pub(crate) fn stop(&mut self, code: &'static str, reason: impl Into<String>, now: Instant) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(Stop { code, reason: reason.into(), at: now });
        (self.health_at, self.target_at, self.proven_at) = (None, None, None);
        self.containers.iter_mut().for_each(|container| container.exit_at = None);
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
}
