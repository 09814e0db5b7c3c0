//! `cargo xtask simulate`, which compiles the simulation and becomes it.

use std::ffi::OsString;

use xtask_ecs::process::become_program;

/// Play rollouts that seeds make, with the real commands in virtual time
#[derive(clap::Parser)]
#[command(
    name = "simulate",
    after_help = "\
One seed makes a world: services, how they are rolled out, what goes wrong, who interferes when; or images and what a registry \
does to them. The commands run against the \
sandbox, and how they end is held against what it knows to be true. Exit 0: all of it was; 1: it was not, and stdout names the \
seeds."
)]
pub struct Simulate {
    /// The seed of the first world; by itself, all of that world is told
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How many worlds, of this seed and those after it
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    seeds: u64,
    /// Push images to a registry that cuts, repeats, reorders and lies, in place of rollouts
    #[arg(long)]
    uploads: bool,
}

impl xtask_ecs::Command for Simulate {
    fn run(self, _: &xtask_ecs::Context) -> anyhow::Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let run = "run --quiet --profile simulate --package xtask --features rehearse -- simulate";
        let numbers = [("seed", self.seed), ("seeds", self.seeds), ("jobs", jobs as u64)];
        let numbers = numbers.map(|(name, number)| format!("--{name}={number}"));
        let also = self.uploads.then(|| "--uploads".to_owned());
        let arguments: Vec<OsString> =
            run.split(' ').map(str::to_owned).chain(numbers).chain(also).map(OsString::from).collect();
        Err(anyhow::Error::new(become_program(cargo, &arguments))
            .context("could not start cargo to compile the simulation"))
    }
}
