use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::failure::Result;
use crate::stage::Ended;

/// Scan what is released again, and attach the verdict
#[derive(Args)]
#[command(after_help = "\
Today's database finds what was not known when an image was released. The verdict is attached to the digest under the \
image's tag, whatever it is; `deploy.gate` goes by the newest. stdout gets a line an image: NAME passed|refused \
REGISTRY/REPOSITORY@sha256:…

Exit codes: 0 all passed · 1 the world failed · 2 usage or configuration · 3 an image is refused · 8 an image is not \
released · 130 interrupted")]
pub(crate) struct Rescan {
    /// Images to scan, by their name in the configuration; all of them by default
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Rescan {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        config::images_named(&context.drafted()?.config, &self.images)?;
        let Ended { done, result } = context.releases()?.rescan(&self.images);
        match self.format {
            Format::Text => {
                for one in &done {
                    let verdict = if one.passed { "passed" } else { "refused" };
                    context.print(format_args!("{} {verdict} {}", one.image, one.reference));
                }
            }
            Format::Json => context.print(to_json(&json!({ "images": done }))?),
        }
        result
    }
}
