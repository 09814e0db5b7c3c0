//! Containers that run in earnest: what becomes of a task by what their programs do.

use serde_json::Value;

use super::checks::proven;
use crate::clock::Instant;
use crate::ecs::json::{list, text};
use crate::ecs::state::Ecs;
use crate::ecs::state::earnest::{Launch, News, Order};
use crate::ecs::state::log::Line;
use crate::ecs::state::service::Service;
use crate::ecs::state::task::{Checks, Container, Earnest, Ending, Health, Phase, Task};
use crate::ecs::timing::{self, after};

impl Ecs {
    /// Asks for what tasks have come to: containers to be started, and those to be stopped.
    pub(crate) fn hand_over(&mut self, at: Instant) {
        let earnest = |task: &&Task| task.containers.iter().any(|container| container.earnest.is_some());
        let due: Vec<u64> =
            self.tasks.iter().filter(|(_, task)| earnest(task) && task.is_owed()).map(|(number, _)| *number).collect();
        for number in due {
            let Some(mut task) = self.tasks.remove(&number) else { continue };
            if task.phase == Phase::Running && !task.begun {
                task.begun = true;
                self.orders.extend(self.launches(&mut task));
            }
            if task.phase == Phase::Stopping && !task.ending {
                task.ending = true;
                if task.begun {
                    self.orders.push(Order::Stop { task: task.id.clone() });
                }
            }
            // It stops when its programs have.
            if task.phase == Phase::Stopping {
                let runs = |it: &Container| {
                    it.earnest.is_some() && task.begun && it.exit_code.is_none() && it.reason.is_none()
                };
                task.due = if task.containers.iter().any(runs) { None } else { Some(task.due.unwrap_or(at).max(at)) };
            }
            self.tasks.insert(number, task);
        }
    }

    fn launches(&self, task: &mut Task) -> Vec<Order> {
        let described = self.definition(&task.definition_arn).map(|it| it.document.clone()).unwrap_or_default();
        let (mut orders, mut probed) = (Vec::new(), false);
        for container in &mut task.containers {
            let Some(earnest) = &mut container.earnest else { continue };
            let own = |it: &&Value| text(it, "name") == Some(container.name.as_str());
            let definition = list(&described, "containerDefinitions").iter().find(own).cloned().unwrap_or_default();
            let overrides = list(&task.constant["overrides"], "containerOverrides").iter().find(own);
            (container.ending, container.exit_at) = (None, None);
            earnest.probed =
                container.checked || definition["portMappings"].as_array().is_some_and(|it| !it.is_empty());
            probed |= earnest.probed && container.essential;
            orders.push(Order::Start(Box::new(Launch {
                task: task.id.clone(),
                name: container.name.clone(),
                image: container.image.clone(),
                digest: container.digest.clone().unwrap_or_default(),
                definition,
                overrides: overrides.cloned().unwrap_or_default(),
                memory: text(&described, "memory").map(str::to_owned),
            })));
        }
        if probed {
            (task.health_at, task.proven_at) = (None, None);
            task.checks = task.checks.or(Some(Checks { pass_after: 0, fail_after: 0 }));
        }
        orders
    }

    /// Notes what is told of a task's container.
    pub(crate) fn learn(&mut self, task: &str, container: &str, news: News, at: Instant) {
        let Some(number) = self.tasks.iter().find(|(_, it)| it.id == task).map(|(number, _)| *number) else { return };
        let Some(mut task) = self.tasks.remove(&number) else { return };
        let key = task.placement.as_ref().map(|it| it.key.clone());
        let mut service = key.as_ref().and_then(|key| self.services.remove(key));
        if let Some(place) = task.containers.iter().position(|it| it.name == container) {
            task.learn(place, news, service.as_mut(), at);
            task.version += 1;
        }
        self.written.append(&mut task.written);
        self.tasks.insert(number, task);
        if let (Some(key), Some(mut service)) = (key, service) {
            service.look_by(after(at, timing::SCHEDULER));
            self.services.insert(key, service);
        }
    }
}

impl Task {
    fn learn(&mut self, place: usize, news: News, service: Option<&mut Service>, at: Instant) {
        let running = self.phase == Phase::Running && self.stop.is_none();
        let container = &mut self.containers[place];
        match news {
            News::Wrote(lines) => {
                let Some(sink) = &container.log else { return };
                self.written.extend(lines.into_iter().map(|message| Line { sink: sink.clone(), at, message }));
            }
            News::Ended { code, reason } => {
                container.reason = reason;
                if running {
                    container.ending = Some(Ending { code, after: 0 });
                    container.exit_at = Some(at);
                } else {
                    container.exit_code = Some(code);
                }
            }
            News::Healthy(well) if running => {
                let health = if well { Health::Healthy } else { Health::Unhealthy };
                container.earnest = container.earnest.map(|it| Earnest { health, ..it });
                self.weigh(service, at);
            }
            News::Healthy(_) => {}
            News::NotStarted(reason) => {
                container.reason = Some(reason.clone());
                if running {
                    self.stop("TaskFailedToStart", reason, at);
                    if let (Some(service), Some(placement)) = (service, &self.placement) {
                        service.count_failure(&placement.deployment, true, at);
                    }
                }
            }
        }
    }

    /// Makes the task's health of that of its containers.
    fn weigh(&mut self, service: Option<&mut Service>, at: Instant) {
        let mut probed = self.containers.iter().filter(|it| it.probed().is_some());
        if probed.clone().all(|it| it.probed() == Some(Health::Healthy)) {
            if self.health != Health::Healthy {
                self.health = Health::Healthy;
                proven(self, service);
            }
        } else if let Some(ill) = probed.find(|it| it.probed() == Some(Health::Unhealthy)) {
            let counts = Some(at.max(after(self.started_at.unwrap_or(at), self.grace)));
            // Where nothing but a load balancer looks at it, that finds it out.
            if ill.checked || self.target.is_none() {
                self.health_at = counts;
            } else {
                self.target_at = counts;
            }
        }
    }
}

impl Task {
    /// Whether somebody has yet to be asked for something, or to be waited for.
    fn is_owed(&self) -> bool {
        (self.phase == Phase::Running && !self.begun) || self.phase == Phase::Stopping
    }
}
