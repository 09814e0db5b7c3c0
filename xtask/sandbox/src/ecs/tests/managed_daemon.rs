//! Managed daemons: task definitions, revisions and deployments of their own.

use serde_json::{Value, json};

use super::world::World;
use crate::ecs::Tasks;

const ARN: &str = "arn:aws:ecs:ap-northeast-1:123456789012:daemon/sample/agent";
const PROVIDER: &str = "arn:aws:ecs:ap-northeast-1:123456789012:capacity-provider/managed";

fn register(world: &mut World, image: &str) -> String {
    let container = json!({ "name": "agent", "image": image, "memory": 128 });
    let input = json!({ "family": "agent", "containerDefinitions": [container] });
    let answer = world.call("RegisterDaemonTaskDefinition", input);
    answer["daemonTaskDefinitionArn"].as_str().unwrap().to_owned()
}

/// A world with a daemon that has come to rest.
fn world() -> World {
    let mut world = World::new();
    let definition = register(&mut world, "own/agent:1");
    let input = json!({ "daemonName": "agent", "clusterArn": "sample", "daemonTaskDefinitionArn": definition,
        "capacityProviderArns": [PROVIDER], "clientToken": "once" });
    let made = world.call("CreateDaemon", input.clone());
    assert_eq!((&made["daemonArn"], &made["status"]), (&json!(ARN), &json!("ACTIVE")));
    assert_eq!(world.call("CreateDaemon", input.clone())["deploymentArn"], made["deploymentArn"]);
    let other = json!({ "daemonName": "agent", "clusterArn": "sample", "daemonTaskDefinitionArn": definition,
        "capacityProviderArns": [PROVIDER] });
    assert_eq!(world.refused("CreateDaemon", other).0, "InvalidParameterException");
    world.settle();
    world
}

fn described(world: &mut World) -> Value {
    world.call("DescribeDaemon", json!({ "daemonArn": ARN }))["daemon"].clone()
}

fn deployment(world: &mut World) -> Value {
    let arn = described(world)["deploymentArn"].clone();
    let asked = json!({ "daemonDeploymentArns": [arn] });
    world.call("DescribeDaemonDeployments", asked)["daemonDeployments"][0].clone()
}

fn revision(world: &mut World, arn: &Value) -> Value {
    world.call("DescribeDaemonRevisions", json!({ "daemonRevisionArns": [arn] }))["daemonRevisions"][0].clone()
}

fn update(world: &mut World, definition: &str) {
    let input = json!({ "daemonArn": ARN, "daemonTaskDefinitionArn": definition, "capacityProviderArns": [PROVIDER],
        "critical": false, "deploymentConfiguration": { "drainPercent": 50.0, "bakeTimeInMinutes": 1,
            "alarms": { "enable": true, "alarmNames": ["agents"] } } });
    world.call("UpdateDaemon", input);
}

#[test]
fn an_update_replaces_the_task_on_each_instance_batch_by_batch() {
    let mut world = world();
    let first = described(&mut world);
    assert_eq!(first["currentRevisions"][0]["totalRunningCount"], 2);
    assert_eq!(deployment(&mut world)["status"], "SUCCESSFUL");
    let definition = register(&mut world, "own/agent:2");
    assert!(definition.ends_with(":daemon-task-definition/agent:2"), "{definition}");
    update(&mut world, &definition);
    assert_eq!(deployment(&mut world)["status"], "PENDING");
    world.settle();
    let after = deployment(&mut world);
    assert_eq!((&after["status"], &after["alarms"]["status"]), (&json!("SUCCESSFUL"), &json!("MONITORING_COMPLETE")));
    assert_eq!(after["targetDaemonRevision"]["totalRunningInstanceCount"], 2);
    assert_eq!(after["deploymentConfiguration"]["drainPercent"], 50.0);
    let now = revision(&mut world, &after["targetDaemonRevision"]["arn"]);
    assert_eq!((&now["daemonTaskDefinitionArn"], &now["critical"]), (&json!(definition), &json!(false)));
    assert!(now["containerImages"][0]["imageDigest"].as_str().unwrap().starts_with("sha256:"), "{now}");
    assert_eq!(described(&mut world)["currentRevisions"].as_array().unwrap().len(), 1);
    let listed = world.call("ListDaemonDeployments", json!({ "daemonArn": ARN }))["daemonDeployments"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0]["targetDaemonRevisionArn"], after["targetDaemonRevision"]["arn"]);
    let tasks = world.call("ListTasks", json!({ "cluster": "sample", "daemonName": "agent" }))["taskArns"].clone();
    let tasks = world.call("DescribeTasks", json!({ "cluster": "sample", "tasks": tasks }))["tasks"].clone();
    assert_eq!((&tasks[0]["group"], &tasks[0]["startedBy"]), (&json!("daemon:agent"), &Value::Null));
    assert_eq!(tasks[0]["taskDefinitionArn"], definition.as_str());
}

#[test]
fn tasks_that_fail_take_a_deployment_back_to_the_revision_before() {
    let mut world = world();
    let before = described(&mut world)["currentRevisions"][0]["arn"].clone();
    world.ecs.behave_newer(Tasks::Exits { code: 1, after_seconds: 1, container: None });
    let definition = register(&mut world, "own/agent:2");
    update(&mut world, &definition);
    world.settle();
    let after = deployment(&mut world);
    assert_eq!(
        (&after["status"], &after["circuitBreaker"]["status"]),
        (&json!("ROLLBACK_SUCCESSFUL"), &json!("TRIGGERED"))
    );
    assert_eq!(after["rollback"]["rollbackTargetDaemonRevisionArn"], before);
    assert_eq!(described(&mut world)["currentRevisions"][0]["arn"], before);
}

#[test]
fn a_daemon_is_no_service_and_its_task_definitions_are_their_own() {
    let mut world = world();
    let document =
        json!({ "family": "agent", "containerDefinitions": [{ "name": "app", "image": "own/app:1", "memory": 128 }] });
    let other = world.call("RegisterTaskDefinition", document)["taskDefinition"]["taskDefinitionArn"].clone();
    assert!(other.as_str().unwrap().ends_with(":task-definition/agent:1"), "{other}");
    assert_eq!(world.call("ListTaskDefinitions", json!({}))["taskDefinitionArns"], json!([other]));
    assert_eq!(world.call("ListServices", json!({ "cluster": "sample" }))["serviceArns"], json!([]));
    let listed = world.call("ListDaemonTaskDefinitions", json!({ "family": "agent" }));
    assert_eq!(listed["daemonTaskDefinitions"].as_array().unwrap().len(), 1);
    let described = world.call("DescribeDaemonTaskDefinition", json!({ "daemonTaskDefinition": "agent" }));
    let document = &described["daemonTaskDefinition"];
    assert_eq!((&document["family"], &document["revision"]), (&json!("agent"), &json!(1)));
    assert_eq!(document["containerDefinitions"][0]["image"], "own/agent:1");
    let (code, message) = world.refused(
        "UpdateDaemon",
        json!({ "daemonArn": ARN, "daemonTaskDefinitionArn": other,
        "capacityProviderArns": [PROVIDER] }),
    );
    assert_eq!((code, message.as_str()), ("InvalidParameterException", "The daemon task definition was not found."));
    let listed = world.call("ListDaemons", json!({ "clusterArn": "sample", "capacityProviderArns": [PROVIDER] }));
    assert_eq!(listed["daemonSummariesList"][0]["daemonArn"], ARN);
    let tag = json!({ "resourceArn": ARN, "tags": [{ "key": "team", "value": "a" }] });
    world.call("TagResource", tag);
    world.call("DeleteDaemonTaskDefinition", json!({ "daemonTaskDefinition": "agent:1" }));
    let (code, _) = world.refused("DescribeDaemonTaskDefinition", json!({ "daemonTaskDefinition": "agent" }));
    assert_eq!(code, "ClientException");
    world.call("DeleteDaemon", json!({ "daemonArn": ARN }));
    world.settle();
    assert_eq!(world.refused("DescribeDaemon", json!({ "daemonArn": ARN })).0, "DaemonNotFoundException");
}
