//! `cargo xtask ci`, which compiles the package `xtask-ci` and becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context as _;

/// Run every check and every test of this repository (`cargo xtask ci --help` says which)
#[derive(clap::Parser)]
#[command(name = "ci", disable_help_flag = true)]
pub struct Ci {
    /// For the package `xtask-ci`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl xtask_ecs::Command for Ci {
    fn run(self, _: &xtask_ecs::Context) -> anyhow::Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut checks = Command::new(cargo);
        checks.args(["run", "--quiet", "--package", "xtask-ci", "--"]).args(self.arguments);
        Err(checks.exec()).context("could not start cargo to compile the checks")
    }
}
