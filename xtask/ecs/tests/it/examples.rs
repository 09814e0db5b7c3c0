//! The examples are the contract of the extension API: compiled with the tests, and run here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use xtask_sandbox::{Clock, Options, Sandbox};

use crate::sample::{Workspace, manifest, task_definition};

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
    command(folder, name, arguments).output().unwrap()
}

fn run_against(sandbox: &Sandbox, folder: &Path, name: &str, arguments: &[&str]) -> Output {
    command(folder, name, arguments).envs(sandbox.environment()).output().unwrap()
}

fn command(folder: &Path, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(tour());
    // Whoever runs the tests may have an account, be on GitHub and have a Slack: none of them is touched.
    let foreign = ["AWS_", "GITHUB_", "SLACK_", "XTASK_"];
    for (name, _) in std::env::vars_os() {
        if foreign.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env("HOME", folder).env("AWS_EC2_METADATA_DISABLED", "true");
    command.arg(name).args(arguments).current_dir(folder);
    command
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

/// A sandbox with the service of the sample on an older image, and the image that is to be deployed.
fn sandbox() -> Sandbox {
    let clock = Clock::PerLook(Duration::from_secs(2));
    let sandbox = Sandbox::start(Options { clock, ..Options::default() }).unwrap();
    let mut older = task_definition();
    older["containerDefinitions"][0]["image"] = json!("public.ecr.aws/docker/library/app:before");
    sandbox.furnish(&["sample/app"], &[("sample", "app", older)]).unwrap();
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [] });
    let image = json!({ "repositoryName": "sample/app", "imageTag": "1.4.0", "imageManifest": index.to_string() });
    sandbox.ecr("PutImage", image).unwrap();
    sandbox
}

fn calls(sandbox: &Sandbox, operation: &str) -> usize {
    sandbox.calls().iter().filter(|call| call.operation == operation).count()
}

#[test]
fn a_hook_before_the_deploy_runs_after_the_plan_and_only_where_there_is_something_to_do() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox());
    let folder = workspace.root();
    let migrate = |ends: i32| {
        let script = format!("#!/bin/sh\necho ran >>ran\nexit {ends}\n");
        fs::write(folder.join("migrate"), script).unwrap();
        fs::set_permissions(folder.join("migrate"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let ran = || fs::read_to_string(folder.join("ran")).unwrap_or_default().lines().count();
    let deploy = || run_against(&sandbox, folder, "migration_hook", &["deploy"]);

    // What the plan refuses is refused before a database is touched.
    migrate(0);
    let output = run(folder, "migration_hook", "deploy");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), ran()), (Some(1), 0), "{stderr}");
    assert!(stderr.contains("could not load AWS credentials"), "{stderr}");

    let output = run_against(&sandbox, folder, "migration_hook", &["deploy", "--plan"]);
    assert_eq!((output.status.code(), ran()), (Some(0), 0), "{}", String::from_utf8_lossy(&output.stderr));
    let config = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    fs::write(folder.join("Cargo.toml"), "[workspace]\n").unwrap();
    assert_eq!((deploy().status.code(), ran()), (Some(2), 0));
    fs::write(folder.join("Cargo.toml"), config).unwrap();

    migrate(7);
    let output = deploy();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), ran()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("the migration ended with exit status: 7"), "{stderr}");
    assert_eq!((calls(&sandbox, "ecs:RegisterTaskDefinition"), calls(&sandbox, "ecs:UpdateService")), (0, 0));

    migrate(0);
    let output = deploy();
    assert_eq!((output.status.code(), ran()), (Some(0), 2), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 1);

    let output = deploy();
    assert_eq!((output.status.code(), ran()), (Some(0), 2), "{}", String::from_utf8_lossy(&output.stderr));
}
