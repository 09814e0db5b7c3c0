//! This repository's own `cargo xtask`.

use std::process::ExitCode;

use xtask_ecs::Xtask;

fn main() -> ExitCode {
    Xtask::new().run()
}
