//! `cargo xtask continue`: the decision that a paused rollout waits for.

use crate::aws::ecs::{Ecs, Service as Live, ServiceDeployment};
use crate::config::{Service, services_named};
use crate::context::Context;
use crate::deploy::lock::{self, Way, in_the_way};
use crate::event::Hook;
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::reader::shift;

/// Which of the hooks that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The only one that waits.
    Only,
    /// The one with this id.
    Id(String),
    All,
}

/// Answers the hooks of a service's rollout that wait for a decision: it goes on, or (`back`) is rolled back.
pub(crate) fn decide(context: &Context, service: &str, which: &Which, back: bool) -> Result<()> {
    let config = context.config()?;
    let service = services_named(config, &[service.to_owned()])?[0];
    if service.is_daemon() {
        let message = format!("{} is a daemon, whose deployments wait for no decision", service.name);
        return Err(Failure::usage(message).help(format!("`{}` shows how it stands", config.command("status"))));
    }
    let ecs = context.session()?.ecs();
    let live = lock::live(&ecs, &[service])?.remove(0);
    // To let traffic move on is a change of the service; to take it back is what a lock does not keep out.
    let kept = if back { Vec::new() } else { in_the_way(&live, &context.holder(), Way::Back) };
    if let Some(refusal) = lock::refusal(config, &service.name, &kept) {
        return Err(refusal);
    }
    let rollout = rollout(&ecs, service, &live)?;
    for hook in chosen(service, &rollout, which)? {
        ecs.continue_service_deployment(&rollout.arn, &hook.id, !back)?;
        let (verb, what) = if back { ("Refused", "is rolled back") } else { ("Continued", "goes on") };
        context.events().note(verb, format!("{} at {}: the rollout {what}", hook.id, rollout.stage));
    }
    let digests = digests(context, service, &rollout).unwrap_or_default();
    let command = config.command(&format!("deploy {}{digests}", service.name));
    context.events().note("Next", format!("`{command}` follows it to its end"));
    Ok(())
}

/// ` --digest …` for each image of which this rollout brings other bytes than those under the tag of the configuration: a deploy
/// without it would put those in their place.
fn digests(context: &Context, service: &Service, rollout: &ServiceDeployment) -> Result<String> {
    let (config, session) = (context.config()?, context.session()?);
    let revisions = session.ecs().service_revisions(std::slice::from_ref(&rollout.target))?;
    let mut words = String::new();
    for running in revisions.iter().flat_map(|revision| &revision.images) {
        let image = service.containers.get(&running.container).and_then(|image| config.images.get(image));
        let (Some(image), Some((_, digest))) = (image, running.image.split_once('@')) else { continue };
        let tagged = session.ecr().find(&[(image.repository(), image.tag())]).pop().transpose()?.flatten();
        if tagged.is_some_and(|found| found.digest.as_str() != digest) {
            words.extend([" --digest ", &image.name, "=", digest]);
        }
    }
    Ok(words)
}

/// The rollout that the service is on.
fn rollout(ecs: &Ecs, service: &Service, live: &Live) -> Result<ServiceDeployment> {
    let none = || Failure::world(format_args!("service {} has no rollout that goes on", service.name));
    let arn = current(ecs, service, live)?.ok_or_else(none)?;
    let rollout = ecs.service_deployment(&arn)?.ok_or_else(none)?;
    if rollout.status.is_final() { Err(none()) } else { Ok(rollout) }
}

fn current(ecs: &Ecs, service: &Service, live: &Live) -> Result<Option<String>> {
    if live.current_deployment.is_some() {
        return Ok(live.current_deployment.clone());
    }
    let listed = ecs.service_deployments(&service.cluster, &service.service, 0)?;
    Ok(listed.into_iter().find(|deployment| !deployment.status.is_final()).map(|deployment| deployment.arn))
}

/// The hooks to answer, or what waits instead.
fn chosen<'a>(service: &Service, rollout: &'a ServiceDeployment, which: &Which) -> Result<Vec<&'a Hook>> {
    let name = &service.name;
    let waiting: Vec<&Hook> = rollout.hooks.iter().filter(|hook| hook.status == "AWAITING_ACTION").gather();
    let lines = waiting.iter().map(|hook| format!("{}{}", hook.id, shift::deadline(hook)));
    match which {
        _ if waiting.is_empty() => {
            let stage = if rollout.stage.is_empty() { rollout.status.name() } else { &rollout.stage };
            Err(Failure::world(format_args!("the rollout of service {name} waits for no decision: it is at {stage}")))
        }
        Which::Only if waiting.len() > 1 => {
            let message = format!("{} hooks of service {name} wait for a decision", waiting.len());
            let help = "name one with `--hook`, or answer them with `--all`";
            Err(Failure::new(Ending::Usage, message).said(lines).help(help))
        }
        Which::Only | Which::All => Ok(waiting),
        Which::Id(id) => {
            let found = waiting.iter().find(|hook| hook.id == *id).map(|hook| vec![*hook]);
            let message = || format!("no hook {id} of service {name} waits for a decision; these do");
            found.ok_or_else(|| Failure::new(Ending::Usage, message()).said(lines))
        }
    }
}
