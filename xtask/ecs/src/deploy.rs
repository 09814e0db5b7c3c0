//! The deploy stage: plan · task definition · rollout · outcome · post-mortem.

mod back;
mod by_digest;
mod cadence;
mod diff;
mod documents;
mod fargate;
mod foresight;
mod gate;
mod group;
pub(crate) mod history;
mod hopeless;
#[cfg(feature = "rehearse")]
mod live;
pub(crate) mod lock;
mod many;
mod normal;
mod outcome;
mod pause;
mod plan;
mod post_mortem;
mod registered;
pub(crate) mod render;
mod report;
mod rollout;
mod running;
mod schedules;
mod service;
pub(crate) mod service_definition;
pub(crate) mod status;
pub(crate) mod task_definition;
mod tasks;
mod until;
pub(crate) mod verify;

use std::sync::Arc;

use lock::{Holder, Locks, Way};
use plan::{Action, Plan};
use post_mortem::sources::OfAws;
use registered::Registered;
use rollout::Looks;
use service::Shared;
use tasks::Ready;

pub use by_digest::ByDigest;
pub use diff::Change;
pub(crate) use documents::unanswered;
pub use fargate::fargate_size;
#[cfg(feature = "rehearse")]
pub use live::{Account, LiveService};
pub(crate) use outcome::{Conclusion, Newer, TOLD_WITHIN, serving};
pub(crate) use pause::Checks;
pub use pause::{Answer, Pause};
pub(crate) use post_mortem::log::{From as LogPlace, from as log_place};
pub use report::{Became, ImageReport, Report, ServiceReport};
pub use schedules::ScheduleReport;
#[cfg(any(test, feature = "rehearse"))]
pub(crate) use task_definition::load_with_stand_ins;
pub use tasks::{RunReport, TaskPlan, TaskReport, Tasks};
pub use until::Until;
pub(crate) use until::stage;

use crate::aws::Session;
use crate::aws::ecs::short;
use crate::config::{Config, Service, services_named};
use crate::event::{DesiredCount, Event, Events, Step};
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::sources::{LookUps, StandIns};
use crate::stage::{Around, Ended};
use crate::time;

/// What a deploy will do about each service, found out before anything is done.
#[derive(Debug)]
pub struct DeployPlan {
    services: Vec<Plan>,
    tasks: Ready,
    schedules: Vec<schedules::Planned>,
    /// Whether tasks are run where nothing is deployed, too.
    run_tasks: bool,
    /// Whether this is the way back.
    back: bool,
}

impl DeployPlan {
    /// Whether anything is to be registered, updated or followed.
    pub fn changes(&self) -> bool {
        self.services.iter().any(|plan| !matches!(plan.action, Action::NothingToDo { .. }))
    }

    /// The plan as data; the outcome of each service is `planned`.
    pub fn report(&self) -> Report {
        Report { services: self.services.iter().map(ServiceReport::of_plan).gather(), schedules: Vec::new() }
    }
}

#[derive(PartialEq, Eq)]
enum Meant {
    InEarnest,
    AsRehearsal,
}

/// The deploy stage of one configuration.
pub struct Deploys<'a> {
    pub(crate) config: &'a Config,
    pub(crate) session: &'a Session,
    pub(crate) events: &'a Events,
    pub(crate) interrupt: &'a Interrupt,
    around: Option<&'a dyn Around<DeployPlan, Report>>,
    checks: Option<&'a dyn Checks>,
    allow_older: bool,
    creates: bool,
    digests: Vec<ByDigest>,
    holder: Holder,
    until: Until,
    look_up: &'a dyn LookUps,
    run_tasks: bool,
    meant: Meant,
    run_id: String,
}

impl<'a> Deploys<'a> {
    pub(crate) fn new(config: &'a Config, session: &'a Session, events: &'a Events, interrupt: &'a Interrupt) -> Self {
        Self {
            config,
            session,
            events,
            interrupt,
            around: None,
            checks: None,
            allow_older: false,
            creates: false,
            digests: Vec::new(),
            holder: Holder::new("", None),
            until: Until::Done,
            look_up: &StandIns,
            run_tasks: false,
            meant: Meant::InEarnest,
            run_id: run_id(),
        }
    }

    /// With somebody who knows what the documents' lookups stand for.
    #[must_use]
    pub(crate) fn look_up(self, look_up: &'a dyn LookUps) -> Self {
        Self { look_up, ..self }
    }

    /// With what the repository checks while a rollout waits for a decision.
    #[must_use]
    pub(crate) fn checked(self, checks: &'a dyn Checks) -> Self {
        Self { checks: Some(checks), ..self }
    }

    /// With what the repository does around it.
    #[must_use]
    pub(crate) fn around(self, around: &'a dyn Around<DeployPlan, Report>) -> Self {
        Self { around: Some(around), ..self }
    }

    /// As somebody whose locks are told from those of others.
    #[must_use]
    pub(crate) fn held_by(self, holder: Holder) -> Self {
        Self { holder, ..self }
    }

    /// Without what the repository does around it.
    #[must_use]
    pub(crate) fn without_hooks(self) -> Self {
        Self { around: None, ..self }
    }

    /// Lets an older version take the place of a newer one, or not, which is the default.
    #[must_use]
    pub fn allow_older(self, allow_older: bool) -> Self {
        Self { allow_older, ..self }
    }

    /// Deploys these bytes in the place of those under the tags; what the rest of a plan asks of them is the same.
    #[must_use]
    pub fn digests(self, digests: Vec<ByDigest>) -> Self {
        Self { digests, ..self }
    }

    /// Runs the tasks before and after a rollout where nothing is rolled out, too, or not, which is the default.
    #[must_use]
    pub fn run_tasks(self, run_tasks: bool) -> Self {
        Self { run_tasks, ..self }
    }

    /// Creates services that are not there, of their `service-definition`.
    #[must_use]
    pub fn create(self, creates: bool) -> Self {
        Self { creates, ..self }
    }

    /// Follows the rollouts as far as this.
    #[must_use]
    pub fn until(self, until: Until) -> Self {
        Self { until, ..self }
    }

    /// As a rehearsal: of images that were made of what is here, changes that are not committed included, nothing is said, for
    /// they are what is tried.
    #[must_use]
    pub fn rehearsal(self) -> Self {
        Self { meant: Meant::AsRehearsal, ..self }
    }

    /// Finds out what a deploy of these services would do, all of them for no name, and does nothing.
    ///
    /// Fails with every problem at once, and with [`Ending::Superseded`](crate::failure::Ending::Superseded) where a newer version serves than the one that
    /// is to be deployed.
    pub fn plan(&self, names: &[String]) -> Result<DeployPlan> {
        let Self { config, session, events, look_up, .. } = *self;
        let chosen = services_named(config, names)?;
        let called: Vec<&str> = chosen.iter().map(|service| service.name.as_str()).gather();
        let (tasks, own) = Ready::to_plan(config, &chosen, &schedules::tasks(config, &called, names.is_empty()));
        let all: Vec<&Service> = chosen.into_iter().chain(&own).gather();
        let (tasks, mut services) = events.step(Step::Plan, "", || {
            tasks.planned(plan::plan(config, session, look_up, (&all, &self.digests, self.creates), events)?)
        })?;
        reachable(&services, self.until)?;
        for plan in services.iter_mut().filter(|_| self.meant == Meant::AsRehearsal) {
            plan.sources.retain(|source| !source.released || source.commit != source.here);
        }
        for plan in &services {
            announce(plan, self.run_tasks, events);
            let early = foresight::ends_early(&plan.service, session.end_of_keys(), time::now());
            if let Some(warning) = early.filter(|_| !matches!(plan.action, Action::NothingToDo { .. })) {
                events.warn(warning);
            }
        }
        if !self.allow_older {
            plan::refuse_older(self.config, &services)?;
        }
        gate::hold(config, session, &services, events, self.interrupt)?;
        let schedules = schedules::plan(self, &services, &tasks, names.is_empty())?;
        Ok(DeployPlan { services, tasks, schedules, run_tasks: self.run_tasks, back: false })
    }

    /// Rolls the services out: at once, but for those that come `after` others. What becomes of the others where one does
    /// not end well says `deploy.on-failure`; the failure is that of the worst, and the report says what became of each.
    ///
    /// Nothing is done (exit 6) where somebody else has locked what would change, unless `lock.when-locked` says to wait.
    pub fn run(&self, plan: &DeployPlan) -> Ended<Report> {
        let locks = Locks::new(self, &self.holder, if plan.back { Way::Back } else { Way::Forward });
        let admitted = match locks.admit(plan) {
            Ok(admitted) => admitted,
            Err(failure) => return Ended { done: not_attempted(plan), result: Err(failure) },
        };
        let Ended { done, result } = self.roll_out(admitted.plan());
        let result = locks.release(&admitted, &done, result);
        Ended { done, result }
    }

    fn roll_out(&self, plan: &DeployPlan) -> Ended<Report> {
        if let Some(around) = self.around.filter(|_| plan.changes())
            && let Err(failure) = around.before(plan)
        {
            return Ended { done: not_attempted(plan), result: Err(failure) };
        }
        let Self { config, events, interrupt, until, .. } = *self;
        let (ecs, ecr) = (self.session.ecs(), self.session.ecr());
        let shared = Shared {
            config,
            looks: Looks::new(&ecs, &ecr),
            sources: Arc::new(OfAws(self.session.sdk().clone())),
            registered: Registered::default(),
            until,
            tasks: &plan.tasks,
            run_tasks: plan.run_tasks,
            run_id: &self.run_id,
            back: plan.back,
            events,
            interrupt,
        };
        let Ended { mut done, result } = many::deploy(&shared, self.checks, &plan.services);
        let result = schedules::follow(self, plan, &shared.registered, &mut done, result);
        let result = result.and_then(|()| self.around.map_or(Ok(()), |around| around.after(&done)));
        Ended { done, result }
    }
}

/// What a re-run of the same job has, too: the job's own number, where a CI service gives one.
fn run_id() -> String {
    std::env::var("GITHUB_RUN_ID").unwrap_or_else(|_| format!("{}/{}", time::now(), time::chance()))
}

fn not_attempted(plan: &DeployPlan) -> Report {
    let services = plan.services.iter().map(ServiceReport::of_plan);
    let services = services.map(|report| ServiceReport { outcome: Became::NotAttempted, ..report });
    Report { services: services.gather(), schedules: Vec::new() }
}

/// Refuses services whose rollouts never come as far as they are to be followed.
fn reachable(plans: &[Plan], until: Until) -> Result<()> {
    let never = |plan: &Plan| until.never(&plan.service.name, &plan.live.settings);
    let problems: Vec<Failure> = plans.iter().filter_map(never).gather();
    if problems.is_empty() { Ok(()) } else { Err(Failure::together(problems)) }
}

fn announce(plan: &Plan, run_tasks: bool, events: &Events) {
    let service = &plan.service.name;
    events.emit(Event::ServicePlanned {
        service: service.clone(),
        cluster: plan.service.cluster.clone(),
        action: plan.service_action(),
        desired_count: plan.desired_count(),
        force_new_deployment: plan.service.force_new_deployment,
        versions: plan.versions.clone(),
        sources: plan.sources.clone(),
        before: plan.tasks_before(run_tasks).to_vec(),
        after: plan.tasks_after(run_tasks).to_vec(),
        locks: plan.locks(),
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
    for change in plan.settings.changes.iter().chain(&plan.changes) {
        let (before, after) = change.shown();
        events.emit(Event::TaskDefinitionChange { service: service.clone(), path: change.path.clone(), before, after });
    }
    if !matches!(plan.action, Action::NothingToDo { .. }) {
        for warning in foresight::warnings(&plan.service, &plan.live) {
            events.warn(warning);
        }
    }
}

#[cfg(test)]
mod tests;
