//! What is checked, in this order.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::console::{Command, say, warn};
use crate::parts::Parts;
use crate::signal::Interrupt;
use crate::started::Started;

pub struct Checks<'a> {
    pub root: &'a Path,
    pub interrupt: &'a Interrupt,
}

impl Checks<'_> {
    pub fn run(&self) -> Result<()> {
        let began = Instant::now();
        // The parts come over the network while cargo compiles.
        let parts = std::thread::scope(|scope| {
            let parts = scope.spawn(|| Parts::get(self.root, self.interrupt));
            self.without_parts().inspect_err(|error| {
                if !parts.is_finished() {
                    warn(&format!("{error:#}; stopping when the real parts are fetched"));
                }
            })?;
            parts.join().map_err(|_| anyhow::anyhow!("fetching the real parts panicked"))
        })?;
        let skips_nothing = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        let skipped = match parts.and_then(|parts| Started::start(parts, self.interrupt)) {
            Ok(started) if skips_nothing && !started.missing().is_empty() => {
                bail!("CI=true skips nothing, and this machine is without {}", started.missing().join(" and "))
            }
            Ok(started) => {
                let unknown = self.with_parts(&started)?;
                started.missing().iter().cloned().chain(unknown).collect()
            }
            Err(error) if skips_nothing || self.interrupt.is_set() => {
                return Err(error.context("the tests on real parts cannot run"));
            }
            Err(error) => vec![format!("every check of dependencies and every test on real parts: {error:#}")],
        };
        for skip in skipped {
            warn(&format!("skipped {skip}"));
        }
        say("Finished", &format!("ci in {} s", began.elapsed().as_secs()));
        Ok(())
    }

    fn without_parts(&self) -> Result<()> {
        say("Checking", "formatting");
        self.cargo("fmt --all --check").run().context("`cargo fmt --all` would change files")?;
        say("Checking", "workflows against the configuration");
        self.cargo("run --quiet --package xtask -- workflows --check").run()?;
        say("Checking", "lints");
        // Without the package that always has the sandbox: everyday commands do without it.
        self.cargo("clippy --workspace --exclude xtask-ecs-cli --all-targets -- -D warnings").run()?;
        self.cargo("clippy --workspace --all-targets --features xtask/rehearse,xtask-ecs/zstd -- -D warnings").run()?;
        say("Checking", "documentation");
        self.cargo("doc --workspace --no-deps --features xtask/rehearse,xtask-ecs/zstd")
            .env("RUSTDOCFLAGS", "-D warnings")
            .run()?;
        say("Testing", "everything that needs no real parts");
        // Many of them wait, for a clock or a pause before another try: twice as many as cores keep those busy.
        let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
        self.cargo("test --workspace --features xtask/rehearse,xtask-ecs/zstd --no-fail-fast")
            .env("RUST_TEST_THREADS", threads.to_string())
            .run()
    }

    /// Returns what could not be known.
    fn with_parts(&self, started: &Started) -> Result<Option<String>> {
        let command = |program: &str| Command::new(program, self.root, self.interrupt).envs(&started.environment());
        say("Checking", "workflows");
        if started.has_go_tools() {
            command("actionlint").run()?;
        }
        command("zizmor").args(["--offline", "--quiet", "--persona", "pedantic", "."]).run()?;
        say("Checking", "dependencies");
        command("cargo-shear").args(["."]).run().context("a dependency is declared that nothing uses")?;
        command("cargo-deny").args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]).run()?;
        // What is not reached is no reason to stop; what is reached holds.
        let unknown = match command("cargo-deny").args(["fetch", "db"]).quietly("fetching RustSec's advisories") {
            Ok(_) => command("cargo-deny").args(["check", "--disable-fetch", "advisories"]).run().map(|()| None)?,
            Err(error) => Some(format!("advisories: {error:#}")),
        };
        say("Checking", "spelling");
        command("typos").run()?;
        say("Testing", "real parts, end to end");
        let mut tests =
            self.cargo("test --workspace --features xtask/rehearse,xtask-ecs/zstd --no-fail-fast --tests -- --ignored");
        for module in started.skipped_modules() {
            tests = tests.args(["--skip", module]);
        }
        tests.envs(&started.environment()).run()?;
        Ok(unknown)
    }

    fn cargo(&self, arguments: &str) -> Command<'_> {
        // The cargo that runs this keeps its choices (toolchain, offline) in CARGO.
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Command::new(&cargo, self.root, self.interrupt).args(arguments.split(' '))
    }
}
