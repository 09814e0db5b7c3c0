//! The command line. A command's arguments are the command: each struct has a `run`.

mod config;
mod decide;
mod deploy;
mod diff;
mod docs;
mod evidence;
mod exec;
mod history;
mod iam;
mod lock;
mod logs;
mod promote;
mod rehearse;
mod release;
mod render;
mod rescan;
mod rollback;
mod run;
mod scale;
mod status;
mod tools;
mod verify;
mod workflows;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::text::{as_called, program};

/// Ship this workspace's containers to Amazon ECS.
#[derive(Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    display_name = "xtask-ecs",
    version,
    after_help = "Begin with `cargo xtask rehearse`: it touches no account. `cargo xtask COMMAND --help` says more of each."
)]
pub(crate) struct Cli {
    /// What goes to stderr: text for people, or a JSON document a line for machines
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", display_order = 100)]
    pub log: Log,
    /// The environment to act on, of those that Cargo.toml declares
    #[arg(short, long, global = true, value_name = "NAME", display_order = 99)]
    pub environment: Option<String>,
    #[command(subcommand)]
    pub command: Builtin,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    #[default]
    Text,
    Json,
}

/// What goes to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Builtin {
    Release(release::Release),
    Promote(promote::Promote),
    Rescan(rescan::Rescan),
    Evidence(evidence::Evidence),
    Sbom(evidence::Sbom),
    Deploy(deploy::Deploy),
    Continue(decide::Continue),
    Rollback(rollback::Rollback),
    Status(status::Status),
    History(history::History),
    Run(run::Run),
    Logs(logs::Logs),
    Lock(lock::Lock),
    Unlock(lock::Unlock),
    Exec(exec::Exec),
    Forward(exec::Forward),
    Verify(verify::Verify),
    Scale(scale::Scale),
    Config(config::ShowConfig),
    Render(render::Render),
    Diff(diff::Diff),
    Workflows(workflows::WriteWorkflows),
    Iam(iam::Iam),
    Docs(docs::Docs),
    Tools(tools::Tools),
    Rehearse(rehearse::Rehearse),
    Sandbox(rehearse::ServeSandbox),
    /// Of this repository itself: xtask/src/simulate.rs compiles it and becomes it.
    #[cfg(feature = "rehearse")]
    #[command(hide = true)]
    Simulate(rehearse::Simulate),
}

impl Builtin {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Release(command) => command.run(context),
            Self::Promote(command) => command.run(context),
            Self::Rescan(command) => command.run(context),
            Self::Evidence(command) => command.run(context),
            Self::Sbom(command) => command.run(context),
            Self::Deploy(command) => command.run(context),
            Self::Continue(command) => command.run(context),
            Self::Rollback(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::History(command) => command.run(context),
            Self::Run(command) => command.run(context),
            Self::Logs(command) => command.run(context),
            Self::Lock(command) => command.run(context),
            Self::Unlock(command) => command.run(context),
            Self::Exec(command) => command.run(context),
            Self::Forward(command) => command.run(context),
            Self::Verify(command) => command.run(context),
            Self::Scale(command) => command.run(context),
            Self::Config(command) => command.run(context),
            Self::Render(command) => command.run(context),
            Self::Diff(command) => command.run(context),
            Self::Workflows(command) => command.run(context),
            Self::Iam(command) => command.run(context),
            Self::Docs(command) => command.run(context),
            Self::Tools(command) => command.run(context),
            Self::Rehearse(command) => command.run(context),
            Self::Sandbox(command) => command.run(context),
            #[cfg(feature = "rehearse")]
            Self::Simulate(command) => command.run(context),
        }
    }
}

/// The built-in commands, in whose help this program is called as it is.
pub(crate) fn command_line() -> clap::Command {
    let cli = Cli::command().bin_name(program());
    spoken(cli).mut_subcommands(spoken)
}

fn spoken(command: clap::Command) -> clap::Command {
    match command.get_after_help().map(|text| as_called(&text.to_string())) {
        Some(text) => command.after_help(text),
        None => command,
    }
}

/// A document in which GitHub's runner sees no command either, and whoever reads JSON the same as without that.
fn to_json(value: &impl Serialize) -> Result<String> {
    let document = serde_json::to_string_pretty(value).map_err(|error| Failure::caused_by(error.into()))?;
    Ok(document.replace("##[", "##\\u005b"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Ending;

    #[test]
    fn the_exit_codes_of_a_help_text_are_codes_of_the_table_in_its_order_and_each_once() {
        let known: Vec<u8> = Ending::WORST_FIRST.into_iter().map(|ending| ending as u8).collect();
        let mut told = 0;
        for command in Cli::command().get_subcommands() {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let Some((_, codes)) = text.split_once("Exit codes: ") else { continue };
            let codes: Vec<u8> = codes
                .trim()
                .split(" · ")
                .map(|one| one.split(' ').next().and_then(|code| code.parse().ok()).expect("each begins with its code"))
                .collect();
            assert_eq!(codes.first(), Some(&0), "{}", command.get_name());
            assert!(codes.is_sorted_by(|one, next| one < next), "{}: {codes:?}", command.get_name());
            assert!(codes[1..].iter().all(|code| known.contains(code)), "{}: {codes:?}", command.get_name());
            told += 1;
        }
        assert!(told > 8, "{told} commands tell theirs");
    }
}
