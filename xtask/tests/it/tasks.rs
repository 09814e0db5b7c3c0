//! One-off tasks of the whole binary: `run`, and what a deploy runs before and after a rollout.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::support::{Run, Workspace, calls, manifest, sandbox, task_definition};

const SERVICE: &str = "rollout = { deadline = \"20s\", poll = \"10ms\" }\n";

/// A workspace whose image is released, with these tasks, and this in the service's table.
fn stage(tasks: &str, service: &str) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.write("Cargo.toml", &with(tasks, service)).that_releases();
    let mut document = task_definition();
    document["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/app", "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "ecs" } });
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

fn with(tasks: &str, service: &str) -> String {
    manifest(&[(SERVICE, &format!("{SERVICE}{service}\n{tasks}"))])
}

/// A migration that does this.
fn migrate(command: &str) -> String {
    format!("[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"\ncommand = [\"sh\", \"-c\", \"{command}\"]\n")
}

/// A service with a migration that goes well.
pub fn migrating() -> (Workspace, Sandbox) {
    stage(&migrate("exit 0"), BEFORE)
}

/// The Cargo.toml of [`migrating`] with another tag of the image.
pub fn of_tag(tag: &str) -> String {
    with(&migrate("exit 0"), BEFORE).replace("{ package = \"app\" }", &format!("\"{tag}\""))
}

const BEFORE: &str = "before-deploy = [\"migrate\"]";

fn serving(sandbox: &Sandbox) -> String {
    let described = sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] })).unwrap();
    described["services"][0]["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// The inputs of each RunTask.
fn asked(sandbox: &Sandbox) -> Vec<Value> {
    let calls = sandbox.calls().into_iter().filter(|call| call.operation == "ecs:RunTask");
    calls.map(|call| call.input).collect()
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}\n{}", run.stdout))
}

#[test]
fn a_task_runs_the_released_digest_with_the_network_of_its_service_and_its_log_is_shown() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), "");
    let run = workspace.xtask(&sandbox, &["run", "migrate", "--format", "json"]);
    run.ends(0).says("[migrate] INFO app: done").says("Ended migrate").looks_like("tasks/run");
    let request = &asked(&sandbox)[0];
    assert_eq!(request["launchType"], "FARGATE");
    assert_eq!(
        request["networkConfiguration"]["awsvpcConfiguration"],
        json!({ "subnets": ["subnet-0123456789abcdef0"], "securityGroups": ["sg-0123456789abcdef0"],
            "assignPublicIp": "DISABLED" })
    );
    let report = report(&run);
    assert!(report["image"].as_str().unwrap().contains("/sample/app@sha256:"), "{report}");
    assert_eq!((&report["outcome"], &report["runs"][0]["exit-code"]), (&json!("succeeded"), &json!(0)));
    assert_eq!(serving(&sandbox), "app:1", "the service is left alone");
}

#[test]
fn a_migration_that_fails_leaves_the_service_untouched() {
    let (workspace, sandbox) = stage(&migrate("exit 3"), BEFORE);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(9).says("nothing of service app was changed").says("[migrate] ERROR app: DATABASE_URL is not set");
    run.looks_like("tasks/fails-before");
    assert_eq!((serving(&sandbox).as_str(), calls(&sandbox, "ecs:UpdateService")), ("app:1", 0));
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(9).says("container app ended with exit code 3");
}

#[test]
fn a_migration_that_goes_well_runs_between_the_registration_and_the_update() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), BEFORE);
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0).says("run migrate before the update");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 0);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("Deployed app: app:2").looks_like("tasks/before");
    let order: Vec<String> = sandbox
        .calls()
        .into_iter()
        .map(|call| call.operation)
        .filter(|name| ["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:UpdateService"].contains(&name.as_str()))
        .collect();
    assert_eq!(order, ["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:UpdateService"]);
    assert!(asked(&sandbox)[0]["taskDefinition"].as_str().unwrap().ends_with("/app:2"));
    // Nothing to do: nothing to run, unless it is asked for.
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("nothing to do").does_not_say("before the update");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 1);
    workspace.xtask(&sandbox, &["deploy", "--run-tasks"]).ends(0).says("Ended migrate");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 2);
}
