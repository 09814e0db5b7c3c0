//! What a service is made of: revisions, deployments, service deployments, events.

use super::agenda::Timed;
use std::collections::VecDeque;

use serde_json::Value;

use super::key::Key;
use super::revision::Revision;
use super::rollout::Rollout;
use super::shift::Shift;
use crate::clock::Instant;
use crate::ecs::json::{list, text};
use crate::ecs::timing;

/// A service's own state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Active,
    Draining,
    Inactive,
}

impl Status {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    InProgress,
    Completed,
    Failed,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// An entry of `deployments[]`.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    /// `ecs-svc/N`.
    pub(crate) id: String,
    /// Index into the service's revisions.
    pub(crate) revision: usize,
    /// Index into the service's rollouts: the service deployment it belongs to.
    pub(crate) rollout: usize,
    /// Whether it takes that rollout back.
    pub(crate) rolls_back: bool,
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) failed_tasks: u64,
    /// Tasks in a row that never became RUNNING; the scheduler slows down.
    pub(crate) failed_starts: u64,
    /// No start before this.
    pub(crate) start_after: Option<Instant>,
    /// Since when the counts have been as they should be.
    pub(crate) steady_since: Option<Instant>,
    /// Since when the criteria of an early success have held, and whether old tasks go at once because of it.
    pub(crate) early_since: Option<Instant>,
    pub(crate) cleans_up: bool,
    /// Whether "has reached a steady state" has been said since the last disturbance.
    pub(crate) announced: bool,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

/// An entry of `events[]`.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) at: Instant,
    pub(crate) message: String,
}

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) key: Key,
    pub(crate) arn: String,
    pub(crate) status: Status,
    pub(crate) desired: u64,
    /// The members of CreateService and UpdateService that describe it, as they are now, `taskDefinition` as an ARN.
    pub(crate) given: Value,
    pub(crate) token: Option<String>,
    /// What only an Express service has: members of CreateExpressGatewayService.
    pub(crate) express: Option<Value>,
    pub(crate) created_at: Instant,
    pub(crate) created_by: String,
    pub(crate) revisions: Vec<Revision>,
    /// The PRIMARY first.
    pub(crate) deployments: Vec<Deployment>,
    /// Oldest first.
    pub(crate) rollouts: Vec<Rollout>,
    /// Index of the revision that a rollback goes to: that of the last deployment that completed.
    pub(crate) completed: Option<usize>,
    /// Newest first.
    pub(crate) events: VecDeque<Event>,
    told: u64,
    /// When the service scheduler looks next.
    pub(crate) look_at: Option<Instant>,
}

impl Timed for Service {
    fn next(&self) -> Option<Instant> {
        self.look_at
    }
}

impl Service {
    /// Without tasks, for now.
    pub(crate) fn new(key: Key, arn: String, given: Value, created_by: &str, now: Instant) -> Self {
        Self {
            token: text(&given, "clientToken").map(str::to_owned),
            key,
            arn,
            express: None,
            status: Status::Active,
            desired: 0,
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

    pub(crate) fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Whether it runs one task on each container instance.
    pub(crate) fn is_daemon(&self) -> bool {
        self.given["schedulingStrategy"] == "DAEMON"
    }

    /// Has the scheduler look at the service at this time at the latest.
    pub(crate) fn look_by(&mut self, at: Instant) {
        self.look_at = Some(self.look_at.map_or(at, |planned| planned.min(at)));
    }

    /// A service event: `(service NAME) …`.
    pub(crate) fn tell(&mut self, what: &str, at: Instant) {
        self.told += 1;
        // A UUID's shape is all that clients expect.
        let id = format!("{:08x}-0000-4000-8000-{:012x}", at.0 & 0xffff_ffff, self.told);
        self.events.push_front(Event { id, at, message: format!("(service {}) {what}", self.key.name) });
        self.events.truncate(timing::EVENTS);
    }

    /// A service event that is not repeated while it is the latest of its words.
    pub(crate) fn tell_once(&mut self, what: &str, at: Instant) {
        let message = format!("(service {}) {what}", self.key.name);
        let kind: String = what.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
        let latest = self.events.iter().find(|event| event.message.contains(&kind));
        if latest.is_none_or(|event| event.message != message) {
            self.tell(what, at);
        }
    }

    /// The lower and the upper bound of the tasks during a deployment: so many must be healthy, so many may be there.
    /// `minimumHealthyPercent` is rounded up, `maximumPercent` down (ECS API reference, `DeploymentConfiguration`).
    pub(crate) fn bounds(&self) -> (u64, u64) {
        let percent = |member| self.given["deploymentConfiguration"].get(member).and_then(Value::as_u64);
        let minimum = percent("minimumHealthyPercent").unwrap_or(100);
        let maximum = percent("maximumPercent").unwrap_or(200);
        ((self.desired * minimum).div_ceil(100), self.desired * maximum / 100)
    }

    /// Whether the circuit breaker is on, and whether it rolls back.
    pub(crate) fn breaker(&self) -> (bool, bool) {
        let breaker = &self.given["deploymentConfiguration"]["deploymentCircuitBreaker"];
        let flag = |member| breaker.get(member).and_then(Value::as_bool).unwrap_or(false);
        (flag("enable"), flag("enable") && flag("rollback"))
    }

    /// Failed tasks that trip the circuit breaker; by default half the desired count, at least 3, at most 200 (ECS API
    /// reference, `ThresholdConfiguration`).
    pub(crate) fn threshold(&self) -> u64 {
        let threshold = &self.given["deploymentConfiguration"]["deploymentCircuitBreaker"]["thresholdConfiguration"];
        let value = threshold["value"].as_u64().unwrap_or(50);
        let percent = (self.desired * value).div_ceil(100);
        match threshold["type"].as_str() {
            Some("COUNT") => value,
            Some("UNBOUNDED_PERCENT") => percent.max(1),
            _ => percent.clamp(3, 200),
        }
    }

    /// Index of the rollout that has not ended, if there is one.
    pub(crate) fn current_rollout(&self) -> Option<usize> {
        self.rollouts.iter().rposition(|rollout| !rollout.progress.is_final())
    }

    /// Where the traffic of the rollout is that has not ended; None where it shifts none.
    pub(crate) fn shifting(&self) -> Option<&Shift> {
        self.rollouts[self.current_rollout()?].shift.as_ref()
    }

    /// The load balancer's target group and port of a revision.
    pub(crate) fn target(&self, revision: usize) -> Option<(String, u64)> {
        let revision = &self.revisions[revision];
        let balancer = list(&revision.given, "loadBalancers").first()?;
        let port = balancer.get("containerPort").and_then(Value::as_u64).unwrap_or(80);
        Some((revision.group(balancer)?.to_owned(), port))
    }
}
