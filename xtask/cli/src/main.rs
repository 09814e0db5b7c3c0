//! `cargo xtask-ecs`: the standard commands in any workspace, without an xtask of its own, and `init`, which begins one.

mod adopt;
mod handover;
mod init;
mod shell;

use std::ffi::OsString;
use std::process::ExitCode;

use xtask_ecs::Xtask;

fn main() -> ExitCode {
    let arguments = words(std::env::args_os());
    match handover::to_the_workspace(&arguments) {
        Some(code) => code,
        None => program().run_from(arguments),
    }
}

fn program() -> Xtask {
    Xtask::new()
        .called("cargo xtask-ecs")
        .wrap(handover::refuse_workflows)
        .command::<init::Init>()
        .command::<adopt::Adopt>()
        .command::<shell::Completions>()
        .command::<shell::Man>()
}

/// Cargo starts `cargo-xtask-ecs xtask-ecs …`, and a shell without the second word.
fn words(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = arguments.collect();
    if words.get(1).is_some_and(|word| word == "xtask-ecs") {
        words.remove(1);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_cargo_puts_in_is_taken_out_once() {
        let read = |line: &str| {
            let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            words(line.into_iter()).join(&OsString::from(" "))
        };
        assert_eq!(read("cargo-xtask-ecs xtask-ecs deploy app"), "cargo-xtask-ecs deploy app");
        assert_eq!(read("cargo-xtask-ecs deploy xtask-ecs"), "cargo-xtask-ecs deploy xtask-ecs");
        assert_eq!(read("cargo-xtask-ecs"), "cargo-xtask-ecs");
    }
}
