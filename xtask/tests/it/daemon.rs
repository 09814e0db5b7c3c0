//! Managed daemons, with task definitions and deployments of their own, in the whole binary.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;
use xtask_sandbox::ecs::{Tasks, Trouble};

use crate::support::{Run, Workspace, calls, sandbox_with_looks_of};

const ARN: &str = "arn:aws:ecs:ap-northeast-1:123456789012:daemon/sample/agent";
const PROVIDER: &str = "arn:aws:ecs:ap-northeast-1:123456789012:capacity-provider/managed";

/// A workspace whose image is released, for a daemon that is not there yet.
fn released() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox_with_looks_of(20, vec![]));
    write(&workspace, |_| {});
    define(&workspace, &json!({ "capacityProviderArns": [PROVIDER] }));
    configure(&workspace, "service = \"agent\"\ndaemon = true\n");
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

/// The same for a daemon that runs an image of somebody else, set up by somebody else.
pub fn daemon() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = released();
    let container = json!({ "name": "agent", "image": "public.ecr.aws/docker/library/httpd:2.4", "memory": 64 });
    let document = json!({ "family": "agent", "containerDefinitions": [container] });
    let first = sandbox.ecs("RegisterDaemonTaskDefinition", document).unwrap()["daemonTaskDefinitionArn"].clone();
    let input = json!({ "daemonName": "agent", "clusterArn": "sample", "daemonTaskDefinitionArn": first,
        "capacityProviderArns": [PROVIDER], "critical": false, "enableExecuteCommand": true,
        "deploymentConfiguration": { "drainPercent": 50.0, "bakeTimeInMinutes": 1,
            "alarms": { "enable": true, "alarmNames": ["agents"] } } });
    sandbox.ecs("CreateDaemon", input).unwrap();
    sandbox.advance(std::time::Duration::from_secs(1800));
    (workspace, sandbox)
}

/// The service's table with these lines.
fn configure(workspace: &Workspace, lines: &str) {
    let table = format!("{lines}service-definition = \"app/ecs/daemon.json\"\ncontainers = {{ agent = \"app\" }}");
    workspace.change(&[("containers = { app = \"app\" }", &table), ("deadline = \"20s\"", "deadline = \"5m\"")]);
}

/// The daemon's task definition, changed like this.
fn write(workspace: &Workspace, change: impl Fn(&mut Value)) {
    let container = json!({ "name": "agent", "image": "agent", "memory": 128 });
    let mut document = json!({ "family": "agent", "executionRoleArn": "arn:aws:iam::123456789012:role/app-execution",
        "containerDefinitions": [container], "pidMode": "shared", "tags": [{ "key": "team", "value": "a" }] });
    change(&mut document);
    workspace.write("app/ecs/task-definition.json", &serde_json::to_string_pretty(&document).unwrap());
}

fn define(workspace: &Workspace, document: &Value) {
    workspace.write("app/ecs/daemon.json", &serde_json::to_string_pretty(document).unwrap());
}

fn deploy(workspace: &Workspace, sandbox: &Sandbox, more: &[&str]) -> Run {
    workspace.xtask(sandbox, &[&["deploy"], more].concat())
}

/// The inputs of the calls of this operation.
fn sent(sandbox: &Sandbox, operation: &str) -> Vec<Value> {
    let made = sandbox.calls().into_iter().filter(|call| call.operation == operation);
    made.map(|call| call.input).collect()
}

fn revision(number: u32) -> String {
    format!("arn:aws:ecs:ap-northeast-1:123456789012:daemon-task-definition/agent:{number}")
}

#[test]
fn a_daemon_takes_the_pinned_revision_and_keeps_what_nobody_wrote() {
    let (workspace, sandbox) = daemon();
    deploy(&workspace, &sandbox, &["--plan"]).ends(0).says("pidMode").says("containerDefinitions[agent].image");
    assert_eq!(calls(&sandbox, "ecs:RegisterDaemonTaskDefinition"), 0);
    let run = deploy(&workspace, &sandbox, &["--format", "json"]);
    run.ends(0).says("Registered agent:2").says("Deployed app: agent:2");
    let registered = sent(&sandbox, "ecs:RegisterDaemonTaskDefinition");
    let image = registered[0]["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
    assert!(image.contains("/sample/app@sha256:"), "{image}");
    let members = json!({ "daemonArn": ARN, "daemonTaskDefinitionArn": revision(2), "capacityProviderArns": [PROVIDER],
        "critical": false, "enableExecuteCommand": true, "enableECSManagedTags": false, "propagateTags": "NONE",
        "deploymentConfiguration": { "drainPercent": 50.0, "bakeTimeInMinutes": 1,
            "alarms": { "enable": true, "alarmNames": ["agents"] } } });
    assert_eq!(sent(&sandbox, "ecs:UpdateDaemon"), [members]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["services"][0]["outcome"], "deployed");
    // Tags alone are told by nobody again, and are no reason for a revision.
    write(&workspace, |document| document["tags"] = json!([{ "key": "team", "value": "b" }]));
    deploy(&workspace, &sandbox, &[]).ends(0).says("nothing to do");
    assert_eq!((calls(&sandbox, "ecs:UpdateDaemon"), calls(&sandbox, "ecs:RegisterDaemonTaskDefinition")), (1, 1));
    assert_eq!(calls(&sandbox, "ecs:DescribeServices") + calls(&sandbox, "ecs:RegisterTaskDefinition"), 0);
}
