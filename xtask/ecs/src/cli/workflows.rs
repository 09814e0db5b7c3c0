use clap::Args;

use crate::extend::Context;
use crate::failure::Result;
use crate::workflows;

/// Write .github/workflows from the configuration
#[derive(Args)]
pub struct WriteWorkflows {
    /// Write nothing; exit 2 and show the difference where a file is not what the configuration says
    #[arg(long)]
    check: bool,
}

impl WriteWorkflows {
    pub fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        if self.check {
            return workflows::check(config);
        }
        for path in workflows::write(config)? {
            context.events().note("Wrote", path);
        }
        Ok(())
    }
}
