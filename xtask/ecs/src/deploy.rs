//! The deploy stage: plan · task definition · rollout · outcome · post-mortem.

mod cadence;
mod diff;
mod foresight;
mod hopeless;
mod normal;
mod outcome;
mod plan;
mod post_mortem;
mod report;
mod rollout;
mod running;
mod task_definition;
mod until;

use outcome::{Conclusion, serving, serving_revisions};
use plan::{Action, Pin, Plan};
use post_mortem::Evidence;
use rollout::{End, Live, Target};

pub use diff::Change;
pub use report::{Became, ImageReport, Report, ServiceReport};
pub use until::Until;

use crate::aws::Session;
use crate::aws::ecr::Ecr;
use crate::aws::ecs::{Ecs, PinnedDocument, Service, Update, short};
use crate::cause::Pinned;
use crate::config::Config;
use crate::event::{DesiredCount, Event, Events, Step};
use crate::failure::{Ending, Failure, Result};
use crate::interrupt::Interrupt;
use crate::stage::{Around, Ended};

/// What a deploy will do about each service, found out before anything is done.
#[derive(Debug)]
pub struct DeployPlan {
    services: Vec<Plan>,
}

impl DeployPlan {
    /// Whether anything is to be registered, updated or followed.
    pub fn changes(&self) -> bool {
        self.services.iter().any(|plan| !matches!(plan.action, Action::NothingToDo { .. }))
    }

    /// The plan as data; the outcome of each service is `planned`.
    pub fn report(&self) -> Report {
        Report { services: self.services.iter().map(ServiceReport::of_plan).collect() }
    }
}

/// The deploy stage of one configuration.
pub struct Deploys<'a> {
    pub(crate) config: &'a Config,
    pub(crate) session: &'a Session,
    pub(crate) events: &'a Events,
    pub(crate) interrupt: &'a Interrupt,
    around: Option<&'a dyn Around<DeployPlan, Report>>,
    allow_older: bool,
    until: Until,
}

impl<'a> Deploys<'a> {
    pub(crate) fn new(config: &'a Config, session: &'a Session, events: &'a Events, interrupt: &'a Interrupt) -> Self {
        Self { config, session, events, interrupt, around: None, allow_older: false, until: Until::Done }
    }

    /// With what the repository does around it.
    #[must_use]
    pub(crate) fn around(self, around: &'a dyn Around<DeployPlan, Report>) -> Self {
        Self { around: Some(around), ..self }
    }

    /// Lets an older version take the place of a newer one, or not, which is the default.
    #[must_use]
    pub fn allow_older(self, allow_older: bool) -> Self {
        Self { allow_older, ..self }
    }

    /// Follows the rollouts as far as this.
    #[must_use]
    pub fn until(self, until: Until) -> Self {
        Self { until, ..self }
    }

    /// Finds out what a deploy of these services would do, all of them for no name, and does nothing.
    ///
    /// Fails with every problem at once, and with [`Ending::Superseded`] where a newer version serves than the one that
    /// is to be deployed.
    pub fn plan(&self, names: &[String]) -> Result<DeployPlan> {
        let Self { config, session, events, .. } = *self;
        let services = events.step(Step::Plan, "", || plan::plan(config, session, names, events))?;
        reachable(&services, self.until)?;
        for plan in &services {
            announce(plan, events);
        }
        if !self.allow_older {
            plan::refuse_older(&services)?;
        }
        Ok(DeployPlan { services })
    }

    /// Rolls the services out, one after another. The first that does not end well ends the stage, and its failure names
    /// those that were not attempted; the report says what became of each.
    pub fn run(&self, plan: &DeployPlan) -> Ended<Report> {
        let (ecs, ecr) = (self.session.ecs(), self.session.ecr());
        let plans = &plan.services;
        let mut done = Report { services: plans.iter().map(ServiceReport::of_plan).collect() };
        for waiting in &mut done.services {
            waiting.outcome = Became::NotAttempted;
        }
        if let Some(around) = self.around.filter(|_| plan.changes())
            && let Err(failure) = around.before(plan)
        {
            return Ended { done, result: Err(failure) };
        }
        let Self { config, events, interrupt, until, .. } = *self;
        let mut registered = Vec::new();
        for (place, report) in done.services.iter_mut().enumerate() {
            let (plan, ecs, ecr, registered) = (&plans[place], &ecs, &ecr, &mut registered);
            let mut stage = Stage { config, ecs, ecr, plan, until, registered, report, events, interrupt };
            if let Err(failure) = stage.deploy() {
                report.failure = Some(failure.to_string());
                let result = Err(report::with_rest(failure, plans[place + 1..].iter()));
                return Ended { done, result };
            }
        }
        let result = self.around.map_or(Ok(()), |around| around.after(&done));
        Ended { done, result }
    }
}

/// Refuses services whose rollouts never come as far as they are to be followed.
fn reachable(plans: &[Plan], until: Until) -> Result<()> {
    let never = |plan: &Plan| until.never(&plan.service.name, &plan.live.settings);
    let problems: Vec<Failure> = plans.iter().filter_map(never).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::together(problems)) }
}

fn announce(plan: &Plan, events: &Events) {
    let service = &plan.service.name;
    events.emit(Event::ServicePlanned {
        service: service.clone(),
        cluster: plan.service.cluster.clone(),
        action: plan.service_action(),
        desired_count: plan.desired_count(),
        force_new_deployment: plan.service.force_new_deployment,
        versions: plan.versions.clone(),
    });
    let DesiredCount { before, after } = plan.desired_count();
    if after < before {
        events.warn(format!(
            "service {service} has a desired count of {before}, and `desired-count` is {after}: {} tasks are stopped; \
             where an autoscaler sets the count, leave `desired-count` out",
            before - after
        ));
    }
    if matches!(plan.action, Action::Register) && plan.changes.is_empty() {
        let revision = short(&plan.live.task_definition);
        events.warn(format!(
            "service {service} runs {revision}, which was deregistered: an equal revision takes its place"
        ));
    }
    for change in &plan.changes {
        let (before, after) = change.shown();
        events.emit(Event::TaskDefinitionChange { service: service.clone(), path: change.path.clone(), before, after });
    }
    if !matches!(plan.action, Action::NothingToDo { .. }) {
        for warning in foresight::warnings(&plan.service, &plan.live) {
            events.warn(warning);
        }
    }
}

/// One service on its way.
struct Stage<'a> {
    config: &'a Config,
    ecs: &'a Ecs,
    ecr: &'a Ecr,
    plan: &'a Plan,
    until: Until,
    /// Documents that this run has registered, and the ARNs of their revisions: services may share one.
    registered: &'a mut Vec<(PinnedDocument, String)>,
    report: &'a mut ServiceReport,
    events: &'a Events,
    interrupt: &'a Interrupt,
}

impl Stage<'_> {
    fn deploy(&mut self) -> Result<()> {
        let Plan { live, action, .. } = self.plan;
        self.not_interrupted("nothing of it was changed", live)?;
        let revision = match action {
            Action::NothingToDo { revision } => {
                self.tell_end(&Conclusion::NothingToDo, revision, 0.0);
                return Ok(());
            }
            Action::Register => self.register()?,
            Action::Update { revision } | Action::Follow { revision } => self.registered_before(revision),
        };
        self.report.revision = Some(revision.clone());
        self.not_interrupted(&format!("{} is registered and the service not updated", short(&revision)), live)?;
        let target = match action {
            Action::Follow { .. } => self.join(&revision)?,
            _ => self.step(Step::Update, || self.update(&revision))?,
        };
        self.report.deployment.clone_from(&target.deployment);
        let mut live =
            Live::new(self.ecs, self.ecr, &self.plan.service.cluster, &self.plan.service.service, self.interrupt);
        let end = self.step(Step::Watch, || {
            rollout::follow(&mut live, &target, self.events).map_err(|error| {
                Failure::from(error).during(format_args!(
                    "the rollout of {} on service {} goes on in ECS, but cannot be followed any more",
                    short(&revision),
                    self.name()
                ))
            })
        })?;
        let proof = match end.ended {
            rollout::Ended::With(Conclusion::Deployed) => {
                running::assert_digests(&mut live, self.plan, &end.seen, self.events)
            }
            _ => Ok(()),
        };
        self.conclude(&target, &end, proof)
    }

    fn register(&mut self) -> Result<String> {
        let document = &self.plan.document;
        if let Some((_, revision)) = self.registered.iter().find(|(known, _)| known == document) {
            return Ok(self.registered_before(revision));
        }
        let revision = self.step(Step::Register, || Ok(self.ecs.register_task_definition(document)?))?;
        self.registered.push((document.clone(), revision.clone()));
        self.tell_revision(&revision, true);
        Ok(revision)
    }

    fn registered_before(&self, revision: &str) -> String {
        self.tell_revision(revision, false);
        revision.to_owned()
    }

    fn tell_revision(&self, revision: &str, new: bool) {
        let (service, revision) = (self.name().to_owned(), short(revision).to_owned());
        self.events.emit(Event::RevisionRegistered { service, revision, new });
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
        let target = self.target(&after, revision, &live.task_definition)?;
        Ok(Target { only_scaled: same && rested, begun: true, ..target })
    }

    /// The rollout that is under way already, such as that of an interrupted run.
    fn join(&self, revision: &str) -> Result<Target> {
        let live = &self.plan.live;
        let from = live.deployments.iter().find(|deployment| deployment.status != "PRIMARY");
        let previous = from.map_or(revision, |deployment| &deployment.task_definition);
        self.events.note("Joining", format!("the rollout of {} that is under way", short(revision)));
        self.target(live, revision, previous)
    }

    /// A rollout that another run began, which is on this revision by now.
    fn target(&self, live: &Service, revision: &str, previous: &str) -> Result<Target> {
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
            start: live.clone(),
            only_scaled: false,
            begun: false,
            way_back: self.plan.live.has_completed(),
            rollout: self.plan.service.rollout.clone(),
            until: self.until,
            document: self.plan.document.value().clone(),
            pinned: self.plan.pins.iter().map(|pin| self.pinned(pin)).collect(),
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
            rollout::Ended::Interrupted { asked: Some(conclusion) } => (conclusion.clone(), true),
            rollout::Ended::Interrupted { asked: None } => {
                self.report.outcome = Became::Interrupted;
                return Err(Failure::interrupted(format_args!(
                    "interrupted: {now}, and the rollout of {revision} on service {name} goes on in ECS"
                ))
                .help(format!("`cargo xtask deploy {name}` follows it to its end")));
            }
        };
        let conclusion = match &proof {
            Ok(()) => conclusion,
            Err(failure) => Conclusion::RollbackFailed { reason: failure.message().to_owned() },
        };
        self.tell_end(&conclusion, &target.revision, end.seen.elapsed.as_secs_f64());
        if let Conclusion::Reached { stage } = &conclusion {
            let next = format!("`cargo xtask deploy {name}` follows it to its end");
            self.events.note("Leaving", format!("{name} at {stage}: the rollout goes on in ECS; {next}"));
        }
        if let Some(left) = outcome::still_serving(&conclusion, &end.seen) {
            self.events.note("Early", format!("{name}: {left}"));
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
            (Some(failure), Action::Follow { .. }) if failure.ending == Ending::RollbackFailed => Err(failure
                .help("ECS does not try it again by itself: change something, or set `force-new-deployment = true`")),
            (Some(failure), _) => Err(failure),
            (None, _) => Ok(()),
        }
    }

    /// `mismatch` is what is said of bytes that run and are not the released ones.
    fn post_mortem(&mut self, target: &Target, end: &End, mismatch: Option<&str>) {
        let ours = end.seen.service.deployment(&end.seen.deployment);
        let post_mortem = post_mortem::post_mortem(&Evidence {
            cluster: &self.plan.service.cluster,
            service: &self.plan.service.service,
            region: &self.config.region,
            tasks: &end.stopped,
            rollout: end.seen.rollout.as_ref(),
            serving: serving_revisions(&end.seen.service),
            messages: &end.messages,
            running: ours.map_or((0, end.seen.service.desired), |ours| (ours.running, ours.desired)),
            document: Some(self.plan.document.value()),
            pinned: &target.pinned,
            mismatch,
        });
        self.report.post_mortem = Some(post_mortem.clone());
        self.events.emit(Event::PostMortem { service: self.name().to_owned(), post_mortem });
    }

    fn pinned(&self, pin: &Pin) -> Pinned {
        let platform = self.config.images.get(&pin.image).map(|image| image.platform().to_owned());
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
        let digests =
            self.plan.pins.iter().filter(|_| outcome.is_good()).map(|pin| pin.pinned.digest.clone()).collect();
        self.events.emit(Event::RolloutEnded {
            service: self.name().to_owned(),
            outcome,
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
        Err(Failure::interrupted(format_args!(
            "interrupted before the rollout on service {}: {done}; {now}",
            self.name()
        )))
    }

    fn step<T>(&self, step: Step, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.events.step(step, self.name(), work)
    }

    fn name(&self) -> &str {
        &self.plan.service.name
    }
}

#[cfg(test)]
mod tests;
