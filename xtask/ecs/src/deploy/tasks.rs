//! One-off tasks: a container that is run once to its end, before or after a rollout or by itself.
//!
//! What to ask ECS for and how it ended is decided in [`order`] and [`verdict`]; [`run`] acts and looks.

mod order;
mod output;
mod report;
mod run;
mod verdict;

use std::sync::Arc;

pub(super) use order::overrides;

use serde_json::Value;

use super::Deploys;
use super::lock::{self, Way, in_the_way};
use super::plan::{self, Plan};
use super::post_mortem::sources::{OfAws, Sources};
use super::registered::Registered;
use crate::aws::ecs::{Ecs, short};
use crate::config::{Config, Kind, Rollout, Service, Task, task_named};
use crate::event::{Event, Events, Step, TaskOutcome};
use crate::failure::{Failure, Result};
use crate::gather::Gather as _;
use crate::interrupt::Interrupt;
use crate::sorted::{SortedMap, SortedSet};
use crate::stage::Ended;

pub use report::{RunReport, TaskReport};
pub(super) use run::{Job, run};

/// What a task is run with.
pub(super) struct Means<'a> {
    pub ecs: &'a Ecs,
    pub sources: &'a Arc<dyn Sources>,
    pub registered: &'a Registered,
    pub config: &'a Config,
    /// What tells this run from others: a re-run of a CI job has the same.
    pub run: &'a str,
    pub events: &'a Events,
    pub interrupt: &'a Interrupt,
}

/// One-off tasks of one configuration.
pub struct Tasks<'a> {
    deploys: Deploys<'a>,
    arguments: Vec<String>,
    again: bool,
}

/// What running a task would do, found out before anything is done.
#[derive(Debug)]
pub struct TaskPlan {
    task: Task,
    plan: Plan,
}

impl TaskPlan {
    /// The plan as data; its outcome is `planned`.
    pub fn report(&self) -> TaskReport {
        TaskReport::planned(&self.task, self.plan.revision(), self.plan.document.value())
    }
}

impl<'a> Tasks<'a> {
    pub(crate) fn new(deploys: Deploys<'a>) -> Self {
        Self { deploys, arguments: Vec::new(), again: false }
    }

    /// With arguments after those of its command; those of the container where it has no command.
    #[must_use]
    pub fn arguments(self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).gather(), ..self }
    }

    /// Starts the task whatever is known of one before it: none is joined, and `once-per-digest` does not hold it back.
    #[must_use]
    pub fn again(self, again: bool) -> Self {
        Self { again, ..self }
    }

    /// Finds out what running this task would do, and does nothing. Fails with every problem at once.
    pub fn plan(&self, name: &str) -> Result<TaskPlan> {
        let Deploys { config, session, events, look_up, .. } = self.deploys;
        let task = task_named(config, name)?;
        let service = planned_as(config, task);
        let mut plans = events.step(Step::Plan, "", || {
            let plans = plan::plan(config, session, look_up, (&[&service], &[], false), events)?;
            let problems: Vec<Failure> = plans.iter().filter_map(|plan| problem(task, plan)).gather();
            if problems.is_empty() { Ok(plans) } else { Err(Failure::together(problems)) }
        })?;
        let plan = plans.pop().ok_or_else(|| Failure::world(format_args!("task {name} has no plan")))?;
        events.emit(Event::TaskPlanned {
            task: task.name.clone(),
            service: task.service.clone().unwrap_or_default(),
            cluster: task.cluster.clone(),
            revision: plan.revision().map(|revision| short(&revision).to_owned()),
            container: task.container.clone(),
            image: order::image(plan.document.value(), &task.container).to_owned(),
        });
        Ok(TaskPlan { task: task.clone(), plan })
    }

    /// Runs the task of this name to its end: the released digest, with the network and the capacity of its service. One
    /// that another run of the same began is joined.
    ///
    /// Fails (exit 9) where it ran and did not end with 0, and (exit 7) where it took too long.
    pub fn run(&self, name: &str) -> Ended<TaskReport> {
        match self.plan(name) {
            Ok(plan) => self.run_planned(&plan),
            Err(failure) => {
                let done = TaskReport { task: name.to_owned(), ..TaskReport::default() };
                Ended { done, result: Err(failure) }
            }
        }
    }

    pub(crate) fn run_planned(&self, TaskPlan { task, plan }: &TaskPlan) -> Ended<TaskReport> {
        let Deploys { config, session, events, interrupt, holder, .. } = &self.deploys;
        if let Some(failure) = lock::refusal(config, &plan.service.name, &in_the_way(&plan.live, holder, Way::Back)) {
            return Ended {
                done: TaskReport { task: task.name.clone(), ..TaskReport::default() },
                result: Err(failure),
            };
        }
        let sources: Arc<dyn Sources> = Arc::new(OfAws(session.sdk().clone()));
        let (ecs, registered) = (session.ecs(), Registered::default());
        let means = Means {
            ecs: &ecs,
            sources: &sources,
            registered: &registered,
            config,
            run: &self.deploys.run_id,
            events,
            interrupt,
        };
        let job = Job { arguments: &self.arguments, again: self.again, ..Job::of(task, plan) };
        run(&means, &job)
    }
}

/// The task as a service would be planned: what is to be registered, and whose network it has.
fn planned_as(config: &Config, task: &Task) -> Service {
    let lends = task.service.as_ref().and_then(|service| config.services.get(service));
    match (&task.own, lends) {
        (None, Some(lends)) => Service { definition: None, desired_count: None, ..lends.clone() },
        (own, lends) => Service {
            name: format!("tasks.{}", task.name),
            cluster: task.cluster.clone(),
            service: lends.map_or_else(String::new, |lends| lends.service.clone()),
            task_definition: own.as_ref().map_or_else(
                || crate::config::TaskDefinitionSource::Family(task.name.clone()),
                |own| own.source.clone(),
            ),
            containers: own.as_ref().map(|own| own.containers.clone()).unwrap_or_default(),
            desired_count: None,
            kind: Kind::Service,
            force_new_deployment: false,
            definition: None,
            after: Vec::new(),
            before_deploy: Vec::new(),
            after_deploy: Vec::new(),
            rollout: lends.map_or_else(Rollout::default, |lends| lends.rollout.clone()),
        },
    }
}

/// Why a task cannot run what was planned.
fn problem(task: &Task, plan: &Plan) -> Option<Failure> {
    let document = plan.document.value();
    let names: Vec<&str> = containers(document).filter_map(|it| it["name"].as_str()).gather();
    let (name, container) = (&task.name, &task.container);
    if !names.contains(&container.as_str()) {
        let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).gather();
        let known = known.join(", ");
        return Some(Failure::usage(format_args!(
            "task {name}: the container `{container}` is not in the task definition; it has {known}"
        )));
    }
    let alone = task.network.is_none() && !plan.live.launch.contains_key("networkConfiguration");
    (alone && document["networkMode"] == "awsvpc").then(|| {
        Failure::usage(format_args!("task {name} has a network interface of its own and no network for it")).help(
            format!(
                "write `network = {{ subnets = [\"subnet-…\"] }}` under `tasks.{name}`, or the `service` whose it is"
            ),
        )
    })
}

fn containers(document: &Value) -> impl Iterator<Item = &Value> {
    document["containerDefinitions"].as_array().into_iter().flatten()
}

/// The tasks that services run before or after their rollouts.
#[derive(Debug, Default)]
pub(super) struct Ready {
    tasks: SortedMap<String, Task>,
    /// Of those that have a task definition of their own.
    plans: SortedMap<String, Plan>,
}

impl Ready {
    /// As services to be planned beside those that name them.
    pub(super) fn to_plan(config: &Config, services: &[&Service], more: &[String]) -> (Self, Vec<Service>) {
        let names = services.iter().flat_map(|service| service.before_deploy.iter().chain(&service.after_deploy));
        let names: SortedSet<&String> = names.chain(more).gather();
        let tasks: SortedMap<String, Task> =
            names.into_iter().filter_map(|name| Some((name.clone(), config.tasks.get(name)?.clone()))).gather();
        let own = tasks.values().filter(|task| task.own.is_some()).map(|task| planned_as(config, task)).gather();
        (Self { tasks, plans: SortedMap::new() }, own)
    }

    /// With what was planned of them; the services' own plans are left. Fails with everything that is wrong with them.
    pub(super) fn planned(mut self, plans: Vec<Plan>) -> Result<(Self, Vec<Plan>)> {
        let is_task = |plan: &Plan| plan.service.name.strip_prefix("tasks.").map(str::to_owned);
        let mut services = Vec::new();
        for plan in plans {
            match is_task(&plan) {
                Some(name) => drop(self.plans.insert(name, plan)),
                None => services.push(plan),
            }
        }
        let mut problems = Vec::new();
        for service in &services {
            let names = service.service.before_deploy.iter().chain(&service.service.after_deploy);
            for task in names.filter_map(|name| self.tasks.get(name)) {
                problems.extend(problem(task, self.plans.get(&task.name).unwrap_or(service)));
            }
        }
        if problems.is_empty() { Ok((self, services)) } else { Err(Failure::together(problems)) }
    }

    /// What was planned of a task that has a task definition of its own.
    pub(super) fn own(&self, name: &str) -> Option<&Plan> {
        self.plans.get(name)
    }

    /// The task of this name, run with what was planned of it, or else with the service's own revision.
    pub(super) fn job<'a>(&'a self, name: &str, service: &'a Plan, revision: Option<&str>) -> Option<Job<'a>> {
        let task = self.tasks.get(name)?;
        Some(match self.plans.get(name) {
            Some(own) => Job::of(task, own),
            None => Job { revision: revision.map(str::to_owned), ..Job::of(task, service) },
        })
    }
}

/// What is said of a service where a task that comes before its rollout did not end well.
pub(super) fn untouched(failure: Failure, service: &str) -> Failure {
    failure.and(format_args!("nothing of service {service} was changed"))
}

/// The same of one that comes after.
pub(super) fn deployed(failure: Failure, service: &str, revision: &str) -> Failure {
    failure.and(format_args!("service {service} is deployed all the same, and runs {}", short(revision)))
}

impl TaskOutcome {
    /// Of a failure that ended it.
    fn of(failure: &Failure) -> Self {
        match failure.ending {
            crate::failure::Ending::TaskFailed => Self::Failed,
            crate::failure::Ending::TimedOut => Self::TimedOut,
            crate::failure::Ending::Interrupted => Self::Interrupted,
            _ => Self::Unknown,
        }
    }
}
