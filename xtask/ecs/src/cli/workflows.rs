use clap::Args;

use crate::context::Context;
use crate::event::Event;
use crate::failure::Result;
use crate::workflows;

/// Write .github/workflows from the configuration
#[derive(Args)]
pub(crate) struct WriteWorkflows {
    /// Write nothing; exit 2 and show the difference where a file is not what the configuration says
    #[arg(long)]
    check: bool,
}

impl WriteWorkflows {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let (config, has_ci) = (context.config()?, context.has_command("ci"));
        if self.check {
            return workflows::check(config, has_ci);
        }
        for (what, file) in workflows::write(config, has_ci)? {
            context.events().note(what, file);
        }
        if !has_ci && config.workflows.ci.run.is_empty() {
            warn_of_idle_ci(context)?;
        }
        Ok(())
    }
}

/// A table that says how CI runs, where nothing says what.
fn warn_of_idle_ci(context: &Context) -> Result<()> {
    let origins = &context.loaded()?.origins;
    let mut keys = ["container", "options", "setup", "timeout"].into_iter();
    if let Some(place) = keys.find_map(|key| origins.place(&format!("workflows.ci.{key}"))) {
        let message = "there is no ci.yml, for nothing says what CI runs: add `run = [\"…\"]` here, or a command `ci` to \
                       this repository's xtask";
        context.events().emit(Event::Warning { message: message.to_owned(), place: Some(place.clone()) });
    }
    Ok(())
}
