//! The deploy stage: plan · task definition · rollout · outcome · post-mortem.

mod cadence;
mod diff;
mod normal;
mod outcome;
mod plan;
mod post_mortem;
mod report;
mod rollout;
mod running;
mod task_definition;

use std::time::Instant;

use outcome::{Outcome, serving, serving_revisions};
use plan::{Action, Plan};
use post_mortem::Evidence;
use rollout::{End, Ended, Live, Target};

pub use diff::Change;
pub use report::{Report, ServiceReport};

use crate::aws::Session;
use crate::aws::ecs::{Ecs, Service, Update, short};
use crate::config::Config;
use crate::event::{Event, Events, Step};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;

pub struct Options {
    /// Say what would happen, and do nothing.
    pub plan_only: bool,
}

/// Deploys these services of the configuration, all of them for no name: planned together, then rolled out one after
/// another. The first that does not end well ends the stage, and its failure names those that were not attempted.
pub fn run(
    config: &Config,
    session: &Session,
    services: &[String],
    options: &Options,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<Report> {
    let plans = step(events, Step::Plan, "", || plan::plan(config, session, services, events))?;
    for plan in &plans {
        announce(plan, events);
    }
    if options.plan_only {
        return Ok(Report::of_plans(&plans));
    }
    let ecs = session.ecs();
    let mut report = Report::default();
    for (position, plan) in plans.iter().enumerate() {
        let stage = Stage { config, ecs: &ecs, plan, events, interrupt };
        match stage.deploy() {
            Ok(done) => report.services.push(done),
            Err(failure) => return Err(report::with_rest(failure, &plans[position + 1..])),
        }
    }
    Ok(report)
}

fn announce(plan: &Plan, events: &Events) {
    let service = &plan.service.name;
    events.emit(Event::ServicePlanned {
        service: service.clone(),
        cluster: plan.service.cluster.clone(),
        action: plan.action.service_action(),
    });
    for change in &plan.changes {
        let (before, after) = change.shown();
        events.emit(Event::TaskDefinitionChange { service: service.clone(), path: change.path.clone(), before, after });
    }
}

/// One service on its way.
struct Stage<'a> {
    config: &'a Config,
    ecs: &'a Ecs,
    plan: &'a Plan,
    events: &'a Events,
    interrupt: &'a Interrupt,
}

impl Stage<'_> {
    fn deploy(&self) -> Result<ServiceReport> {
        let Plan { live, action, .. } = self.plan;
        self.not_interrupted("nothing of it was changed", live)?;
        let revision = match action {
            Action::NothingToDo { revision } => return Ok(self.nothing_to_do(revision)),
            Action::Register => self.step(Step::Register, || self.register())?,
            Action::Update { revision } | Action::Follow { revision } => revision.clone(),
        };
        self.tell_revision(&revision);
        self.not_interrupted(&format!("{} is registered and the service not updated", short(&revision)), live)?;
        let target = match action {
            Action::Follow { .. } => self.join(&revision)?,
            _ => self.step(Step::Update, || self.update(&revision))?,
        };
        let mut live = Live::new(self.ecs, &self.plan.service.cluster, &self.plan.service.service, self.interrupt);
        let end = self.step(Step::Watch, || {
            rollout::follow(&mut live, &target, self.events).map_err(|error| {
                Failure::world(format_args!(
                    "the rollout of {} on service {} goes on in ECS, but cannot be followed any more: {error}",
                    short(&revision),
                    self.name()
                ))
            })
        })?;
        let proof = match end.ended {
            Ended::With(Outcome::Deployed) => running::assert_digests(&mut live, self.plan, &end.seen, self.events),
            _ => Ok(()),
        };
        self.conclude(&target, end, proof)
    }

    fn nothing_to_do(&self, revision: &str) -> ServiceReport {
        let done = ServiceReport::new(self.plan, Outcome::NothingToDo.name(), revision);
        self.tell_revision(revision);
        self.tell_end(&Outcome::NothingToDo, revision, 0.0);
        done
    }

    fn register(&self) -> Result<String> {
        Ok(self.ecs.register_task_definition(&self.plan.document)?)
    }

    /// The one UpdateService.
    fn update(&self, revision: &str) -> Result<Target> {
        let Plan { service, live, .. } = self.plan;
        let after = self.ecs.update_service(&Update {
            cluster: service.cluster.clone(),
            service: service.service.clone(),
            task_definition: revision.to_owned(),
            desired_count: service.desired_count,
            force_new_deployment: service.force_new_deployment,
        })?;
        let primary = |service: &Service| service.primary().map(|primary| primary.id.clone());
        let rested = live.primary().is_none_or(|primary| primary.rollout_state != "IN_PROGRESS");
        let same = primary(&after) == primary(live) && live.task_definition == revision;
        self.target(&after, revision, &live.task_definition, same && rested)
    }

    /// The rollout that is under way already, such as that of an interrupted run.
    fn join(&self, revision: &str) -> Result<Target> {
        let live = &self.plan.live;
        let from = live.deployments.iter().find(|deployment| deployment.status != "PRIMARY");
        let previous = from.map_or(revision, |deployment| &deployment.task_definition);
        self.events.note("Joining", format!("the rollout of {} that is under way", short(revision)));
        self.target(live, revision, previous, false)
    }

    fn target(&self, live: &Service, revision: &str, previous: &str, only_scaled: bool) -> Result<Target> {
        let primary = live.primary().ok_or_else(|| {
            Failure::world(format_args!("service {} has no PRIMARY deployment after the update", self.name()))
        })?;
        if live.desired == 0 {
            let revision = short(revision);
            let note = format!("service {} has a desired count of 0, so no task runs {revision}", self.name());
            self.events.note("Idle", note);
        }
        self.events.emit(Event::RolloutStarted {
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
            only_scaled,
            rollout: self.plan.service.rollout.clone(),
        })
    }

    fn conclude(&self, target: &Target, end: End, proof: Result<()>) -> Result<ServiceReport> {
        let revision = &target.revision;
        let seconds = end.seen.elapsed.as_secs_f64();
        let now = serving(&end.seen.service);
        let outcome = match &end.ended {
            Ended::With(outcome) | Ended::Interrupted { asked: Some(outcome) } => outcome.clone(),
            Ended::Interrupted { asked: None } => {
                return Err(Failure::Interrupted(format!(
                    "interrupted: {now}, and the rollout of {} on service {name} goes on in ECS\n\
                     `cargo xtask deploy {name}` follows it to its end",
                    short(revision),
                    name = self.name()
                )));
            }
        };
        if let Err(failure) = proof {
            let reason = failure.to_string();
            self.tell_end(&Outcome::RollbackFailed { reason }, revision, seconds);
            return Err(failure);
        }
        self.tell_end(&outcome, revision, seconds);
        let failed = !matches!(outcome, Outcome::Deployed | Outcome::NothingToDo | Outcome::Superseded { .. });
        if failed {
            self.post_mortem(&end);
        }
        let asked = matches!(end.ended, Ended::Interrupted { .. });
        match outcome.failure(self.name(), revision, &now, target.rollout.deadline) {
            Some(Failure::RolledBack(_)) if asked => Err(Failure::Interrupted(format!(
                "interrupted: the rollout of {} on service {} was rolled back, as `on-interrupt` says; {now}",
                short(revision),
                self.name()
            ))),
            Some(failure) => Err(failure),
            None if asked => Err(Failure::Interrupted(format!(
                "interrupted, but the rollout of {} on service {} had ended well by then; {now}",
                short(revision),
                self.name()
            ))),
            None => {
                let mut done = ServiceReport::new(self.plan, outcome.name(), revision);
                done.deployment = end.seen.rollout.map_or_else(|| target.deployment.clone(), |rollout| rollout.arn);
                done.seconds = seconds;
                Ok(done)
            }
        }
    }

    fn post_mortem(&self, end: &End) {
        let images: Vec<_> = self.plan.pins.iter().map(|pin| (pin.container.clone(), pin.image.clone())).collect();
        let post_mortem = post_mortem::post_mortem(&Evidence {
            cluster: &self.plan.service.cluster,
            service: &self.plan.service.service,
            region: &self.config.region,
            tasks: &end.stopped,
            breaker: end.seen.rollout.as_ref().and_then(|rollout| rollout.breaker),
            serving: serving_revisions(&end.seen.service),
            messages: &end.messages,
            document: Some(&self.plan.document),
            images: &images,
        });
        self.events.emit(Event::PostMortem { service: self.name().to_owned(), post_mortem });
    }

    fn tell_revision(&self, revision: &str) {
        self.events.emit(Event::RevisionRegistered {
            service: self.name().to_owned(),
            revision: short(revision).to_owned(),
            new: self.plan.action == Action::Register,
        });
    }

    fn tell_end(&self, outcome: &Outcome, revision: &str, seconds: f64) {
        let well = matches!(outcome, Outcome::Deployed | Outcome::NothingToDo);
        let digests = self.plan.pins.iter().filter(|_| well).map(|pin| pin.pinned.digest.clone()).collect();
        self.events.emit(Event::RolloutEnded {
            service: self.name().to_owned(),
            outcome: outcome.name().to_owned(),
            revision: short(revision).to_owned(),
            digests,
            seconds,
        });
    }

    fn not_interrupted(&self, done: &str, live: &Service) -> Result<()> {
        if !self.interrupt.is_set() {
            return Ok(());
        }
        let now = serving(live);
        Err(Failure::Interrupted(format!("interrupted before the rollout on service {}: {done}; {now}", self.name())))
    }

    fn step<T>(&self, step: Step, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self::step(self.events, step, self.name(), work)
    }

    fn name(&self) -> &str {
        &self.plan.service.name
    }
}

fn step<T>(events: &Events, step: Step, subject: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let subject = subject.to_owned();
    events.emit(Event::StepStarted { step, subject: subject.clone() });
    let started = Instant::now();
    let result = work();
    events.emit(Event::StepFinished { step, subject, seconds: started.elapsed().as_secs_f64() });
    result
}
