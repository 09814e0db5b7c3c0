use clap::Args;

use crate::config::{Config, Origins};
use crate::context::{Context, environments};
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
        let has_ci = context.has_command("ci");
        let (environments, origins): (Vec<Config>, Vec<Origins>) =
            environments()?.into_iter().map(|loaded| (loaded.config, loaded.origins)).unzip();
        if self.check {
            return workflows::check(&environments, has_ci);
        }
        for (what, file) in workflows::write(&environments, has_ci)? {
            context.events().note(what, file);
        }
        if !has_ci && environments.iter().all(|config| config.workflows.ci.run.is_empty()) {
            warn_of_idle_ci(context, &origins);
        }
        Ok(())
    }
}

/// A table that says how CI runs, where nothing says what.
fn warn_of_idle_ci(context: &Context, origins: &[Origins]) {
    let Some(origins) = origins.first() else { return };
    let mut keys = ["container", "options", "setup", "timeout"].into_iter();
    if let Some(place) = keys.find_map(|key| origins.place(&format!("workflows.ci.{key}"))) {
        let message = "there is no ci.yml, for nothing says what CI runs: add `run = [\"…\"]` here, or a command `ci` to \
                       this repository's xtask";
        context.events().emit(Event::Warning { message: message.to_owned(), place: Some(place.clone()) });
    }
}
