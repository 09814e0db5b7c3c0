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
fn the_reference_is_asked_for_a_key_an_event_a_code_an_action_and_a_command() {
    let workspace = Workspace::sample();
    let docs = |name: &str| workspace.xtask_with(&[], &["docs", name]);
    docs("services.NAME.rollout").ends(0).looks_like("docs/table");
    docs("4").ends(0).looks_like("docs/code");
    for (name, says) in
        [("rollout-ended", "(Events)"), ("ecs:RunTask", "(IAM actions)"), ("deploy", "Usage: cargo xtask deploy")]
    {
        let run = docs(name);
        run.ends(0);
        assert!(run.stdout.contains(says), "{}", run.stdout);
    }
    docs("fail-fats").ends(2).says("did you mean `fail-fast`?");
    let json = workspace.xtask_with(&[], &["docs", "fail-fast", "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&json.ends(0).stdout).expect("JSON");
    assert_eq!((&found[0]["part"], &found[0]["section"]), (&"Configuration".into(), &"services.NAME.rollout".into()));
}

#[test]
fn every_command_has_its_help() {
    help_of("xtask", &Workspace::sample());
}
