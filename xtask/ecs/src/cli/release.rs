use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::failure::Result;
use crate::release;

/// Build, scan and push the images whose tag is not in ECR
///
/// Prints `NAME REGISTRY/REPOSITORY@sha256:…` for each image on stdout.
#[derive(Args)]
pub struct Release {
    /// Images to release, by their name in the configuration; all of them by default
    images: Vec<String>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Release {
    pub fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let images = config::images_named(config, &self.images)?;
        let session = context.session()?;
        let (events, interrupt) = (context.events(), context.interrupt());
        if self.plan {
            let planned = release::plan(config, &images, &session, &release::plan_trivy, events, interrupt)?;
            if self.format == Format::Json {
                context.print(to_json(&json!({ "images": planned }))?);
            }
            return Ok(());
        }
        let mut released = Vec::new();
        let result = release::run(config, &images, &session, &release::find_trivy, events, interrupt, &mut released);
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
