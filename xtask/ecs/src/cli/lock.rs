use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config::{parse_duration, services_named};
use crate::context::Context;
use crate::event::Lock as Held;
use crate::failure::Result;
use crate::gather::Gather;
use crate::operate::lock;

/// Keep others from deploying to services, with a reason, for a while
#[derive(Args)]
#[command(after_help = "\
A lock is a tag of the ECS service. A deploy of somebody else ends with 6, or waits, as `lock.when-locked` says.

Exit codes: 0 locked · 1 the world failed · 2 usage or configuration")]
pub(crate) struct Lock {
    /// Services to lock, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Why, for whoever is kept out
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// How long, such as `90m`; `lock.expires` by default
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    lasts: Option<Duration>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Take the locks of services away, whoever's they are
#[derive(Args)]
#[command(after_help = "Exit codes: 0 unlocked, or not locked · 1 the world failed · 2 usage or configuration")]
pub(crate) struct Unlock {
    /// Services to unlock, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Lock {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        services_named(&context.drafted()?.config, &self.services)?;
        let done = lock::lock(context, &self.services, &self.reason, self.lasts)?;
        print(context, self.format, &done)
    }
}

impl Unlock {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        services_named(&context.drafted()?.config, &self.services)?;
        let done = lock::unlock(context, &self.services)?;
        print(context, self.format, &done)
    }
}

fn print(context: &Context, format: Format, done: &[(String, Held)]) -> Result<()> {
    if format == Format::Json {
        let locks: Vec<_> = done.iter().map(|(service, lock)| json!({ "service": service, "lock": lock })).gather();
        context.print(to_json(&json!({ "locks": locks }))?);
    }
    Ok(())
}
