//! A builder of the repository's own, for images with `builder = "script"`: a script writes the layout.

use std::process::Command;

use anyhow::ensure;
use xtask_ecs::Xtask;

pub fn with(xtask: Xtask) -> Xtask {
    xtask.builder("script", |order| {
        let status = Command::new("./build-image").arg(order.into).current_dir(&order.config.root).status()?;
        ensure!(status.success(), "./build-image ended with {status}");
        Ok(())
    })
}
