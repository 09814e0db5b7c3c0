//! A migration before every deploy; where it fails, nothing is deployed.

use std::process::Command;

use anyhow::ensure;
use xtask_ecs::{Stage, Xtask};

pub fn xtask() -> Xtask {
    Xtask::new().before(Stage::Deploy, |_| {
        let status = Command::new("./migrate").status()?;
        ensure!(status.success(), "the migration ended with {status}");
        Ok(())
    })
}
