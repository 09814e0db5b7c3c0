//! What takes a night: as many stories as that has room for, other ones each time.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::console::{Command, say};
use crate::signal::Interrupt;

/// Worlds, and so many seeds apart are two nights.
const WORLDS: u64 = 40_000;
/// Inputs of each target.
const INPUTS: u64 = 200_000;
/// Worlds of pushes.
const PUSHES: u64 = 20_000;

pub fn run(root: &Path, interrupt: &Interrupt) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let cargo = |line: &str| Command::new(&cargo, root, interrupt).args(line.split(' '));
    let simulate = |line: &str| {
        let run = format!("run --quiet --profile simulate --package xtask --features rehearse -- simulate {line}");
        cargo(&run).env("GITHUB_RUN_ID", "1").run()
    };
    let test = "test --package xtask-ecs --features rehearse,zstd --lib";
    say("Crashing", "each command before and after each of its effects");
    simulate("--crashes")?;
    let killed = "test --package xtask --features xtask/rehearse,xtask-ecs/zstd --test it killed_at_any_effect";
    cargo(killed).env("XTASK_CRASHES", "every").run()?;
    say("Hurting", "each call with each fault");
    simulate("--faults docs/FAULTS.md")?;
    say("Reading", &format!("{INPUTS} hostile inputs of each kind"));
    let changes = format!("{test} what_a_few_changes");
    cargo(&changes).env("XTASK_MUTATIONS", INPUTS.to_string()).run()?;
    let days = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs() / 86_400;
    let (first, jobs) = (days * WORLDS, std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    say("Pushing", &format!("images to {PUSHES} registries that lie"));
    simulate(&format!("--uploads --seed {} --seeds {PUSHES} --jobs {jobs}", days * PUSHES))?;
    say("Simulating", &format!("{WORLDS} worlds from seed {first}"));
    simulate(&format!("--seed {first} --seeds {WORLDS} --jobs {jobs}"))
}
