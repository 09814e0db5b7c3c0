//! One service on its way: revision, update, rollout, end.

mod ending;
mod going_back;

use std::sync::Arc;

use super::outcome::{Conclusion, serving};
use super::plan::{Action, Pin, Plan};
use super::post_mortem::sources::Sources;
use super::registered::Registered;
use super::report::{Became, ServiceReport};
use super::rollout::{self, End, Live, Looks, Target};
use super::tasks::{self, Means, Ready};
use super::{Until, running};
use crate::aws::ecs::{Service, Update, short};
use crate::cause::Pinned;
use crate::config::{Config, OnFailure};
use crate::event::{Event, Events, Outcome, Step};
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;

/// What all services of one deploy have in common.
pub(super) struct Shared<'a> {
    pub config: &'a Config,
    pub looks: Looks<'a>,
    pub sources: Arc<dyn Sources>,
    pub registered: Registered,
    pub until: Until,
    pub tasks: &'a Ready,
    /// Whether tasks are run where nothing is deployed, too.
    pub run_tasks: bool,
    /// What tells this run from others: a re-run of a CI job has the same.
    pub run_id: &'a str,
    /// Whether this is a rollback.
    pub back: bool,
    pub events: &'a Events,
    pub interrupt: &'a Interrupt,
}

/// One service on its way.
pub(super) struct Stage<'a> {
    pub shared: &'a Shared<'a>,
    pub plan: &'a Plan,
    pub report: &'a mut ServiceReport,
}

impl<'a> Stage<'a> {
    pub(super) fn deploy(&mut self) -> Result<()> {
        let Plan { live, action, .. } = self.plan;
        self.not_interrupted("nothing of it was changed", live)?;
        let revision = match action {
            Action::NothingToDo { revision } => {
                self.before()?;
                self.tell_end(&Conclusion::NothingToDo, revision, 0.0);
                self.tell_endpoints();
                return self.after(revision);
            }
            Action::Register => self.register()?,
            Action::Update { revision } | Action::Follow { revision } => self.registered_before(revision),
        };
        self.report.revision = Some(revision.clone());
        self.before()?;
        self.not_interrupted(&format!("{} is registered and the service not updated", short(&revision)), live)?;
        let target = match action {
            Action::Follow { .. } => self.join(&revision)?,
            _ => self.step(Step::Update, || self.update(&revision))?,
        };
        self.report.deployment.clone_from(&target.deployment);
        let mut live = self.live();
        let end = self.follow(&mut live, &target)?;
        let proof = match end.ended {
            rollout::Ended::With(Conclusion::Deployed) => {
                running::assert_digests(&mut live, self.plan, &end.seen, self.shared.events)
            }
            _ => Ok(()),
        };
        self.conclude(&target, &end, proof)?;
        if self.report.outcome != Became::Ended(Outcome::Deployed) {
            return Ok(());
        }
        self.tell_endpoints();
        self.after(&revision)
    }

    /// Where an Express service is reached.
    fn tell_endpoints(&mut self) {
        let live = &self.plan.live;
        if !live.express {
            return;
        }
        match self.shared.looks.ecs.endpoints(live) {
            Ok(endpoints) => {
                self.shared.events.note("Endpoint", format!("{}: {}", self.name(), endpoints.join(", ")));
                self.report.endpoints = endpoints;
            }
            Err(error) => {
                self.shared.events.warn(format!("where service {} is reached cannot be told: {error}", self.name()));
            }
        }
    }

    fn before(&mut self) -> Result<()> {
        let names = self.plan.tasks_before(self.shared.run_tasks);
        self.run_tasks(names).map_err(|failure| tasks::untouched(failure, self.name()))
    }

    fn after(&mut self, revision: &str) -> Result<()> {
        let names = self.plan.tasks_after(self.shared.run_tasks);
        let goes_back = self.shared.config.deploy.on_failure == OnFailure::RollBackAll;
        let told = |failure, name: &str| if goes_back { failure } else { tasks::deployed(failure, name, revision) };
        self.run_tasks(names).map_err(|failure| told(failure, self.name()))
    }

    /// One after another, as far as they end well.
    fn run_tasks(&mut self, names: &[String]) -> Result<()> {
        let Shared { looks, sources, registered, config, run_id, events, interrupt, .. } = self.shared;
        let means = Means { ecs: looks.ecs, sources, registered, config, run: run_id, events, interrupt };
        for name in names {
            let Some(job) = self.shared.tasks.job(name, self.plan, self.report.revision.as_deref()) else { continue };
            let ended = tasks::run(&means, &job);
            self.report.tasks.push(ended.done);
            ended.result?;
        }
        Ok(())
    }

    /// Has this service's time begin now.
    fn live(&self) -> Live<'a> {
        let Shared { looks, interrupt, .. } = self.shared;
        let service = &self.plan.service;
        Live::new(looks, &service.cluster, &service.service, service.rollout.poll, interrupt)
    }

    fn follow(&self, live: &mut Live<'_>, target: &Target) -> Result<End> {
        self.step(Step::Watch, || {
            rollout::follow(live, target, self.shared.events).map_err(|error| {
                Failure::from(error).during(format_args!(
                    "the rollout of {} on service {} goes on in ECS, but cannot be followed any more",
                    short(&target.revision),
                    self.name()
                ))
            })
        })
    }

    fn register(&mut self) -> Result<String> {
        let document = &self.plan.document;
        let ecs = self.shared.looks.ecs;
        let (revision, new) = self
            .shared
            .registered
            .revision(document, || self.step(Step::Register, || Ok(ecs.register_task_definition(document)?)))?;
        self.tell_revision(&revision, new);
        Ok(revision)
    }

    fn registered_before(&self, revision: &str) -> String {
        self.tell_revision(revision, false);
        revision.to_owned()
    }

    fn tell_revision(&self, revision: &str, new: bool) {
        let (service, revision) = (self.name().to_owned(), short(revision).to_owned());
        self.shared.events.emit(Event::RevisionRegistered { service, revision, new });
    }

    /// The one UpdateService, or CreateService.
    fn update(&self, revision: &str) -> Result<Target> {
        let Plan { service, live, settings, creates, .. } = self.plan;
        let ecs = self.shared.looks.ecs;
        if let Some(document) = creates {
            let named = (service.cluster.as_str(), service.service.as_str());
            ecs.create_service(named, document, (revision, service.desired_count))?;
            return self.target(&ecs.service(named.0, named.1)?, revision, revision);
        }
        let update = Update {
            cluster: service.cluster.clone(),
            service: service.service.clone(),
            task_definition: revision.to_owned(),
            desired_count: service.desired_count,
            force_new_deployment: service.force_new_deployment,
            members: settings.members.clone(),
        };
        let after = ecs.update_service(&update, live)?;
        let primary = |service: &Service| service.primary().map(|primary| primary.id.clone());
        let rested = live.primary().is_none_or(|primary| primary.rollout_state != "IN_PROGRESS");
        let same = primary(&after) == primary(live) && live.task_definition == revision;
        let target = self.target(&after, revision, &live.task_definition)?;
        Ok(Target { only_scaled: same && rested, ..target })
    }

    /// The rollout that is under way already, such as that of an interrupted run.
    fn join(&self, revision: &str) -> Result<Target> {
        let live = &self.plan.live;
        let from = live.deployments.iter().find(|deployment| deployment.status != "PRIMARY");
        let previous = from.map_or(revision, |deployment| &deployment.task_definition);
        self.shared.events.note("Joining", format!("the rollout of {} that is under way", short(revision)));
        Ok(Target { joined: true, ..self.target(live, revision, previous)? })
    }

    /// A rollout of this revision, by whichever run it was begun.
    fn target(&self, live: &Service, revision: &str, previous: &str) -> Result<Target> {
        let primary = live.primary().ok_or_else(|| {
            Failure::world(format_args!("service {} has no PRIMARY deployment after the update", self.name()))
        })?;
        if live.desired == 0 {
            let revision = short(revision);
            let note = format!("service {} has a desired count of 0, so no task runs {revision}", self.name());
            self.shared.events.note("Idle", note);
        }
        self.shared.events.emit(Event::RolloutStarted {
            service: self.name().to_owned(),
            deployment: primary.id.clone(),
            revision: short(revision).to_owned(),
        });
        Ok(Target {
            service: self.name().to_owned(),
            revision: revision.to_owned(),
            previous: previous.to_owned(),
            deployment: primary.id.clone(),
            since: primary.created_at,
            start: live.clone(),
            only_scaled: false,
            joined: false,
            way_back: self.plan.live.last_good().is_some(),
            rollout: self.plan.service.rollout.clone(),
            until: self.shared.until,
            document: self.plan.document.value().clone(),
            pinned: self.plan.pins.iter().map(|pin| self.pinned(pin)).gather(),
        })
    }

    fn pinned(&self, pin: &Pin) -> Pinned {
        // Of several, ECS takes the one that fits.
        let image = self.shared.config.images.get(&pin.image).filter(|image| image.platforms.len() == 1);
        let platform = image.map(|image| image.platform().to_owned());
        Pinned {
            container: pin.container.clone(),
            image: pin.image.clone(),
            platform: platform.unwrap_or_default(),
            reference: pin.pinned.to_string(),
        }
    }

    fn not_interrupted(&self, done: &str, live: &Service) -> Result<()> {
        if !self.shared.interrupt.is_set() {
            return Ok(());
        }
        let now = serving(live);
        Err(Failure::interrupted(format_args!(
            "interrupted before the rollout on service {}: {done}; {now}",
            self.name()
        )))
    }

    fn step<T>(&self, step: Step, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.shared.events.step(step, self.name(), work)
    }

    fn name(&self) -> &str {
        &self.plan.service.name
    }
}
