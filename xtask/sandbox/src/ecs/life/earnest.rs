//! Containers that run in earnest: what becomes of a task by what their programs do.

use serde_json::Value;

use super::checks::proven;
use crate::clock::Instant;
use crate::ecs::json::{list, text};
use crate::ecs::state::Ecs;
use crate::ecs::state::earnest::{Launch, News, Order};
use crate::ecs::state::log::Line;
use crate::ecs::state::task::{Container, Ending, Health, Phase, Task};
use crate::ecs::timing::{self, after};

impl Ecs {
    /// Asks for what tasks have come to: containers to be started, and those to be stopped.
    pub(crate) fn hand_over(&mut self, at: Instant) {
        let earnest = |task: &&Task| task.containers.iter().any(|container| container.earnest);
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
                let runs = |it: &Container| it.earnest && task.begun && it.exit_code.is_none() && it.reason.is_none();
                task.due = if task.containers.iter().any(runs) { None } else { Some(task.due.unwrap_or(at).max(at)) };
            }
            self.tasks.insert(number, task);
        }
    }

    fn launches(&self, task: &mut Task) -> Vec<Order> {
        let described = self.definition(&task.definition_arn).map(|it| it.document.clone()).unwrap_or_default();
        let (mut orders, mut checked) = (Vec::new(), false);
        for container in task.containers.iter_mut().filter(|container| container.earnest) {
            let own = |it: &&Value| text(it, "name") == Some(container.name.as_str());
            let definition = list(&described, "containerDefinitions").iter().find(own).cloned().unwrap_or_default();
            let overrides = list(&task.constant["overrides"], "containerOverrides").iter().find(own);
            (container.ending, container.exit_at) = (None, None);
            checked |= container.checked && container.essential;
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
        if checked {
            task.health_at = None;
        }
        orders
    }

    /// Notes what is told of a task's container.
    pub(crate) fn learn(&mut self, task: &str, container: &str, news: News, at: Instant) {
        let Some(number) = self.tasks.iter().find(|(_, it)| it.id == task).map(|(number, _)| *number) else { return };
        let Some(mut task) = self.tasks.remove(&number) else { return };
        let key = task.placement.as_ref().map(|it| it.key.clone());
        let mut service = key.as_ref().and_then(|key| self.services.remove(key));
        let place = task.containers.iter().position(|it| it.name == container);
        if let Some(place) = place {
            let running = task.phase == Phase::Running && task.stop.is_none();
            match news {
                News::Wrote(message) => {
                    let sink = task.containers[place].log.clone();
                    self.written.extend(sink.map(|sink| Line { sink, at, message }));
                }
                News::Ended { code, reason } => {
                    let container = &mut task.containers[place];
                    container.reason = reason;
                    if running {
                        container.ending = Some(Ending { code, after: 0 });
                        container.exit_at = Some(at);
                    } else {
                        container.exit_code = Some(code);
                    }
                }
                News::Healthy(well) if running => {
                    task.containers[place].health = if well { Health::Healthy } else { Health::Unhealthy };
                    let mut checked = task.containers.iter().filter(|it| it.earnest && it.essential && it.checked);
                    let all = checked.clone().all(|it| it.health == Health::Healthy);
                    let any = checked.any(|it| it.health == Health::Unhealthy);
                    if all && task.health != Health::Healthy {
                        task.health = Health::Healthy;
                        proven(&task, service.as_mut());
                    } else if any && task.health != Health::Unhealthy {
                        task.health_at = Some(at.max(after(task.started_at.unwrap_or(at), task.grace)));
                    }
                }
                News::Healthy(_) => {}
                News::NotStarted(reason) => {
                    task.containers[place].reason = Some(reason.clone());
                    if running {
                        task.stop("TaskFailedToStart", reason, at);
                        if let (Some(service), Some(placement)) = (service.as_mut(), &task.placement) {
                            service.count_failure(&placement.deployment, true, at);
                        }
                    }
                }
            }
            task.version += 1;
        }
        self.tasks.insert(number, task);
        if let (Some(key), Some(mut service)) = (key, service) {
            service.look_by(after(at, timing::SCHEDULER));
            self.services.insert(key, service);
        }
    }
}

impl Task {
    /// Whether somebody has yet to be asked for something, or to be waited for.
    fn is_owed(&self) -> bool {
        (self.phase == Phase::Running && !self.begun) || self.phase == Phase::Stopping
    }
}
