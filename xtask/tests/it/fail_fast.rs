//! Rollouts that cannot succeed end at once, with and without a circuit breaker.

use crate::support::{Workspace, calls, sandbox, task_definition};
use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

/// A workspace with this `rollout`, whose image is released, and a service with or without a breaker.
fn stage(rollout: &str, breaker: bool) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.change(&[(POLL, rollout)]);
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": breaker, "rollback": breaker } });
    let update = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": breaker });
    sandbox.ecs("UpdateService", update).expect("the breaker can be set");
    (workspace, sandbox)
}

const POLL: &str = "poll = \"10ms\"";

fn every(call: &str, effect: Effect) -> Fault {
    Fault { call: call.to_owned(), which: Which::Every, effect }
}

fn crash(code: i32) -> Fault {
    every("ecs:RegisterTaskDefinition", Effect::Behave(Tasks::Exits { code, after_seconds: 2, container: None }))
}

fn denied(call: &str) -> Fault {
    let message = format!(
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {call} on resource: \
         arn:aws:ecs:ap-northeast-1:123456789012:service-deployment/sample/app/1 because no identity-based policy allows \
         the {call} action"
    );
    every(call, Effect::Error { status: 400, code: "AccessDeniedException".to_owned(), message, retry_after: None })
}

fn serving(sandbox: &Sandbox, service: &str) -> Value {
    let answer = sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": [service] }));
    answer.expect("described")["services"][0].clone()
}

#[test]
fn an_image_that_is_gone_ends_the_rollout_at_its_first_task() {
    for breaker in [true, false] {
        let (workspace, sandbox) = stage(POLL, breaker);
        sandbox.inject(every("ecs:UpdateService", Effect::ForgetImages));
        let run = workspace.xtask(&sandbox, &["deploy"]);
        run.ends(4)
            .says("Stopping the rollout of app:2")
            .says("it was stopped at once")
            .says("app:1 (2 tasks) serves now");
        run.says("cargo xtask release app && cargo xtask deploy");
        assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 1, "breaker: {breaker}");
        assert!(serving(&sandbox, "app")["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with("/app:1")));
        run.looks_like(&format!(
            "fail-fast/missing-image-{}",
            if breaker { "with-a-breaker" } else { "without-a-breaker" }
        ));
    }
}

#[test]
fn three_tasks_that_exit_alike_end_it_where_no_breaker_would() {
    let (workspace, sandbox) = stage(POLL, false);
    sandbox.inject(crash(78));
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(4).says("container app exited with 78").says("on 3 tasks, none of which was ever healthy");
    run.says("no deployment circuit breaker").looks_like("fail-fast/exits");
    assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 1);
}

#[test]
fn switched_off_the_breaker_has_the_word() {
    for rollout in ["poll = \"10ms\", fail-fast = \"off\"", "poll = \"10ms\", exits = \"off\""] {
        let (workspace, sandbox) = stage(rollout, true);
        sandbox.inject(crash(1));
        workspace.xtask(&sandbox, &["deploy"]).ends(4).does_not_say("Stopping");
        assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 0, "{rollout}");
    }
}

#[test]
fn without_the_right_to_stop_it_that_is_said_once_and_the_breaker_ends_it() {
    let (workspace, sandbox) = stage(POLL, true);
    sandbox.inject(every("ecs:UpdateService", Effect::ForgetImages));
    sandbox.inject(denied("ecs:StopServiceDeployment"));
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(4).says("this identity may not stop it").says("allow the action `ecs:StopServiceDeployment`");
    run.says("app:1 (2 tasks) serves now");
    assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 1);
}

#[test]
fn a_first_deployment_is_left_to_ecs_and_what_to_do_is_said() {
    let (workspace, sandbox) = stage(POLL, true);
    let mut document = task_definition();
    document["family"] = json!("first");
    document["containerDefinitions"][0]["image"] = json!(format!("{}/sample/app:never", sandbox.registry()));
    sandbox.ecs("RegisterTaskDefinition", document.clone()).expect("registered");
    let service = json!({ "cluster": "sample", "serviceName": "first", "taskDefinition": "first", "desiredCount": 1,
        "launchType": "FARGATE", "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } } });
    sandbox.ecs("CreateService", service).expect("created");
    sandbox.advance(std::time::Duration::from_secs(60));
    document["containerDefinitions"][0]["secrets"] = json!([{ "name": "DB", "valueFrom": "db" }]);
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    workspace.change(&[("cluster = \"sample\"", "cluster = \"sample\"\nservice = \"first\"")]);
    sandbox.inject(every("ecs:UpdateService", Effect::ForgetImages));
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(5).says("nothing to go back to").says("deploy again").looks_like("fail-fast/first-deployment");
    assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 0);
}
