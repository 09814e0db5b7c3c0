//! A command that runs a one-off task of the configuration more than once: `cargo xtask backfill 2026-01 2026-02`.

use anyhow::ensure;
use xtask_ecs::{Command, Context, Xtask};

/// Fill in what was not counted in these months
#[derive(clap::Parser)]
#[command(name = "backfill")]
struct Backfill {
    months: Vec<String>,
}

impl Command for Backfill {
    const STAGE: bool = true;

    fn run(self, context: &Context) -> anyhow::Result<()> {
        for month in &self.months {
            let done = context.tasks()?.arguments([month]).run("backfill").whole()?;
            ensure!(done.runs.len() == 1, "the months are filled in by one task at a time");
        }
        Ok(())
    }
}

pub fn with(xtask: Xtask) -> Xtask {
    xtask.command::<Backfill>()
}
