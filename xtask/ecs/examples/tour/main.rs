//! What a repository can make of the library, a seam a file. In one program, because linking is most of what a test costs:
//!
//! ```text
//! cargo run --package xtask-ecs --example tour -- own_command images
//! cargo run --package xtask-ecs --example tour -- builder+scanner release --plan
//! ```
//!
//! A repository's own main is `builder::with(scanner::with(Xtask::new())).run()`, of the seams it wants.

mod builder;
mod gate;
mod lookup;
mod migration_hook;
mod notifier;
mod one_off;
mod own_client;
mod own_command;
mod push;
mod scanner;
mod ship;
mod smoke_test;
mod wrapper;

use std::process::ExitCode;

use anyhow::{Result, bail};
use xtask_ecs::Xtask;

fn main() -> Result<ExitCode> {
    let mut arguments: Vec<String> = std::env::args().collect();
    let names = if arguments.len() > 1 { arguments.remove(1) } else { String::new() };
    if names == "push" {
        return push::run(&arguments[1..]).map(|()| ExitCode::SUCCESS);
    }
    let mut xtask = Xtask::new();
    for name in names.split('+') {
        xtask = match name {
            "builder" => builder::with(xtask),
            "gate" => gate::with(xtask),
            "lookup" => lookup::with(xtask),
            "migration_hook" => migration_hook::with(xtask),
            "notifier" => notifier::with(xtask),
            "one_off" => one_off::with(xtask),
            "own_client" => own_client::with(xtask),
            "own_command" => own_command::with(xtask),
            "scanner" => scanner::with(xtask),
            "ship" => ship::with(xtask),
            "smoke_test" => smoke_test::with(xtask),
            "wrapper" => wrapper::with(xtask),
            other => bail!("there is no `{other}` here; each file of this folder is one"),
        };
    }
    Ok(xtask.run_from(arguments))
}
