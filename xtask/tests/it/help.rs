//! Every `--help` text.

use crate::support::Workspace;

/// Asks this command for its help, then each of its own commands.
fn help_of(command: &str, workspace: &Workspace) {
    let args: Vec<&str> = command.split(' ').skip(1).chain(["--help"]).collect();
    let run = workspace.xtask_with(&[], &args);
    run.ends(0).looks_like(&format!("help/{}", command.replace(' ', "-")));
    let commands = run.stdout.split("Commands:\n").nth(1).unwrap_or_default().lines();
    for name in commands.map_while(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        help_of(&format!("{command} {name}"), workspace);
    }
}

#[test]
fn every_command_has_its_help() {
    help_of("xtask", &Workspace::sample());
}
