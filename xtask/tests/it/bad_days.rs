//! Services that cannot be deployed, and days on which AWS is not itself: what the whole binary makes of them.

use crate::support::{Run, Workspace, calls, changing, sandbox, sandbox_with_looks_of, task_definition};
use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Effect, Fault, Sandbox, Which, fault_named};

const LOOKS: &[&str] = &["DescribeServices"];

/// A workspace whose image is released.
fn released(sandbox: &Sandbox) -> Workspace {
    let workspace = Workspace::sample();
    workspace.that_releases();
    workspace.xtask(sandbox, &["release"]).ends(0);
    workspace
}

/// Deploys where answers to these operations are changed like this.
fn deploy_where(
    operations: &'static [&'static str],
    change: impl Fn(&mut Value) + Clone + Send + 'static,
    faults: Vec<Fault>,
) -> (Run, Sandbox) {
    let sandbox = sandbox(vec![]);
    let workspace = released(&sandbox);
    for fault in faults {
        sandbox.inject(fault);
    }
    let url = changing(&sandbox, operations, change);
    let environment = sandbox.environment();
    let others = environment.iter().filter(|(name, _)| name != "AWS_ENDPOINT_URL");
    let environment: Vec<(&str, &str)> = others.map(|(name, value)| (&**name, &**value)).collect();
    let run = workspace.xtask_with(&[&environment[..], &[("AWS_ENDPOINT_URL", &url)]].concat(), &["deploy"]);
    (run, sandbox)
}

fn crash_loop() -> Vec<Fault> {
    let effect = Effect::Behave(Tasks::Exits { code: 101, after_seconds: 2, container: None });
    vec![Fault { call: "ecs:RegisterTaskDefinition".to_owned(), which: Which::Every, effect }]
}

fn nothing_was_done(sandbox: &Sandbox) {
    assert_eq!((calls(sandbox, "ecs:RegisterTaskDefinition"), calls(sandbox, "ecs:UpdateService")), (0, 0));
}

#[test]
fn an_express_service_is_named_with_what_to_do() {
    let (run, sandbox) =
        deploy_where(LOOKS, |answer| answer["services"][0]["resourceManagementType"] = json!("ECS"), vec![]);
    run.ends(1).says("is an Express service").says("write `express = true` for it");
    nothing_was_done(&sandbox);
}

#[test]
fn services_of_other_deployment_controllers_are_refused_by_name() {
    for controller in ["CODE_DEPLOY", "EXTERNAL"] {
        let change =
            move |answer: &mut Value| answer["services"][0]["deploymentController"] = json!({ "type": controller });
        let (run, sandbox) = deploy_where(LOOKS, change, vec![]);
        run.ends(1).says(&format!("the deployment controller {controller}, which is not supported"));
        nothing_was_done(&sandbox);
    }
}

#[test]
fn a_service_without_a_primary_deployment_is_said_to_have_none() {
    let change = |answer: &mut Value| {
        if answer["service"].is_object() {
            answer["service"]["deployments"] = json!([]);
        } else if answer["services"][0].is_object() {
            answer["services"][0]["deployments"] = json!([]);
        }
    };
    let (run, _) = deploy_where(&["DescribeServices", "UpdateService"], change, vec![]);
    run.ends(1).says("service app has no PRIMARY deployment after the update");
}

#[test]
fn a_rollout_that_ends_between_two_looks_is_still_known_for_what_it_was() {
    let sandbox = sandbox_with_looks_of(1200, vec![]);
    released(&sandbox).xtask(&sandbox, &["deploy"]).ends(0).says("Deployed app: app:2");
    let sandbox = sandbox_with_looks_of(1200, vec![]);
    let workspace = released(&sandbox);
    for fault in crash_loop() {
        sandbox.inject(fault);
    }
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(4).says("tasks failed before this was looked at, and ECS shows none of them any more");
}

#[test]
fn looks_that_fail_for_a_while_are_made_again() {
    let sandbox = sandbox(vec![]);
    let workspace = released(&sandbox);
    let (code, message) = ("ServiceUnavailableException".to_owned(), "Service Unavailable".to_owned());
    let effect = Effect::Error { status: 503, code, message, retry_after: None };
    let call = "ecs:DescribeServiceDeployments".to_owned();
    sandbox.inject(Fault { call, which: Which::First(6), effect });
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("which goes on; looking again").says("Deployed app");
}

#[test]
fn a_log_group_of_another_region_is_read_there() {
    let sandbox = sandbox(vec![]);
    let workspace = Workspace::sample();
    let mut document = task_definition();
    document["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/far", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs" } });
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    for fault in crash_loop() {
        sandbox.inject(fault);
    }
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(4).says("(/ecs/far ecs/app/").says("| thread 'main' panicked").says("--region eu-west-1");
}

#[test]
fn a_task_that_stopped_without_containers_is_told_all_the_same() {
    let change = |answer: &mut Value| {
        for task in answer["tasks"].as_array_mut().into_iter().flatten() {
            task["containers"] = json!([]);
        }
    };
    let (run, _) = deploy_where(&["DescribeTasks"], change, crash_loop());
    run.ends(4).says("(EssentialContainerExited): Essential container in task exited").says("Post-mortem app");
}

#[test]
fn ten_thousand_old_events_of_a_service_are_not_told_again() {
    let change = |answer: &mut Value| {
        let old = (0..10_000).map(|number| {
            json!({ "id": format!("old-{number}"), "createdAt": 1_600_000_000.0, "message": "(service app) was busy." })
        });
        if let Some(events) = answer["services"][0]["events"].as_array_mut() {
            events.extend(old);
        }
    };
    let (run, _) = deploy_where(LOOKS, change, vec![]);
    run.ends(0).says("Deployed app").does_not_say("was busy");
    assert!(run.stderr.lines().count() < 60, "{}", run.stderr);
}

#[test]
fn a_clock_that_is_wrong_by_an_hour_is_put_right_by_what_aws_answers() {
    let sandbox = sandbox(vec![]);
    let workspace = released(&sandbox);
    for fault in fault_named("clock-skew").unwrap() {
        sandbox.inject(fault);
    }
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("Deployed app");
}
