//! Rollouts that shift traffic: blue/green, linear and canary, with their hooks.

use serde_json::{Value, json};

use super::world::{World, crash};
use crate::ecs::Trouble;

const LAMBDA: &str = "arn:aws:lambda:ap-northeast-1:123456789012:function:check";

/// A service of two tasks on `app:1`, whose next deployments are configured like this.
fn world(configuration: Value) -> World {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.create(2, json!({}), json!({ "serviceConnectConfiguration": { "enabled": true } }));
    world.settle();
    world.update(json!({ "deploymentConfiguration": configuration }));
    assert_eq!(world.rollouts().len(), 1, "a configuration alone deploys nothing");
    world
}

fn blue_green(bake: u64) -> Value {
    json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": bake })
}

fn pause(configuration: Value, stage: &str, timeout: Value) -> Value {
    let mut configuration = configuration;
    configuration["lifecycleHooks"] =
        json!([{ "targetType": "PAUSE", "lifecycleStages": [stage], "timeoutConfiguration": timeout }]);
    configuration
}

fn lambda(configuration: Value, stage: &str) -> Value {
    let mut configuration = configuration;
    let timeout = json!({ "timeoutInMinutes": 5 });
    configuration["lifecycleHooks"] = json!([{ "hookTargetArn": LAMBDA, "roleArn": "arn:aws:iam::123456789012:role/hooks",
        "lifecycleStages": [stage], "timeoutConfiguration": timeout }]);
    configuration
}

/// Lets events happen until the newest rollout has ended or waits for a pause hook.
fn run(world: &mut World) -> Value {
    for _ in 0..10_000 {
        let rollout = world.rollout();
        let status = rollout["status"].as_str().unwrap().to_owned();
        let waits = hooks(&rollout).iter().any(|hook| hook["status"] == "AWAITING_ACTION");
        if waits || status.ends_with("SUCCESSFUL") || status.ends_with("FAILED") || status == "STOPPED" {
            return rollout;
        }
        world.now = world.ecs.next_event().unwrap();
        world.ecs.advance(world.now, &world.images);
    }
    panic!("it goes on for ever: {}", world.rollout());
}

fn hooks(rollout: &Value) -> Vec<Value> {
    rollout["lifecycleHookDetails"].as_array().cloned().unwrap_or_default()
}

fn answer(world: &mut World, rollout: &Value, hook: &Value, action: &str) -> Value {
    let input = json!({ "serviceDeploymentArn": rollout["serviceDeploymentArn"], "hookId": hook["hookId"],
        "action": action });
    world.call("ContinueServiceDeployment", input)
}

fn running(world: &mut World, family: &str) -> Vec<Value> {
    let tasks = world.tasks("RUNNING");
    let of = |task: &&Value| task["taskDefinitionArn"].as_str().unwrap().ends_with(family);
    tasks.iter().filter(of).map(|task| task["taskArn"].clone()).collect()
}

/// Stage, production weight of the new revision and of the old one: once each, as a client sees them that looks all
/// the time.
fn weights(world: &mut World) -> Vec<(String, f64, f64)> {
    let mut seen = Vec::new();
    loop {
        let rollout = world.rollout();
        if let Some(stage) = rollout["lifecycleStage"].as_str() {
            let weight = |summary: &Value| summary["requestedProductionTrafficWeight"].as_f64().unwrap();
            let now = (
                stage.to_owned(),
                weight(&rollout["targetServiceRevision"]),
                weight(&rollout["sourceServiceRevisions"][0]),
            );
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        if rollout["status"] == "SUCCESSFUL" {
            return seen;
        }
        world.now = world.ecs.next_event().unwrap();
        world.ecs.advance(world.now, &world.images);
    }
}

#[test]
fn blue_and_green_run_side_by_side_until_the_bake_is_over() {
    let mut world = world(blue_green(5));
    let blue = running(&mut world, "app:1");
    let began = world.now.0;
    world.release("own/app:2", json!({}));
    let mut seen: Vec<(String, usize, usize)> = Vec::new();
    while world.rollout()["status"] != "SUCCESSFUL" {
        let rollout = world.rollout();
        if let Some(stage) = rollout["lifecycleStage"].as_str() {
            let green = running(&mut world, "app:2").len();
            let still = running(&mut world, "app:1");
            assert!(stage == "CLEAN_UP" || still == blue, "{stage}: {still:?}");
            let now = (stage.to_owned(), still.len(), green);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        world.now = world.ecs.next_event().unwrap();
        world.ecs.advance(world.now, &world.images);
    }
    let of = |stage: &str, blue, green| (stage.to_owned(), blue, green);
    assert_eq!(
        seen,
        [
            of("PRE_SCALE_UP", 2, 0),
            of("SCALE_UP", 2, 2),
            of("POST_SCALE_UP", 2, 2),
            of("TEST_TRAFFIC_SHIFT", 2, 2),
            of("POST_TEST_TRAFFIC_SHIFT", 2, 2),
            of("PRE_PRODUCTION_TRAFFIC_SHIFT", 2, 2),
            of("PRODUCTION_TRAFFIC_SHIFT", 2, 2),
            of("POST_PRODUCTION_TRAFFIC_SHIFT", 2, 2),
            of("BAKE_TIME", 2, 2),
            of("CLEAN_UP", 0, 2),
        ]
    );
    assert!((300..400).contains(&((world.now.0 - began) / 1000)), "{}", world.now.0 - began);
    let service = world.service();
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    world.settle();
    assert!(world.said("has reached a steady state."));
}

#[test]
fn a_linear_rollout_takes_equal_steps_and_bakes_between_them() {
    let mut world = world(json!({ "strategy": "LINEAR", "bakeTimeInMinutes": 1,
        "linearConfiguration": { "stepPercent": 40.0, "stepBakeTimeInMinutes": 3 } }));
    let began = world.now.0;
    world.release("own/app:2", json!({}));
    let seen = weights(&mut world);
    let steps: Vec<(f64, f64)> =
        seen.iter().filter(|it| it.0 == "PRODUCTION_TRAFFIC_SHIFT").map(|it| (it.1, it.2)).collect();
    assert_eq!(steps, [(40.0, 60.0), (80.0, 20.0), (100.0, 0.0)]);
    let before = seen.iter().filter(|it| it.0 == "PRE_PRODUCTION_TRAFFIC_SHIFT").count();
    assert_eq!(before, 3, "{seen:?}");
    // Two bakes between three steps, and one at the end.
    assert!((420..500).contains(&((world.now.0 - began) / 1000)), "{}", world.now.0 - began);
}

#[test]
fn a_canary_is_small_and_then_everything() {
    let mut world = world(json!({ "strategy": "CANARY", "bakeTimeInMinutes": 0,
        "canaryConfiguration": { "canaryPercent": 2.5, "canaryBakeTimeInMinutes": 10 } }));
    world.release("own/app:2", json!({}));
    let seen = weights(&mut world);
    let steps: Vec<f64> = seen.iter().filter(|it| it.0 == "PRODUCTION_TRAFFIC_SHIFT").map(|it| it.1).collect();
    assert_eq!(steps, [2.5, 100.0]);
    assert_eq!(world.rollout()["deploymentConfiguration"]["canaryConfiguration"]["canaryPercent"], 2.5);
}

#[test]
fn a_pause_hook_waits_for_an_answer() {
    let stage = "POST_TEST_TRAFFIC_SHIFT";
    let mut world = world(pause(blue_green(0), stage, json!({ "timeoutInMinutes": 90 })));
    world.release("own/app:2", json!({}));
    let paused = run(&mut world);
    assert_eq!((&paused["status"], &paused["lifecycleStage"]), (&json!("IN_PROGRESS"), &json!(stage)));
    let hook = hooks(&paused)[0].clone();
    assert!(hook["hookId"].as_str().unwrap().starts_with("ecs-pause-"));
    assert_eq!((&hook["targetType"], &hook["timeoutAction"]), (&json!("PAUSE"), &json!("ROLLBACK")));
    assert_eq!(hook.get("targetArn"), None);
    let left = hook["expiresAt"].as_f64().unwrap() - paused["updatedAt"].as_f64().unwrap();
    assert!((5390.0..5401.0).contains(&left), "{left}");
    world.pass(3600);
    assert_eq!(world.rollout()["lifecycleStage"], stage);
    let answered = answer(&mut world, &paused, &hook, "CONTINUE");
    assert_eq!(answered["serviceDeploymentArn"], paused["serviceDeploymentArn"]);
    let ended = run(&mut world);
    assert_eq!((&ended["status"], &hooks(&ended)[0]["status"]), (&json!("SUCCESSFUL"), &json!("SUCCEEDED")));
}

#[test]
fn every_step_has_a_pause_of_its_own() {
    let canary = json!({ "strategy": "CANARY", "bakeTimeInMinutes": 0 });
    let mut world = world(pause(canary, "PRE_PRODUCTION_TRAFFIC_SHIFT", json!({})));
    world.release("own/app:2", json!({}));
    let mut seen = Vec::new();
    loop {
        let rollout = run(&mut world);
        let Some(hook) = hooks(&rollout).into_iter().find(|it| it["status"] == "AWAITING_ACTION") else { break };
        seen.push((
            hook["hookId"].clone(),
            rollout["targetServiceRevision"]["requestedProductionTrafficWeight"].clone(),
        ));
        answer(&mut world, &rollout, &hook, "CONTINUE");
        world.pass(1);
    }
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
    assert_eq!(seen.iter().map(|it| it.1.clone()).collect::<Vec<_>>(), [json!(0.0), json!(5.0)]);
    assert_ne!(seen[0].0, seen[1].0);
}

#[test]
fn all_hooks_of_a_stage_have_to_be_answered() {
    let mut configuration = blue_green(0);
    let stage = json!(["POST_SCALE_UP"]);
    configuration["lifecycleHooks"] = json!([
        { "targetType": "PAUSE", "lifecycleStages": stage },
        { "targetType": "PAUSE", "lifecycleStages": stage },
        { "hookTargetArn": LAMBDA, "roleArn": "arn:aws:iam::123456789012:role/hooks", "lifecycleStages": stage },
    ]);
    let mut world = world(configuration);
    world.release("own/app:2", json!({}));
    let paused = run(&mut world);
    let all = hooks(&paused);
    assert_eq!(all.len(), 3);
    assert_eq!((&all[2]["status"], &all[2]["targetArn"]), (&json!("IN_PROGRESS"), &json!(LAMBDA)));
    answer(&mut world, &paused, &all[0], "CONTINUE");
    world.pass(60);
    let still = world.rollout();
    assert_eq!((&still["lifecycleStage"], &hooks(&still)[2]["status"]), (&json!("POST_SCALE_UP"), &json!("SUCCEEDED")));
    answer(&mut world, &paused, &all[1], "CONTINUE");
    assert_eq!(run(&mut world)["status"], "SUCCESSFUL");
}

#[test]
fn a_pause_that_is_answered_with_a_rollback_leaves_blue_as_it_was() {
    let mut world = world(pause(blue_green(0), "POST_PRODUCTION_TRAFFIC_SHIFT", json!({})));
    let blue = running(&mut world, "app:1");
    world.release("own/app:2", json!({}));
    let paused = run(&mut world);
    assert_eq!(paused["targetServiceRevision"]["requestedProductionTrafficWeight"], 100.0);
    answer(&mut world, &paused, &hooks(&paused)[0], "ROLLBACK");
    world.until("ROLLBACK_IN_PROGRESS");
    let back = world.rollout();
    assert_eq!(back["targetServiceRevision"]["requestedProductionTrafficWeight"], 0.0);
    assert_eq!(back["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"], 100.0);
    let ended = run(&mut world);
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        ended["statusReason"],
        "Service deployment rolled back because POST_PRODUCTION_TRAFFIC_SHIFT pause hook was answered with ROLLBACK."
    );
    assert_eq!(ended["rollback"]["serviceRevisionArn"], ended["sourceServiceRevisions"][0]["arn"]);
    assert_eq!(hooks(&ended)[0]["status"], "FAILED");
    assert_eq!(running(&mut world, "app:1"), blue);
    assert_eq!(running(&mut world, "app:2").len(), 0);
    assert!(world.service()["taskDefinition"].as_str().unwrap().ends_with("/app:1"));
}

#[test]
fn a_pause_that_nobody_answers_times_out_one_way_or_the_other() {
    for (action, status, reason) in [
        (
            "ROLLBACK",
            "ROLLBACK_SUCCESSFUL",
            json!("Service deployment rolled back because PRE_SCALE_UP pause hook timed out."),
        ),
        ("CONTINUE", "SUCCESSFUL", Value::Null),
    ] {
        let timeout = json!({ "timeoutInMinutes": 10, "action": action });
        let mut world = world(pause(blue_green(0), "PRE_SCALE_UP", timeout));
        world.release("own/app:2", json!({}));
        run(&mut world);
        world.pass(599);
        assert_eq!(hooks(&world.rollout())[0]["status"], "AWAITING_ACTION");
        world.pass(3);
        let ended = run(&mut world);
        assert_eq!((&ended["status"], &ended["statusReason"]), (&json!(status), &reason));
        assert_eq!(hooks(&ended)[0]["status"], "TIMED_OUT");
    }
}

#[test]
fn a_lambda_hook_succeeds_fails_or_never_ends() {
    let failed = format!(
        "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. Lifecycle hook target \
         {LAMBDA} returned FAILED status."
    );
    let hung = format!(
        "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. Lifecycle hook target \
         {LAMBDA} timed out."
    );
    for (trouble, status, hook, reason) in [
        (None, "SUCCESSFUL", "SUCCEEDED", Value::Null),
        (Some(Trouble::HookFails), "ROLLBACK_SUCCESSFUL", "FAILED", json!(failed)),
        (Some(Trouble::HookHangs), "ROLLBACK_SUCCESSFUL", "TIMED_OUT", json!(hung)),
    ] {
        let mut world = world(lambda(blue_green(0), "POST_TEST_TRAFFIC_SHIFT"));
        if let Some(trouble) = trouble {
            world.ecs.trouble(trouble);
        }
        world.release("own/app:2", json!({}));
        let ended = run(&mut world);
        assert_eq!((&ended["status"], &ended["statusReason"]), (&json!(status), &reason));
        assert_eq!(hooks(&ended)[0]["status"], hook);
    }
}

#[test]
fn an_answer_that_fits_no_hook_is_refused() {
    let mut world = world(pause(blue_green(0), "PRE_SCALE_UP", json!({})));
    world.release("own/app:2", json!({}));
    let paused = run(&mut world);
    let (arn, hook) = (paused["serviceDeploymentArn"].clone(), hooks(&paused)[0]["hookId"].clone());
    let cases = [
        (arn.clone(), json!("nonsense"), "InvalidParameterException", "Invalid hookId: hookId must follow the format"),
        (
            arn.clone(),
            json!("ecs-pause-x"),
            "InvalidParameterException",
            "either completed, unavailable, or not associated",
        ),
        (json!("nonsense"), hook.clone(), "InvalidParameterException", "Invalid ARN"),
        (
            json!("arn:aws:ecs:ap-northeast-1:123456789012:service-deployment/sample/app/x"),
            hook.clone(),
            "ServiceDeploymentNotFoundException",
            "The service deployment does not exist.",
        ),
    ];
    let input = |arn: &Value, hook: &Value| json!({ "serviceDeploymentArn": arn, "hookId": hook });
    for (arn, hook, code, sentence) in cases {
        let (refused, message) = world.refused("ContinueServiceDeployment", input(&arn, &hook));
        assert_eq!(refused, code, "{message}");
        assert!(message.contains(sentence), "{message}");
    }
    // The action is CONTINUE where none is given.
    world.call("ContinueServiceDeployment", input(&arn, &hook));
    let (_, message) = world.refused("ContinueServiceDeployment", input(&arn, &hook));
    assert!(message.contains("either completed"), "{message}");
    run(&mut world);
    let (_, message) = world.refused("ContinueServiceDeployment", input(&arn, &hook));
    assert!(message.contains("not allowed for service deployment in terminal states"), "{message}");
}

#[test]
fn a_green_that_does_not_start_is_rolled_back_by_the_breaker() {
    let mut configuration = blue_green(0);
    configuration["deploymentCircuitBreaker"] = json!({ "enable": true, "rollback": true });
    let mut world = world(configuration);
    let blue = running(&mut world, "app:1");
    world.behave(Some(1), crash());
    world.release("own/app:2", json!({}));
    let ended = run(&mut world);
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(ended["deploymentCircuitBreaker"]["status"], "TRIGGERED");
    assert_eq!(running(&mut world, "app:1"), blue);
    world.settle();
    let service = world.service();
    assert_eq!((&service["runningCount"], service["deployments"].as_array().unwrap().len()), (&json!(2), 1));
}

#[test]
fn a_paused_rollout_can_be_stopped_or_superseded() {
    let configuration = pause(blue_green(0), "POST_SCALE_UP", json!({}));
    let mut stopped = world(configuration.clone());
    stopped.release("own/app:2", json!({}));
    let paused = run(&mut stopped);
    stopped.call("StopServiceDeployment", json!({ "serviceDeploymentArn": paused["serviceDeploymentArn"] }));
    stopped.pass(1);
    let ended = run(&mut stopped);
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(hooks(&ended), Vec::<Value>::new());

    let mut superseded = world(configuration);
    superseded.release("own/app:2", json!({}));
    let first = run(&mut superseded);
    superseded.release("own/app:3", json!({}));
    superseded.pass(1);
    // More than one revision serves: they are sorted out first.
    assert_eq!(superseded.rollout()["lifecycleStage"], "RECONCILE_SERVICE");
    assert_eq!(superseded.rollouts()[1]["status"], "STOPPED");
    let second = run(&mut superseded);
    assert_ne!(hooks(&second)[0]["hookId"], hooks(&first)[0]["hookId"]);
    answer(&mut superseded, &second, &hooks(&second)[0], "CONTINUE");
    superseded.pass(1);
    assert_eq!(run(&mut superseded)["status"], "SUCCESSFUL");
    superseded.settle();
    assert_eq!(running(&mut superseded, "app:3").len(), 2);
    assert_eq!(superseded.service()["runningCount"], 2);
}

#[test]
fn a_first_deployment_that_fails_has_no_candidate_to_go_back_to() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.ecs.trouble(Trouble::HookFails);
    world.create(1, lambda(blue_green(0), "PRE_SCALE_UP"), json!({}));
    let ended = run(&mut world);
    assert_eq!(
        (&ended["status"], &ended["statusReason"]),
        (&json!("ROLLBACK_FAILED"), &json!("No rollback candidate was found to run the rollback."))
    );
}

#[test]
fn the_target_groups_change_places() {
    let rule = |name: &str| {
        format!("arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener-rule/app/lb/1/2/{name}")
    };
    let balancers = json!([{ "targetGroupArn": "arn:blue", "containerName": "app", "containerPort": 8080,
        "advancedConfiguration": { "alternateTargetGroupArn": "arn:green", "productionListenerRule": rule("production"),
            "testListenerRule": rule("test"), "roleArn": "arn:aws:iam::123456789012:role/lb" } }]);
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.create(1, blue_green(0), json!({ "loadBalancers": balancers }));
    run(&mut world);
    for (image, group) in [("own/app:2", "arn:green"), ("own/app:3", "arn:blue")] {
        world.release(image, json!({}));
        let mut tested = Vec::new();
        while world.rollout()["status"] != "SUCCESSFUL" {
            tested.push(world.rollout()["targetServiceRevision"]["requestedTestTrafficWeight"].clone());
            world.now = world.ecs.next_event().unwrap();
            world.ecs.advance(world.now, &world.images);
        }
        assert!(tested.contains(&json!(0.0)) && tested.contains(&json!(100.0)), "{tested:?}");
        let arn = world.rollout()["targetServiceRevision"]["arn"].clone();
        let revision = world.revision(&arn);
        assert_eq!(
            revision["resolvedConfiguration"]["loadBalancers"],
            json!([{ "targetGroupArn": group, "productionListenerRule": rule("production") }])
        );
        assert_eq!(world.service()["loadBalancers"], balancers);
        assert!(world.said(&format!("registered 1 targets in (target-group {group})")));
    }
}
