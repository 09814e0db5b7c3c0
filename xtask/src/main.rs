//! This repository's own `cargo xtask`: the standard commands, and one of its own.

mod ci;

use std::process::ExitCode;

use xtask_ecs::Xtask;

fn main() -> ExitCode {
    Xtask::new().command::<ci::Ci>().run()
}
