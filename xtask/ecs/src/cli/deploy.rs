use clap::Args;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::deploy::{ByDigest, Report, Until};
use crate::failure::Result;

/// Register what changed, update the services, and watch how that ends
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 deployed, or nothing to do · 1 the world failed · 2 usage or configuration · 3 the gate refused · 4 failed and rolled back · \
5 failed and not on its last good revision · 6 superseded · 7 timed out · 8 the image is not in ECR · 9 a task failed · \
10 waits for a decision · 130 interrupted")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is given or not")]
pub(crate) struct Deploy {
    /// Services to deploy, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// Let an older version take the place of a newer one
    #[arg(long)]
    allow_older: bool,
    /// Bytes to deploy in the place of those under the tag; `IMAGE=sha256:…` where there are several images
    #[arg(long, value_name = "DIGEST")]
    digest: Vec<ByDigest>,
    /// Create services that are not there, of their `service-definition`
    #[arg(long)]
    create: bool,
    /// Run the tasks before and after a rollout where nothing is rolled out, too
    #[arg(long)]
    run_tasks: bool,
    /// How far the rollout is followed: `done`, `bake`, `paused` (ends with 10) or a lifecycle stage
    #[arg(long, value_name = "WHEN", default_value = "done")]
    until: Until,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Deploy {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        config::services_named(&context.drafted()?.config, &self.services)?;
        let deploys = context.deploys()?.allow_older(self.allow_older).until(self.until).create(self.create);
        let stage = deploys.digests(self.digest.clone()).run_tasks(self.run_tasks);
        let plan = stage.plan(&self.services)?;
        if self.plan {
            return self.print(context, &plan.report());
        }
        let ended = stage.run(&plan);
        // A failure's report says how far each service came.
        self.print(context, &ended.done)?;
        ended.result
    }

    fn print(&self, context: &Context, report: &Report) -> Result<()> {
        if self.format == Format::Json {
            context.print(to_json(report)?);
        }
        Ok(())
    }
}
