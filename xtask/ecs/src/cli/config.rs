use clap::Args;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::failure::Result;

/// Print the effective configuration, each value with where it comes from
#[derive(Args)]
pub(crate) struct ShowConfig {
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl ShowConfig {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let loaded = context.loaded()?;
        for warning in config::moving_tags(&loaded.config) {
            context.events().warn(warning);
        }
        match self.format {
            Format::Text => config::render(loaded).lines().for_each(|line| context.print(line)),
            Format::Json => context.print(to_json(&config::to_json(loaded))?),
        }
        Ok(())
    }
}
