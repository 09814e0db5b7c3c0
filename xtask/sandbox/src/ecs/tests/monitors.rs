//! What ends a rollout early: alarms, and criteria of early success.

use serde_json::{Value, json};

use super::world::World;
use crate::ecs::{Tasks, Trouble};

fn alarms(rollback: bool) -> Value {
    json!({ "alarmNames": ["app-5xx", "app-latency"], "enable": true, "rollback": rollback })
}

fn ended(world: &mut World) -> Value {
    for _ in 0..10_000 {
        let rollout = world.rollout();
        let status = rollout["status"].as_str().unwrap().to_owned();
        if status.ends_with("SUCCESSFUL") || status.ends_with("FAILED") || status == "STOPPED" {
            return rollout;
        }
        world.now = world.ecs.next_event().unwrap();
        world.ecs.advance(world.now, &world.images);
    }
    panic!("it goes on for ever: {}", world.rollout());
}

#[test]
fn an_alarm_takes_a_rolling_deployment_back() {
    let mut world = World::serving(2, json!({ "alarms": alarms(true) }));
    let first = world.rollout();
    assert_eq!(
        first["alarms"],
        json!({ "status": "MONITORING_COMPLETE", "alarmNames": ["app-5xx", "app-latency"], "triggeredAlarmNames": [] })
    );
    world.ecs.trouble(Trouble::Alarm { stage: None });
    let deployment = world.release("own/app:2", json!({}))["deployments"][0]["id"].clone();
    let rollout = ended(&mut world);
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        rollout["alarms"],
        json!({ "status": "TRIGGERED", "alarmNames": ["app-5xx", "app-latency"], "triggeredAlarmNames": ["app-5xx"] })
    );
    assert_eq!(
        rollout["statusReason"],
        "Service deployment rolled back because one or more alarms were triggered: app-5xx."
    );
    assert!(world.said(&format!("(deployment {}) deployment failed: alarm detected.", deployment.as_str().unwrap())));
}

#[test]
fn an_alarm_without_rollback_stops_the_deployment() {
    let mut world = World::serving(1, json!({ "alarms": alarms(false) }));
    world.ecs.trouble(Trouble::Alarm { stage: None });
    world.release("own/app:2", json!({}));
    let rollout = ended(&mut world);
    assert_eq!(rollout["status"], "STOPPED");
    assert_eq!(rollout.get("rollback"), None);
    assert!(rollout["statusReason"].as_str().unwrap().starts_with("Service deployment stopped because one or more"));
}

#[test]
fn alarms_that_are_off_or_not_there_end_nothing() {
    let mut off = alarms(true);
    off["enable"] = json!(false);
    for configuration in [json!({}), json!({ "alarms": off })] {
        let mut world = World::serving(1, configuration);
        world.ecs.trouble(Trouble::Alarm { stage: None });
        world.release("own/app:2", json!({}));
        let rollout = ended(&mut world);
        assert_eq!((&rollout["status"], &rollout["alarms"]["status"]), (&json!("SUCCESSFUL"), &json!("DISABLED")));
    }
}

#[test]
fn an_alarm_during_the_bake_takes_all_traffic_back() {
    let mut world = World::serving(2, json!({}));
    let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10, "alarms": alarms(true) });
    world.update(json!({ "deploymentConfiguration": configuration }));
    world.ecs.trouble(Trouble::Alarm { stage: Some("BAKE_TIME".to_owned()) });
    world.release("own/app:2", json!({}));
    while world.rollout()["lifecycleStage"] != "BAKE_TIME" {
        world.now = world.ecs.next_event().unwrap();
        world.ecs.advance(world.now, &world.images);
    }
    assert_eq!(world.rollout()["targetServiceRevision"]["requestedProductionTrafficWeight"], 100.0);
    let rollout = ended(&mut world);
    assert_eq!(
        (&rollout["status"], &rollout["alarms"]["status"]),
        (&json!("ROLLBACK_SUCCESSFUL"), &json!("TRIGGERED"))
    );
    assert_eq!(rollout["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"], 100.0);
    assert!(world.service()["taskDefinition"].as_str().unwrap().ends_with("/app:1"));
}

fn early(percent: u64, cleanup: &str) -> Value {
    json!({ "minimumHealthyPercent": 50, "maximumPercent": 125, "earlySuccessCriteria":
        { "enable": true, "healthyPercent": percent, "sourceServiceRevisionCleanup": cleanup } })
}

/// The new revision's tasks that are healthy, and the old one's that are still there, when the rollout is SUCCESSFUL.
fn at_success(configuration: Value) -> (World, Value) {
    let mut world = World::serving(4, json!({}));
    world.update(json!({ "deploymentConfiguration": configuration }));
    world.release("own/app:2", json!({}));
    let rollout = ended(&mut world);
    (world, rollout)
}

#[test]
fn deferred_cleanup_is_successful_while_old_tasks_still_serve() {
    let (mut world, rollout) = at_success(early(50, "DEFERRED"));
    assert_eq!(rollout["status"], "SUCCESSFUL");
    let old = rollout["sourceServiceRevisions"][0]["runningTaskCount"].as_u64().unwrap();
    assert!(old > 0, "{rollout}");
    world.settle();
    // What the service deployment tells is what was when it ended; the service itself has gone on.
    assert_eq!(world.rollout()["sourceServiceRevisions"][0]["runningTaskCount"], old);
    let service = world.service();
    assert_eq!((&service["runningCount"], service["deployments"].as_array().unwrap().len()), (&json!(4), 1));
}

#[test]
fn blocking_cleanup_waits_until_the_old_tasks_are_gone() {
    let (mut world, rollout) = at_success(early(50, "BLOCKING"));
    assert_eq!(rollout["status"], "SUCCESSFUL");
    assert_eq!(rollout["sourceServiceRevisions"][0]["runningTaskCount"], 0);
    world.settle();
    assert_eq!(world.service()["runningCount"], 4);
}

#[test]
fn early_success_comes_before_the_rest_has_started() {
    for (percent, running) in [(50, 3), (100, 4)] {
        let (_, rollout) = at_success(early(percent, "DEFERRED"));
        assert_eq!(rollout["targetServiceRevision"]["runningTaskCount"], running, "{percent} percent");
        assert_eq!(rollout["targetServiceRevision"]["requestedTaskCount"], 4);
    }
}

#[test]
fn nothing_rolls_a_deployment_back_after_its_early_success() {
    let mut configuration = early(50, "DEFERRED");
    configuration["deploymentCircuitBreaker"] = json!({ "enable": true, "rollback": true,
        "thresholdConfiguration": { "type": "COUNT", "value": 1 } });
    let (mut world, rollout) = at_success(configuration);
    assert_eq!(rollout["status"], "SUCCESSFUL");
    let id = rollout["serviceDeploymentArn"].clone();
    world.behave(None, Tasks::Exits { code: 1, after_seconds: 1, container: None });
    for task in world.tasks("RUNNING") {
        world.call("StopTask", json!({ "cluster": "sample", "task": task["taskArn"] }));
    }
    world.pass(600);
    assert_eq!((&world.rollout()["serviceDeploymentArn"], &world.rollout()["status"]), (&id, &json!("SUCCESSFUL")));
    assert_eq!(world.refused("StopServiceDeployment", json!({ "serviceDeploymentArn": id })).0, "ConflictException");
}
