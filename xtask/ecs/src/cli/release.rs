use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::failure::Result;
use crate::platform::Platform;
use crate::release::{Released, Share};
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
    /// Put no tag: leave that to a run with --assemble
    #[arg(long, conflicts_with = "assemble")]
    no_tag: bool,
    /// Build for this platform alone, and put no tag
    #[arg(long, value_name = "PLATFORM", conflicts_with = "assemble")]
    platform: Option<Platform>,
    /// Put the tags of what runs without one have left in target/xtask/parts
    #[arg(long, conflicts_with = "plan")]
    assemble: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Release {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        config::images_named(&context.drafted()?.config, &self.images)?;
        let mut stage = context.releases()?;
        if self.assemble {
            return self.tell(context, stage.assemble(&self.images));
        }
        stage.share = match &self.platform {
            Some(platform) => Share::Platform(platform.clone()),
            None if self.no_tag => Share::Untagged,
            None => Share::Whole,
        };
        let plan = stage.plan(&self.images)?;
        if self.plan {
            if self.format == Format::Json {
                context.print(to_json(&json!({ "images": plan.images() }))?);
            }
            return Ok(());
        }
        self.tell(context, stage.run(&plan))
    }

    fn tell(&self, context: &Context, Ended { done: released, result }: Ended<Vec<Released>>) -> Result<()> {
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
