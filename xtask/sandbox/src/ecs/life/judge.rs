//! What ends a deployment other than well: the circuit breaker, an alarm, a stop that was asked for; and the way back.

use crate::clock::Instant;
use crate::ecs::life::deploy::Way;
use crate::ecs::state::Ecs;
use crate::ecs::state::behaviour::Trouble;
use crate::ecs::state::revision::FROZEN;
use crate::ecs::state::rollout::{Progress, Rollback, Rollout};
use crate::ecs::state::service::{Service, State};
use crate::ecs::state::task::Phase;
use crate::ecs::timing::{self, after};

/// Why a rollout goes back.
struct Why<'a> {
    /// What turned it, as events name it.
    by: &'a str,
    why: &'a str,
}

impl Ecs {
    /// Starts what waits to be started, and ends what has failed or was asked to end.
    pub(super) fn judge(&mut self, service: &mut Service, at: Instant) {
        if let Some(current) = service.current_rollout() {
            match service.rollouts[current].progress {
                Progress::Pending => self.begin(service, current, at),
                Progress::Ongoing => self.watch_alarms(service, current, at),
                Progress::StopRequested => self.abort(service, current, at),
                Progress::RollbackRequested => {
                    service.rollouts[current].started_at.get_or_insert(at);
                    self.abandon(service, "ECS deployment stopped: a rollback was requested.", at);
                    let why = "Service deployment rollback was requested by a user.";
                    self.roll_back(service, current, Why { by: "ECS deployment", why }, at);
                }
                _ => {}
            }
        }
        self.watch_breaker(service, at);
    }

    fn begin(&mut self, service: &mut Service, current: usize, at: Instant) {
        let rollout = &mut service.rollouts[current];
        rollout.progress = Progress::Ongoing;
        rollout.started_at = Some(at);
        rollout.updated_at = at;
        if let Some(shift) = &mut rollout.shift {
            shift.entered_at = at;
        }
        self.open_hooks(service, current, at);
        service.look_by(after(at, timing::SCHEDULER));
    }

    fn watch_alarms(&mut self, service: &mut Service, current: usize, at: Instant) {
        let rollout = &service.rollouts[current];
        let Some((names, rolls_back)) = rollout.alarms() else { return };
        let Some(due) = rollout.troubles.iter().find_map(|trouble| alarm_in(rollout, trouble)) else { return };
        if due > at {
            return service.look_by(due);
        }
        let Some(name) = names.first().map(|name| (*name).to_owned()) else { return };
        let id = service.deployments.first().map(|it| it.id.clone()).unwrap_or_default();
        service.tell(&format!("(deployment {id}) deployment failed: alarm detected."), at);
        let why = format!("one or more alarms were triggered: {name}.");
        service.rollouts[current].triggered.push(name);
        let failure = Failure { why: &why, by: "ECS deployment alarm", state: "alarm detected.", rolls_back };
        self.give_up(service, current, &failure, at);
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
        service.tell(&format!("(deployment {}) deployment failed: tasks failed to start.", primary.id), at);
        let failure = Failure {
            why: "the circuit breaker threshold was exceeded.",
            by: "ECS deployment circuit breaker",
            state: "tasks failed to start.",
            rolls_back,
        };
        if primary.rolls_back {
            self.abandon(service, &failure.reason(), at);
            let reason = format!("Service deployment rollback failed because {}", failure.why);
            service.rollouts[primary.rollout].finish(Progress::RollbackFailed, Some(&reason), at);
            return;
        }
        self.give_up(service, primary.rollout, &failure, at);
    }

    /// Ends a deployment that has failed: back, or where it is.
    pub(super) fn give_up(&mut self, service: &mut Service, current: usize, failure: &Failure, at: Instant) {
        self.abandon(service, &failure.reason(), at);
        if failure.rolls_back {
            let why = format!("Service deployment rolled back because {}", failure.why);
            return self.roll_back(service, current, Why { by: failure.by, why: &why }, at);
        }
        let why = format!("Service deployment stopped because {}", failure.why);
        service.rollouts[current].finish(Progress::Stopped, Some(&why), at);
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
            .alive_of(&service.key)
            .filter(|(_, task)| task.started_by.as_deref() == Some(&id) && task.is_wanted())
            .filter(|(_, task)| task.phase < Phase::Running)
            .map(|(number, _)| number)
            .collect();
        self.stop_pending(service, &pending, &id, at);
    }

    /// The PRIMARY is the last revision that completed again, within the same service deployment.
    fn roll_back(&mut self, service: &mut Service, rollout: usize, Why { by, why }: Why<'_>, at: Instant) {
        service.rollouts[rollout].updated_at = at;
        let Some(revision) = service.completed else {
            let reason = "No rollback candidate was found to run the rollback.";
            service.rollouts[rollout].finish(Progress::RollbackFailed, Some(reason), at);
            return;
        };
        // Where traffic was shifted, the old tasks still run, and are the PRIMARY's again.
        let kept = service.rollouts[rollout].shift.is_some() && service.reopen(revision, rollout, at);
        if !kept {
            self.open(service, rollout, Way::BackTo(revision), at);
        }
        let id = service.deployments[0].id.clone();
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
        if let Some(shift) = &mut rollout.shift {
            shift.turn_back(at);
        }
        service.tell(&format!("rolling back to deployment {id}."), at);
        service.look_by(after(at, timing::SCHEDULER));
    }
}

/// What a deployment failed of.
pub(super) struct Failure<'a> {
    /// As it ends the sentences `Service deployment rolled back because …`.
    pub(super) why: &'a str,
    /// What found it out.
    pub(super) by: &'a str,
    /// As `rolloutStateReason` has it.
    pub(super) state: &'a str,
    pub(super) rolls_back: bool,
}

impl Failure<'_> {
    fn reason(&self) -> String {
        format!("{}: {}", self.by, self.state)
    }
}

impl Service {
    /// Makes the deployment of a revision that still has tasks the PRIMARY again, if there is one.
    fn reopen(&mut self, revision: usize, rollout: usize, at: Instant) -> bool {
        let Some(place) = self.deployments.iter().position(|it| it.revision == revision) else { return false };
        let mut deployment = self.deployments.remove(place);
        (deployment.rollout, deployment.rolls_back, deployment.state) = (rollout, true, State::InProgress);
        (deployment.failed_tasks, deployment.failed_starts, deployment.start_after) = (0, 0, None);
        (deployment.steady_since, deployment.announced, deployment.updated_at) = (None, false, at);
        self.deployments.insert(0, deployment);
        true
    }
}

/// When an alarm goes off that is to trouble a rollout; None: not yet, or never.
fn alarm_in(rollout: &Rollout, trouble: &Trouble) -> Option<Instant> {
    let Trouble::Alarm { stage } = trouble else { return None };
    let begun = match (stage, &rollout.shift) {
        (None, _) => rollout.started_at,
        (Some(stage), Some(shift)) => (shift.stage.word() == stage).then_some(shift.entered_at),
        (Some(_), None) => None,
    };
    Some(after(begun?, timing::ALARM))
}
