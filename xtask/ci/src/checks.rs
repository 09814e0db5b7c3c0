//! What is checked, in this order.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use duct::cmd;

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
    fn with_parts(&self, started: &Started) -> Result<Vec<String>> {
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
        let unknown = unknown.into_iter().chain(self.public_api()?).collect();
        say("Testing", "real parts, end to end");
        let mut tests =
            self.cargo("test --workspace --features xtask/rehearse,xtask-ecs/zstd --no-fail-fast --tests -- --ignored");
        for module in started.skipped_modules() {
            tests = tests.args(["--skip", module]);
        }
        tests.envs(&started.environment()).run()?;
        Ok(unknown)
    }

    /// What users depend on, against the release before. Returns why that is not known, where there has been one: the program
    /// takes minutes to compile, and comes with no pinned part.
    fn public_api(&self) -> Result<Option<String>> {
        let Some(tag) = released(self.root) else {
            let shallow = cmd!("git", "rev-parse", "--is-shallow-repository").dir(self.root).stderr_null().read();
            let unknown = shallow.is_ok_and(|said| said.trim() == "true");
            return Ok(unknown.then(|| "the public API against the last tag: this checkout has no history".to_owned()));
        };
        let program = "cargo-semver-checks";
        if cmd!(program, "--version").stdout_null().stderr_null().unchecked().run().is_err() {
            return Ok(Some(format!(
                "the public API against {tag}: `cargo install --locked {program}` brings what compares it"
            )));
        }
        say("Checking", &format!("the public API against {tag}"));
        let checked = self.cargo("semver-checks --package xtask-ecs --baseline-rev").args([tag]).run();
        checked.map(|()| None).context("what users depend on has changed in a way that the version does not say")
    }

    fn cargo(&self, arguments: &str) -> Command<'_> {
        // The cargo that runs this keeps its choices (toolchain, offline) in CARGO.
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Command::new(&cargo, self.root, self.interrupt).args(arguments.split(' '))
    }
}

/// The newest release that this commit comes from.
fn released(root: &Path) -> Option<String> {
    let describe = cmd!("git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^").dir(root);
    let tag = describe.stderr_null().read().ok()?;
    Some(tag.trim().to_owned()).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_before_is_the_newest_tag_that_this_commit_comes_from() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |line: &str| {
            let who = [
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.org",
                "-c",
                "commit.gpgsign=false",
                "-c",
                "tag.gpgsign=false",
            ];
            let args = who.into_iter().chain(line.split(' '));
            cmd("git", args).dir(folder.path()).stdout_null().run().expect("git");
        };
        git("init --quiet");
        git("commit --quiet --allow-empty -m one");
        assert_eq!(released(folder.path()), None);
        git("tag v0.1.0");
        git("tag night-1");
        assert_eq!(released(folder.path()), None, "it is this one");
        git("commit --quiet --allow-empty -m two");
        assert_eq!(released(folder.path()).as_deref(), Some("v0.1.0"));
    }
}
