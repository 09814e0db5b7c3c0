use clap::Args;

use super::{Format, to_json};
use crate::config;
use crate::context::Context;
use crate::deploy;
use crate::failure::Result;

/// Register what changed, update the services, and watch how that ends
#[derive(Args)]
pub struct Deploy {
    /// Services to deploy, by their name in the configuration; all of them by default
    services: Vec<String>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Deploy {
    pub fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        config::services_named(config, &self.services)?;
        let session = context.session()?;
        let options = deploy::Options { plan_only: self.plan };
        let mut report = deploy::Report::default();
        let (events, interrupt) = (context.events(), context.interrupt());
        let result = deploy::run_into(&mut report, config, &session, &self.services, &options, events, interrupt);
        // A failure's report says how far each service came.
        if self.format == Format::Json && !report.services.is_empty() {
            context.print(to_json(&report)?);
        }
        result
    }
}
