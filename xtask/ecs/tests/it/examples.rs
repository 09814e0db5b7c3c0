//! The examples are the contract of the extension API: compiled with the tests, and run here.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use xtask_ecs::oci::layout::{LayoutWriter, media_type};
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

/// A workspace whose image is built by `./build-image` and scanned by `./scan-image`, which reports so many packages.
fn scripted(packages: usize) -> Workspace {
    let workspace = Workspace::with(&[("dockerfile = \"app/Dockerfile\"", "builder = \"script\"")]);
    let built = workspace.root().join("built");
    let writer = LayoutWriter::create(&built).unwrap();
    let config = json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } });
    let config = writer.add_bytes(media_type::CONFIG, config.to_string().as_bytes()).unwrap();
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": [] });
    writer.finish(manifest.to_string().into_bytes(), "linux/amd64").unwrap();
    let packages = vec![json!({}); packages];
    let report = json!({
        "SchemaVersion": 2, "Metadata": { "ImageID": config.digest },
        "Results": [{ "Target": "app", "Type": "debian", "Packages": packages }],
    });
    workspace.write("report.json", &report.to_string());
    program(&workspace, "build-image", "cp -R built \"$1\"");
    program(&workspace, "scan-image", "test -e \"$1/index.json\" && cat report.json");
    workspace
}

fn program(workspace: &Workspace, name: &str, script: &str) {
    workspace.write(name, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(workspace.root().join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A sandbox in which nothing is released yet.
fn empty_sandbox() -> Sandbox {
    let sandbox = sandbox();
    let image = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] });
    sandbox.ecr("BatchDeleteImage", image).unwrap();
    sandbox
}

#[track_caller]
fn ends(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

#[test]
fn a_builder_and_a_scanner_of_the_repositorys_own_release_and_one_command_ships() {
    let (workspace, sandbox) = (scripted(3), empty_sandbox());
    let output = run_against(&sandbox, workspace.root(), "builder+scanner+ship", &["ship"]);
    let stderr = ends(&output, 0);
    assert!(stderr.contains("script; ./scan-image"), "{stderr}");
    assert_eq!((calls(&sandbox, "ecr:PutImage"), calls(&sandbox, "ecs:UpdateService")), (1, 1), "{stderr}");
    // The same again finds the tag and the revision.
    ends(&run_against(&sandbox, workspace.root(), "builder+scanner+ship", &["ship"]), 0);
    assert_eq!((calls(&sandbox, "ecr:PutImage"), calls(&sandbox, "ecs:UpdateService")), (1, 1));
}

#[test]
fn a_builder_that_the_xtask_does_not_have_is_named_in_the_plan() {
    let (workspace, sandbox) = (scripted(3), empty_sandbox());
    let stderr = ends(&run_against(&sandbox, workspace.root(), "scanner", &["release", "--plan"]), 2);
    assert!(stderr.contains("is built by `script`, which this xtask does not have"), "{stderr}");
}

#[test]
fn a_builder_that_fails_leaves_no_tag() {
    let (workspace, sandbox) = (scripted(3), empty_sandbox());
    program(&workspace, "build-image", "exit 7");
    let stderr = ends(&run_against(&sandbox, workspace.root(), "builder+scanner", &["release"]), 1);
    assert!(stderr.contains("builder `script`, for image `app`: ./build-image ended with"), "{stderr}");
    assert_eq!(calls(&sandbox, "ecr:PutImage"), 0);
}

#[test]
fn a_gate_refuses_what_the_scan_gate_let_pass() {
    let (workspace, sandbox) = (scripted(1001), empty_sandbox());
    let stderr = ends(&run_against(&sandbox, workspace.root(), "builder+scanner+gate", &["release"]), 3);
    assert!(stderr.contains("1001 packages are in it") && stderr.contains("no tag was put"), "{stderr}");
    assert_eq!(calls(&sandbox, "ecr:PutImage"), 0);
}

#[test]
fn a_wrapper_keeps_a_command_from_running_or_lets_it() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox());
    let plan = || run_against(&sandbox, workspace.root(), "wrapper", &["deploy", "--plan"]);
    ends(&plan(), 0);
    workspace.write("FROZEN", "");
    let stderr = ends(&plan(), 1);
    assert!(stderr.contains("deploy does not run while FROZEN is there"), "{stderr}");
}

#[test]
fn a_client_of_the_repositorys_own_has_the_stages_credentials() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox());
    let output = run_against(&sandbox, workspace.root(), "own_client", &["clusters"]);
    ends(&output, 0);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "arn:aws:ecs:ap-northeast-1:123456789012:cluster/sample\n");
}

#[test]
fn a_source_of_the_repositorys_own_answers_its_lookups() {
    let workspace =
        Workspace::with(&[("cluster = \"sample\"", "cluster = \"sample\"\ndesired-count = \"${port:count}\"")]);
    workspace.write("ports.json", r#"{ "app": 8081, "count": 2 }"#);
    let mut document = task_definition();
    document["containerDefinitions"][0]["portMappings"][0]["containerPort"] = json!("${port:app}");
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let rendered = run(workspace.root(), "lookup", "render");
    assert!(rendered.status.success(), "{}", text(rendered.stderr));
    let document: serde_json::Value = serde_json::from_slice(&rendered.stdout).unwrap();
    assert_eq!(document["containerDefinitions"][0]["portMappings"][0]["containerPort"], 8081);
    let config = text(run(workspace.root(), "lookup", "config").stdout);
    assert!(config.contains("# ${port:count} at Cargo.toml:15"), "{config}");
    workspace.write("ports.json", r#"{ "app": 8081 }"#);
    let refused = run(workspace.root(), "lookup", "config");
    let told = text(refused.stderr);
    assert!(told.contains("Cargo.toml:15:18") && told.contains("ports.json has none for count"), "{told}");
    let nobody = run(workspace.root(), "gate", "config");
    let told = text(nobody.stderr);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(told.contains("there is no source `port`"), "{told}");
}

/// Answers every connection with this status line; where it listens.
fn endpoint(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut caller in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 64];
            let read = caller.read(&mut asked).unwrap();
            assert!(asked[..read].starts_with(b"GET /health "));
            write!(caller, "HTTP/1.0 {status}\r\n\r\n").unwrap();
        }
    });
    address
}

#[test]
fn a_smoke_test_at_a_pause_lets_the_traffic_move_or_takes_the_rollout_back() {
    for (status, code, says) in [
        ("200 OK", 0, "Continued app at POST_TEST_TRAFFIC_SHIFT"),
        (
            "503 Busy",
            4,
            "its check at POST_TEST_TRAFFIC_SHIFT said no: the test endpoint of app:2 answers HTTP/1.0 503 Busy",
        ),
    ] {
        let (workspace, sandbox) = (Workspace::with(&[("20s", "30m")]), sandbox());
        let deployment = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [
            { "targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"] } ] });
        let input = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": deployment });
        sandbox.ecs("UpdateService", input).unwrap();
        let mut deploy = command(workspace.root(), "smoke_test", &["deploy"]);
        let output = deploy.envs(sandbox.environment()).env("TEST_ENDPOINT", endpoint(status)).output().unwrap();
        let stderr = ends(&output, code);
        assert!(stderr.contains(says), "{stderr}");
        assert_eq!(calls(&sandbox, "ecs:ContinueServiceDeployment"), 1, "{stderr}");
    }
}

#[test]
fn a_smoke_test_that_cannot_be_made_moves_no_traffic() {
    let (workspace, sandbox) = (Workspace::with(&[("20s", "30m")]), sandbox());
    let deployment = json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [
        { "targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"] } ] });
    let input = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": deployment });
    sandbox.ecs("UpdateService", input).unwrap();
    let stderr = ends(&run_against(&sandbox, workspace.root(), "smoke_test", &["deploy"]), 4);
    assert!(stderr.contains("said no: environment variable not found"), "{stderr}");
}

#[test]
fn a_command_of_the_repositorys_own_runs_one_off_tasks() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox());
    let task = "[workspace.metadata.xtask.tasks.backfill]\nservice = \"app\"\ncommand = [\"/app\", \"backfill\"]\n";
    workspace.write("Cargo.toml", &format!("{}\n{task}", manifest(&[])));
    let output = run_against(&sandbox, workspace.root(), "one_off", &["backfill", "2026-01", "2026-02"]);
    let stderr = ends(&output, 0);
    assert_eq!((calls(&sandbox, "ecs:RunTask"), stderr.matches("Ended backfill").count()), (2, 2), "{stderr}");
    let asked: Vec<_> = sandbox.calls().into_iter().filter(|call| call.operation == "ecs:RunTask").collect();
    let command = |place: usize| asked[place].input["overrides"]["containerOverrides"][0]["command"].clone();
    assert_eq!(command(0), json!(["/app", "backfill", "2026-01"]));
    assert_eq!(command(1), json!(["/app", "backfill", "2026-02"]));
    // Each call of `tasks()` is a run of its own, and in a workflow run of GitHub's all of them are one.
    let tokens = |job: Option<&str>| {
        let before = sandbox.calls().len();
        let mut command = self::command(workspace.root(), "one_off", &["backfill", "2026-03", "2026-03"]);
        command.envs(sandbox.environment()).envs(job.map(|job| ("GITHUB_RUN_ID", job)));
        ends(&command.output().unwrap(), 0);
        let asked = sandbox.calls().into_iter().skip(before).filter(|call| call.operation == "ecs:RunTask");
        asked.map(|call| call.input["clientToken"].to_string()).collect::<Vec<_>>()
    };
    assert!(matches!(&tokens(None)[..], [first, second] if first != second));
    assert!(matches!(&tokens(Some("7"))[..], [first, second] if first == second));
}
