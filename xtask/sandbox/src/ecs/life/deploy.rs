//! How a deployment begins.

use serde_json::{Map, Value};

use crate::clock::Instant;
use crate::ecs::json::text;
use crate::ecs::state::Ecs;
use crate::ecs::state::definition::Definition;
use crate::ecs::state::revision::{FROZEN, Revision};
use crate::ecs::state::rollout::{Progress, Rollout};
use crate::ecs::state::service::{Deployment, Service, State};
use crate::ecs::state::shift::Shift;
use crate::ecs::state::task::Phase;
use crate::ecs::timing::{self, after};

/// Which revision of a rollout runs next.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// The one it is for.
    To,
    /// An earlier one.
    BackTo(usize),
}

impl Ecs {
    /// A new revision, a new PRIMARY and a new service deployment. What was under way is stopped.
    pub(crate) fn deploy(&mut self, service: &mut Service, now: Instant) {
        if let Some(current) = service.current_rollout() {
            let reason = "Service deployment stopped because it was superseded by a new service deployment.";
            service.rollouts[current].finish(Progress::Stopped, Some(reason), now);
        }
        let (cluster, (kind, name)) = (&service.key.cluster, service.key.kind());
        let (cluster, name) = (cluster.clone(), name.to_owned());
        let frozen: Map<String, Value> = FROZEN
            .iter()
            .filter_map(|member| Some(((*member).to_owned(), service.given.get(*member)?.clone())))
            .collect();
        let definition = text(&service.given, "taskDefinition").and_then(|arn| self.definition(arn));
        let images = definition.map(Definition::containers).unwrap_or_default().iter();
        let images = images.filter_map(|it| Some((text(it, "name")?.to_owned(), text(it, "image")?.to_owned(), None)));
        let images = images.collect();
        let number = self.long_number();
        let revision = Revision {
            arn: self.arn(&format!("{kind}-revision/{cluster}/{name}/{number}")),
            given: Value::Object(frozen),
            created_at: now,
            swapped: swaps(service),
            images,
        };
        let mut sources: Vec<usize> = self
            .alive_of(&service.key)
            .filter(|(_, task)| task.is_wanted() && task.phase != Phase::Stopped)
            .filter_map(|(_, task)| task.placement.as_ref())
            .map(|placement| placement.revision)
            .collect();
        sources.sort_unstable();
        sources.dedup();
        let target = service.revisions.len();
        service.revisions.push(revision);
        let id = &self.long_hex()[..22];
        let rollout = Rollout {
            arn: self.arn(&format!("{kind}-deployment/{cluster}/{name}/{id}")),
            progress: Progress::Pending,
            reason: None,
            target,
            rollback: None,
            configuration: service.given["deploymentConfiguration"].clone(),
            breaker: service.breaker().0,
            failures: 0,
            threshold: service.threshold(),
            tripped: false,
            shift: Shift::begin(
                &service.given["deploymentConfiguration"],
                &service.given["loadBalancers"],
                sources.len() > 1,
                now,
            ),
            troubles: self.troubles.clone(),
            triggered: Vec::new(),
            snapshot: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: now,
            sources,
        };
        service.rollouts.push(rollout);
        let rollout = service.rollouts.len() - 1;
        self.open(service, rollout, Way::To, now);
        service.look_by(after(now, timing::SCHEDULER));
    }

    /// Makes a new PRIMARY of a revision. Gives its id.
    pub(crate) fn open(&mut self, service: &mut Service, rollout: usize, way: Way, at: Instant) -> String {
        let (revision, rolls_back) = match way {
            Way::To => (service.rollouts[rollout].target, false),
            Way::BackTo(revision) => (revision, true),
        };
        // A deployment has its revision's number; the way back to a revision that had its own has another.
        let own = service.revisions[revision].arn.rsplit('/').next().filter(|_| !rolls_back).map(str::to_owned);
        let id = format!("ecs-svc/{}", own.unwrap_or_else(|| self.long_number()));
        let deployment = Deployment {
            reason: format!("ECS deployment {id} in progress."),
            id: id.clone(),
            revision,
            rollout,
            rolls_back,
            state: State::InProgress,
            failed_tasks: 0,
            failed_starts: 0,
            start_after: None,
            steady_since: None,
            early_since: None,
            cleans_up: false,
            announced: false,
            created_at: at,
            updated_at: at,
        };
        service.deployments.insert(0, deployment);
        id
    }
}

/// Whether the next revision's tasks go to the alternate target groups: where traffic is shifted, those that are not in
/// use; else where they are.
fn swaps(service: &Service) -> bool {
    let in_use = service.completed.map(|revision| service.revisions[revision].swapped);
    let shifts = service.given["deploymentConfiguration"]["strategy"] != "ROLLING";
    in_use.is_some_and(|swapped| swapped != shifts)
}
