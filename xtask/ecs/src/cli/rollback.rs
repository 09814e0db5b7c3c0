use clap::Args;

use super::{Format, to_json};
use crate::config::services_named;
use crate::context::Context;
use crate::failure::Result;
use crate::operate::rollback::{self, Back};
use crate::stage::Ended;

/// Stop a rollout that is under way, or go back to the last good revision
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 rolled back · 1 the world failed · 2 nothing to go back to, or it cannot run any more · 4 the way back \
failed and what was there serves · 5 neither serves · 6 superseded · 7 timed out · 130 interrupted")]
pub(crate) struct Rollback {
    /// Services to roll back, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// A revision, a digest or a tag that was deployed before; the last good one by default
    #[arg(long, value_name = "REVISION|DIGEST|TAG")]
    to: Option<String>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Rollback {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        services_named(&context.drafted()?.config, &self.services)?;
        let back = rollback::plan(context, &self.services, self.to.as_deref())?;
        if self.plan {
            if let (Back::To(plan), Format::Json) = (&back, self.format) {
                context.print(to_json(&plan.report())?);
            }
            return Ok(());
        }
        let Ended { done, result } = rollback::run(context, &back);
        if self.format == Format::Json {
            context.print(to_json(&done)?);
        }
        result
    }
}
