//! `cargo xtask ci`: everything that must hold before a change is merged, on this machine.
//!
//! A package of its own, which the command of that name compiles and becomes: the everyday binary holds none of it.

mod builder;
mod console;
mod debian;
mod engine;
mod fresh;
mod parts;
mod python;
mod registry;
mod server;
mod signal;
mod started;
mod stock;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;

use console::{Command, fail, say, warn};
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
        let began = Instant::now();
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the package lies in no workspace")?;
        if self.fresh {
            return fresh::run(root, interrupt);
        }
        let checks = Checks { root, interrupt };
        if let Some((program, args)) = self.command.split_first() {
            let started = Started::start(Parts::get(root, interrupt)?, interrupt)?;
            for missing in started.missing() {
                warn(&format!("without {missing}"));
            }
            return checks.command(program, args).envs(&started.environment()).run();
        }
        // The parts come over the network while cargo compiles.
        let parts = std::thread::scope(|scope| {
            let parts = scope.spawn(|| Parts::get(root, interrupt));
            checks.without_parts().inspect_err(|error| {
                if !parts.is_finished() {
                    warn(&format!("{error:#}; stopping when the real parts are fetched"));
                }
            })?;
            parts.join().map_err(|_| anyhow::anyhow!("fetching the real parts panicked"))
        })?;
        let skips_nothing = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        let skipped = match parts.and_then(|parts| Started::start(parts, interrupt)) {
            Ok(started) if skips_nothing && !started.missing().is_empty() => {
                bail!("CI=true skips nothing, and this machine is without {}", started.missing().join(" and "))
            }
            Ok(started) => {
                checks.with_parts(&started)?;
                started.missing().to_vec()
            }
            Err(error) if skips_nothing || interrupt.is_set() => {
                return Err(error.context("the tests on real parts cannot run"));
            }
            Err(error) => vec![format!("every test on real parts: {error:#}")],
        };
        for skip in skipped {
            warn(&format!("skipped {skip}"));
        }
        say("Finished", &format!("ci in {} s", began.elapsed().as_secs()));
        Ok(())
    }
}

struct Checks<'a> {
    root: &'a Path,
    interrupt: &'a Interrupt,
}

impl Checks<'_> {
    fn without_parts(&self) -> Result<()> {
        say("Checking", "formatting");
        self.cargo("fmt --all --check").run().context("`cargo fmt --all` would change files")?;
        say("Checking", "workflows against the configuration");
        self.cargo("run --quiet --package xtask -- workflows --check").run()?;
        say("Checking", "lints");
        self.cargo("clippy --workspace --all-targets -- -D warnings").run()?;
        self.cargo("clippy --workspace --all-targets --features xtask/rehearse,xtask-ecs/zstd -- -D warnings").run()?;
        say("Checking", "documentation");
        self.cargo("doc --workspace --no-deps --quiet")
            .envs(&[("RUSTDOCFLAGS".to_owned(), "-D warnings".to_owned())])
            .run()?;
        say("Testing", "everything that needs no real parts");
        self.cargo("test --package xtask-ecs --lib zstd_without").run()?;
        self.cargo("test --workspace --features xtask/rehearse,xtask-ecs/zstd --no-fail-fast").run()
    }

    fn with_parts(&self, started: &Started) -> Result<()> {
        say("Checking", "workflows");
        if started.has_go_tools() {
            self.command("actionlint", &[]).envs(&started.environment()).run()?;
        }
        let zizmor = ["--offline", "--quiet", "--persona", "pedantic", "."].map(str::to_owned);
        self.command("zizmor", &zizmor).envs(&started.environment()).run()?;
        say("Testing", "real parts, end to end");
        let mut tests =
            self.cargo("test --workspace --features xtask/rehearse,xtask-ecs/zstd --no-fail-fast --tests -- --ignored");
        for module in started.skipped_modules() {
            tests = tests.args(["--skip", module]);
        }
        tests.envs(&started.environment()).run()
    }

    fn cargo(&self, arguments: &str) -> Command<'_> {
        // The cargo that runs this keeps its choices (toolchain, offline) in CARGO.
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Command::new(&cargo, self.root, self.interrupt).args(arguments.split(' '))
    }

    fn command(&self, program: &str, args: &[String]) -> Command<'_> {
        Command::new(program, self.root, self.interrupt).args(args.iter().map(String::as_str))
    }
}
