//! A gate of the repository's own: an image of more than a thousand packages is too much for it.

use anyhow::ensure;
use xtask_ecs::Xtask;

pub fn with(xtask: Xtask) -> Xtask {
    xtask.gate(|scanned| {
        let packages = scanned.report.packages();
        ensure!(packages <= 1000, "{packages} packages are in it, and 1000 are enough");
        Ok(())
    })
}
