//! `cargo xtask scale` of the whole binary.

use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, calls, sandbox};

/// A service of two tasks, and somebody who moves that between two bounds.
fn scaled(min: u32, max: u32) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    let of = json!({ "ServiceNamespace": "ecs", "ResourceId": "service/sample/app", "ScalableDimension": "ecs:service:DesiredCount" });
    let mut target = of.clone();
    target["MinCapacity"] = json!(min);
    target["MaxCapacity"] = json!(max);
    call(&sandbox, "RegisterScalableTarget", target);
    let mut policy = of;
    policy["PolicyName"] = json!("cpu-at-60");
    policy["PolicyType"] = json!("TargetTrackingScaling");
    call(&sandbox, "PutScalingPolicy", policy);
    (workspace, sandbox)
}

fn call(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    let site = sandbox.site("123456789012", "ap-northeast-1");
    site.call("application-autoscaling", operation, input).unwrap_or_else(|error| panic!("{error:?}"))
}

fn desired(sandbox: &Sandbox) -> Value {
    let found = sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] })).unwrap();
    found["services"][0]["desiredCount"].clone()
}

fn bounds(sandbox: &Sandbox) -> Value {
    let found = call(sandbox, "DescribeScalableTargets", json!({ "ServiceNamespace": "ecs" }));
    json!([found["ScalableTargets"][0]["MinCapacity"], found["ScalableTargets"][0]["MaxCapacity"]])
}

fn scale(workspace: &Workspace, sandbox: &Sandbox, to: &str) -> Run {
    workspace.xtask(sandbox, &["scale", "app", to])
}

#[test]
fn a_count_is_set_and_nothing_else_and_a_rollout_does_not_begin() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    scale(&workspace, &sandbox, "4").ends(0).says("Scaled app: 2 -> 4").does_not_say("warning");
    assert_eq!(desired(&sandbox), 4);
    let sent = sandbox.calls().into_iter().find(|call| call.operation == "ecs:UpdateService").unwrap().input;
    assert_eq!(sent, json!({ "cluster": "sample", "service": "app", "desiredCount": 4 }));
    scale(&workspace, &sandbox, "4").ends(0).says("app: 4 already");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 1);
    sandbox.advance(Duration::from_secs(600));
    let deployments = json!({ "cluster": "sample", "service": "app" });
    let listed = sandbox.ecs("ListServiceDeployments", deployments).unwrap();
    assert_eq!(listed["serviceDeployments"].as_array().unwrap().len(), 1, "the first one alone");
    let run = workspace.xtask(&sandbox, &["scale", "app", "0", "--format", "json"]);
    let done: Value = serde_json::from_str(&run.ends(0).stdout).unwrap();
    assert_eq!(done, json!({ "service": "app", "before": 4, "desired-count": 0 }));
}

#[test]
fn a_count_that_auto_scaling_would_undo_is_refused_and_one_that_it_may_move_is_told() {
    let (workspace, sandbox) = scaled(2, 6);
    let run = scale(&workspace, &sandbox, "9");
    run.ends(2).says("9 tasks are outside the bounds of service app, 2..6").says("`cargo xtask scale app MIN..MAX`");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
    let run = scale(&workspace, &sandbox, "5");
    run.ends(0).says("2 -> 5").says("may move service app again by cpu-at-60, between 2 and 6 tasks");
    assert_eq!(desired(&sandbox), 5);
}

#[test]
fn bounds_are_moved_where_there_are_any_and_what_follows_from_them_is_said() {
    let (workspace, sandbox) = scaled(1, 6);
    scale(&workspace, &sandbox, "3..8").ends(0).says("Scaled app: 1..6 -> 3..8").says("from 2 to 3 tasks");
    assert_eq!((bounds(&sandbox), desired(&sandbox)), (json!([3, 8]), json!(2)));
    let run = workspace.xtask(&sandbox, &["scale", "app", "3..8", "--format", "json"]);
    let done: Value = serde_json::from_str(&run.ends(0).stdout).unwrap();
    assert_eq!(done["bounds"], json!({ "min": 3, "max": 8 }));
    assert_eq!(
        calls(&sandbox, "application-autoscaling:RegisterScalableTarget"),
        1,
        "what is so already is left alone"
    );
    let (workspace, sandbox) = (Workspace::sample(), crate::support::sandbox(vec![]));
    scale(&workspace, &sandbox, "3..8").ends(2).says("nothing scales service app by itself").says("scale app N");
    scale(&workspace, &sandbox, "8..3").ends(2).says("the least is above the most");
    for wrong in ["many", "4294967295", "2..2147483648"] {
        scale(&workspace, &sandbox, wrong).ends(2).says("it is a count, such as `4`, or bounds, such as `2..10`");
    }
    assert_eq!(calls(&sandbox, "ecs:DescribeServices"), 1, "what is no number asks nothing");
    scale(&workspace, &sandbox, "20000").ends(1).says("holds 10000 tasks of a service");
}

#[test]
fn without_the_right_to_see_it_a_count_is_set_with_a_warning_and_the_next_deploys_count_is_named() {
    let (workspace, sandbox) = scaled(1, 6);
    let effect = Effect::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: \
                  application-autoscaling:DescribeScalableTargets"
            .to_owned(),
        retry_after: None,
    };
    let call = "application-autoscaling:DescribeScalableTargets".to_owned();
    sandbox.inject(Fault { call, which: Which::Every, effect });
    workspace.change(&[("containers = {", "desired-count = 3\ncontainers = {")]);
    let run = scale(&workspace, &sandbox, "4");
    run.ends(0).says("whether something else scales service app cannot be told").says("2 -> 4");
    run.says("the next deploy sets service app back to 3, which `desired-count` says");
    scale(&workspace, &sandbox, "1..4")
        .ends(1)
        .says("allow the action `application-autoscaling:DescribeScalableTargets`");
}

#[test]
fn a_deploy_adds_the_tasks_that_are_written_where_auto_scaling_decides_and_stops_none() {
    let desired_is = |count: u32| format!("desired-count = {count}\n");
    let family = "task-definition = \"app/ecs/task-definition.json\"\n";
    let (workspace, sandbox) = scaled(1, 10);
    workspace.change(&[(family, &format!("{family}{}", desired_is(1)))]).that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("Auto Scaling has service app at 2 tasks, between 1 and 10").does_not_say("desired count 2 → 1");
    assert_eq!(desired(&sandbox), 2);
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("nothing to do");
    workspace.change(&[(family, &format!("{family}{}", desired_is(4)))]);
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(0)
        .says("desired count 2 → 4")
        .says("Auto Scaling may move service app again");
    assert_eq!(desired(&sandbox), 4);
    workspace.change(&[(family, &format!("{family}{}", desired_is(11)))]);
    workspace.xtask(&sandbox, &["deploy"]).ends(2).says("outside the bounds of Auto Scaling, 1..10");
    assert_eq!(desired(&sandbox), 4);
}
