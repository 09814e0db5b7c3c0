//! Rollouts that fail, each in its own way.

use serde_json::{Value, json};

use super::world::{World, breaker, crash};
use crate::ecs::Tasks;

/// The stopped tasks of the newest service deployment's own deployment: stop code and reason, without repetition.
fn causes(world: &mut World, deployment: &Value) -> Vec<(String, String)> {
    let stopped = world.tasks("STOPPED");
    let own = stopped.iter().filter(|task| task["startedBy"] == *deployment);
    let mut causes: Vec<(String, String)> = own
        .map(|task| (task["stopCode"].as_str().unwrap().to_owned(), task["stoppedReason"].as_str().unwrap().to_owned()))
        .filter(|(code, reason)| code != "ServiceSchedulerInitiated" || !reason.starts_with("Scaling activity"))
        .collect();
    causes.sort();
    causes.dedup();
    causes
}

#[test]
fn a_crash_loop_is_rolled_back() {
    let mut world = World::serving(1, breaker());
    world.behave(Some(1), crash());
    let answer = world.release("own/app:2", json!({}));
    let failed = answer["deployments"][0]["id"].clone();
    world.until("ROLLBACK_IN_PROGRESS");

    let service = world.service();
    let primary = &service["deployments"][0];
    assert_eq!((&primary["status"], &primary["rolloutState"]), (&json!("PRIMARY"), &json!("IN_PROGRESS")));
    let id = primary["id"].as_str().unwrap();
    assert_ne!(id, failed);
    assert_eq!(
        primary["rolloutStateReason"],
        format!("ECS deployment circuit breaker: rolling back to deploymentId {id}.")
    );
    assert!(primary["taskDefinition"].as_str().unwrap().ends_with("/app:1"));
    let old = service["deployments"].as_array().unwrap().iter().find(|it| it["id"] == failed).unwrap();
    assert_eq!(
        (&old["status"], &old["rolloutState"], &old["failedTasks"]),
        (&json!("ACTIVE"), &json!("FAILED"), &json!(3))
    );
    assert_eq!(old["rolloutStateReason"], "ECS deployment circuit breaker: tasks failed to start.");
    let failed_id = failed.as_str().unwrap();
    let events = world.events();
    let at = |what: String| events.iter().position(|event| *event == what).unwrap();
    let broke = at(format!("(service app) (deployment {failed_id}) deployment failed: tasks failed to start."));
    assert_eq!(at(format!("(service app) rolling back to deployment {id}.")), broke + 1);

    let id = primary["id"].clone();
    world.settle();
    let rollout = world.rollout();
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        rollout["deploymentCircuitBreaker"],
        json!({ "status": "TRIGGERED", "failureCount": 3, "threshold": 3 })
    );
    assert_eq!(rollout["rollback"]["serviceRevisionArn"], rollout["sourceServiceRevisions"][0]["arn"]);
    assert!(rollout["rollback"]["reason"].as_str().unwrap().contains("circuit breaker"));
    assert!(rollout["finishedAt"].as_f64() > rollout["rollback"]["startedAt"].as_f64());
    // The failed deployment has no task left and is gone; nothing in the service tells of it but its events.
    let service = world.service();
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(service["deployments"][0]["id"], id);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(service["runningCount"], 1);
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("/app:1"));
    let expected = ("EssentialContainerExited".to_owned(), "Essential container in task exited".to_owned());
    assert_eq!(causes(&mut world, &failed), [expected]);
    let stopped = world.tasks("STOPPED");
    let crashed = stopped.iter().find(|task| task["startedBy"] == failed).unwrap();
    assert_eq!(crashed["containers"][0]["exitCode"], 1);
    assert_eq!(crashed["containers"][0]["lastStatus"], "STOPPED");
}

#[test]
fn a_crash_loop_without_a_breaker_goes_on_for_ever() {
    let mut world = World::serving(1, json!({}));
    world.behave(Some(1), crash());
    world.release("own/app:2", json!({}));
    for _ in 0..3 {
        let before = world.service()["deployments"][0]["failedTasks"].as_u64().unwrap();
        world.pass(3600);
        let service = world.service();
        assert_eq!(world.rollout()["status"], "IN_PROGRESS");
        assert!(service["deployments"][0]["failedTasks"].as_u64().unwrap() > before + 10);
        assert_eq!(world.rollout()["deploymentCircuitBreaker"]["status"], "DISABLED");
    }
}

#[test]
fn a_task_that_becomes_healthy_resets_the_count_unless_told_otherwise() {
    for (resets, expected) in [(true, "IN_PROGRESS"), (false, "ROLLBACK_SUCCESSFUL")] {
        let health = json!({ "healthCheck": { "command": ["CMD", "true"], "interval": 5 } });
        let mut configuration = breaker();
        configuration["deploymentCircuitBreaker"]["resetOnHealthyTask"] = json!(resets);
        let mut world = World::new();
        world.register("own/app:1", health.clone());
        world.create(1, configuration, json!({}));
        world.settle();
        // It passes its first check, and exits before the service can be called steady.
        world.behave(Some(1), Tasks::Exits { code: 1, after_seconds: 10, container: None });
        world.release("own/app:2", health);
        world.pass(3600);
        assert_eq!(world.rollout()["status"], expected, "resetOnHealthyTask {resets}");
    }
}

#[test]
fn an_update_keeps_what_it_does_not_mention_of_the_breaker() {
    let mut world = World::serving(1, breaker());
    let input =
        json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true, "resetOnHealthyTask": false } });
    world.update(json!({ "deploymentConfiguration": input }));
    world.update(json!({ "deploymentConfiguration": { "minimumHealthyPercent": 50 } }));
    world.update(
        json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": false } } }),
    );
    let configuration = world.service()["deploymentConfiguration"].clone();
    let expected = json!({
        "enable": true, "rollback": false, "resetOnHealthyTask": false,
        "thresholdConfiguration": { "type": "BOUNDED_PERCENT", "value": 50 },
    });
    assert_eq!(configuration["deploymentCircuitBreaker"], expected);
    assert_eq!((&configuration["minimumHealthyPercent"], &configuration["maximumPercent"]), (&json!(50), &json!(200)));
}

#[test]
fn a_breaker_without_rollback_stops_the_deployment() {
    let mut world = World::serving(1, json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": false } }));
    world.behave(Some(1), crash());
    world.release("own/app:2", json!({}));
    world.settle();
    let rollout = world.rollout();
    assert_eq!(rollout["status"], "STOPPED");
    assert_eq!(rollout.get("rollback"), None);
    let primary = world.service()["deployments"][0].clone();
    assert_eq!(primary["rolloutState"], "FAILED");
    assert!(primary["taskDefinition"].as_str().unwrap().ends_with("/app:2"));
}

#[test]
fn a_first_deployment_has_nothing_to_roll_back_to() {
    let mut world = World::new();
    world.behave(None, crash());
    world.register("own/app:1", json!({}));
    world.create(1, breaker(), json!({}));
    world.settle();
    let rollout = world.rollout();
    assert_eq!(
        (&rollout["status"], &rollout["statusReason"]),
        (&json!("ROLLBACK_FAILED"), &json!("No rollback candidate was found to run the rollback."))
    );
    assert_eq!(rollout["deploymentCircuitBreaker"]["status"], "TRIGGERED");
    assert_eq!(world.service()["deployments"][0]["rolloutState"], "FAILED");
}

#[test]
fn an_unhealthy_container_is_replaced_and_rolled_back() {
    let health =
        json!({ "healthCheck": { "command": ["CMD", "true"], "interval": 10, "retries": 2, "startPeriod": 15 } });
    let mut world = World::new();
    world.register("own/app:1", health.clone());
    world.create(2, breaker(), json!({}));
    world.settle();
    assert_eq!(world.tasks("RUNNING")[0]["healthStatus"], "HEALTHY");
    world.behave(Some(1), Tasks::Unhealthy);
    let failed = world.release("own/app:2", health)["deployments"][0]["id"].clone();
    // Scheduler 1 s, PROVISIONING 10 s, pull 5 s, ACTIVATING 2 s, startPeriod 15 s, two checks of 10 s.
    world.pass(52);
    let running = world.tasks("RUNNING");
    let new: Vec<&Value> = running.iter().filter(|task| task["startedBy"] == failed).collect();
    assert!(new.iter().all(|task| task["healthStatus"] == "UNKNOWN" && task["lastStatus"] == "RUNNING"));
    assert_eq!(new.len(), 2);
    world.pass(1);
    assert_eq!(world.service()["deployments"][0]["failedTasks"], 2);
    assert!(world.said("failed container health checks."));
    world.settle();
    assert_eq!(world.rollout()["status"], "ROLLBACK_SUCCESSFUL");
    let expected = ("ServiceSchedulerInitiated".to_owned(), "Task failed container health checks".to_owned());
    assert_eq!(causes(&mut world, &failed), [expected]);
    assert_eq!(world.service()["runningCount"], 2);
}

#[test]
fn an_unhealthy_target_is_replaced_and_rolled_back() {
    let group = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:targetgroup/app/1";
    for grace in [0, 200] {
        let mut world = World::new();
        world.register("own/app:1", json!({}));
        let members = json!({
            "loadBalancers": [{ "targetGroupArn": group, "containerName": "app", "containerPort": 8080 }],
            "healthCheckGracePeriodSeconds": grace,
        });
        world.create(1, breaker(), members);
        world.settle();
        assert_eq!(world.rollout()["status"], "SUCCESSFUL");
        assert!(world.said(&format!("registered 1 targets in (target-group {group})")));
        world.behave(Some(1), Tasks::Unhealthy);
        let failed = world.release("own/app:2", json!({}))["deployments"][0]["id"].clone();
        world.pass(18 + if grace == 0 { 59 } else { 199 });
        assert_eq!(world.service()["deployments"][0]["failedTasks"], 0);
        world.pass(1);
        assert_eq!(world.service()["deployments"][0]["failedTasks"], 1);
        assert!(
            world.said(&format!(
                "(port 8080) is unhealthy in (target-group {group}) due to (reason Health checks failed)"
            ))
        );
        world.settle();
        assert_eq!(world.rollout()["status"], "ROLLBACK_SUCCESSFUL");
        let reason = format!("Task failed ELB health checks in (target-group {group})");
        assert_eq!(causes(&mut world, &failed), [("ServiceSchedulerInitiated".to_owned(), reason)]);
    }
}

#[test]
fn an_image_that_is_gone_cannot_be_pulled() {
    let mut world = World::serving(2, breaker());
    let failed = world.release("own/app:2", json!({}))["deployments"][0]["id"].clone();
    world.images.gone.borrow_mut().insert("app:2".to_owned());
    world.settle();
    let rollout = world.rollout();
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL");
    let revision = world.revision(&rollout["targetServiceRevision"]["arn"]);
    assert_eq!(revision["containerImages"], json!([]));
    let causes = causes(&mut world, &failed);
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert_eq!(causes[0].0, "TaskFailedToStart");
    assert!(causes[0].1.starts_with("CannotPullContainerError: "), "{causes:?}");
    assert!(world.said("was unable to place a task. Reason: CannotPullContainerError: "));
    let stopped = world.tasks("STOPPED");
    let task =
        stopped.iter().find(|task| task["startedBy"] == failed && task["stopCode"] == "TaskFailedToStart").unwrap();
    assert!(task["containers"][0]["reason"].as_str().unwrap().starts_with("CannotPullContainerError: "));
    assert_eq!(task["containers"][0].get("exitCode"), None);
    assert_eq!(task.get("startedAt"), None);
    // The old tasks have served all the time: none of them was stopped before the rollback.
    assert_eq!(world.service()["runningCount"], 2);
}

#[test]
fn a_revision_pulls_the_digest_it_was_resolved_to() {
    let mut world = World::serving(1, breaker());
    world.images.asked.borrow_mut().clear();
    world.update(json!({ "desiredCount": 2 }));
    world.settle();
    let asked = world.images.asked.borrow().clone();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("own/app@sha256:"), "{asked:?}");
}

#[test]
fn another_registrys_image_is_asked_for_by_its_name() {
    let mut world = World::new();
    world.register("elsewhere/app:1", json!({}));
    world.create(1, json!({}), json!({}));
    world.settle();
    world.update(json!({ "desiredCount": 2 }));
    world.settle();
    assert_eq!(*world.images.asked.borrow(), ["elsewhere/app:1", "elsewhere/app:1"]);
    let tasks = world.tasks("RUNNING");
    let digest = tasks[0]["containers"][0]["imageDigest"].as_str().unwrap();
    assert_eq!(digest.len(), "sha256:".len() + 64);
    assert_eq!(tasks[1]["containers"][0]["imageDigest"], digest);
}

#[test]
fn a_rollback_can_fail_as_well() {
    let mut world = World::serving(2, breaker());
    let serving = world.service()["deployments"][0]["id"].clone();
    let digest = world.tasks("RUNNING")[0]["containers"][0]["imageDigest"].as_str().unwrap().to_owned();
    world.images.gone.borrow_mut().extend(["app:2".to_owned(), format!("app@{digest}")]);
    world.release("own/app:2", json!({}));
    world.settle();
    let rollout = world.rollout();
    assert_eq!(rollout["status"], "ROLLBACK_FAILED");
    assert!(rollout["statusReason"].as_str().unwrap().contains("rollback failed"));
    let service = world.service();
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    // What served before serves still, as nothing new became healthy.
    assert_eq!((&service["deployments"][1]["id"], &service["deployments"][1]["runningCount"]), (&serving, &json!(2)));
    // It stays like that until somebody deploys something that works.
    world.images.gone.borrow_mut().clear();
    world.release("own/app:3", json!({}));
    world.settle();
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
    assert_eq!(world.service()["deployments"].as_array().unwrap().len(), 1);
}

#[test]
fn tasks_that_never_start_or_never_settle_leave_the_rollout_open() {
    for (tasks, pending, running) in [(Tasks::NeverStarts, 1, 1), (Tasks::NeverStable, 0, 2)] {
        let mut world = World::serving(1, breaker());
        world.behave(Some(1), tasks);
        world.release("own/app:2", json!({}));
        world.pass(7200);
        assert_eq!(world.rollout()["status"], "IN_PROGRESS");
        let service = world.service();
        assert_eq!((&service["pendingCount"], &service["runningCount"]), (&json!(pending), &json!(running)));
        assert_eq!(service["deployments"][0]["failedTasks"], 0);
    }
}

#[test]
fn starts_that_fail_again_and_again_slow_down() {
    let mut world = World::serving(1, json!({}));
    world.images.gone.borrow_mut().insert("app:2".to_owned());
    world.release("own/app:2", json!({}));
    world.pass(3600);
    let first_hour = world.service()["deployments"][0]["failedTasks"].as_u64().unwrap();
    assert!((8..20).contains(&first_hour), "{first_hour}");
    assert!(world.said("is unable to consistently start tasks successfully."));
    world.pass(3600);
    let second_hour = world.service()["deployments"][0]["failedTasks"].as_u64().unwrap() - first_hour;
    assert!((3..=5).contains(&second_hour), "{second_hour}");
    // A new deployment starts afresh.
    world.release("own/app:3", json!({}));
    world.settle();
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
}

#[test]
fn a_container_that_is_not_essential_may_exit() {
    let mut world = World::new();
    let side = json!({ "name": "side", "image": "own/side:1", "essential": false });
    let app = json!({ "name": "app", "image": "own/app:1" });
    world.call("RegisterTaskDefinition", super::world::document(json!([app, side])));
    world.behave(None, Tasks::Exits { code: 0, after_seconds: 1, container: Some("side".to_owned()) });
    world.create(1, breaker(), json!({}));
    world.settle();
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
    let task = world.tasks("RUNNING")[0].clone();
    assert_eq!(
        (&task["containers"][1]["exitCode"], &task["containers"][1]["lastStatus"]),
        (&json!(0), &json!("STOPPED"))
    );
    assert_eq!(task["containers"][0]["lastStatus"], "RUNNING");
}

#[test]
fn a_container_killed_for_its_memory_says_so() {
    let mut world = World::serving(1, breaker());
    world.ecs.behave_newer(Tasks::Exits { code: 137, after_seconds: 1, container: None });
    let failed = world.release("own/app:2", json!({}))["deployments"][0]["id"].clone();
    world.settle();
    assert_eq!(world.rollout()["status"], "ROLLBACK_SUCCESSFUL");
    let stopped = world.tasks("STOPPED");
    let task = stopped.iter().find(|task| task["startedBy"] == failed).unwrap();
    assert_eq!(task["containers"][0]["exitCode"], 137);
    assert!(task["containers"][0]["reason"].as_str().unwrap().starts_with("OutOfMemoryError"));
}
