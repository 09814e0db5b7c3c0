use clap::{Args, Subcommand, ValueEnum};

use crate::extend::Context;
use crate::failure::Result;
use crate::tools::{TRIVY_URL, pin_trivy};

/// Pin the tools that a release runs
#[derive(Args)]
pub struct Tools {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Fetch a release for every platform and print the lines that pin it by hash
    Pin {
        tool: Tool,
        /// Such as 0.70.0
        version: String,
        /// Where archives are, with {version}, {os} and {arch} to be filled in
        #[arg(long, default_value = TRIVY_URL)]
        url: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Tool {
    Trivy,
}

impl Tools {
    pub fn run(self, context: &Context) -> Result<()> {
        let Action::Pin { tool: Tool::Trivy, version, url } = self.action;
        let target = &context.config()?.target;
        let pinned = pin_trivy(&version, &url, target, context.events(), context.interrupt())?;
        for sentence in &pinned.trusted {
            context.events().note("Trusting", sentence);
        }
        context.print(pinned.toml.trim_end());
        Ok(())
    }
}
