use clap::{Args, Subcommand, ValueEnum};

use crate::config::TRIVY_URL;
use crate::context::Context;
use crate::failure::Result;
use crate::tools;

/// Pin the tools that releases need
#[derive(Args)]
pub(crate) struct Tools {
    #[command(subcommand)]
    command: Do,
}

#[derive(Subcommand)]
enum Do {
    /// Fetch a version for every platform and print the table for Cargo.toml that pins it
    #[command(after_help = "stderr says what the hashes rest on. Nothing that was fetched is run or kept.")]
    Pin {
        /// What to pin
        tool: Tool,
        /// Which version of it, such as 0.70.0
        version: String,
        /// Where archives are, with {version}, {os} and {arch} in it; by default where the configuration says, or the
        /// project's release page
        #[arg(long)]
        url: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Tool {
    Trivy,
}

impl Tools {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let Do::Pin { tool: Tool::Trivy, version, url } = self.command;
        let config = context.config()?;
        let configured = config.scan.trivy.as_ref().map(|pin| pin.url.as_str());
        let url = url.as_deref().or(configured).unwrap_or(TRIVY_URL);
        let pinned = tools::pin_trivy(&version, url, &config.target, context.events(), context.interrupt())?;
        for sentence in pinned.trusted {
            context.events().note("Trusted", sentence);
        }
        context.print(pinned.toml.trim_end());
        Ok(())
    }
}
