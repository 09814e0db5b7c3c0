//! A command of the repository's own that is both stages: `cargo xtask ship`.

use xtask_ecs::{Command, Context, Xtask};

/// Release and deploy everything
#[derive(clap::Parser)]
#[command(name = "ship")]
struct Ship;

impl Command for Ship {
    const STAGE: bool = true;

    fn run(self, context: &Context) -> anyhow::Result<()> {
        let (releases, deploys) = (context.releases()?, context.deploys()?);
        releases.run(&releases.plan(&[])?).whole()?;
        deploys.run(&deploys.plan(&[])?).whole()?;
        Ok(())
    }
}

pub fn with(xtask: Xtask) -> Xtask {
    xtask.command::<Ship>()
}
