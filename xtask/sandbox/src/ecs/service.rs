//! What a service is made of: revisions, deployments, service deployments, events.

use std::collections::VecDeque;

use serde_json::Value;

use super::json::text;
use super::revision::Revision;
use super::rollout::Rollout;
use super::task::after;
use super::timing;
use crate::clock::Instant;

/// A service's cluster and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) cluster: String,
    pub(super) name: String,
}

/// A service's own state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Active,
    Draining,
    Inactive,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    InProgress,
    Completed,
    Failed,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// An entry of `deployments[]`.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    /// `ecs-svc/N`.
    pub(super) id: String,
    /// Index into the service's revisions.
    pub(super) revision: usize,
    /// Index into the service's rollouts: the service deployment it belongs to.
    pub(super) rollout: usize,
    /// Whether it takes that rollout back.
    pub(super) rolls_back: bool,
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) failed_tasks: u64,
    /// Tasks in a row that never became RUNNING; the scheduler slows down.
    pub(super) failed_starts: u64,
    /// No start before this.
    pub(super) start_after: Option<Instant>,
    /// Since when the counts have been as they should be.
    pub(super) steady_since: Option<Instant>,
    /// Whether "has reached a steady state" has been said since the last disturbance.
    pub(super) announced: bool,
    pub(super) created_at: Instant,
    pub(super) updated_at: Instant,
}

/// An entry of `events[]`.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Instant,
    pub(super) message: String,
}

/// A service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) key: Key,
    pub(super) arn: String,
    pub(super) status: Status,
    pub(super) desired: u64,
    /// The members of CreateService and UpdateService that describe it, as they are now, `taskDefinition` as an ARN.
    pub(super) given: Value,
    pub(super) token: Option<String>,
    pub(super) created_at: Instant,
    pub(super) created_by: String,
    pub(super) revisions: Vec<Revision>,
    /// The PRIMARY first.
    pub(super) deployments: Vec<Deployment>,
    /// Oldest first.
    pub(super) rollouts: Vec<Rollout>,
    /// Index of the revision that a rollback goes to: that of the last deployment that completed.
    pub(super) completed: Option<usize>,
    /// Newest first.
    pub(super) events: VecDeque<Event>,
    told: u64,
    /// When the service scheduler looks next.
    pub(super) look_at: Option<Instant>,
}

impl Service {
    pub(super) fn new(key: Key, arn: String, given: Value, desired: u64, created_by: &str, now: Instant) -> Self {
        Self {
            token: text(&given, "clientToken").map(str::to_owned),
            key,
            arn,
            status: Status::Active,
            desired,
            given,
            created_at: now,
            created_by: created_by.to_owned(),
            revisions: Vec::new(),
            deployments: Vec::new(),
            rollouts: Vec::new(),
            completed: None,
            events: VecDeque::new(),
            told: 0,
            look_at: None,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Has the scheduler look at the service at this time at the latest.
    pub(super) fn look_by(&mut self, at: Instant) {
        self.look_at = Some(self.look_at.map_or(at, |planned| planned.min(at)));
    }

    /// A service event: `(service NAME) …`.
    pub(super) fn tell(&mut self, what: &str, at: Instant) {
        self.told += 1;
        // A UUID's shape is all that clients expect.
        let id = format!("{:08x}-0000-4000-8000-{:012x}", at.0 & 0xffff_ffff, self.told);
        self.events.push_front(Event { id, at, message: format!("(service {}) {what}", self.key.name) });
        self.events.truncate(timing::EVENTS);
    }

    /// A service event that is not repeated while it is the latest of its words.
    pub(super) fn tell_once(&mut self, what: &str, at: Instant) {
        let message = format!("(service {}) {what}", self.key.name);
        let kind: String = what.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
        let latest = self.events.iter().find(|event| event.message.contains(&kind));
        if latest.is_none_or(|event| event.message != message) {
            self.tell(what, at);
        }
    }

    /// A task of this deployment failed before the deployment completed. `start`: it never became RUNNING.
    ///
    /// A container that exits soon after its start counts too, as it does on ECS (a loop of `exit 1` trips the breaker
    /// although each task was RUNNING for a moment); see [`Service::forgive`] for what is soon.
    pub(super) fn count_failure(&mut self, deployment: &str, start: bool, at: Instant) {
        let mut slow = false;
        if let Some(it) = self.deployments.iter_mut().find(|it| it.id == deployment) {
            if it.state == State::InProgress {
                it.failed_tasks += 1;
                it.updated_at = at;
            }
            it.failed_starts = if start { it.failed_starts + 1 } else { 0 };
            if it.failed_starts > timing::PATIENCE {
                let doublings = (it.failed_starts - timing::PATIENCE - 1).min(20);
                let pause = (timing::FIRST_PAUSE << doublings).min(timing::LONGEST_PAUSE);
                it.start_after = Some(after(at, pause));
                slow = true;
            }
        }
        if slow {
            self.tell_once("is unable to consistently start tasks successfully.", at);
        }
        self.look_by(at);
    }

    /// The lower and the upper bound of the tasks during a deployment: so many must be healthy, so many may be there.
    /// `minimumHealthyPercent` is rounded up, `maximumPercent` down (ECS API reference, `DeploymentConfiguration`).
    pub(super) fn bounds(&self) -> (u64, u64) {
        let percent = |member| self.given["deploymentConfiguration"].get(member).and_then(Value::as_u64);
        let minimum = percent("minimumHealthyPercent").unwrap_or(100);
        let maximum = percent("maximumPercent").unwrap_or(200);
        ((self.desired * minimum).div_ceil(100), self.desired * maximum / 100)
    }

    /// Whether the circuit breaker is on, and whether it rolls back.
    pub(super) fn breaker(&self) -> (bool, bool) {
        let breaker = &self.given["deploymentConfiguration"]["deploymentCircuitBreaker"];
        let flag = |member| breaker.get(member).and_then(Value::as_bool).unwrap_or(false);
        (flag("enable"), flag("enable") && flag("rollback"))
    }

    /// Failed tasks that trip the circuit breaker; by default half the desired count, at least 3, at most 200 (ECS API
    /// reference, `ThresholdConfiguration`).
    pub(super) fn threshold(&self) -> u64 {
        let threshold = &self.given["deploymentConfiguration"]["deploymentCircuitBreaker"]["thresholdConfiguration"];
        let value = threshold["value"].as_u64().unwrap_or(50);
        let percent = (self.desired * value).div_ceil(100);
        match threshold["type"].as_str() {
            Some("COUNT") => value,
            Some("UNBOUNDED_PERCENT") => percent.max(1),
            _ => percent.clamp(3, 200),
        }
    }

    /// A task of this deployment has become healthy. Unless `resetOnHealthyTask` is off, failures are counted in a row:
    /// the count starts again.
    pub(super) fn forgive(&mut self, deployment: &str) {
        let breaker = &self.given["deploymentConfiguration"]["deploymentCircuitBreaker"];
        let resets = breaker["resetOnHealthyTask"] != false;
        if let Some(it) = self.deployments.iter_mut().find(|it| it.id == deployment && it.state == State::InProgress) {
            it.failed_starts = 0;
            it.start_after = None;
            if resets {
                it.failed_tasks = 0;
            }
        }
    }
}
