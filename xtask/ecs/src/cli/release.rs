use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::failure::Result;
use crate::stage::Ended;

/// Build, scan and push the images whose tag is not in ECR
#[derive(Args)]
#[command(after_help = "\
stdout gets a line an image: NAME REGISTRY/REPOSITORY@sha256:…

Exit codes: 0 released, or there already · 1 the world failed · 2 usage or configuration · 3 refused by the scan gate · \
8 the tag is there with other content · 130 interrupted")]
pub(crate) struct Release {
    /// Images to release, by their name in the configuration; all of them by default
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Release {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        config::images_named(context.config()?, &self.images)?;
        let stage = context.releases()?;
        let plan = stage.plan(&self.images)?;
        if self.plan {
            if self.format == Format::Json {
                context.print(to_json(&json!({ "images": plan.images() }))?);
            }
            return Ok(());
        }
        let Ended { done: released, result } = stage.run(&plan);
        match self.format {
            Format::Text => {
                for one in &released {
                    context.print(format_args!("{} {}", one.image, one.reference));
                }
            }
            Format::Json => context.print(to_json(&json!({ "images": released }))?),
        }
        result
    }
}
