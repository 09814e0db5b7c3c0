//! What happens next: tasks live and die, deployments go forward and back.

use super::state::Ecs;
use crate::clock::Instant;

mod checks;
mod command;
mod deploy;
mod earnest;
mod failures;
mod judge;
mod pull;
mod schedule;
mod shift;
mod speech;
mod task;

pub use pull::Images;
pub(crate) use task::{Order, constant};

impl Ecs {
    /// Lets every discrete event up to `now` happen, in order: task life cycle, health, breaker, rollbacks, events.
    pub fn advance(&mut self, now: Instant, images: &dyn Images) {
        if self.earnest {
            self.hand_over(now);
        }
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            for id in self.tasks.due(at) {
                self.step(id, at, images);
            }
            for key in self.services.due(at) {
                self.look(&key, at);
            }
            if self.earnest {
                self.hand_over(at);
            }
        }
        while let Some(number) = self.roll.seen_last(now) {
            if let Some(task) = self.tasks.remove(&number) {
                self.roll.forget(number, &task.id, task.placement.as_ref().map(|it| &it.key));
            }
        }
    }

    /// When the next discrete event is due, so that a server can serve waits well. None: nothing is planned.
    pub fn next_event(&self) -> Option<Instant> {
        self.tasks.first().into_iter().chain(self.services.first()).min()
    }
}
