//! The examples are the contract of the extension API: compiled with the tests, and run here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::sample::{Workspace, manifest};

/// Cargo builds examples with the tests, into a folder beside theirs.
fn tour() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples/tour");
    assert!(path.exists(), "{} is not built; run `cargo test --package xtask-ecs`", path.display());
    path
}

fn run(folder: &Path, name: &str, argument: &str) -> Output {
    run_with(folder, name, &[argument])
}

fn run_with(folder: &Path, name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(tour());
    // Whoever runs the tests may have an account, be on GitHub and have a Slack: none of them is touched.
    let foreign = ["AWS_", "GITHUB_", "SLACK_", "XTASK_"];
    for (name, _) in std::env::vars_os() {
        if foreign.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env("HOME", folder).env("AWS_EC2_METADATA_DISABLED", "true");
    command.arg(name).args(arguments).current_dir(folder).output().unwrap()
}

#[test]
fn a_command_of_the_repositorys_own_reads_the_configuration() {
    let workspace = Workspace::sample();
    let folder = workspace.root();
    let output = run(folder, "own_command", "images");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/sample/app:1.4.0\n");
    let help = run(folder, "own_command", "--help");
    assert!(String::from_utf8(help.stdout).unwrap().contains("List the images of this workspace"));
}

#[test]
fn a_notifier_hears_how_a_stage_ended() {
    let workspace = Workspace::sample();
    let folder = workspace.root();
    let output = run(folder, "notifier", "release");
    assert_eq!(output.status.code(), Some(1), "there are no credentials");
    assert_eq!(fs::read_to_string(folder.join("stages.log")).unwrap(), "release 1\n");
}

#[test]
fn a_repository_whose_xtask_has_no_ci_gets_two_workflows() {
    let workspace = Workspace::sample();
    let folder = workspace.root();
    fs::create_dir(folder.join(".git")).unwrap();
    let files = || {
        let mut names: Vec<_> = fs::read_dir(folder.join(".github/workflows"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert!(run(folder, "notifier", "workflows").status.success());
    assert_eq!(files(), ["build.yml", "deploy.yml"]);
    assert!(run_with(folder, "notifier", &["workflows", "--check"]).status.success());

    let says_how = manifest(&[]) + "[workspace.metadata.xtask.workflows.ci]\ntimeout = \"2h\"\n";
    fs::write(folder.join("Cargo.toml"), &says_how).unwrap();
    let output = run(folder, "notifier", "workflows");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("nothing says what CI runs") && stderr.contains("Cargo.toml:19:1"), "{stderr}");

    fs::write(folder.join("Cargo.toml"), format!("{says_how}run = [\"cargo test\"]\n")).unwrap();
    assert!(run(folder, "notifier", "workflows").status.success());
    assert_eq!(files(), ["build.yml", "ci.yml", "deploy.yml"]);
    assert!(run_with(folder, "notifier", &["workflows", "--check"]).status.success());
}

#[test]
fn a_hook_stops_the_deploy_or_lets_it_go_on() {
    let workspace = Workspace::sample();
    let folder = workspace.root();
    let migrate = folder.join("migrate");
    for (script, said, unsaid) in [
        ("#!/bin/sh\nexit 7\n", "the migration ended with exit status: 7", "credentials"),
        ("#!/bin/sh\nexit 0\n", "could not load AWS credentials", "migration"),
    ] {
        fs::write(&migrate, script).unwrap();
        fs::set_permissions(&migrate, fs::Permissions::from_mode(0o755)).unwrap();
        let output = run(folder, "migration_hook", "deploy");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(said) && !stderr.contains(unsaid), "{stderr}");
    }
}

#[test]
fn no_hook_runs_for_a_plan_nor_before_a_mistake_in_the_configuration_is_told() {
    let workspace = Workspace::sample();
    let folder = workspace.root();
    let migrate = folder.join("migrate");
    fs::write(&migrate, "#!/bin/sh\nexit 7\n").unwrap();
    fs::set_permissions(&migrate, fs::Permissions::from_mode(0o755)).unwrap();
    let told = |arguments: &[&str], code: i32| {
        let output = run_with(folder, "migration_hook", arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(!stderr.contains("migration"), "{stderr}");
    };
    told(&["deploy", "--plan"], 1);
    fs::write(folder.join("Cargo.toml"), "[workspace]\n").unwrap();
    told(&["deploy"], 2);
}
