use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::failure::Result;
use crate::operate::promote::{open, source};
use crate::promote::{Promotions, Side};
use crate::stage::Ended;

/// Copy what one environment has released to the registry of another, by digest
#[derive(Args)]
#[command(after_help = "\
stdout gets a line an image: NAME REGISTRY/REPOSITORY@sha256:…, as the target has it

Exit codes: 0 promoted, or there already · 1 the world failed · 2 usage or configuration · 8 the tag is not in the one, or \
in the other with other content · 130 interrupted")]
pub(crate) struct Promote {
    /// Images to promote, by their name in the configuration; all of them by default
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// The environment to copy from
    #[arg(long, value_name = "ENVIRONMENT")]
    from: String,
    /// The environment to copy to
    #[arg(long, value_name = "ENVIRONMENT")]
    to: String,
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Promote {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // Wrong names are told of before credentials are looked for.
        let source = source(context, &self.from)?;
        let drafted = context.drafted()?;
        if !drafted.stands_in {
            config::images_named(&drafted.config, &self.images)?;
        }
        let (source, theirs) = open(context, source)?;
        let stage = Promotions {
            from: Side::new(&source.config, &theirs),
            to: Side::new(context.config()?, context.session()?),
            events: context.events(),
            interrupt: context.interrupt(),
        };
        let plan = stage.plan(&self.images)?;
        if self.plan {
            if self.format == Format::Json {
                context.print(to_json(&json!({ "images": plan.images() }))?);
            }
            return Ok(());
        }
        let Ended { done: promoted, result } = stage.run(&plan);
        match self.format {
            Format::Text => {
                for one in &promoted {
                    context.print(format_args!("{} {}", one.image, one.reference));
                }
            }
            Format::Json => context.print(to_json(&json!({ "images": promoted }))?),
        }
        result
    }
}
