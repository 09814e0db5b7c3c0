//! `cargo xtask ci`, which compiles the package `xtask-ci` and becomes it.

use std::ffi::OsString;

use xtask_ecs::process::become_program;

/// Run every check and every test of this repository, those on real parts included.
///
/// With `--fresh`: in a new clone, where nobody has worked before. With a command: only fetch and start the real
/// parts, then run that. The package `xtask-ci` does it, compiled apart, so that no other command waits for it.
#[derive(clap::Parser)]
#[command(name = "ci")]
pub struct Ci {
    /// `--fresh`, or a command to run with the real parts
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "--fresh | COMMAND")]
    arguments: Vec<OsString>,
}

impl xtask_ecs::Command for Ci {
    fn run(self, _: &xtask_ecs::Context) -> anyhow::Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let run = ["run", "--quiet", "--package", "xtask-ci", "--"].map(OsString::from);
        let arguments: Vec<OsString> = run.into_iter().chain(self.arguments).collect();
        Err(anyhow::Error::new(become_program(cargo, &arguments))
            .context("could not start cargo to compile the checks"))
    }
}
