//! `cargo xtask rollback`: a rollout under way is stopped, or the last good revision takes the place of what serves.

use std::time::Duration;

use crate::aws::ecs::{Ecs, Service as Live, ServiceDeployment, Status, short};
use crate::config::{Config, Service, services_named};
use crate::context::Context;
use crate::deploy::{DeployPlan, Report};
use crate::failure::{Ending, Failure, Result};
use crate::stage::Ended;
use crate::time;

/// What a rollback does.
#[derive(Debug)]
pub(crate) enum Back {
    /// A rollout of this service is under way: ECS takes it back.
    Stop { service: Box<Service>, rollout: Box<ServiceDeployment> },
    /// Services that rest go to another revision.
    To(DeployPlan),
}

/// Finds out what a rollback would do. A rollout under way is one service's at a time.
pub(crate) fn plan(context: &Context, names: &[String], to: Option<&str>) -> Result<Back> {
    let config = context.config()?;
    let ecs = context.session()?.ecs();
    let services = services_named(config, names)?;
    for service in &services {
        let live = ecs.service(&service.cluster, &service.service)?;
        let Some(rollout) = under_way(&ecs, &live)? else { continue };
        // One that goes back already is joined: to stop it would lead to where the rollback came from.
        if context.deploys()?.goes_back(service, &live, to)? {
            continue;
        }
        let (name, stage) = (&service.name, if rollout.stage.is_empty() { "" } else { &rollout.stage });
        if let Some(to) = to {
            return Err(Failure::usage(format_args!(
                "a rollout of service {name} is under way, and a rollback of it goes where it came from, not to `{to}`"
            ))
            .help(format!("`{}` stops it; once it has ended, `--to` goes further", again(config, name))));
        }
        if services.len() > 1 {
            return Err(Failure::usage(format_args!("a rollout of service {name} is under way"))
                .help(format!("`{}` stops that one; the others rest", again(config, name))));
        }
        let where_it_is = format!("the rollout of {name} to {} {stage}", short(&live.task_definition));
        context.events().note("Stop", where_it_is.trim_end());
        return Ok(Back::Stop { service: Box::new((*service).clone()), rollout: Box::new(rollout) });
    }
    Ok(Back::To(context.deploys()?.plan_back(names, to)?))
}

/// Does it, and follows it to its end. A rollout that is rolled back is what was asked for.
pub(crate) fn run(context: &Context, back: &Back) -> Ended<Report> {
    match back {
        Back::To(plan) => match context.deploys() {
            // What a repository does around a deploy is about going forward.
            Ok(deploys) => deploys.without_hooks().run(plan),
            Err(failure) => Ended { done: Report::default(), result: Err(failure) },
        },
        Back::Stop { service, rollout } => Ended { done: Report::default(), result: stop(context, service, rollout) },
    }
}

fn under_way(ecs: &Ecs, live: &Live) -> Result<Option<ServiceDeployment>> {
    let Some(arn) = &live.current_deployment else { return Ok(None) };
    Ok(ecs.service_deployment(arn)?.filter(|rollout| !rollout.status.is_final()))
}

/// Stops a rollout, or refuses at the hook where it waits.
fn stop(context: &Context, service: &Service, rollout: &ServiceDeployment) -> Result<()> {
    let (config, ecs) = (context.config()?, context.session()?.ecs());
    let going_back = matches!(rollout.status, Status::RollbackRequested | Status::RollbackInProgress);
    match rollout.pause() {
        _ if going_back => context.events().note("Joining", "the rollback that is under way"),
        Some(hook) => ecs.continue_service_deployment(&rollout.arn, &hook.id, false)?,
        None => ecs.roll_back(&rollout.arn)?,
    }
    let (started, name) = (time::instant(), &service.name);
    let mut told = Status::Pending;
    loop {
        let now = ecs
            .service_deployment(&rollout.arn)?
            .ok_or_else(|| Failure::world(format_args!("ECS does not know the rollout of service {name} any more")))?;
        if now.status != told {
            context.events().note("Rollback", format!("{name} {}", now.status.name()));
            told = now.status.clone();
        }
        if now.status.is_final() {
            return ended(config, name, &now, &ecs.service(&service.cluster, &service.service)?);
        }
        if time::since(started) > service.rollout.deadline {
            return Err(Failure::new(
                Ending::TimedOut,
                format_args!("the rollback of service {name} is still {}", now.status.name()),
            )
            .help(format!("it goes on in ECS; `{}` follows it again", again(config, name))));
        }
        if context.interrupt().wait(service.rollout.poll.max(Duration::from_millis(10))) {
            return Err(Failure::interrupted(format_args!(
                "interrupted: the rollback of service {name} goes on in ECS"
            ))
            .help(format!("`{}` follows it again", again(config, name))));
        }
    }
}

fn again(config: &Config, service: &str) -> String {
    config.command(&format!("rollback {service}"))
}

fn ended(config: &Config, name: &str, rollout: &ServiceDeployment, live: &Live) -> Result<()> {
    let serves = short(&live.task_definition);
    match rollout.status {
        Status::RollbackSuccessful => Ok(()),
        Status::Successful => Err(Failure::new(
            Ending::Superseded,
            format_args!("the rollout of service {name} had ended well before it could be stopped: {serves} serves"),
        )
        .help(format!("`{}` goes back to the revision before", again(config, name)))),
        Status::Stopped => Err(Failure::new(
            Ending::Superseded,
            format_args!("the rollout of service {name} was stopped by another deployment: {serves} is being deployed"),
        )),
        _ => Err(Failure::new(
            Ending::RollbackFailed,
            format_args!(
                "the rollback of service {name} failed: {}",
                if rollout.reason.is_empty() { rollout.status.name() } else { &rollout.reason }
            ),
        )),
    }
}
