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
            let due: Vec<u64> = self.alive().filter(|(_, task)| task.next() == Some(at)).map(|(id, _)| id).collect();
            for id in due {
                self.step(id, at, images);
            }
            let due: Vec<_> =
                self.services.iter().filter(|(_, it)| it.look_at == Some(at)).map(|(key, _)| key.clone()).collect();
            for key in due {
                self.look(&key, at);
            }
            if self.earnest {
                self.hand_over(at);
            }
        }
        let roll = &mut self.roll;
        self.tasks.retain(|_, task| {
            let visible = task.visible(now);
            if !visible {
                roll.forget(&task.id);
            }
            visible
        });
    }

    /// When the next discrete event is due, so that a server can serve waits well. None: nothing is planned.
    pub fn next_event(&self) -> Option<Instant> {
        let tasks = self.alive().filter_map(|(_, task)| task.next());
        let services = self.services.values().filter_map(|service| service.look_at);
        tasks.chain(services).min()
    }
}
