//! `cargo xtask ci`: everything that must hold before a change is merged, on this machine.

mod builder;
mod console;
mod debian;
mod engine;
mod parts;
mod python;
mod registry;
mod server;
mod started;
mod stock;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use xtask_ecs::Failure;
use xtask_ecs::interrupt::Interrupt;

use console::{Command, say, warn};
use parts::Parts;
use started::Started;

/// Run every check and every test, the end-to-end tests on real parts included.
///
/// The real parts (docker engine, buildx, BuildKit, trivy, a registry, skopeo, the AWS CLI) are fetched into
/// target/parts, started on loopback with their own data folders, and stopped at the end. That needs Debian on
/// x86-64, as root. Elsewhere the tests that need them are skipped and named; with CI=true that is a failure.
#[derive(clap::Parser)]
#[command(name = "ci")]
pub struct Ci {
    /// Only fetch and start the real parts, then run this command with them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl xtask_ecs::Command for Ci {
    fn run(self, context: &xtask_ecs::Context) -> Result<()> {
        let interrupt = context.interrupt();
        match self.run_until(interrupt) {
            Err(error) if interrupt.is_set() => Err(Failure::Interrupted(format!("{error:#}")).into()),
            result => result,
        }
    }
}

impl Ci {
    fn run_until(self, interrupt: &Interrupt) -> Result<()> {
        let began = Instant::now();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the xtask package lies in no workspace")?;
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
        let this = std::env::current_exe().context("failed to find this program")?;
        self.command(&this.display().to_string(), &["workflows", "--check"].map(str::to_owned)).run()?;
        say("Checking", "lints");
        self.cargo("clippy --workspace --all-targets -- -D warnings").run()?;
        self.cargo("clippy --workspace --all-targets --features xtask/rehearse,xtask-ecs/zstd -- -D warnings").run()?;
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
