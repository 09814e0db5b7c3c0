use std::io::{IsTerminal, stdout};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config::services_named;
use crate::context::Context;
use crate::deploy::status::{ImageStatus, RevisionStatus, ServiceStatus, status};
use crate::event::Event;
use crate::failure::Result;
use crate::gather::Gather;
use crate::stage::Ended;
use crate::text::Last;

/// Between two looks of `--watch`.
const PAUSE: Duration = Duration::from_secs(5);

/// Moves to the top of a terminal and clears what is below.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// Show what services run: revision, image, commit, tasks, and how the rollout stands
#[derive(Args)]
#[command(after_help = "\
stdout gets a line a revision that has tasks, the newest first.

Exit codes: 0 shown · 1 the world failed · 2 usage or configuration; with --check: 5 a service is not on what was \
released · 8 the image is not in ECR")]
pub(crate) struct Status {
    /// Services to look at, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Fail (5) where a service runs other bytes than those under the tag of the configuration
    #[arg(long)]
    check: bool,
    /// Look again every 5 s and show what changed, until Ctrl-C; with --check, until all is well
    #[arg(long)]
    watch: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        services_named(&context.drafted()?.config, &self.services)?;
        let mut shown: Option<Vec<ServiceStatus>> = None;
        loop {
            let Ended { done, result } = status(context.config()?, context.session()?, &self.services, self.check)?;
            if shown.as_ref() != Some(&done) {
                self.show(context, &done)?;
                shown = Some(done);
            }
            let waits = self.watch && !(self.check && result.is_ok());
            if !waits || context.interrupt().wait(PAUSE) {
                return result;
            }
        }
    }

    fn show(&self, context: &Context, services: &[ServiceStatus]) -> Result<()> {
        if self.format == Format::Json {
            context.print(to_json(&json!({ "services": services }))?);
        } else {
            if self.watch && stdout().is_terminal() {
                context.write(CLEAR.as_bytes());
            }
            context.print_table(&rows(services), Last::Prose);
        }
        let under_way = services.iter().filter(|service| service.is_under_way()).count();
        context.events().emit(Event::StatusShown { services: services.len(), under_way });
        Ok(())
    }
}

fn rows(services: &[ServiceStatus]) -> Vec<Vec<String>> {
    let lines = services.iter().flat_map(|service| {
        let revisions = service.revisions.iter().map(Some);
        let none = service.revisions.is_empty().then_some(None);
        revisions.chain(none).enumerate().map(|(place, revision)| row(service, revision, place == 0))
    });
    lines.gather()
}

/// `first` is the revision that the service is on, or on its way to: it bears what is said of the service.
fn row(service: &ServiceStatus, revision: Option<&RevisionStatus>, first: bool) -> Vec<String> {
    let images = revision.map(|revision| revision.images.as_slice()).unwrap_or_default();
    let each = |say: &dyn Fn(&ImageStatus) -> String| {
        let said: Vec<String> = images.iter().map(say).filter(|said| !said.is_empty()).gather();
        said.join(", ")
    };
    let digest = |image: &ImageStatus| image.running.digest.get(7..19).unwrap_or_default().to_owned();
    let commit = |image: &ImageStatus| image.running.short_commit();
    let tasks = revision.map_or_else(
        || format!("0/{}", service.desired),
        |revision| {
            let pending = if revision.pending > 0 { format!(" +{}", revision.pending) } else { String::new() };
            let of = if first { format!("/{}", service.desired) } else { String::new() };
            format!("{}{of}{pending}", revision.running)
        },
    );
    let rollout = if !first {
        String::new()
    } else if service.waits_for.is_some() {
        format!("{} {} (waits for a decision)", service.rollout, service.stage)
    } else {
        format!("{} {}", service.rollout, service.stage)
    };
    vec![
        service.service.clone(),
        revision.map_or(String::new(), |revision| revision.revision.clone()),
        each(&|image| {
            let tag = image.running.tags.first().map(String::as_str).unwrap_or_default();
            format!("{} {tag}", image.running.container).trim_end().to_owned()
        }),
        each(&digest),
        each(&commit),
        tasks,
        rollout.trim().to_owned(),
        if first { service.since.clone() } else { String::new() },
    ]
}
