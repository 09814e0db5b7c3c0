//! What a repository can make of the library, a seam a file. In one program, because linking is most of what a test costs:
//!
//! ```text
//! cargo run --package xtask-ecs --example tour -- own_command images
//! ```
//!
//! In a repository, each is its own main: `own_command::xtask().run()`.

mod migration_hook;
mod notifier;
mod own_command;
mod push;

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> Result<ExitCode> {
    let mut arguments: Vec<String> = std::env::args().collect();
    let name = if arguments.len() > 1 { arguments.remove(1) } else { String::new() };
    let xtask = match name.as_str() {
        "migration_hook" => migration_hook::xtask(),
        "notifier" => notifier::xtask(),
        "own_command" => own_command::xtask(),
        "push" => return push::run(&arguments[1..]).map(|()| ExitCode::SUCCESS),
        other => bail!("there is no `{other}` here; each file of this folder is one"),
    };
    Ok(xtask.run_from(arguments))
}
