//! What ends a deployment other than well: the circuit breaker, a stop that was asked for; and the way back.

use crate::clock::Instant;
use crate::ecs::state::Ecs;
use crate::ecs::state::revision::FROZEN;
use crate::ecs::state::rollout::{Progress, Rollback};
use crate::ecs::state::service::{Service, State};
use crate::ecs::state::task::Phase;

impl Ecs {
    /// Starts what waits to be started, and ends what has failed or was asked to end.
    pub(crate) fn judge(&mut self, service: &mut Service, at: Instant) {
        if let Some(current) = service.current_rollout() {
            let rollout = &mut service.rollouts[current];
            match rollout.progress {
                Progress::Pending => {
                    rollout.progress = Progress::Ongoing;
                    rollout.started_at = Some(at);
                    rollout.updated_at = at;
                }
                Progress::StopRequested => self.abort(service, current, at),
                Progress::RollbackRequested => {
                    service.rollouts[current].started_at.get_or_insert(at);
                    self.abandon(service, "ECS deployment stopped: a rollback was requested.", at);
                    self.roll_back(service, current, "Service deployment rollback was requested by a user.", None, at);
                }
                _ => {}
            }
        }
        self.watch_breaker(service, at);
    }

    fn watch_breaker(&mut self, service: &mut Service, at: Instant) {
        let threshold = service.threshold();
        let (enabled, rolls_back) = service.breaker();
        let Some(primary) = service.deployments.first().filter(|it| it.state == State::InProgress).cloned() else {
            return;
        };
        let rollout = &mut service.rollouts[primary.rollout];
        rollout.threshold = threshold;
        if !primary.rolls_back {
            rollout.failures = primary.failed_tasks;
        }
        if !enabled || primary.failed_tasks < threshold {
            return;
        }
        rollout.tripped = true;
        let reason = "ECS deployment circuit breaker: tasks failed to start.";
        service.tell(&format!("(deployment {}) deployment failed: tasks failed to start.", primary.id), at);
        self.abandon(service, reason, at);
        if primary.rolls_back {
            let reason = "Service deployment rollback failed because the circuit breaker threshold was exceeded.";
            service.rollouts[primary.rollout].finish(Progress::RollbackFailed, Some(reason), at);
        } else if rolls_back && service.completed.is_some() {
            let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
            self.roll_back(service, primary.rollout, reason, Some("ECS deployment circuit breaker"), at);
        } else {
            let reason = "Service deployment stopped because the circuit breaker threshold was exceeded.";
            service.rollouts[primary.rollout].finish(Progress::Stopped, Some(reason), at);
        }
    }

    fn abort(&mut self, service: &mut Service, rollout: usize, at: Instant) {
        self.abandon(service, "ECS deployment stopped: a stop was requested.", at);
        let reason = "Service deployment stop was requested by a user.";
        service.rollouts[rollout].finish(Progress::Stopped, Some(reason), at);
    }

    /// The PRIMARY starts nothing more, and its tasks that are not RUNNING yet are stopped.
    fn abandon(&mut self, service: &mut Service, reason: &str, at: Instant) {
        let Some(primary) = service.deployments.first_mut() else { return };
        primary.state = State::Failed;
        reason.clone_into(&mut primary.reason);
        primary.updated_at = at;
        let id = primary.id.clone();
        let pending: Vec<u64> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.started_by.as_deref() == Some(&id) && task.is_wanted())
            .filter(|(_, task)| task.placement.is_some() && task.phase < Phase::Running)
            .map(|(number, _)| *number)
            .collect();
        self.stop_pending(service, &pending, &id, at);
    }

    /// A new PRIMARY on the last revision that completed, within the same service deployment.
    fn roll_back(&mut self, service: &mut Service, rollout: usize, why: &str, by: Option<&str>, at: Instant) {
        service.rollouts[rollout].updated_at = at;
        let Some(revision) = service.completed else {
            let reason = format!("{why} No service revision has completed before that it could roll back to.");
            service.rollouts[rollout].finish(Progress::RollbackFailed, Some(&reason), at);
            return;
        };
        let id = self.open(service, revision, rollout, true, at);
        let by = by.unwrap_or("ECS deployment");
        service.deployments[0].reason = format!("{by}: rolling back to deploymentId {id}.");
        let frozen = service.revisions[revision].given.clone();
        if let Some(given) = service.given.as_object_mut() {
            for member in FROZEN {
                match frozen.get(member) {
                    Some(value) => given.insert(member.to_owned(), value.clone()),
                    None => given.shift_remove(member),
                };
            }
        }
        let rollout = &mut service.rollouts[rollout];
        rollout.progress = Progress::RollingBack;
        rollout.reason = Some(why.to_owned());
        rollout.rollback = Some(Rollback { reason: why.to_owned(), started_at: at, revision });
        service.tell(&format!("rolling back to deployment {id}."), at);
    }
}
