//! Managed daemons, with task definitions and deployments of their own, in the whole binary.

use serde_json::{Value, json};
use xtask_sandbox::ecs::{Tasks, Trouble};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, calls, sandbox_with_looks_of};

const DAEMON: &str = "service = \"agent\"\ndaemon = true\n";
const ARN: &str = "arn:aws:ecs:ap-northeast-1:123456789012:daemon/sample/agent";
const PROVIDER: &str = "arn:aws:ecs:ap-northeast-1:123456789012:capacity-provider/managed";

/// A workspace whose image is released, for a daemon that is not there yet.
pub fn released() -> (Workspace, Sandbox) {
    released_with_looks_of(20)
}

fn released_with_looks_of(seconds: u64) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox_with_looks_of(seconds, vec![]));
    write(&workspace, |_| {});
    define(&workspace, &json!({ "capacityProviderArns": [PROVIDER] }));
    configure(&workspace, DAEMON);
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

/// The same for a daemon that runs an image of somebody else, set up by somebody else.
pub fn daemon() -> (Workspace, Sandbox) {
    set_up(released())
}

fn set_up((workspace, sandbox): (Workspace, Sandbox)) -> (Workspace, Sandbox) {
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

/// The same after a deploy.
pub fn deployed() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = daemon();
    deploy(&workspace, &sandbox, &[]).ends(0);
    (workspace, sandbox)
}

/// The service's table with these lines.
fn configure(workspace: &Workspace, lines: &str) {
    configure_with(workspace, lines, "deadline = \"5m\"");
}

fn configure_with(workspace: &Workspace, lines: &str, rollout: &str) {
    let table = format!("{lines}service-definition = \"app/ecs/daemon.json\"\ncontainers = {{ agent = \"app\" }}");
    workspace.change(&[("containers = { app = \"app\" }", &table), ("deadline = \"20s\"", rollout)]);
}

/// The daemon's task definition, changed like this.
fn write(workspace: &Workspace, change: impl Fn(&mut Value)) {
    let options = json!({ "awslogs-group": "/ecs/agent", "awslogs-region": "ap-northeast-1",
        "awslogs-stream-prefix": "agent" });
    let container = json!({ "name": "agent", "image": "agent", "memory": 128,
        "logConfiguration": { "logDriver": "awslogs", "options": options } });
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

#[test]
fn a_daemon_that_is_not_there_is_created_of_its_document_with_create_alone() {
    let (workspace, sandbox) = released();
    deploy(&workspace, &sandbox, &[]).ends(1).says("daemon agent is not in cluster sample").says("deploy --create");
    deploy(&workspace, &sandbox, &["--create"]).ends(0).says("Deployed app: agent:1");
    let made = sent(&sandbox, "ecs:CreateDaemon");
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["clusterArn"], "arn:aws:ecs:ap-northeast-1:123456789012:cluster/sample");
    assert_eq!((&made[0]["daemonName"], &made[0]["capacityProviderArns"]), (&json!("agent"), &json!([PROVIDER])));
    assert_eq!(made[0]["daemonTaskDefinitionArn"], revision(1));
    assert_eq!(made[0]["clientToken"].as_str().unwrap().len(), 36);
    deploy(&workspace, &sandbox, &["--create"]).ends(0).says("nothing to do");
    // What is written of it is compared with what it has, and every difference is a deployment.
    define(
        &workspace,
        &json!({ "capacityProviderArns": [PROVIDER], "deploymentConfiguration": { "drainPercent": 100.0 } }),
    );
    deploy(&workspace, &sandbox, &["--plan"])
        .ends(0)
        .says("+ service.deploymentConfiguration: {\"drainPercent\":100.0}");
    deploy(&workspace, &sandbox, &[]).ends(0).says("Deployed app: agent:1");
    let updates = sent(&sandbox, "ecs:UpdateDaemon");
    assert_eq!((updates.len(), &updates[0]["deploymentConfiguration"]["drainPercent"]), (1, &json!(100.0)));
    deploy(&workspace, &sandbox, &[]).ends(0).says("nothing to do");
    assert_eq!((calls(&sandbox, "ecs:CreateDaemon"), calls(&sandbox, "ecs:RegisterDaemonTaskDefinition")), (1, 1));
}

#[test]
fn a_daemon_that_goes_back_is_a_failure_that_says_why() {
    let (workspace, sandbox) = daemon();
    sandbox.behave_newer(Tasks::Exits { code: 101, after_seconds: 1, container: None });
    let run = deploy(&workspace, &sandbox, &[]);
    run.ends(4).says("failed and ECS rolled it back").says("agent:1 (2 tasks) serves now").says("101");
    // The same bytes again are another deployment of the revision that is there.
    deploy(&workspace, &sandbox, &[]).ends(4);
    assert_eq!(calls(&sandbox, "ecs:RegisterDaemonTaskDefinition"), 1);
    let (workspace, sandbox) = daemon();
    sandbox.troubles(vec![Trouble::Alarm { stage: None }]);
    deploy(&workspace, &sandbox, &[]).ends(4).says("alarm");
    let (workspace, sandbox) = released();
    sandbox.behave_newer(Tasks::Exits { code: 1, after_seconds: 1, container: None });
    deploy(&workspace, &sandbox, &["--create"]).ends(5).says("not on its last good revision");
}

#[test]
fn a_daemon_that_somebody_else_deploys_meanwhile_is_superseded_and_one_that_never_ends_times_out() {
    let (workspace, sandbox) = daemon();
    let effect = Effect::Supersede { by: "other".to_owned() };
    sandbox.inject(Fault { call: "ecs:UpdateDaemon".to_owned(), which: Which::Nth(1), effect });
    let run = deploy(&workspace, &sandbox, &[]);
    run.ends(6).says("was superseded by a deployment of agent:3, registered by ").says("other");
    let (workspace, sandbox) = daemon();
    sandbox.behave_newer(Tasks::NeverStarts);
    configure_with(&workspace, DAEMON, "deadline = \"1s\"");
    let run = deploy(&workspace, &sandbox, &[]);
    run.ends(7).says("did not end within 1 s").says("it goes on in ECS");
    run.says("next: aws ecs describe-daemon-deployments --daemon-deployment-arns arn:aws:ecs:");
}

#[test]
fn the_way_back_of_a_daemon_is_another_update_of_it() {
    let (workspace, sandbox) = daemon();
    workspace.xtask(&sandbox, &["rollback"]).ends(2).says("nothing");
    deploy(&workspace, &sandbox, &[]).ends(0);
    workspace.xtask(&sandbox, &["rollback", "--plan"]).ends(0).says("Back app from agent:2 to agent:1");
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Back app from agent:2 to agent:1").says("agent:1");
    let updates = sent(&sandbox, "ecs:UpdateDaemon");
    assert_eq!((updates.len(), &updates[1]["daemonTaskDefinitionArn"]), (2, &json!(revision(1))));
    let history = workspace.xtask(&sandbox, &["history"]);
    history.ends(0);
    assert_eq!(history.stdout.matches("SUCCESSFUL").count(), 3, "{history}");
    sandbox.ecs("DeleteDaemonTaskDefinition", json!({ "daemonTaskDefinition": "agent:2" })).unwrap();
    workspace.xtask(&sandbox, &["rollback"]).ends(2).says("it was deregistered");
}

#[test]
fn a_deployment_of_a_daemon_that_is_under_way_goes_back_by_another_one_and_a_re_run_joins_that() {
    let (workspace, sandbox) = daemon();
    sandbox.behave_newer(Tasks::NeverStarts);
    configure_with(&workspace, DAEMON, "deadline = \"1s\"");
    deploy(&workspace, &sandbox, &[]).ends(7);
    configure(&workspace, DAEMON);
    let back = |more: &[&str]| workspace.xtask(&sandbox, &[&["rollback"], more].concat());
    back(&["--plan"]).ends(0).says("Back app from agent:2 to agent:1");
    back(&["--to", "agent:2"]).ends(2).says("is on agent:2 already").does_not_say("Back app");
    assert_eq!(calls(&sandbox, "ecs:UpdateDaemon"), 1);
    let run = back(&[]);
    run.ends(0).says("Back app from agent:2 to agent:1").says("Deployed app: agent:1");
    let updates = sent(&sandbox, "ecs:UpdateDaemon");
    assert_eq!((updates.len(), &updates[1]["daemonTaskDefinitionArn"]), (2, &json!(revision(1))));
    let history = workspace.xtask(&sandbox, &["history"]);
    assert_eq!(history.ends(0).stdout.lines().filter(|line| line.contains(" SUCCESSFUL ")).count(), 2, "{history}");
    assert!(
        history.stdout.lines().nth(1).is_some_and(|it| it.contains("agent:2") && it.contains("STOPPED")),
        "{history}"
    );
    assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 0);

    // One that was cut short behind its update is followed, and not begun again.
    let (workspace, sandbox) = deployed();
    let mut update = sent(&sandbox, "ecs:UpdateDaemon").remove(0);
    update["daemonTaskDefinitionArn"] = json!(revision(1));
    update["deploymentConfiguration"]["bakeTimeInMinutes"] = json!(10);
    sandbox.ecs("UpdateDaemon", update).unwrap();
    let updates = calls(&sandbox, "ecs:UpdateDaemon");
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Joining").says("Deployed app: agent:1");
    assert_eq!(calls(&sandbox, "ecs:UpdateDaemon"), updates);
}

#[test]
fn a_daemon_that_ecs_takes_back_itself_is_followed_by_a_rollback_and_that_is_what_was_asked_for() {
    let (workspace, sandbox) = set_up(released_with_looks_of(1));
    deploy(&workspace, &sandbox, &[]).ends(0);
    sandbox.behave_newer(Tasks::Exits { code: 1, after_seconds: 1, container: None });
    let document = json!({ "family": "agent", "containerDefinitions": [
        { "name": "agent", "image": "public.ecr.aws/docker/library/httpd:2.5", "memory": 64 }] });
    sandbox.ecs("RegisterDaemonTaskDefinition", document).unwrap();
    let mut update = sent(&sandbox, "ecs:UpdateDaemon").remove(0);
    update["daemonTaskDefinitionArn"] = json!(revision(3));
    sandbox.ecs("UpdateDaemon", update).unwrap();
    let newest = || {
        let listed = sandbox.ecs("ListDaemonDeployments", json!({ "daemonArn": ARN })).unwrap();
        listed["daemonDeployments"][0]["status"].as_str().unwrap().to_owned()
    };
    while newest() != "ROLLBACK_IN_PROGRESS" {
        assert!(!newest().ends_with("SUCCESSFUL"), "it goes back");
        sandbox.advance(std::time::Duration::from_secs(1));
    }
    let updates = calls(&sandbox, "ecs:UpdateDaemon");
    workspace.xtask(&sandbox, &["rollback", "--to", "agent:1"]).ends(2).says("goes where it came from");
    let run = workspace.xtask(&sandbox, &["rollback"]);
    run.ends(0).says("Joining the rollback of app").says("ROLLBACK_SUCCESSFUL").does_not_say("warning:");
    assert_eq!((newest().as_str(), calls(&sandbox, "ecs:UpdateDaemon")), ("ROLLBACK_SUCCESSFUL", updates));
}

#[test]
fn what_is_asked_of_services_is_asked_of_daemons_too_or_refused_by_name() {
    let (workspace, sandbox) = daemon();
    deploy(&workspace, &sandbox, &[]).ends(0);
    let status = workspace.xtask(&sandbox, &["status", "--check"]);
    status.ends(0);
    assert!(status.stdout.contains("agent:2") && status.stdout.contains("2/2"), "{status}");
    let verified = workspace.xtask(&sandbox, &["verify"]);
    assert!(verified.stdout.contains("daemon agent in cluster sample takes deployments"), "{verified}");
    assert!(verified.stdout.contains("a failed rollout can go back to agent:2"), "{verified}");
    workspace.xtask(&sandbox, &["scale", "app", "3"]).ends(2).says("is a daemon").says("capacity provider");
    workspace
        .xtask(&sandbox, &["lock", "app", "--reason", "x"])
        .ends(2)
        .says("ECS tells nobody which tags a daemon has");
    workspace.xtask(&sandbox, &["continue", "app"]).ends(2).says("wait for no decision");
    let rendered = workspace.xtask(&sandbox, &["render"]);
    assert!(rendered.ends(0).stdout.contains(PROVIDER) && rendered.stdout.contains("pidMode"), "{rendered}");
    sandbox.site("123456789012", "ap-northeast-1").write_log("/ecs/agent", "agent/agent/0ec5", "listening");
    assert!(workspace.xtask(&sandbox, &["logs"]).ends(0).stdout.contains("listening"));
    workspace.tool("session-manager-plugin", "#!/bin/sh\necho 1.2.707.0\n");
    workspace.xtask(&sandbox, &["exec", "app"]).ends(0);
    let policy = workspace.xtask(&sandbox, &["iam"]).ends(0).stdout.clone();
    assert!(policy.contains("ecs:UpdateDaemon") && !policy.contains("ecs:UpdateService\""), "{policy}");
}

#[test]
fn what_no_daemon_takes_is_refused_before_anything_is_done() {
    let (workspace, sandbox) = daemon();
    for (lines, says) in [
        ("service = \"agent\"\ndaemon = true\ndesired-count = 2\n", "`desired-count` is of no daemon"),
        ("service = \"agent\"\ndaemon = true\nexpress = true\n", "a daemon is no Express service"),
    ] {
        configure(&workspace, lines);
        deploy(&workspace, &sandbox, &[]).ends(2).says(says);
    }
    configure_with(&workspace, DAEMON, "deadline = \"5m\", on-interrupt = \"rollback\", fail-fast = \"decisive\"");
    let run = deploy(&workspace, &sandbox, &[]);
    assert_eq!(run.ends(2).stderr.matches("ECS has no call that stops a daemon's deployment").count(), 2, "{run}");
    configure(&workspace, DAEMON);
    write(&workspace, |document| document["containerDefinitions"][0]["enviroment"] = json!([]));
    deploy(&workspace, &sandbox, &[]).ends(2).says("unknown member `containerDefinitions[agent].enviroment`");
    write(&workspace, |document| document["networkMode"] = json!("awsvpc"));
    deploy(&workspace, &sandbox, &[]).ends(2).says("ECS takes no `networkMode` in the task definition of a daemon");
    write(&workspace, |document| {
        document["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 80 }]);
    });
    deploy(&workspace, &sandbox, &[]).ends(2).says("ECS takes no `containerDefinitions[agent].portMappings`");
    write(&workspace, |document| document["futureField"] = json!(1));
    deploy(&workspace, &sandbox, &["--plan"]).ends(0).says("this tool does not know the member `futureField`");
    write(&workspace, |_| {});
    define(&workspace, &json!({ "capacityProviderArn": [PROVIDER] }));
    deploy(&workspace, &sandbox, &[]).ends(2).says("`capacityProviderArns` is the nearest");
    define(&workspace, &json!({ "daemonName": "other" }));
    deploy(&workspace, &sandbox, &[]).ends(2).says("`daemonName` is no setting");
    assert_eq!(calls(&sandbox, "ecs:RegisterDaemonTaskDefinition"), 0);
}

#[test]
fn what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action() {
    let error = |status, code: &str| Effect::Error {
        status,
        code: code.to_owned(),
        message: "again".to_owned(),
        retry_after: None,
    };
    let operations = [
        "DescribeDaemon",
        "DescribeDaemonDeployments",
        "DescribeDaemonRevisions",
        "ListDaemonDeployments",
        "DescribeDaemonTaskDefinition",
        "RegisterDaemonTaskDefinition",
        "UpdateDaemon",
        "CreateDaemon",
    ];
    let disturb = |sandbox: &Sandbox| {
        for operation in operations {
            let call = format!("ecs:{operation}");
            let effect = error(400, "ThrottlingException");
            sandbox.inject(Fault { call: call.clone(), which: Which::Nth(1), effect });
            sandbox.inject(Fault { call, which: Which::Nth(2), effect: error(503, "ServiceUnavailable") });
        }
    };
    let (workspace, sandbox) = released();
    disturb(&sandbox);
    deploy(&workspace, &sandbox, &["--create"]).ends(0);
    let (workspace, sandbox) = daemon();
    disturb(&sandbox);
    deploy(&workspace, &sandbox, &[]).ends(0);
    workspace.xtask(&sandbox, &["rollback"]).ends(0);
    // An answer that is lost has the update made twice, and the second one is followed.
    let lost = Fault { call: "ecs:UpdateDaemon".to_owned(), which: Which::Nth(1), effect: Effect::Lose };
    let (workspace, sandbox) = daemon();
    sandbox.inject(lost);
    deploy(&workspace, &sandbox, &[]).ends(0).says("Deployed app: agent:2");
    assert_eq!(calls(&sandbox, "ecs:UpdateDaemon"), 2);
    let refused = |operation: &str, arguments: &[&str]| {
        let (workspace, sandbox) = daemon();
        let (call, effect) = (format!("ecs:{operation}"), error(400, "AccessDeniedException"));
        sandbox.inject(Fault { call: call.clone(), which: Which::Every, effect });
        workspace.xtask(&sandbox, arguments).ends(1).says(&format!("allow the action `{call}`"));
    };
    refused("DescribeDaemonTaskDefinition", &["deploy"]);
    refused("ListDaemonDeployments", &["history"]);
}

#[test]
fn a_rehearsal_has_daemons_and_express_services_meet_its_faults_and_says_where_nothing_did() {
    let (workspace, _) = released();
    let rehearse = |workspace: &Workspace, fault: &str| workspace.xtask_with(&[], &["rehearse", "--fault", fault]);
    rehearse(&workspace, "superseded").ends(6).says("was superseded by a deployment of agent:3, registered by ");
    rehearse(&workspace, "no-room").ends(0).says("nothing of this workspace met the fault `no-room`");
    let (workspace, _) = crate::express::express();
    rehearse(&workspace, "superseded").ends(6).says("was superseded by a deployment of app:2, registered by ");
}
