use clap::Args;
use serde_json::{Map, json};

use super::{Format, to_json};
use crate::config::services_named;
use crate::context::Context;
use crate::deploy::history::{Entry, Running, history, usual};
use crate::failure::Result;
use crate::gather::Gather;
use crate::sorted::SortedSet;
use crate::text::{Last, quantity};

/// Show what services have been on: when, what, by whom, and how that ended
#[derive(Args)]
#[command(after_help = "stdout gets a line a deployment, the newest first. ECS remembers them for 90 days.")]
pub(crate) struct History {
    /// Services to show, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl History {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let services = services_named(config, &self.services)?;
        let mut all = Map::new();
        for service in services {
            let entries = history(config, context.session()?, service)?;
            if self.format == Format::Json {
                all.insert(service.name.clone(), json!({ "usual-seconds": usual(&entries), "deployments": entries }));
                continue;
            }
            context.print_table(&rows(&entries), Last::Prose);
            let usually =
                usual(&entries).map_or(String::new(), |it| format!(", usually in {}", quantity::duration(it)));
            context.events().note("History", format!("{}: {} deployments{usually}", service.name, entries.len()));
        }
        if self.format == Format::Json {
            context.print(to_json(&json!({ "services": all }))?);
        }
        Ok(())
    }
}

fn rows(entries: &[Entry]) -> Vec<Vec<String>> {
    let row = |entry: &Entry| {
        let images = entry.images.iter().map(|image| {
            let short = image.digest.get(..19).unwrap_or(&image.digest);
            format!("{} {}", image.container, image.tags.first().map_or(short, String::as_str))
        });
        let commits = entry.images.iter().map(Running::short_commit).filter(|commit| !commit.is_empty());
        let makers: SortedSet<&str> = entry.images.iter().filter_map(|it| Some(it.made_by.as_ref()?.told())).gather();
        let makers = makers.into_iter();
        vec![
            entry.at.clone(),
            entry.revision.clone(),
            images.gather::<Vec<_>>().join(", "),
            commits.gather::<Vec<_>>().join(", "),
            makers.gather::<Vec<_>>().join(", "),
            entry.status.clone(),
            entry.seconds.map_or(String::new(), quantity::duration),
            entry.who.clone(),
            entry.reason.clone(),
        ]
    };
    entries.iter().map(row).gather()
}
