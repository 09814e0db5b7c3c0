//! DAEMON services: one task on each container instance.

use serde_json::{Value, json};

use super::world::World;

/// A world whose task definition `agent` runs on container instances.
fn world() -> World {
    let mut world = World::new();
    let container = json!({ "name": "agent", "image": "own/agent:1", "memory": 128 });
    world.call("RegisterTaskDefinition", json!({ "family": "agent", "containerDefinitions": [container] }));
    world
}

fn create(members: &Value) -> Value {
    let mut input = json!({ "cluster": "sample", "serviceName": "app", "taskDefinition": "agent",
        "schedulingStrategy": "DAEMON" });
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    input
}

#[test]
fn a_daemon_runs_one_task_on_each_container_instance() {
    let mut world = world();
    world.call("CreateService", create(&json!({})));
    world.settle();
    let service = world.service();
    assert_eq!((&service["desiredCount"], &service["runningCount"]), (&json!(2), &json!(2)));
    assert_eq!(service["schedulingStrategy"], "DAEMON");
    let configuration = &service["deploymentConfiguration"];
    assert_eq!((&configuration["maximumPercent"], &configuration["minimumHealthyPercent"]), (&json!(100), &json!(0)));
    let cluster = world.call("DescribeClusters", json!({ "clusters": ["sample"] }))["clusters"][0].clone();
    assert_eq!(cluster["registeredContainerInstancesCount"], 2);
    let listed = |world: &mut World, strategy: &str| {
        world.call("ListServices", json!({ "cluster": "sample", "schedulingStrategy": strategy }))["serviceArns"]
            .clone()
    };
    assert_eq!(listed(&mut world, "DAEMON").as_array().unwrap().len(), 1);
    assert_eq!(listed(&mut world, "REPLICA"), json!([]));

    world.update(json!({ "forceNewDeployment": true }));
    world.settle();
    assert_eq!(world.rollout()["status"], "SUCCESSFUL");
    assert_eq!(world.service()["runningCount"], 2);
    // Nobody scales it to nothing first.
    world.call("DeleteService", json!({ "cluster": "sample", "service": "app" }));
    world.settle();
    assert_eq!(world.service()["status"], "INACTIVE");
}

#[test]
fn a_daemon_has_no_desired_count_and_no_room_above_it() {
    let cases = [
        (json!({ "desiredCount": 3 }), "does not support a desired count for services"),
        (json!({ "deploymentConfiguration": { "maximumPercent": 200 } }), "does not support values above 100"),
        (json!({ "launchType": "FARGATE" }), "does not support the Fargate launch type"),
        (json!({ "placementStrategy": [{ "type": "random" }] }), "does not support placement strategies"),
    ];
    for (members, sentence) in cases {
        let (code, message) = world().refused("CreateService", create(&members));
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains(sentence), "{message}");
    }
    let mut world = world();
    world.call("CreateService", create(&json!({})));
    let (_, message) =
        world.refused("UpdateService", json!({ "cluster": "sample", "service": "app", "desiredCount": 1 }));
    assert!(message.contains("does not support a desired count"), "{message}");
}
