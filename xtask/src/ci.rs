//! `cargo xtask ci`, which compiles the package `xtask-ci` and becomes it.

use std::ffi::OsString;

use xtask_ecs::process::become_program;

/// Run every check and every test of this repository, those on real parts included
#[derive(clap::Parser)]
#[command(
    name = "ci",
    after_help = "\
The real parts are docker engines, buildx, BuildKit, trivy, a registry, skopeo, the AWS CLI: fetched into target/parts and \
started on Debian as root. Elsewhere the tests that need them are skipped and named; with CI=true that is a failure."
)]
pub struct Ci {
    /// Run the same in a new clone of what is committed, where nobody has worked before
    #[arg(long, conflicts_with = "command")]
    fresh: bool,
    /// Play what takes a night instead: worlds, crashes, faults, hostile input and pushes by the thousand
    #[arg(long, conflicts_with_all = ["command", "fresh"])]
    night: bool,
    /// Only fetch and start the real parts, then run this command with them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl xtask_ecs::Command for Ci {
    fn run(self, _: &xtask_ecs::Context) -> anyhow::Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let run = ["run", "--quiet", "--package", "xtask-ci", "--"].map(OsString::from);
        let fresh = self.fresh.then(|| OsString::from("--fresh"));
        let night = self.night.then(|| OsString::from("--night"));
        let arguments: Vec<OsString> = run.into_iter().chain(fresh).chain(night).chain(self.command).collect();
        Err(anyhow::Error::new(become_program(cargo, &arguments))
            .context("could not start cargo to compile the checks"))
    }
}
