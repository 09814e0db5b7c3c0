//! What a deployment's tasks make of it: failures are counted and forgiven, and it completes.

use crate::clock::Instant;
use crate::ecs::state::rollout::Progress;
use crate::ecs::state::service::{Service, State};
use crate::ecs::timing::{self, after};

impl Service {
    /// A task of this deployment failed before the deployment completed. `start`: it never became RUNNING.
    ///
    /// A container that exits soon after its start counts too, as it does on ECS (a loop of `exit 1` trips the breaker
    /// although each task was RUNNING for a moment); see [`Service::forgive`] for what is soon.
    pub(crate) fn count_failure(&mut self, deployment: &str, start: bool, at: Instant) {
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

    /// A task of this deployment has become healthy. Unless `resetOnHealthyTask` is off, failures are counted in a row:
    /// the count starts again.
    pub(crate) fn forgive(&mut self, deployment: &str) {
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

    /// The PRIMARY has got what it wanted: it completed, and so did the rollout.
    pub(crate) fn complete(&mut self, at: Instant) {
        let Some(primary) = self.deployments.first_mut().filter(|it| it.state == State::InProgress) else { return };
        primary.state = State::Completed;
        primary.reason = format!("ECS deployment {} completed.", primary.id);
        primary.updated_at = at;
        let (id, rollout, rolls_back) = (primary.id.clone(), primary.rollout, primary.rolls_back);
        self.completed = Some(primary.revision);
        let progress = if rolls_back { Progress::RollbackSuccessful } else { Progress::Successful };
        self.rollouts[rollout].finish(progress, None, at);
        self.tell(&format!("(deployment {id}) deployment completed."), at);
    }
}
