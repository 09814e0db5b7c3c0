//! What Elastic Load Balancing knows of a service's tasks.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::clock::Instant;
use crate::ecs::json::{list, text};
use crate::ecs::state::Ecs;
use crate::ecs::state::behaviour::Tasks;
use crate::ecs::state::task::{Health, Phase, Task};
use crate::ecs::timing::{self, after};

/// A task in a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub address: String,
    pub port: u64,
    pub zone: String,
    pub condition: Condition,
}

/// How a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Registered, and nothing is known of it yet.
    Checking,
    Healthy,
    Failing,
    /// Deregistered while its connections end.
    Draining,
}

impl Ecs {
    /// The targets of a group; the world has been advanced to this time before.
    pub(crate) fn targets_of(&self, group: &str, now: Instant) -> Vec<Registered> {
        let tasks = self.alive().filter_map(|(_, task)| {
            let target = task.target.as_ref().filter(|target| target.group == group)?;
            let zone = text(&task.constant, "availabilityZone").unwrap_or_default().to_owned();
            let condition = task.condition(now)?;
            Some(Registered { address: task.address(), port: target.port, zone, condition })
        });
        tasks.collect()
    }

    /// The ARNs of the target groups that services name, those for the other colour among them.
    pub(crate) fn target_groups(&self) -> BTreeSet<String> {
        let revisions = self.services.values().flat_map(|service| &service.revisions);
        let balancers = revisions.flat_map(|revision| list(&revision.given, "loadBalancers"));
        let named = |balancer: &Value| {
            let alternate = text(&balancer["advancedConfiguration"], "alternateTargetGroupArn");
            [text(balancer, "targetGroupArn"), alternate].map(|arn| arn.map(str::to_owned))
        };
        balancers.flat_map(named).flatten().collect()
    }
}

impl Task {
    /// None where it is not registered: not yet, or no more.
    fn condition(&self, now: Instant) -> Option<Condition> {
        match (self.phase, self.target.as_ref()?.health) {
            (Phase::Deactivating | Phase::Stopping, _) => Some(Condition::Draining),
            (Phase::Running, Health::Healthy) => Some(Condition::Healthy),
            (Phase::Running, Health::Unhealthy) => Some(Condition::Failing),
            // The load balancer knows before the service scheduler acts on it.
            (Phase::Running, Health::Unknown) if self.behaviour == Tasks::Unhealthy => {
                let failed = self.started_at.is_some_and(|at| after(at, timing::TARGET_INTERVAL) <= now);
                Some(if failed { Condition::Failing } else { Condition::Checking })
            }
            (Phase::Running, Health::Unknown) => Some(Condition::Checking),
            _ => None,
        }
    }
}
