//! One service on its way: revision, update, rollout, end.

mod going_back;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::outcome::{self, Conclusion, serving, serving_revisions};
use super::plan::{Action, Pin, Plan};
use super::post_mortem::sources::{Found, Sources, gather};
use super::post_mortem::{self, Evidence};
use super::report::{Became, ServiceReport};
use super::rollout::{self, End, Live, Looks, Target};
use super::tasks::{self, Means, Ready};
use super::{Until, running};
use crate::aws::ecs::{PinnedDocument, Service, Update, short};
use crate::cause::Pinned;
use crate::config::{Config, OnFailure};
use crate::event::{Event, Events, ImageSource, Outcome, Step};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::sorted::SortedMap;

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

/// Documents that this deploy has registered, and the ARNs of their revisions, by family: services may share one, and ECS
/// takes one new revision of a family at a time.
#[derive(Default)]
pub(super) struct Registered(Mutex<SortedMap<String, Arc<Family>>>);

type Family = Mutex<Vec<(PinnedDocument, String)>>;

impl Registered {
    /// The revision of this document, and whether it was registered now.
    pub(super) fn revision(
        &self,
        document: &PinnedDocument,
        register: impl FnOnce() -> Result<String>,
    ) -> Result<(String, bool)> {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family = Arc::clone(families.or_default(document.asked_by()));
        drop(families);
        let mut known = family.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, revision)) = known.iter().find(|(known, _)| known == document) {
            return Ok((revision.clone(), false));
        }
        let revision = register()?;
        known.push((document.clone(), revision.clone()));
        Ok((revision, true))
    }
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

    /// Tells the end, and turns it into this stage's result.
    fn conclude(&mut self, target: &Target, end: &End, proof: Result<()>) -> Result<()> {
        let name = self.name().to_owned();
        let revision = short(&target.revision);
        let now = outcome::traffic(&end.seen).unwrap_or_else(|| serving(&end.seen.service));
        self.report.seconds = end.seen.elapsed.as_secs_f64();
        if let Some(rollout) = &end.seen.rollout {
            self.report.deployment.clone_from(&rollout.arn);
        }
        let (conclusion, asked) = match &end.ended {
            rollout::Ended::With(conclusion) => (conclusion.clone(), false),
            rollout::Ended::Recalled { why } => {
                self.tell_end(&Conclusion::RolledBack { reason: why.clone() }, &target.revision, self.report.seconds);
                return Ok(());
            }
            rollout::Ended::Interrupted { asked: Some(conclusion) } => (conclusion.clone(), true),
            rollout::Ended::Interrupted { asked: None } => {
                self.report.outcome = Became::Interrupted;
                // ECS had not told yet what took its place.
                let over = end.seen.rollout.as_ref().is_some_and(|rollout| rollout.status.is_final());
                let (became, tells) = if over {
                    ("was stopped before its end", "tells what took its place")
                } else {
                    ("goes on in ECS", "follows it to its end")
                };
                return Err(Failure::interrupted(format_args!(
                    "interrupted: {now}, and the rollout of {revision} on service {name} {became}"
                ))
                .help(format!("`{}` {tells}", self.again())));
            }
        };
        let conclusion = match &proof {
            Ok(()) => conclusion,
            Err(failure) => Conclusion::RollbackFailed { reason: failure.message().to_owned() },
        };
        self.tell_end(&conclusion, &target.revision, end.seen.elapsed.as_secs_f64());
        if let Conclusion::Reached { stage } = &conclusion {
            let next = format!("`{}` follows it to its end", self.again());
            self.shared.events.note("Leaving", format!("{name} at {stage}: the rollout goes on in ECS; {next}"));
        }
        if let Some(left) = outcome::still_serving(&conclusion, &end.seen) {
            self.shared.events.note("Early", format!("{name}: {left}"));
        }
        if matches!(
            conclusion,
            Conclusion::RolledBack { .. } | Conclusion::RollbackFailed { .. } | Conclusion::TimedOut { .. }
        ) {
            self.post_mortem(target, end, proof.as_ref().err().map(Failure::message));
        }
        proof?;
        let failure = conclusion.failure(&name, &target.revision, &now, target.rollout.deadline);
        let says = "as `on-interrupt` says";
        let over = end.seen.rollout.as_ref().is_none_or(|rollout| rollout.status.is_final());
        match (failure, &self.plan.action) {
            (Some(failure), _) if asked && failure.ending == Ending::RolledBack => Err(Failure::new(
                Ending::Interrupted,
                format_args!("interrupted: the rollout of {revision} on service {name} was rolled back, {says}; {now}"),
            )),
            (None, _) if asked => Err(Failure::new(
                Ending::Interrupted,
                format_args!(
                    "interrupted, but the rollout of {revision} on service {name} had ended well by then; {now}"
                ),
            )),
            (Some(failure), Action::Follow { .. }) if failure.ending == Ending::RollbackFailed && over => Err(failure
                .help("ECS does not try it again by itself: change something, or set `force-new-deployment = true`")),
            (Some(failure), _) if failure.ending == Ending::Paused => {
                let command = |words: &str| self.shared.config.command(&format!("continue {name}{words}"));
                let failure = failure.help(format!("`{}` lets it go on", command("")));
                Err(failure.help(format!("`{}` takes it back", command(" --roll-back"))))
            }
            (Some(failure), _) => Err(failure),
            (None, _) => Ok(()),
        }
    }

    /// `mismatch` is what is said of bytes that run and are not the released ones.
    fn post_mortem(&mut self, target: &Target, end: &End, mismatch: Option<&str>) {
        let ours = end.seen.service.deployment(&end.seen.deployment);
        let evidence = Evidence {
            cluster: &self.plan.service.cluster,
            service: &self.plan.service.service,
            region: &self.shared.config.region,
            environment: self.shared.config.environment.as_deref(),
            tasks: &end.stopped,
            rollout: end.seen.rollout.as_ref(),
            serving: serving_revisions(&end.seen.service),
            messages: &end.messages,
            running: ours.map_or((0, end.seen.service.desired), |ours| (ours.running, ours.desired)),
            document: Some(self.plan.document.value()),
            pinned: &target.pinned,
            mismatch,
        };
        let mut post_mortem = post_mortem::post_mortem(&evidence);
        let lines = self.plan.service.rollout.log_lines;
        let Found { logs, targets } = gather(&self.shared.sources, &evidence, &self.target_groups(end), lines);
        (post_mortem.logs, post_mortem.targets) = (logs, targets);
        self.report.post_mortem = Some(post_mortem.clone());
        self.shared.events.emit(Event::PostMortem { service: self.name().to_owned(), post_mortem });
    }

    /// Those in use, which after a swap are not those that the service names.
    fn target_groups(&self, end: &End) -> Vec<String> {
        let Some(rollout) = &end.seen.rollout else { return Vec::new() };
        let found = self.shared.looks.revision(&rollout.target, Duration::ZERO);
        found.ok().flatten().map(|revision| revision.target_groups).unwrap_or_default()
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

    fn tell_end(&mut self, conclusion: &Conclusion, revision: &str, seconds: f64) {
        let outcome = conclusion.outcome();
        self.report.outcome = Became::Ended(outcome);
        let digests = self.plan.pins.iter().filter(|_| outcome.is_good()).map(|pin| pin.pinned.digest.clone()).gather();
        self.shared.events.emit(Event::RolloutEnded {
            service: self.name().to_owned(),
            outcome,
            revision: short(revision).to_owned(),
            digests,
            seconds,
        });
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

    /// The command that deploys the same bytes again, and so follows a rollout of them. Nothing that goes back is deployed
    /// again, and another rollback would stop it: that is looked at.
    fn again(&self) -> String {
        if self.shared.back {
            return self.shared.config.command(&format!("status {} --watch", self.name()));
        }
        let named = |source: &ImageSource| Some(format!(" --digest {}={}", source.image, source.digest.as_ref()?));
        let named: String = self.plan.sources.iter().filter_map(named).collect();
        self.shared.config.command(&format!("deploy {}{named}", self.name()))
    }

    fn name(&self) -> &str {
        &self.plan.service.name
    }
}
