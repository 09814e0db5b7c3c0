//! Rollouts that shift traffic, followed by the whole binary.

use crate::support::{Run, Workspace, calls, sandbox};
use serde_json::{Value, json};
use xtask_sandbox::ecs::Trouble;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

/// A workspace whose image is released, and whose service deploys like this.
pub fn stage(deployment: Value) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.change(&[("deadline = \"20s\"", "deadline = \"5m\"")]);
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    sandbox.inject(Fault {
        call: "ecs:DescribeServices".to_owned(),
        which: Which::Nth(1),
        effect: Effect::Configure { deployment },
    });
    (workspace, sandbox)
}

fn blue_green() -> Value {
    json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1 })
}

/// A blue/green service that waits for a decision before production's traffic moves.
pub fn paused() -> (Workspace, Sandbox) {
    stage(json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [
        { "targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"] } ] }))
}

fn serving(sandbox: &Sandbox) -> String {
    let answer = sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] }));
    let arn = answer.expect("described")["services"][0]["taskDefinition"].as_str().expect("it has one").to_owned();
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The members of `rollout-progress` in the JSON log.
fn progress(run: &Run) -> Vec<Value> {
    let lines = run.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    lines.filter(|line| line["event"] == "rollout-progress").collect()
}

#[test]
fn a_blue_green_rollout_is_followed_through_its_stages_to_its_end() {
    let (workspace, sandbox) = stage(blue_green());
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("Rollout app IN_PROGRESS SCALE_UP: ").says("production 100 %").says("of the bake left");
    run.says("Deployed app: app:2").looks_like("shift/blue-green");
    let lists = sandbox.calls().into_iter().filter(|call| call.operation == "ecs:ListServiceDeployments");
    let lists: Vec<Value> = lists.map(|call| call.input["status"].clone()).collect();
    assert!(lists.len() < 2 && lists.iter().all(|it| *it == json!(["SUCCESSFUL"])), "the service names its rollout");
}

#[test]
fn stages_weights_and_both_revisions_are_members_of_the_event() {
    let (workspace, sandbox) = stage(blue_green());
    let run = workspace.xtask(&sandbox, &["deploy", "--log", "json"]);
    let progress = progress(run.ends(0));
    let mut stages: Vec<&str> = progress.iter().filter_map(|line| line["stage"].as_str()).collect();
    stages.retain(|stage| !stage.is_empty());
    stages.dedup();
    let order = ["PRE_SCALE_UP", "SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"];
    let seen: Vec<&str> = stages.into_iter().filter(|stage| order.contains(stage)).collect();
    assert!(seen.ends_with(&["PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"]), "{seen:?}");
    let bakes = progress.iter().find(|line| line["stage"] == "BAKE_TIME").expect("it bakes");
    assert_eq!(bakes["revisions"][0]["production-weight"], 100.0);
    assert_eq!(bakes["revisions"][1]["production-weight"], 0.0);
    assert_eq!((&bakes["revisions"][0]["running"], &bakes["revisions"][1]["running"]), (&json!(2), &json!(2)));
    assert_eq!(bakes["bake-minutes"], 1);
    assert_eq!(bakes["breaker"]["resets"], true);
    assert_eq!((&bakes["status"], &bakes["desired"]), (&json!("IN_PROGRESS"), &json!(2)), "what was there stays");
}

#[test]
fn a_hook_that_fails_is_a_rollback_with_the_hooks_name() {
    let hook = json!({ "hookTargetArn": "arn:aws:lambda:ap-northeast-1:123456789012:function:smoke-test",
        "roleArn": "arn:aws:iam::123456789012:role/invoke-hooks", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"] });
    let (workspace, sandbox) = stage(json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [hook] }));
    sandbox.inject(Fault {
        call: "ecs:UpdateService".to_owned(),
        which: Which::Nth(1),
        effect: Effect::Trouble(Trouble::HookFails),
    });
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(4).says("POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed").says("function:smoke-test");
    run.says("app:1 (2 tasks) serves now").looks_like("shift/hook-failed");
}

/// A blue/green service whose alarm goes off during its bake.
pub fn alarm() -> (Workspace, Sandbox) {
    let alarms = json!({ "alarmNames": ["app-5xx"], "enable": true, "rollback": true });
    let (workspace, sandbox) = stage(json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "alarms": alarms }));
    sandbox.inject(Fault {
        call: "ecs:UpdateService".to_owned(),
        which: Which::Nth(1),
        effect: Effect::Trouble(Trouble::Alarm { stage: Some("BAKE_TIME".to_owned()) }),
    });
    (workspace, sandbox)
}

#[test]
fn an_alarm_during_the_bake_is_a_rollback_and_named() {
    let (workspace, sandbox) = alarm();
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(4).says("in ALARM: app-5xx").says("app:1 (2 tasks) serves now").looks_like("shift/alarm");
}

#[test]
fn an_early_success_says_how_many_old_tasks_still_serve() {
    let criteria = json!({ "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED" });
    let configuration = json!({ "minimumHealthyPercent": 50, "maximumPercent": 125, "earlySuccessCriteria": criteria });
    let (workspace, sandbox) = stage(configuration);
    let more = json!({ "cluster": "sample", "service": "app", "desiredCount": 4 });
    sandbox.ecs("UpdateService", more).expect("it is scaled");
    sandbox.advance(std::time::Duration::from_secs(600));
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("an early success").looks_like("shift/early-success");
}

#[test]
fn a_rollout_is_followed_as_far_as_it_is_to_be() {
    for until in ["bake", "post-test-traffic-shift", "PRODUCTION_TRAFFIC_SHIFT"] {
        let (workspace, sandbox) = stage(json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 600 }));
        let run = workspace.xtask(&sandbox, &["deploy", "--until", until]);
        run.ends(0).says("Leaving app at ").says("the rollout goes on in ECS").does_not_say("Deployed app");
    }
}

#[test]
fn a_rollout_that_is_rolled_back_before_the_stage_it_is_followed_to_is_rolled_back() {
    let hook = json!({ "hookTargetArn": "arn:aws:lambda:ap-northeast-1:123456789012:function:smoke-test",
        "roleArn": "arn:aws:iam::123456789012:role/invoke-hooks", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"] });
    let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 600, "lifecycleHooks": [hook] });
    let (workspace, sandbox) = stage(configuration);
    sandbox.inject(Fault {
        call: "ecs:UpdateService".to_owned(),
        which: Which::Nth(1),
        effect: Effect::Trouble(Trouble::HookFails),
    });
    let run = workspace.xtask(&sandbox, &["deploy", "--until", "bake"]);
    run.ends(4).says("app:1 (2 tasks) serves now").does_not_say("Leaving app at ");
}

#[test]
fn a_stage_that_the_strategy_does_not_have_is_refused_before_anything_is_done() {
    for (until, says) in [("bake", "has no stage BAKE_TIME"), ("paused", "never waits for a decision")] {
        let (workspace, sandbox) = stage(json!({ "strategy": "ROLLING" }));
        let run = workspace.xtask(&sandbox, &["deploy", "--until", until]);
        run.ends(2).says(says).looks_like(&format!("shift/rolling-until-{until}"));
        assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0, "{until}");
    }
    let (workspace, sandbox) = stage(blue_green());
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(2).says("has no PAUSE hook");
    workspace
        .xtask(&sandbox, &["deploy", "--until", "baked"])
        .ends(2)
        .says("it is `done`, `bake`, `paused` or a stage");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
}

#[test]
fn a_pause_ends_with_10_and_goes_on_when_it_is_told_to() {
    let (workspace, sandbox) = paused();
    let run = workspace.xtask(&sandbox, &["deploy", "--until", "paused"]);
    run.ends(10).says("waits at PRE_PRODUCTION_TRAFFIC_SHIFT for a decision on hook ecs-pause-");
    run.says(", then ROLLBACK").says("`cargo xtask continue app`").says("--roll-back").looks_like("shift/paused");
    workspace.xtask(&sandbox, &["continue", "app"]).ends(0).says("the rollout goes on").looks_like("shift/continue");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("Joining").says("Deployed app: app:2");
    assert_eq!((calls(&sandbox, "ecs:UpdateService"), serving(&sandbox)), (1, "app:2".to_owned()));
    let over = workspace.xtask(&sandbox, &["continue", "app"]);
    over.ends(1).says("has no rollout that goes on");
}

#[test]
fn a_refusal_rolls_back() {
    let (workspace, sandbox) = paused();
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    workspace.xtask(&sandbox, &["continue", "app", "--roll-back"]).ends(0).says("is rolled back");
    sandbox.advance(std::time::Duration::from_secs(900));
    assert_eq!((calls(&sandbox, "ecs:ContinueServiceDeployment"), serving(&sandbox)), (1, "app:1".to_owned()));
    workspace.xtask(&sandbox, &["continue", "app"]).ends(1).says("has no rollout that goes on");
}

#[test]
fn a_decision_whose_answer_was_lost_is_sent_again_and_counts_once() {
    for (words, says, ends_on) in [
        (&["continue", "app"][..], "the rollout goes on", "app:2"),
        (&["continue", "app", "--roll-back"], "is rolled back", "app:1"),
        (&["rollback", "app"], "ROLLBACK_SUCCESSFUL", "app:1"),
    ] {
        let (workspace, sandbox) = paused();
        workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
        sandbox.inject(Fault {
            call: "ecs:ContinueServiceDeployment".to_owned(),
            which: Which::Nth(1),
            effect: Effect::Lose,
        });
        workspace.xtask(&sandbox, words).ends(0).says(says);
        sandbox.advance(std::time::Duration::from_secs(900));
        let sent = calls(&sandbox, "ecs:ContinueServiceDeployment");
        assert_eq!((sent, serving(&sandbox).as_str()), (2, ends_on), "{words:?}");
    }
}

#[test]
fn a_stop_whose_answer_was_lost_is_sent_again_and_counts_once() {
    let (workspace, sandbox) = stage(json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 600 }));
    workspace.xtask(&sandbox, &["deploy", "--until", "bake"]).ends(0);
    sandbox.inject(Fault { call: "ecs:StopServiceDeployment".to_owned(), which: Which::Nth(1), effect: Effect::Lose });
    workspace.xtask(&sandbox, &["rollback", "app"]).ends(0).says("ROLLBACK_SUCCESSFUL");
    assert_eq!((calls(&sandbox, "ecs:StopServiceDeployment"), serving(&sandbox)), (2, "app:1".to_owned()));
}

#[test]
fn a_hook_is_named_where_several_wait() {
    let hook = json!({ "targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"] });
    let (workspace, sandbox) = stage(json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [hook, hook] }));
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    let run = workspace.xtask(&sandbox, &["continue", "app"]);
    run.ends(2).says("2 hooks of service app wait for a decision").looks_like("shift/several-hooks");
    let wrong = workspace.xtask(&sandbox, &["continue", "app", "--hook", "ecs-pause-none"]);
    wrong.ends(2).says("no hook ecs-pause-none of service app waits for a decision");
    assert_eq!(calls(&sandbox, "ecs:ContinueServiceDeployment"), 0);
    let id = run
        .stderr
        .lines()
        .find_map(|line| line.trim_matches([' ', '|']).strip_prefix("ecs-pause-"))
        .expect("ids are listed");
    let id = format!("ecs-pause-{}", id.split(' ').next().unwrap_or_default());
    workspace.xtask(&sandbox, &["continue", "app", "--hook", &id]).ends(0);
    workspace.xtask(&sandbox, &["continue", "app", "--all"]).ends(0);
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("Deployed app: app:2");
}
