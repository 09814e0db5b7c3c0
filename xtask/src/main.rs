//! This repository's own `cargo xtask`: the standard commands, and two of its own.

mod ci;
#[cfg(not(feature = "rehearse"))]
mod simulate;

use std::process::ExitCode;

use xtask_ecs::Xtask;

fn main() -> ExitCode {
    let xtask = Xtask::new().command::<ci::Ci>();
    // Compiled with the sandbox, the library has a command of that name, which is the simulation itself.
    #[cfg(not(feature = "rehearse"))]
    let xtask = xtask.command::<simulate::Simulate>();
    xtask.run()
}
