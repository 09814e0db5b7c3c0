//! What starts tasks by the clock: after a deploy that ended well it moves to the revision that was deployed.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::plan::{Action, Plan};
use super::registered::Registered;
use super::report::{Became, Report};
use super::tasks::{Ready, overrides};
use super::{DeployPlan, Deploys};
use crate::aws::ecs::short;
use crate::aws::{AwsError, SdkConfig, rules, scheduler};
use crate::config::{Clockwork, Config, Partition, Schedule, Task};
use crate::event::Outcome;
use crate::failure::{Failure, Result};
use crate::gather::Gather as _;
use crate::text::of_json as text;

/// What is known of a schedule before a deploy.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    schedule: Schedule,
    /// Made by this deploy, of these members of its target.
    creates: Option<Value>,
}

/// What became of a schedule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScheduleReport {
    /// The key under `schedules`.
    pub schedule: String,
    /// The key under `tasks`.
    pub task: String,
    /// The ARN of the revision that it starts; absent where it was not looked at.
    pub revision: Option<String>,
    /// What the terminal says of it, where it did not move.
    pub failure: Option<String>,
}

/// The names of the tasks that schedules start, as far as they move with a deploy of these services.
pub(super) fn tasks(config: &Config, services: &[&str], all: bool) -> Vec<String> {
    let mut names = Vec::new();
    for schedule in &config.schedules {
        if let Some(task) = moved_with(config, schedule, services, all) {
            names.push(task.name.clone());
        }
    }
    names
}

/// A task of no service moves when everything is deployed.
fn moved_with<'a>(config: &'a Config, schedule: &Schedule, services: &[&str], all: bool) -> Option<&'a Task> {
    let task = config.tasks.get(&schedule.task)?;
    let is_there = task.service.as_ref().map_or(all, |service| services.contains(&service.as_str()));
    is_there.then_some(task)
}

/// Looks at every schedule that moves with these services, before anything is done. All problems come together.
pub(super) fn plan(deploys: &Deploys<'_>, plans: &[Plan], ready: &Ready, all: bool) -> Result<Vec<Planned>> {
    let (config, sdk, events) = (deploys.config, deploys.session.sdk(), deploys.events);
    let services: Vec<&str> = plans.iter().map(|plan| plan.service.name.as_str()).gather();
    let (mut planned, mut problems) = (Vec::new(), Vec::new());
    for schedule in &config.schedules {
        let Some(task) = moved_with(config, schedule, &services, all) else { continue };
        let (name, kind) = (&schedule.name, schedule.target.word());
        let mut creates = None;
        match look(sdk, schedule) {
            Err(failure) => problems.push(failure),
            Ok(Some(found)) => {
                if found.expression != schedule.expression {
                    events.warn(format!(
                        "{kind} {name} has {}, and {} is written: only its revision moves",
                        found.expression, schedule.expression
                    ));
                }
                events.note("Schedule", format!("{name} starts {} {}", short(&found.revision), schedule.expression));
            }
            Ok(None) if deploys.creates => match made_of(config, schedule, task, plans, ready) {
                Ok(target) => {
                    events.note("Schedule", format!("{name} is created: {}", schedule.expression));
                    creates = Some(target);
                }
                Err(failure) => problems.push(failure),
            },
            Ok(None) => problems.push(
                Failure::world(format_args!("there is no {kind} {name} in {}", place(schedule.target)))
                    .help("`deploy --create` makes it; or correct its name and `target` under `schedules`"),
            ),
        }
        planned.push(Planned { schedule: schedule.clone(), creates });
    }
    if problems.is_empty() { Ok(planned) } else { Err(Failure::together(problems)) }
}

/// The schedules of these services' own tasks, unseen: a rollback takes them back, too.
pub(super) fn of_services(config: &Config, plans: &[Plan]) -> Vec<Planned> {
    let services: Vec<&str> = plans.iter().map(|plan| plan.service.name.as_str()).gather();
    let mut planned = Vec::new();
    for schedule in &config.schedules {
        if moved_with(config, schedule, &services, false).is_some_and(|task| task.own.is_none()) {
            planned.push(Planned { schedule: schedule.clone(), creates: None });
        }
    }
    planned
}

/// Moves those whose service ended well; a failure leaves what is deployed as it is.
pub(super) fn follow(
    deploys: &Deploys<'_>,
    plan: &DeployPlan,
    registered: &Registered,
    done: &mut Report,
    result: Result<()>,
) -> Result<()> {
    let mut failures = Vec::new();
    for planned in &plan.schedules {
        let schedule = &planned.schedule;
        let Some(task) = deploys.config.tasks.get(&schedule.task) else { continue };
        let service = task.service.as_deref().and_then(|name| done.services.iter().find(|it| it.service == name));
        let well = |became: Became| matches!(became, Became::Ended(Outcome::Deployed | Outcome::NothingToDo));
        if !service.map_or(result.is_ok(), |service| well(service.outcome)) {
            continue;
        }
        let deployed = service.map(|service| (service.service.clone(), service.revision.clone()));
        let revision = match plan.tasks.own(&schedule.task) {
            Some(own) => revision(deploys, registered, own).map(Some),
            None => Ok(deployed.as_ref().and_then(|(_, revision)| revision.clone())),
        };
        let mut report = ScheduleReport {
            schedule: schedule.name.clone(),
            task: schedule.task.clone(),
            revision: None,
            failure: None,
        };
        let moved = revision.and_then(|revision| match revision {
            Some(revision) => set(deploys, planned, &revision).map(|()| report.revision = Some(revision)),
            None => Ok(()),
        });
        if let Err(failure) = moved {
            let failure = match deployed {
                Some((service, _)) => failure.after(format_args!("service {service} is deployed")),
                None => failure,
            };
            report.failure = Some(failure.to_string());
            failures.push(failure);
        }
        done.schedules.push(report);
    }
    match (result, failures.is_empty()) {
        (Ok(()), false) => Err(Failure::together(failures)),
        (result, _) => {
            for failure in &failures {
                deploys.events.warn(failure.message());
            }
            result
        }
    }
}

/// The revision of a task with a definition of its own.
fn revision(deploys: &Deploys<'_>, registered: &Registered, own: &Plan) -> Result<String> {
    match &own.action {
        Action::Register => {
            let register = || Ok(deploys.session.ecs().register_task_definition(&own.document)?);
            registered.revision(&own.document, register).map(|(revision, _)| revision)
        }
        Action::Update { revision } | Action::Follow { revision } | Action::NothingToDo { revision } => {
            Ok(revision.clone())
        }
    }
}

/// Sets one to this revision, as it is by now.
fn set(deploys: &Deploys<'_>, planned: &Planned, revision: &str) -> Result<()> {
    let (sdk, events) = (deploys.session.sdk(), deploys.events);
    let Planned { schedule, creates } = planned;
    let (name, kind) = (&schedule.name, schedule.target.word());
    let Some(found) = look(sdk, schedule)? else {
        let Some(target) = creates else {
            return Err(Failure::world(format_args!("there is no {kind} {name} any more")));
        };
        create(sdk, schedule, target.clone(), revision)
            .map_err(|error| Failure::from(error).during(format_args!("{kind} {name} was not created")))?;
        events.note("Scheduled", format!("{name}: {} {}", short(revision), schedule.expression));
        return Ok(());
    };
    if found.revision == revision {
        return Ok(());
    }
    let before = short(&found.revision).to_owned();
    found
        .moved(sdk, schedule, revision)
        .map_err(|error| Failure::from(error).during(format_args!("{kind} {name} still runs {before}")))?;
    events.note("Scheduled", format!("{name}: {} in the place of {before}", short(revision)));
    Ok(())
}

/// A schedule or a rule as it is.
struct Found {
    expression: String,
    /// The revision that it starts: an ARN, or a family.
    revision: String,
    /// The schedule, or the rule's target, in its own members.
    whole: Value,
}

/// `None` where there is none of this name.
fn look(sdk: &SdkConfig, schedule: &Schedule) -> Result<Option<Found>> {
    let (name, kind) = (&schedule.name, schedule.target.word());
    let found = match schedule.target {
        Clockwork::Scheduler => scheduler::schedule(sdk, name)?.map(|whole| Found {
            expression: text(&whole["ScheduleExpression"]),
            revision: text(&whole["Target"]["EcsParameters"]["TaskDefinitionArn"]),
            whole,
        }),
        Clockwork::Rule => match rules::rule(sdk, name)? {
            None => None,
            Some(rule) => {
                let mut starts: Vec<Value> = rules::targets(sdk, name)?;
                starts.retain(|target| !target["EcsParameters"].is_null());
                if starts.len() > 1 {
                    return Err(Failure::world(format_args!("rule {name} starts {} ECS tasks", starts.len()))
                        .help("give each task a rule of its own, so that it is known which of them is meant"));
                }
                let whole = starts.pop().unwrap_or_default();
                Some(Found {
                    expression: text(&rule["ScheduleExpression"]),
                    revision: text(&whole["EcsParameters"]["TaskDefinitionArn"]),
                    whole,
                })
            }
        },
    };
    match found {
        Some(found) if found.revision.is_empty() => {
            Err(Failure::world(format_args!("{kind} {name} starts no ECS task: its target has no `EcsParameters`"))
                .help("correct its name under `schedules`, or give it an ECS task as its target"))
        }
        found => Ok(found),
    }
}

impl Found {
    /// With this revision, and nothing else changed.
    fn moved(mut self, sdk: &SdkConfig, schedule: &Schedule, revision: &str) -> Result<(), AwsError> {
        match schedule.target {
            Clockwork::Scheduler => {
                self.whole["Target"]["EcsParameters"]["TaskDefinitionArn"] = json!(revision);
                scheduler::update(sdk, &schedule.name, self.whole)
            }
            Clockwork::Rule => {
                self.whole["EcsParameters"]["TaskDefinitionArn"] = json!(revision);
                rules::put_target(sdk, &schedule.name, &self.whole)
            }
        }
    }
}

fn create(sdk: &SdkConfig, schedule: &Schedule, mut target: Value, revision: &str) -> Result<(), AwsError> {
    let name = &schedule.name;
    target["EcsParameters"]["TaskDefinitionArn"] = json!(revision);
    if schedule.target == Clockwork::Rule {
        target["Id"] = json!(name);
        rules::put_rule(sdk, name, &schedule.expression)?;
        return rules::put_target(sdk, name, &target);
    }
    let mut made = json!({ "ScheduleExpression": schedule.expression, "FlexibleTimeWindow": { "Mode": "OFF" } });
    if let Some(timezone) = &schedule.timezone {
        made["ScheduleExpressionTimezone"] = json!(timezone);
    }
    made["Target"] = target;
    scheduler::create(sdk, name, &made)
}

/// The target of one that is made, but for its revision.
fn made_of(config: &Config, schedule: &Schedule, task: &Task, plans: &[Plan], ready: &Ready) -> Result<Value> {
    let (name, kind) = (&schedule.name, schedule.target.word());
    let Some(role) = &schedule.role else {
        return Err(Failure::usage(format_args!(
            "{kind} {name} cannot be created without the role that starts its task"
        ))
        .help(format!(
            "write `role` under `schedules.{name}`: one that {}.amazonaws.com may assume, with ecs:RunTask",
            match schedule.target {
                Clockwork::Scheduler => "scheduler",
                Clockwork::Rule => "events",
            }
        )));
    };
    let of_service = plans.iter().find(|plan| Some(&plan.service.name) == task.service.as_ref());
    let launch = ready.own(&task.name).or(of_service).map(|plan| plan.live.launch.clone()).unwrap_or_default();
    let mut parameters = Map::new();
    parameters.insert("TaskCount".to_owned(), json!(task.count));
    for (member, theirs) in [
        ("launchType", "LaunchType"),
        ("capacityProviderStrategy", "CapacityProviderStrategy"),
        ("platformVersion", "PlatformVersion"),
    ] {
        if let Some(value) = launch.get(member).filter(|value| **value != "LATEST") {
            parameters.insert(theirs.to_owned(), value.clone());
        }
    }
    if let Some(network) = network(task, launch.get("networkConfiguration")) {
        parameters.insert("NetworkConfiguration".to_owned(), network);
    }
    let over = overrides(task, &task.command.iter().gather::<Vec<_>>());
    let partition = Partition::of(&config.region).name;
    let cluster = match task.cluster.strip_prefix("arn:") {
        Some(_) => task.cluster.clone(),
        None => format!("arn:{partition}:ecs:{}:{}:cluster/{}", config.region, config.account, task.cluster),
    };
    let input = json!({ "containerOverrides": [over] }).to_string();
    Ok(json!({ "Arn": cluster, "RoleArn": role, "Input": input, "EcsParameters": parameters }))
}

/// In the words of EventBridge, of which lists that are empty are none.
fn network(task: &Task, of_service: Option<&Value>) -> Option<Value> {
    let (subnets, groups, public) = match (&task.network, of_service) {
        (Some(own), _) => (json!(own.subnets), json!(own.security_groups), own.assign_public_ip),
        (None, Some(service)) => {
            let vpc = &service["awsvpcConfiguration"];
            (vpc["subnets"].clone(), vpc["securityGroups"].clone(), vpc["assignPublicIp"] == "ENABLED")
        }
        (None, None) => return None,
    };
    let mut vpc = json!({ "Subnets": subnets, "AssignPublicIp": if public { "ENABLED" } else { "DISABLED" } });
    if groups.as_array().is_some_and(|groups| !groups.is_empty()) {
        vpc["SecurityGroups"] = groups;
    }
    Some(json!({ "awsvpcConfiguration": vpc }))
}

fn place(target: Clockwork) -> &'static str {
    match target {
        Clockwork::Scheduler => "EventBridge Scheduler",
        Clockwork::Rule => "EventBridge",
    }
}
