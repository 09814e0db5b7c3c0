//! Rollouts that end well, or are ended by somebody.

use serde_json::{Value, json};

use super::world::{World, breaker, crash};
use crate::ecs::Tasks;

#[test]
fn a_new_service_reaches_its_steady_state() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    let service = world.create(2, json!({}), json!({}));
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(world.rollout()["status"], "PENDING");
    world.pass(1);
    assert_eq!(world.rollout()["status"], "IN_PROGRESS");
    world.settle();
    let service = world.service();
    assert_eq!((&service["runningCount"], &service["pendingCount"]), (&json!(2), &json!(0)));
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    let rollout = world.rollout();
    assert_eq!(rollout["status"], "SUCCESSFUL");
    assert_eq!(rollout["sourceServiceRevisions"], json!([]));
    let events = world.events();
    assert!(events[0].starts_with("(service app) has started 2 tasks: (task "), "{events:?}");
    assert_eq!(events[2], "(service app) has reached a steady state.");
}

#[test]
fn a_release_replaces_the_tasks_and_resolves_the_tag() {
    let mut world = World::serving(2, breaker());
    let old = world.service()["deployments"][0]["id"].clone();
    let answer = world.release("own/app:2", json!({}));
    let primary = answer["deployments"][0].clone();
    assert_eq!((&primary["status"], &primary["failedTasks"]), (&json!("PRIMARY"), &json!(0)));
    assert_ne!(primary["id"], old);
    assert_eq!(answer["deployments"][1]["id"], old);
    assert_eq!(answer["deployments"][1]["status"], "ACTIVE");
    world.settle();

    let rollout = world.rollout();
    assert_eq!(rollout["status"], "SUCCESSFUL");
    assert_eq!(rollout["targetServiceRevision"]["runningTaskCount"], 2);
    assert_eq!(rollout["sourceServiceRevisions"][0]["runningTaskCount"], 0);
    assert_eq!(
        rollout["deploymentCircuitBreaker"],
        json!({ "status": "MONITORING_COMPLETE", "failureCount": 0, "threshold": 3 })
    );
    let revision = world.revision(&rollout["targetServiceRevision"]["arn"]);
    let image = &revision["containerImages"][0];
    assert_eq!((&image["containerName"], &image["image"]), (&json!("app"), &json!("own/app:2")));
    let digest = image["imageDigest"].as_str().unwrap();
    assert!(digest.starts_with("sha256:"));

    let tasks = world.tasks("RUNNING");
    assert_eq!(tasks.len(), 2);
    for task in &tasks {
        assert_eq!(task["startedBy"], primary["id"]);
        assert_eq!(task["group"], "service:app");
        assert_eq!(task["containers"][0]["imageDigest"], digest);
        assert_eq!(task["lastStatus"], "RUNNING");
    }
    let stopped = world.tasks("STOPPED");
    assert_eq!(stopped.len(), 2);
    for task in &stopped {
        assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
        let id = primary["id"].as_str().unwrap();
        assert_eq!(task["stoppedReason"], format!("Scaling activity initiated by (deployment {id})"));
        assert_eq!(task["containers"][0]["exitCode"], 0);
    }
}

#[test]
fn a_task_walks_through_its_life_in_order() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.create(1, json!({}), json!({}));
    let mut seen: Vec<Value> = Vec::new();
    let mut look = |world: &mut World| {
        let mut tasks = world.tasks("RUNNING");
        tasks.extend(world.tasks("STOPPED"));
        if let Some(task) = tasks.first().filter(|task| seen.last() != Some(&task["lastStatus"])) {
            seen.push(task["lastStatus"].clone());
        }
    };
    for _ in 0..30 {
        world.pass(1);
        look(&mut world);
    }
    world.update(json!({ "desiredCount": 0 }));
    for _ in 0..30 {
        world.pass(1);
        look(&mut world);
    }
    let life = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "STOPPING", "DEPROVISIONING", "STOPPED"];
    assert_eq!(seen, life);
}

#[test]
fn a_stopped_task_is_gone_after_an_hour() {
    let mut world = World::serving(1, json!({}));
    world.release("own/app:2", json!({}));
    world.settle();
    assert_eq!(world.tasks("STOPPED").len(), 1);
    world.pass(3000);
    assert_eq!(world.tasks("STOPPED").len(), 1);
    world.pass(700);
    assert_eq!(world.tasks("STOPPED").len(), 0);
}

#[test]
fn an_update_that_changes_nothing_makes_no_deployment() {
    let mut world = World::serving(1, breaker());
    let before = (world.service()["deployments"].clone(), world.rollouts().len());
    for input in [
        json!({ "taskDefinition": "app" }),
        json!({ "desiredCount": 1 }),
        json!({ "deploymentConfiguration": { "minimumHealthyPercent": 50 } }),
        json!({ "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"], "assignPublicIp": "DISABLED" } } }),
        json!({ "loadBalancers": [], "volumeConfigurations": [] }),
        json!({ "enableExecuteCommand": true, "propagateTags": "SERVICE" }),
        json!({}),
    ] {
        world.update(input);
        world.settle();
        assert_eq!((world.service()["deployments"].clone(), world.rollouts().len()), before);
    }
    world.update(json!({ "forceNewDeployment": true }));
    assert_eq!(world.rollouts().len(), before.1 + 1);
    world.update(json!({ "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-2"] } } }));
    assert_eq!(world.rollouts().len(), before.1 + 2);
    world.update(json!({ "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }] }));
    assert_eq!(world.rollouts().len(), before.1 + 3);
    let primary = world.service()["deployments"][0].clone();
    assert_eq!(primary.get("launchType"), None);
    assert_eq!(primary["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE_SPOT");
}

#[test]
fn scaling_keeps_the_deployment() {
    let mut world = World::serving(1, json!({}));
    let id = world.service()["deployments"][0]["id"].clone();
    world.update(json!({ "desiredCount": 4 }));
    world.settle();
    let service = world.service();
    assert_eq!((&service["runningCount"], &service["deployments"][0]["id"]), (&json!(4), &id));
    world.update(json!({ "desiredCount": 2 }));
    world.settle();
    assert_eq!(world.service()["runningCount"], 2);
    assert_eq!(world.rollouts().len(), 1);
}

#[test]
fn a_second_update_stops_the_first() {
    let mut world = World::serving(1, breaker());
    world.release("own/app:2", json!({}));
    world.pass(5);
    let first = world.rollout();
    let answer = world.release("own/app:3", json!({}));
    let rollouts = world.rollouts();
    assert_eq!(rollouts[1]["serviceDeploymentArn"], first["serviceDeploymentArn"]);
    assert_eq!(rollouts[1]["status"], "STOPPED");
    assert!(rollouts[1]["statusReason"].as_str().unwrap().contains("superseded"));
    assert_eq!(rollouts[1]["stoppedAt"], rollouts[1]["finishedAt"]);
    world.settle();
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
    let service = world.service();
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(service["deployments"][0]["id"], answer["deployments"][0]["id"]);
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("task-definition/app:3"));
}

#[test]
fn a_desired_count_of_zero_completes_at_once() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.create(0, breaker(), json!({}));
    world.pass(1);
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
    world.behave(None, crash());
    world.release("own/app:2", json!({}));
    world.pass(1);
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
    assert_eq!(world.service()["deployments"][0]["rolloutState"], "COMPLETED");
}

#[test]
fn a_requested_rollback_goes_to_the_last_completed_revision() {
    for asked_after in [0, 5] {
        let mut world = World::serving(1, json!({}));
        world.behave(Some(1), Tasks::NeverStarts);
        world.release("own/app:2", json!({}));
        world.pass(asked_after);
        let rollout = world.rollout();
        let arn = rollout["serviceDeploymentArn"].clone();
        let answer =
            world.call("StopServiceDeployment", json!({ "serviceDeploymentArn": arn, "stopType": "ROLLBACK" }));
        assert_eq!(answer["serviceDeploymentArn"], arn);
        assert_eq!(world.rollout()["status"], "ROLLBACK_REQUESTED");
        world.pass(1);
        assert_eq!(world.rollout()["status"], "ROLLBACK_IN_PROGRESS");
        // Asking again is no error, it goes on.
        world.call("StopServiceDeployment", json!({ "serviceDeploymentArn": arn }));
        world.settle();
        let ended = world.rollout();
        assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
        let first = world.rollouts()[1]["targetServiceRevision"]["arn"].clone();
        assert_eq!(ended["rollback"]["serviceRevisionArn"], first);
        assert!(world.service()["taskDefinition"].as_str().unwrap().ends_with("task-definition/app:1"));
        let (code, message) = world.refused("StopServiceDeployment", json!({ "serviceDeploymentArn": arn }));
        assert_eq!(code, "ConflictException");
        assert!(message.contains("ROLLBACK_SUCCESSFUL"), "{message}");
    }
}

#[test]
fn an_abort_leaves_what_runs() {
    let mut world = World::serving(1, json!({}));
    world.behave(Some(1), Tasks::NeverStarts);
    world.release("own/app:2", json!({}));
    world.pass(20);
    let arn = world.rollout()["serviceDeploymentArn"].clone();
    world.call("StopServiceDeployment", json!({ "serviceDeploymentArn": arn, "stopType": "ABORT" }));
    assert_eq!(world.rollout()["status"], "STOP_REQUESTED");
    world.settle();
    let ended = world.rollout();
    assert_eq!(ended["status"], "STOPPED");
    assert_eq!(ended.get("rollback"), None);
    assert_eq!(world.service()["runningCount"], 1);
}

#[test]
fn service_deployments_can_be_filtered() {
    let mut world = World::serving(1, json!({}));
    let first = world.rollout()["createdAt"].as_f64().unwrap();
    world.release("own/app:2", json!({}));
    let count = |world: &mut World, filter: Value| {
        let mut input = json!({ "cluster": "sample", "service": "app" });
        input.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        world.call("ListServiceDeployments", input)["serviceDeployments"].as_array().unwrap().len()
    };
    assert_eq!(count(&mut world, json!({})), 2);
    assert_eq!(count(&mut world, json!({ "status": ["PENDING"] })), 1);
    assert_eq!(count(&mut world, json!({ "status": ["PENDING", "SUCCESSFUL"] })), 2);
    assert_eq!(count(&mut world, json!({ "status": ["STOPPED"] })), 0);
    assert_eq!(count(&mut world, json!({ "createdAt": { "after": first + 1.0 } })), 1);
    assert_eq!(count(&mut world, json!({ "createdAt": { "before": first } })), 1);
    let page = world.call("ListServiceDeployments", json!({ "cluster": "sample", "service": "app", "maxResults": 1 }));
    assert_eq!(page["nextToken"], "1");
}

#[test]
fn a_deleted_service_drains_and_is_inactive() {
    let mut world = World::serving(2, json!({}));
    let named = json!({ "cluster": "sample", "service": "app" });
    assert_eq!(world.refused("DeleteService", named.clone()).0, "InvalidParameterException");
    let forced = json!({ "cluster": "sample", "service": "app", "force": true });
    assert_eq!(world.call("DeleteService", forced)["service"]["status"], "DRAINING");
    world.settle();
    assert_eq!(world.service()["status"], "INACTIVE");
    assert_eq!(world.refused("UpdateService", named).0, "ServiceNotActiveException");
    world.create(1, json!({}), json!({}));
    world.settle();
    assert_eq!(world.service()["runningCount"], 1);
}
