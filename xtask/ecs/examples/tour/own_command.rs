//! A command of the repository's own: `cargo xtask images` lists what the configuration releases.

use xtask_ecs::{Command, Context, Xtask};

/// List the images of this workspace
#[derive(clap::Parser)]
#[command(name = "images")]
struct Images;

impl Command for Images {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        context.config()?.images.values().for_each(|image| context.print(&image.reference));
        Ok(())
    }
}

pub fn with(xtask: Xtask) -> Xtask {
    xtask.command::<Images>()
}
