//! `cargo xtask lock` and `unlock`: services that nobody is to deploy to, and the end of that.

use std::time::Duration;

use crate::config::{Service, services_named};
use crate::context::Context;
use crate::deploy::lock::{live, locks, readable, write};
use crate::event::{Lock, LockKind};
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::time;

/// Locks services by hand. Who has locked one before gives the lock another reason and another end.
pub(crate) fn lock(
    context: &Context,
    names: &[String],
    reason: &str,
    lasts: Option<Duration>,
) -> Result<Vec<(String, Lock)>> {
    let config = context.config()?;
    let session = context.session()?;
    let services = lockable(context, names)?;
    let (holder, lasts) = (context.holder(), lasts.unwrap_or(config.lock.expires));
    let lock = holder.lock(LockKind::Hand, reason, lasts);
    if lock.reason != reason.trim() {
        let kept = readable(reason);
        context
            .events()
            .warn(format!("a tag takes letters, digits, spaces and _.:/=+-@ alone, so the reason is kept as: {kept}"));
    }
    let mut done = Vec::new();
    for (service, live) in services.iter().zip(live(&session.ecs(), &services)?) {
        let name = &service.name;
        write(&session.tags(), &live, &holder.key(LockKind::Hand), &lock)?;
        context.events().note("Locked", format!("{name}: {}", lock.sentence()));
        let others = locks(&live).into_iter().filter(|kept| !kept.has_ended(time::now()));
        for other in others.filter(|other| other.key != holder.key(LockKind::Hand)) {
            context.events().note("Besides", format!("{name} is {}, which goes on", other.lock.sentence()));
        }
        done.push((name.clone(), lock.clone()));
    }
    Ok(done)
}

/// The services that can be locked: what locks them is a tag, and those of a daemon ECS tells nobody.
fn lockable<'a>(context: &'a Context, names: &[String]) -> Result<Vec<&'a Service>> {
    let mut services = services_named(context.config()?, names)?;
    let daemons: Vec<&str> = services.iter().filter(|it| it.is_daemon()).map(|service| service.name.as_str()).gather();
    if daemons.is_empty() {
        return Ok(services);
    }
    let them = daemons.join(", ");
    if !names.is_empty() {
        let message = format!("a lock is a tag, and ECS tells nobody which tags a daemon has: {them}");
        return Err(Failure::usage(message).help("lock the services beside it"));
    }
    context.events().warn(format!("not locked, for ECS tells nobody which tags a daemon has: {them}"));
    services.retain(|service| !service.is_daemon());
    Ok(services)
}

/// Takes every lock of services away, whoever's it is, and says whose it was.
pub(crate) fn unlock(context: &Context, names: &[String]) -> Result<Vec<(String, Lock)>> {
    let session = context.session()?;
    let services = lockable(context, names)?;
    let mut done = Vec::new();
    for (service, live) in services.iter().zip(live(&session.ecs(), &services)?) {
        let name = &service.name;
        let found = locks(&live);
        if found.is_empty() {
            context.events().note("Fresh", format!("{name} is not locked"));
            continue;
        }
        let keys: Vec<&str> = found.iter().map(|kept| kept.key.as_str()).gather();
        session.tags().remove(&live.arn, &keys)?;
        for kept in &found {
            let ended = if kept.has_ended(time::now()) { ", which had ended" } else { "" };
            context.events().note("Unlocked", format!("{name}, which was {}{ended}", kept.lock.sentence()));
        }
        done.extend(found.into_iter().map(|kept| (name.clone(), kept.lock)));
    }
    Ok(done)
}
