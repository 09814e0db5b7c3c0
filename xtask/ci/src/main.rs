//! `cargo xtask ci`: everything that must hold before a change is merged, on this machine.
//!
//! A package of its own, which the command of that name compiles and becomes: the everyday binary holds none of it.

mod builder;
mod checks;
mod console;
mod debian;
mod engine;
mod fresh;
mod night;
mod parts;
mod python;
mod registry;
mod server;
mod signal;
mod started;
mod stock;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use checks::Checks;
use console::{Command, fail, warn};
use parts::Parts;
use signal::Interrupt;
use started::Started;

/// Run every check and every test, the end-to-end tests on real parts included.
///
/// The real parts (docker engine, buildx, BuildKit, trivy, a registry, skopeo, the AWS CLI) are fetched into
/// target/parts, started on loopback with their own data folders, and stopped at the end. That needs Debian on
/// x86-64, as root. Elsewhere the tests that need them are skipped and named; with CI=true that is a failure.
#[derive(Parser)]
#[command(name = "cargo xtask ci", bin_name = "cargo xtask ci")]
struct Ci {
    /// Run the same in a new clone of what is committed, with nothing that an earlier build or its user left here
    #[arg(long, conflicts_with = "command")]
    fresh: bool,

    /// Play what takes a night instead: worlds, crashes, faults, hostile input and pushes by the thousand
    #[arg(long, conflicts_with_all = ["command", "fresh"])]
    night: bool,

    /// Only fetch and start the real parts, then run this command with them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

fn main() -> ExitCode {
    let ci = Ci::parse();
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            fail(&format!("signals cannot be listened to: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match ci.run(&interrupt) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(&format!("{error:#}"));
            ExitCode::from(if interrupt.is_set() { 130 } else { 1 })
        }
    }
}

impl Ci {
    fn run(self, interrupt: &Interrupt) -> Result<()> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the package lies in no workspace")?;
        if self.fresh {
            return fresh::run(root, interrupt);
        }
        if self.night {
            return night::run(root, interrupt);
        }
        let Some((program, args)) = self.command.split_first() else {
            return Checks { root, interrupt }.run();
        };
        let started = Started::start(Parts::get(root, interrupt)?, interrupt)?;
        for missing in started.missing() {
            warn(&format!("without {missing}"));
        }
        Command::new(program, root, interrupt).args(args).envs(&started.environment()).run()
    }
}
