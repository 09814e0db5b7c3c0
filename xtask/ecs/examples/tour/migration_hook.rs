//! A migration before every deploy that has something to do; where it fails, nothing is deployed.

use std::process::Command;

use anyhow::ensure;
use xtask_ecs::Xtask;

pub fn with(xtask: Xtask) -> Xtask {
    xtask.before_deploy(|_, _| {
        let status = Command::new("./migrate").status()?;
        ensure!(status.success(), "the migration ended with {status}");
        Ok(())
    })
}
