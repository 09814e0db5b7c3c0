//! The standard commands without an xtask, and with one.

use crate::miniature::{Miniature, stand_in};

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
