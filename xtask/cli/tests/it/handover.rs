//! The standard commands without an xtask, and with one.

use crate::miniature::{Miniature, Run, stand_in};

#[test]
fn without_an_xtask_of_its_own_a_workspace_has_the_standard_commands() {
    let miniature = Miniature::of("lone");
    miniature.xtask_ecs(&["xtask-ecs", "config"]).ends(2).says("Cargo.toml");
    let help = miniature.xtask_ecs(&["xtask-ecs", "--help"]);
    help.ends(0);
    assert!(help.stdout.contains("\n  init ") && help.stdout.contains("\n  deploy "), "{}", help.stdout);
}

#[test]
fn a_workspace_s_own_xtask_is_what_runs() {
    let miniature = Miniature::of("theirs");
    let manifest = miniature.root().join("xtask/Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("a file");
    std::fs::write(&manifest, format!("{text}xtask-ecs = {{ path = \"{}\" }}\n", stand_in())).expect("a file");
    let run = miniature.xtask_ecs(&["xtask-ecs", "release"]);
    run.ends(0);
    assert_eq!(run.stdout, "tagging\n");
}

/// Its own name is nowhere the alias of a workspace that has none.
#[track_caller]
fn is_called_by_its_name(run: &Run, what: &str) {
    for text in [&run.stdout, &run.stderr] {
        let wrong = text.lines().find(|line| line.contains("cargo xtask ") || line.contains("cargo xtask`"));
        assert!(wrong.is_none(), "{what}: {}", wrong.unwrap_or_default());
    }
}

#[test]
fn without_an_alias_help_hints_and_the_reference_name_the_program_that_is_there() {
    let miniature = Miniature::of("lone");
    let help = miniature.xtask_ecs(&["--help"]);
    help.ends(0);
    assert!(help.stdout.contains("Usage: cargo xtask-ecs "), "{}", help.stdout);
    let rows = help.stdout.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<&str> = rows.filter(|name| name.starts_with(|it: char| it.is_ascii_lowercase())).collect();
    assert!(commands.len() > 25, "{commands:?}");
    for command in &commands {
        is_called_by_its_name(&miniature.xtask_ecs(&[command, "--help"]), command);
    }
    miniature.init(&[]).ends(0);
    miniature.without_package("xtask");
    let manifest = miniature.read("Cargo.toml").replace("123456789012", "210987654321");
    std::fs::write(miniature.root().join("Cargo.toml"), manifest).expect("a file");
    for (words, said) in [
        (&["docs"][..], "`cargo xtask-ecs config` prints what holds"),
        (&["docs", "lock"], ""),
        (&["docs", "nothing"], "`cargo xtask-ecs docs` prints all of it"),
        (&["rehearse", "--fault", "nothing"], "`cargo xtask-ecs rehearse --fault list` names them"),
        (&["workflows"], "`cargo xtask-ecs init` begins one"),
        (&["deploy", "hollo"], ""),
    ] {
        let run = miniature.xtask_ecs(words);
        is_called_by_its_name(&run, words[0]);
        assert!(format!("{}{}", run.stdout, run.stderr).contains(said), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn what_is_a_module_of_somebody_elses_xtask_is_run_by_this_program_and_named_as_they_call_it() {
    let miniature = Miniature::of("theirs");
    let run = miniature.init(&["--place", "module"]);
    run.ends(0).says("Call it from xtask/src/main.rs as `cargo xtask ship`");
    assert!(miniature.read("xtask/src/ecs.rs").contains(".called(\"cargo xtask ship\")"));
    let config = miniature.xtask_ecs(&["config"]);
    config.ends(0);
    assert!(config.stdout.contains("123456789012"), "{}", config.stdout);
    miniature.xtask_ecs(&["workflows"]).ends(2).says("there is none here");
    miniature.init(&["--place", "module", "--force"]).ends(0).says("Nothing to add");
}
