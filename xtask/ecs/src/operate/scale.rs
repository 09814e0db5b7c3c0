//! `cargo xtask scale`: how many tasks a service has, or between which bounds somebody else decides that.

use serde_json::{Value, json};

use crate::aws::autoscaling::{self, Target};
use crate::aws::{Kind, SdkConfig};
use crate::config::{Service, services_named};
use crate::context::Context;
use crate::deploy::lock::{self, Way, in_the_way};
use crate::event::Event;
use crate::failure::{Failure, Result};

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Count(u32),
    Bounds(u32, u32),
}

/// Does it, and tells what was before and what may undo it.
///
/// Fails (exit 2) where a count is outside the bounds of Auto Scaling, and where there are bounds and nothing that they bind.
pub(crate) fn scale(context: &Context, name: &str, to: To) -> Result<Value> {
    let config = context.config()?;
    let service = services_named(config, &[name.to_owned()])?[0];
    if service.is_daemon() {
        let message = format!("{name} is a daemon, which has one task on each instance of its capacity providers");
        return Err(Failure::usage(message).help("scale the capacity provider, or deploy a service beside it"));
    }
    let session = context.session()?;
    let (sdk, live) = (session.sdk(), lock::live(&session.ecs(), &[service])?.remove(0));
    if let Some(refusal) = lock::refusal(config, name, &in_the_way(&live, &context.holder(), Way::Back)) {
        return Err(refusal);
    }
    let moves = config.command(&format!("scale {name} MIN..MAX"));
    let before = live.desired;
    let target = target(context, sdk, service, to)?;
    match (to, target) {
        (To::Count(count), target) => {
            let undone = target.as_ref().map(|target| in_bounds(service, target, count, &moves)).transpose()?;
            if count != before {
                autoscaling::set_desired(sdk, &service.cluster, &service.service, count)?;
            }
            let (before, after) = (before.to_string(), count.to_string());
            context.events().emit(Event::ServiceScaled { service: service.name.clone(), before, after });
            if let Some(target) = undone.filter(|target| !target.suspended) {
                told(context, (sdk, service), target, &moves);
            }
            if let Some(written) = service.desired_count.filter(|written| *written != count) {
                let warning = format!("the next deploy sets service {name} back to {written}, which `desired-count` says");
                context.events().warn(warning);
            }
            Ok(json!({ "service": name, "before": live.desired, "desired-count": count }))
        }
        (To::Bounds(..), None) => Err(Failure::usage(format_args!(
            "nothing scales service {name} by itself, so it has no bounds: Application Auto Scaling has no target for it"
        ))
        .help(format!("`{}` sets the desired count", config.command(&format!("scale {name} N"))))),
        (To::Bounds(min, max), Some(target)) => {
            if (target.min, target.max) != (min, max) {
                autoscaling::set_bounds(sdk, (&service.cluster, &service.service), (min, max))?;
            }
            let (was, is) = (format!("{}..{}", target.min, target.max), format!("{min}..{max}"));
            context.events().emit(Event::ServiceScaled { service: service.name.clone(), before: was, after: is });
            if !(min..=max).contains(&before) {
                let nearest = before.clamp(min, max);
                let will = format!("Auto Scaling brings service {name} from {before} to {nearest} tasks");
                context.events().note("Next", will);
            }
            let bounds = |min: u32, max: u32| json!({ "min": min, "max": max });
            Ok(json!({ "service": name, "before": bounds(target.min, target.max), "bounds": bounds(min, max) }))
        }
    }
}

/// What is registered. A count can be set without the right to see that.
fn target(context: &Context, sdk: &SdkConfig, service: &Service, to: To) -> Result<Option<Target>> {
    match autoscaling::target(sdk, &service.cluster, &service.service) {
        Err(error) if error.kind == Kind::Denied && matches!(to, To::Count(_)) => {
            let name = &service.name;
            context.events().warn(format!("whether something else scales service {name} cannot be told: {error}"));
            Ok(None)
        }
        found => Ok(found?),
    }
}

fn in_bounds<'a>(service: &Service, target: &'a Target, count: u32, moves: &str) -> Result<&'a Target> {
    let (name, Target { min, max, .. }) = (&service.name, target);
    if (*min..=*max).contains(&count) {
        return Ok(target);
    }
    Err(Failure::usage(format_args!(
        "{count} tasks are outside the bounds of service {name}, {min}..{max}: Auto Scaling would undo it at once"
    ))
    .help(format!("`{moves}` moves the bounds")))
}

fn told(context: &Context, (sdk, service): (&SdkConfig, &Service), target: &Target, moves: &str) {
    let (name, Target { min, max, .. }) = (&service.name, target);
    // Who moves it is a name more; that something does is known.
    let by = match autoscaling::policies(sdk, &service.cluster, &service.service) {
        Ok(policies) if !policies.is_empty() => format!(" by {}", policies.join(", ")),
        _ => String::new(),
    };
    context.events().warn(format!(
        "Auto Scaling may move service {name} again{by}, between {min} and {max} tasks: `{moves}` moves the bounds"
    ));
}
