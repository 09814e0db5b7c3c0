//! `cargo xtask rollback`: a rollout under way is stopped, or the last good revision takes the place of what serves.

use std::time::Duration;

use crate::aws::ecs::{Ecs, Service as Live, ServiceDeployment, Status, short};
use crate::config::{Config, Service, services_named};
use crate::context::Context;
use crate::deploy::{Conclusion, DeployPlan, Newer, Report, TOLD_WITHIN, serving};
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
        // What ECS takes back by itself is followed. One that is a way back already is joined: to stop it would lead to where
        // the rollback came from. Nothing stops a daemon's deployment but another one, which the way back is.
        let goes_back = rollout.goes_back();
        if !goes_back && (service.is_daemon() || context.deploys()?.goes_back(service, &live, to)?) {
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
        if goes_back {
            context.events().note("Joining", format!("the rollback of {name} that is under way"));
        } else {
            let where_it_is = format!("the rollout of {name} to {} {stage}", short(&live.task_definition));
            context.events().note("Stop", where_it_is.trim_end());
        }
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
    let asked = match rollout.pause() {
        _ if rollout.goes_back() => Ok(()),
        Some(hook) => ecs.continue_service_deployment(&rollout.arn, &hook.id, false),
        None => ecs.roll_back(&rollout.arn),
    };
    let (started, name) = (time::instant(), &service.name);
    let (mut told, mut stopped) = (Status::Pending, None);
    loop {
        let over = time::since(started) >= service.rollout.deadline;
        let now = ecs
            .service_deployment(&rollout.arn)?
            .ok_or_else(|| Failure::world(format_args!("ECS does not know the rollout of service {name} any more")))?;
        if let Err(error) = &asked
            && !(now.status.is_final() || now.status == Status::StopRequested)
        {
            return Err(error.clone().into());
        }
        if now.status != told {
            context.events().note("Rollback", format!("{name} {}", now.status.name()));
            told = now.status.clone();
        }
        if now.status == Status::Stopped {
            let since = *stopped.get_or_insert_with(time::instant);
            let late = over || time::since(since) >= TOLD_WITHIN;
            if let Some(conclusion) = stopped_by_others(&ecs, service, &now, late)? {
                return ended(config, service, &now, &conclusion, &ecs);
            }
        } else if now.status.is_final() {
            return ended(config, service, &now, &conclusion(&now), &ecs);
        }
        if over {
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

/// How a rollout that has ended, and was not stopped, did.
fn conclusion(rollout: &ServiceDeployment) -> Conclusion {
    let reason = || if rollout.reason.is_empty() { rollout.status.name().to_owned() } else { rollout.reason.clone() };
    match rollout.status {
        Status::Successful => Conclusion::Deployed,
        Status::RollbackSuccessful => Conclusion::RolledBack { reason: reason() },
        _ => Conclusion::RollbackFailed { reason: reason() },
    }
}

/// A newer deployment stops a rollout, and so does whoever aborts it, which leaves the service where it is. Which of the two it was
/// is known at once, or where it is `late`: what is newer may take its time to be listed.
fn stopped_by_others(
    ecs: &Ecs,
    service: &Service,
    rollout: &ServiceDeployment,
    late: bool,
) -> Result<Option<Conclusion>> {
    let listed = ecs.service_deployments(&service.cluster, &service.service, rollout.created_at)?;
    let newer = listed.into_iter().find(|it| it.arn != rollout.arn && it.created_at >= rollout.created_at);
    if let Some(newer) = newer {
        let revision = revision(ecs, &newer.target)?;
        // Who it was is worth knowing, and not worth failing for.
        let found = ecs.task_definitions(std::slice::from_ref(&revision)).pop().and_then(|it| it.ok().flatten());
        let who = found.map(|found| found.registered_by).unwrap_or_default();
        return Ok(Some(Conclusion::Superseded { by: Newer { revision, who } }));
    }
    let reason = format!("{}, and no rollback was made", rollout.reason.trim_end_matches('.'));
    Ok(late.then_some(Conclusion::RollbackFailed { reason }))
}

/// The ARN of the task definition's revision that a service revision is of.
fn revision(ecs: &Ecs, target: &str) -> Result<String> {
    let found = ecs.service_revisions(&[target.to_owned()])?.pop();
    Ok(found.map(|found| found.task_definition).unwrap_or_default())
}

fn ended(
    config: &Config,
    service: &Service,
    rollout: &ServiceDeployment,
    conclusion: &Conclusion,
    ecs: &Ecs,
) -> Result<()> {
    if matches!(conclusion, Conclusion::RolledBack { .. }) {
        return Ok(());
    }
    let name = &service.name;
    let now = serving(&ecs.service(&service.cluster, &service.service)?);
    let revision = revision(ecs, &rollout.target)?;
    let failure = conclusion.failure(name, &revision, &now, service.rollout.deadline).unwrap_or_else(|| {
        let revision = short(&revision);
        Failure::new(
            Ending::Superseded,
            format_args!(
                "the rollout of {revision} on service {name} had ended well before it could be stopped; {now}"
            ),
        )
    });
    // Nothing is under way any more, so the next one goes to what was well before.
    let goes_on = matches!(conclusion, Conclusion::Superseded { .. });
    let back = format!("`{}` goes to the last revision that was well", again(config, name));
    Err(if goes_on { failure } else { failure.help(back) })
}
