//! Tasks that are run once: how they end, and what they look like.

use serde_json::{Value, json};

use super::world::{World, document};

/// Runs the containers once and lets everything happen; gives the task as it is described then.
fn run(containers: Value, members: Value) -> Value {
    let mut world = World::new();
    world.call("RegisterTaskDefinition", document(containers));
    let mut input = json!({ "cluster": "sample", "taskDefinition": "app", "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1", "subnet-2"] } } });
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let arn = world.call("RunTask", input)["tasks"][0]["taskArn"].clone();
    world.settle();
    world.call("DescribeTasks", json!({ "cluster": "sample", "tasks": [arn] }))["tasks"][0].clone()
}

#[test]
fn a_task_ends_as_its_command_says() {
    let container = json!({ "name": "app", "image": "own/app:1", "command": ["sh", "-c", "sleep 5 && exit 3"] });
    let task = run(json!([container]), json!({}));
    assert_eq!((&task["lastStatus"], &task["stopCode"]), (&json!("STOPPED"), &json!("EssentialContainerExited")));
    assert_eq!(task["containers"][0]["exitCode"], 3);
    let ran = task["stoppingAt"].as_f64().unwrap() - task["startedAt"].as_f64().unwrap();
    assert!((7.0..8.0).contains(&ran), "{ran}");

    let overrides = json!({ "containerOverrides": [{ "name": "app", "command": ["exit", "0"] }] });
    let task = run(json!([container]), json!({ "overrides": overrides }));
    assert_eq!(task["containers"][0]["exitCode"], 0);
    assert_eq!(task["overrides"]["containerOverrides"], overrides["containerOverrides"]);

    let ports = json!([{ "containerPort": 80 }]);
    let listens = json!({ "name": "app", "image": "own/app:1", "command": ["serve"], "portMappings": ports });
    let serves = run(json!([listens]), json!({}));
    assert_eq!(serves["lastStatus"], "RUNNING", "what listens on a port serves on");
    let overrides = json!({ "containerOverrides": [{ "name": "app", "command": ["app", "migrate"] }] });
    let migrates = run(json!([listens]), json!({ "overrides": overrides }));
    assert_eq!(migrates["containers"][0]["exitCode"], 0, "and what is run in its place ends");
    let job = run(json!([{ "name": "app", "image": "own/app:1" }]), json!({}));
    assert_eq!(job["containers"][0]["exitCode"], 0);
}

#[test]
fn a_container_that_is_not_essential_ends_alone() {
    let containers = json!([
        { "name": "app", "image": "own/app:1", "command": ["serve"], "portMappings": [{ "containerPort": 80 }] },
        { "name": "init", "image": "own/app:1", "essential": false, "command": ["exit", "7"] },
    ]);
    let task = run(containers, json!({}));
    assert_eq!(task["lastStatus"], "RUNNING");
    let init = &task["containers"][1];
    assert_eq!((&init["lastStatus"], &init["exitCode"]), (&json!("STOPPED"), &json!(7)));
    assert_eq!(
        (&task["containers"][0]["lastStatus"], task["containers"][0].get("exitCode")),
        (&json!("RUNNING"), None)
    );
}

#[test]
fn a_service_whose_command_ends_is_rolled_back() {
    let mut world = World::serving(1, super::world::breaker());
    world.release("own/app:2", json!({ "command": ["false"] }));
    world.settle();
    assert_eq!(world.rollout()["status"], "ROLLBACK_SUCCESSFUL");
}

#[test]
fn a_task_has_a_network_interface_in_one_of_its_subnets() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.create(
        2,
        json!({}),
        json!({ "networkConfiguration": { "awsvpcConfiguration":
        { "subnets": ["subnet-1", "subnet-2"] } } }),
    );
    world.pass(1);
    let attachment = world.tasks("RUNNING")[0]["attachments"][0].clone();
    assert_eq!(attachment["status"], "PRECREATED");
    assert_eq!(attachment["details"].as_array().unwrap().len(), 1);
    world.settle();
    for task in world.tasks("RUNNING") {
        let attachment = &task["attachments"][0];
        assert_eq!(
            (&attachment["type"], &attachment["status"]),
            (&json!("ElasticNetworkInterface"), &json!("ATTACHED"))
        );
        let details = attachment["details"].as_array().unwrap();
        let detail =
            |name: &str| details.iter().find(|it| it["name"] == name).unwrap()["value"].as_str().unwrap().to_owned();
        assert!(["subnet-1", "subnet-2"].contains(&detail("subnetId").as_str()));
        assert_eq!(detail("networkInterfaceId").len(), "eni-".len() + 17);
        assert_eq!(detail("macAddress").split(':').filter(|byte| byte.len() == 2).count(), 6);
        let address = detail("privateIPv4Address");
        assert_eq!(
            detail("privateDnsName"),
            format!("ip-{}.ap-northeast-1.compute.internal", address.replace('.', "-"))
        );
        assert_eq!(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"], address);
        let zone = if detail("subnetId") == "subnet-1" { "ap-northeast-1a" } else { "ap-northeast-1b" };
        assert_eq!(task["availabilityZone"], zone);
    }
}

/// Asks for a task twice, and says whether that was one task.
fn is_one(world: &mut World, first: &Value, second: &Value) -> bool {
    let arn = |world: &mut World, input: &Value| world.call("RunTask", input.clone())["tasks"][0]["taskArn"].clone();
    arn(world, first) == arn(world, second)
}

#[test]
fn a_token_stands_for_its_tasks_until_ecs_forgets_them() {
    let mut world = World::new();
    world.call("RegisterTaskDefinition", document(json!([{ "name": "app", "image": "own/app:1" }])));
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } });
    let input = |token: &str| {
        json!({ "cluster": "sample", "taskDefinition": "app", "launchType": "FARGATE", "clientToken": token,
            "networkConfiguration": network })
    };
    assert!(is_one(&mut world, &input("a"), &input("a")));
    assert!(!is_one(&mut world, &input("a"), &input("b")));
    let before = world.call("RunTask", input("a"))["tasks"][0]["taskArn"].clone();
    world.settle();
    world.pass(3_000);
    assert_eq!(world.call("RunTask", input("a"))["tasks"][0]["taskArn"], before);
    world.pass(4_000);
    assert_ne!(world.call("RunTask", input("a"))["tasks"][0]["taskArn"], before, "an hour after its end");
}

#[test]
fn a_launch_type_and_a_capacity_provider_strategy_exclude_each_other() {
    let mut world = World::new();
    world.call("RegisterTaskDefinition", document(json!([{ "name": "app", "image": "own/app:1" }])));
    let input = json!({ "cluster": "sample", "taskDefinition": "app", "launchType": "FARGATE",
        "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT" }] });
    let (code, message) = world.refused("RunTask", input);
    assert_eq!(code, "InvalidParameterException");
    assert!(message.starts_with("Specifying both a launch type and capacity provider strategy"), "{message}");
}
