//! The service scheduler: how many tasks of which deployment, within the bounds of the deployment configuration.

use serde_json::Value;

use super::shift::Counts;
use super::task::{Order, constant};
use crate::clock::Instant;
use crate::ecs::state::Ecs;
use crate::ecs::state::key::Key;
use crate::ecs::state::rollout::Snapshot;
use crate::ecs::state::service::{Deployment, Service, State, Status};
use crate::ecs::state::shift::Stage;
use crate::ecs::state::task::{Health, Phase, Placement, Target};
use crate::ecs::timing::{self, after};

/// The tasks of a service that are to run, by what the scheduler may do with them. Numbers, oldest first.
#[derive(Default)]
struct Census {
    /// Of the PRIMARY, healthy.
    healthy: Vec<u64>,
    /// Of the PRIMARY, not healthy yet.
    coming: Vec<u64>,
    /// Of other deployments, healthy.
    old: Vec<u64>,
    /// Of other deployments, not healthy.
    useless: Vec<u64>,
    /// Of other deployments, on their way to STOPPED.
    leaving: usize,
}

impl Census {
    /// The PRIMARY's tasks that serve or will.
    fn present(&self) -> u64 {
        (self.healthy.len() + self.coming.len()) as u64
    }

    fn counts(&self) -> Counts {
        let others = self.old.len() + self.useless.len() + self.leaving;
        Counts { healthy: self.healthy.len() as u64, others: others as u64 }
    }
}

impl Ecs {
    /// The scheduler looks at a service.
    pub(crate) fn look(&mut self, key: &Key, at: Instant) {
        let Some(mut service) = self.services.remove(key) else { return };
        service.look_at = None;
        match service.status {
            Status::Active => {
                self.judge(&mut service, at);
                let counts = self.census(&service).counts();
                self.shift(&mut service, counts, at);
                self.balance(&mut service, at);
                self.settle(&mut service, at);
            }
            Status::Draining => self.drain(&mut service, at),
            Status::Inactive => {}
        }
        self.forget(&mut service);
        self.services.insert(key.clone(), service);
    }

    fn census(&self, service: &Service) -> Census {
        let mut census = Census::default();
        let primary = service.deployments.first().map(|it| it.id.as_str());
        for (number, task) in self.alive_of(&service.key).filter(|(_, task)| task.phase != Phase::Stopped) {
            let is_primary = task.started_by.as_deref() == primary;
            match (task.is_wanted(), is_primary, task.is_healthy()) {
                (true, true, true) => census.healthy.push(number),
                (true, true, false) => census.coming.push(number),
                (true, false, true) => census.old.push(number),
                (true, false, false) => census.useless.push(number),
                (false, false, _) => census.leaving += 1,
                (false, true, _) => {}
            }
        }
        census
    }

    /// Stops what is too much and starts what is missing, as far as the bounds allow.
    fn balance(&mut self, service: &mut Service, at: Instant) {
        let Some(primary) = service.deployments.first().cloned() else { return };
        // A failed deployment launches nothing, and what still serves is left alone.
        if primary.state == State::Failed {
            return;
        }
        if let Some(stage) = service.shifting().map(|shift| shift.stage) {
            return self.balance_colours(service, &primary, stage, at);
        }
        let (lower, upper) = service.bounds();
        let census = self.census(service);
        self.stop_tasks(service, &census.useless, &primary.id, at);

        let present = census.present();
        let mut room = upper.saturating_sub(present + census.old.len() as u64);
        let wanted = wanted(service, &primary, present, at);

        // Old tasks go as new ones become healthy, or earlier to make room, and never below the lower bound.
        let all_healthy = (census.healthy.len() + census.old.len()) as u64;
        let spare = all_healthy.saturating_sub(lower);
        let surplus = all_healthy.saturating_sub(service.desired).max(wanted.saturating_sub(room));
        let surplus = if primary.cleans_up { all_healthy } else { surplus };
        let stops = surplus.min(spare).min(census.old.len() as u64);
        self.stop_running(service, first(&census.old, stops), &primary.id, at);
        room += stops;

        self.scale_in(service, &census, &primary.id, at);
        let starts = wanted.min(room);
        if starts > 0 {
            self.start(service, starts, at);
        } else if wanted > 0 && stops == 0 && census.leaving == 0 && census.coming.is_empty() {
            service.tell_once(
                "was unable to stop or start tasks during a deployment because of the service deployment configuration. \
                 Update the minimumHealthyPercent or maximumPercent value and try again.",
                at,
            );
        }
    }

    /// The same where traffic is shifted: both revisions have what they want, and the one that is left goes at the end.
    fn balance_colours(&mut self, service: &mut Service, primary: &Deployment, stage: Stage, at: Instant) {
        let census = self.census(service);
        let wanted = wanted(service, primary, census.present(), at);
        if wanted > 0 && (stage >= Stage::ScaleUp || primary.rolls_back) {
            self.start(service, wanted, at);
        }
        self.scale_in(service, &census, &primary.id, at);
        if stage == Stage::CleanUp {
            self.stop_tasks(service, &[census.old, census.useless].concat(), &primary.id, at);
        }
    }

    /// Scaled in: those that do not serve yet go first, then the oldest.
    fn scale_in(&mut self, service: &mut Service, census: &Census, by: &str, at: Instant) {
        let excess = census.present().saturating_sub(service.desired);
        let coming = first(&census.coming, excess);
        self.stop_tasks(service, coming, by, at);
        let rest = excess - coming.len() as u64;
        self.stop_running(service, first(&census.healthy, rest), by, at);
    }

    fn stop_tasks(&mut self, service: &mut Service, numbers: &[u64], by: &str, at: Instant) {
        let (starting, running): (Vec<u64>, Vec<u64>) =
            numbers.iter().partition(|number| self.tasks[*number].phase < Phase::Running);
        self.stop_pending(service, &starting, by, at);
        self.stop_running(service, &running, by, at);
    }

    fn start(&mut self, service: &mut Service, count: u64, at: Instant) {
        let primary = service.deployments[0].clone();
        let revision = &service.revisions[primary.revision];
        let definition = revision.given["taskDefinition"].as_str().unwrap_or_default().to_owned();
        let network = revision.given["networkConfiguration"].clone();
        let mut constant = constant(&revision.given, &service.given);
        if service.given["propagateTags"] == "SERVICE" {
            let tags = self.tags.get(&service.arn).cloned().unwrap_or_default();
            constant["tags"] = Value::Array(tags);
        }
        let target = service.target(primary.revision);
        let grace = service.given.get("healthCheckGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(0);
        let mut names = Vec::new();
        for _ in 0..count {
            let number = self.start_task(
                Order {
                    cluster: service.key.cluster.clone(),
                    definition: definition.clone(),
                    placement: Some(Placement {
                        key: service.key.clone(),
                        deployment: primary.id.clone(),
                        revision: primary.revision,
                    }),
                    started_by: Some(primary.id.clone()),
                    group: service.key.kind().0.to_owned() + ":" + service.key.kind().1,
                    constant: constant.clone(),
                    target: target.clone().map(|(group, port)| Target { group, port, health: Health::Unknown }),
                    grace: grace * 1000,
                    exits: None,
                    network: network.clone(),
                },
                at,
            );
            names.extend(number.map(|number| format!("(task {})", self.tasks[&number].id)));
        }
        service.tell(&format!("has started {} tasks: {}.", names.len(), names.join(" ")), at);
    }

    /// Stops RUNNING tasks, and says so.
    fn stop_running(&mut self, service: &mut Service, numbers: &[u64], by: &str, at: Instant) {
        if numbers.is_empty() {
            return;
        }
        let mut names = Vec::new();
        let mut targets: Vec<String> = Vec::new();
        for number in numbers {
            self.tasks.change(number, |task| {
                names.push(format!("(task {})", task.id));
                targets.extend(task.target.as_ref().map(|target| target.group.clone()));
                task.stop("ServiceSchedulerInitiated", format!("Scaling activity initiated by (deployment {by})"), at);
            });
        }
        if let Some(group) = targets.first() {
            service.tell(&format!("deregistered {} targets in (target-group {group})", targets.len()), at);
            service.tell(&format!("has begun draining connections on {} tasks.", targets.len()), at);
        }
        service.tell(&format!("has stopped {} running tasks: {}.", names.len(), names.join(" ")), at);
    }

    /// Stops tasks that are not RUNNING yet, and says so.
    pub(crate) fn stop_pending(&mut self, service: &mut Service, numbers: &[u64], by: &str, at: Instant) {
        if numbers.is_empty() {
            return;
        }
        for number in numbers {
            let reason = format!("Scaling activity initiated by (deployment {by})");
            self.tasks.change(number, |task| task.stop("ServiceSchedulerInitiated", reason, at));
        }
        service.tell(&format!("stopped {} pending tasks.", numbers.len()), at);
    }

    /// Whether the service is where it is to be, and for how long.
    fn settle(&mut self, service: &mut Service, at: Instant) {
        if service.shifting().is_some() {
            return;
        }
        let census = self.census(service);
        self.succeed_early(service, &census, at);
        let desired = service.desired;
        let here = census.healthy.len() as u64 == desired
            && census.coming.is_empty()
            && census.old.is_empty()
            && census.useless.is_empty()
            && census.leaving == 0;
        let watched = service.current_rollout().map_or(0, |current| service.rollouts[current].watched());
        let Some(primary) = service.deployments.first_mut().filter(|it| it.state != State::Failed) else { return };
        if !here {
            primary.steady_since = None;
            primary.announced = false;
            return;
        }
        let since = *primary.steady_since.get_or_insert(at);
        // Nothing can become unstable where nothing runs.
        let settled = if desired == 0 { at } else { after(since, timing::STEADY) };
        let until = settled.max(after(since, watched));
        if until > at {
            return service.look_by(until);
        }
        if !primary.announced {
            primary.announced = true;
            service.complete(at);
            service.tell("has reached a steady state.", at);
        }
    }

    /// Completes a deployment whose criteria of early success are met, before it has all that it wants.
    fn succeed_early(&mut self, service: &mut Service, census: &Census, at: Instant) {
        let Some(current) = service.current_rollout() else { return };
        let rollout = &service.rollouts[current];
        let (criteria, watched) = (rollout.configuration["earlySuccessCriteria"].clone(), rollout.watched());
        let desired = service.desired;
        let Some(primary) = service.deployments.first_mut() else { return };
        if criteria["enable"] != true || primary.state != State::InProgress || primary.rolls_back || desired == 0 {
            return;
        }
        // Rounded up, and at least one (ECS Developer Guide, "Complete Amazon ECS rolling deployments early").
        let enough = (desired * criteria["healthyPercent"].as_u64().unwrap_or(100)).div_ceil(100).max(1);
        if (census.healthy.len() as u64) < enough {
            primary.early_since = None;
            return;
        }
        let until = after(*primary.early_since.get_or_insert(at), watched);
        if until > at {
            return service.look_by(until);
        }
        if !primary.cleans_up {
            primary.cleans_up = true;
            service.look_by(after(at, timing::SCHEDULER));
        }
        if criteria["sourceServiceRevisionCleanup"] == "DEFERRED" || census.counts().others == 0 {
            let rollout = &service.rollouts[current];
            let counts = |revision: &usize| self.revision_counts(service, *revision, None);
            let sources = rollout.sources.iter().map(counts).collect();
            let target = self.revision_counts(service, rollout.target, Some(desired));
            service.rollouts[current].snapshot = Some(Snapshot { sources, target });
            service.complete(at);
        }
    }

    fn drain(&mut self, service: &mut Service, at: Instant) {
        let wanted: Vec<u64> =
            self.alive_of(&service.key).filter(|(_, task)| task.is_wanted()).map(|(number, _)| number).collect();
        let by = service.deployments.first().map(|it| it.id.clone()).unwrap_or_default();
        let (starting, running): (Vec<u64>, Vec<u64>) =
            wanted.iter().partition(|number| self.tasks[*number].phase < Phase::Running);
        self.stop_pending(service, &starting, &by, at);
        self.stop_running(service, &running, &by, at);
        if self.alive_of(&service.key).all(|(_, task)| task.phase == Phase::Stopped) {
            service.status = Status::Inactive;
            service.deployments.clear();
        }
    }

    /// A deployment that is not PRIMARY and has no task left is no longer shown.
    fn forget(&mut self, service: &mut Service) {
        let alive: Vec<String> = self
            .alive_of(&service.key)
            .filter(|(_, task)| task.phase != Phase::Stopped)
            .filter_map(|(_, task)| task.started_by.clone())
            .collect();
        let mut first = true;
        service.deployments.retain(|it| std::mem::take(&mut first) || alive.contains(&it.id));
    }
}

/// How many tasks the PRIMARY is short of, unless it has to wait with them.
fn wanted(service: &mut Service, primary: &Deployment, present: u64, at: Instant) -> u64 {
    match primary.start_after.filter(|after| *after > at) {
        Some(later) => {
            service.look_by(later);
            0
        }
        None => service.desired.saturating_sub(present),
    }
}

fn first(numbers: &[u64], count: u64) -> &[u64] {
    &numbers[..numbers.len().min(usize::try_from(count).unwrap_or(usize::MAX))]
}
