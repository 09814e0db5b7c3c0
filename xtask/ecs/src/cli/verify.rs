use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config::services_named;
use crate::context::Context;
use crate::deploy::verify::{Finding, Verdict, verify};
use crate::event::Event;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::text::Last;

/// Look whether everything that a deploy leans on is there
#[derive(Args)]
#[command(after_help = "\
Images, sizes, roles, secrets, log groups, target groups, the rollout's settings, the way back and the key that signs evidence are looked at, and \
nothing is changed. stdout gets a line a thing that was looked at: ok, problem, cannot tell where whoever asks may not look, or no \
answer.

Exit codes: 0 no problem · 1 a problem, or the world failed · 2 usage or configuration")]
pub(crate) struct Verify {
    /// Services to look at, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        services_named(&context.drafted()?.config, &self.services)?;
        let findings = verify(context.config()?, context.session()?, context, &self.services)?;
        match self.format {
            Format::Json => context.print(to_json(&json!({ "findings": findings }))?),
            Format::Text => context.print_table(&findings.iter().map(row).gather::<Vec<_>>(), Last::Prose),
        }
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (problems, untold) = (count(Verdict::Problem), count(Verdict::CannotTell));
        let unanswered = count(Verdict::NoAnswer);
        context.events().emit(Event::Verified { things: findings.len(), problems, untold, unanswered });
        match problems {
            0 if unanswered == 0 => Ok(()),
            // What nobody could look at is not in order.
            0 => Err(Failure::world(format_args!("{unanswered} of them had no answer, so nothing is known of them"))
                .help("run it again; each line says what was asked")),
            1 => Err(Failure::world("1 problem was found")),
            problems => Err(Failure::world(format_args!("{problems} problems were found"))),
        }
    }
}

fn row(finding: &Finding) -> Vec<String> {
    let Finding { service, about, verdict, text, help } = finding;
    let verdict = match verdict {
        Verdict::Ok => "ok",
        Verdict::Problem => "problem",
        Verdict::CannotTell => "cannot tell",
        Verdict::NoAnswer => "no answer",
    };
    let service = service.as_deref().unwrap_or("-");
    let help = if help.is_empty() { String::new() } else { format!(" → {help}") };
    vec![verdict.to_owned(), service.to_owned(), (*about).to_owned(), format!("{text}{help}")]
}
