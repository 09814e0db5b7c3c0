//! Completions and the man page.

use crate::miniature::Miniature;

#[test]
fn each_shell_gets_completions_that_know_every_command_and_the_page_of_man_lists_them() {
    let miniature = Miniature::of("lone");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = miniature.xtask_ecs(&["completions", shell]);
        run.ends(0).is_silent();
        for word in ["release", "deploy", "rollback", "adopt", "completions"] {
            assert!(run.stdout.contains(word), "{shell}: {word}");
        }
    }
    let page = miniature.xtask_ecs(&["man"]);
    page.ends(0).is_silent();
    assert!(page.stdout.contains(".TH cargo-xtask-ecs 1"), "{}", page.stdout);
    assert!(page.stdout.contains("cargo\\-xtask\\-ecs\\-deploy(1)"), "{}", page.stdout);
    let page = miniature.xtask_ecs(&["man", "deploy"]);
    assert!(page.ends(0).stdout.contains("\\-\\-plan"), "{}", page.stdout);
    miniature.xtask_ecs(&["man", "deplyo"]).ends(2).says("there is no command `deplyo`");
}

#[test]
fn bash_completes_a_command_and_its_flags() {
    let miniature = Miniature::of("lone");
    let script = miniature.xtask_ecs(&["completions", "bash"]).stdout;
    let complete = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let program = format!(
            "{script}\nCOMP_WORDS=({line}) COMP_CWORD={} COMPREPLY=()\n_cargo_xtask_ecs cargo-xtask-ecs \"{}\" \"{}\"\necho \"${{COMPREPLY[@]}}\"\n",
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let output = std::process::Command::new("bash").args(["-c", &program]).output().expect("bash");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert!(script.contains("default cargo-xtask-ecs\n"), "{script}");
    assert_eq!(complete("cargo-xtask-ecs rollb"), "rollback");
    assert_eq!(complete("cargo-xtask-ecs deploy --pl"), "--plan");
}
