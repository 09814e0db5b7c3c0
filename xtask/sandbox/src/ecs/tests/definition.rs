//! Task definitions, and tasks that are run by hand.

use serde_json::{Value, json};

use super::world::{World, document};
use crate::ecs::api::rule::fits_fargate;
use crate::ecs::{Call, Caller, Tasks};

#[test]
fn a_task_definition_comes_back_filled_in_and_reordered() {
    let mut world = World::new();
    let environment: Vec<Value> =
        ["A", "B", "C", "D", "E"].iter().map(|name| json!({ "name": name, "value": name.to_lowercase() })).collect();
    let container = json!({
        "name": "app", "image": "own/app:1", "environment": environment,
        "portMappings": [{ "containerPort": 8080 }], "healthCheck": { "command": ["CMD", "true"] },
    });
    let mut input = document(json!([container]));
    input["cpu"] = json!(".25 vCPU");
    input["memory"] = json!("0.5 GB");
    input["tags"] = json!([{ "key": "team", "value": "shop" }]);
    let registered = world.call("RegisterTaskDefinition", input);
    assert_eq!(registered["tags"][0]["key"], "team");
    let described = world.call("DescribeTaskDefinition", json!({ "taskDefinition": "app" }));
    assert_eq!(described, json!({ "taskDefinition": registered["taskDefinition"] }));
    let it = &described["taskDefinition"];
    assert_eq!(it["taskDefinitionArn"], "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/app:1");
    assert_eq!((&it["revision"], &it["status"]), (&json!(1), &json!("ACTIVE")));
    assert_eq!((&it["cpu"], &it["memory"]), (&json!("256"), &json!("512")));
    assert_eq!(it["compatibilities"], json!(["EC2", "FARGATE"]));
    assert_eq!(it["registeredBy"], "arn:aws:iam::123456789012:user/deployer");
    assert_eq!(it["registeredAt"], 1_700_000_000.0);
    assert_eq!((&it["volumes"], &it["placementConstraints"]), (&json!([]), &json!([])));
    assert_eq!(it.get("tags"), None);
    assert!(it["requiresAttributes"].as_array().unwrap().contains(&json!({ "name": "ecs.capability.task-eni" })));
    let app = &it["containerDefinitions"][0];
    assert_eq!((&app["cpu"], &app["essential"]), (&json!(0), &json!(true)));
    for member in ["mountPoints", "volumesFrom", "systemControls"] {
        assert_eq!(app[member], json!([]));
    }
    assert_eq!(app["portMappings"], json!([{ "containerPort": 8080, "hostPort": 8080, "protocol": "tcp" }]));
    assert_eq!(app["healthCheck"], json!({ "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 }));
    let answered = app["environment"].as_array().unwrap();
    assert_ne!(answered, &environment);
    assert!(environment.iter().all(|it| answered.contains(it)));

    let with_tags = world.call("DescribeTaskDefinition", json!({ "taskDefinition": "app:1", "include": ["TAGS"] }));
    assert_eq!(with_tags["tags"][0]["value"], "shop");
}

#[test]
fn what_ecs_drops_or_reorders_in_a_task_definition() {
    let mut world = World::new();
    let ports: Vec<Value> = [("tcp", 53), ("udp", 53), ("tcp", 80), ("udp", 80), ("tcp", 8080)]
        .map(|(protocol, port)| json!({ "containerPort": port, "hostPort": port, "protocol": protocol }))
        .into();
    let variables = json!([{ "name": "A", "value": "" }, { "name": "A", "value": "2" }]);
    let mut input = document(json!([{
        "name": "app", "image": "own/app:1", "user": "", "hostname": "", "workingDirectory": "",
        "portMappings": ports, "environment": variables,
    }]));
    input["taskRoleArn"] = json!("");
    let it = world.call("RegisterTaskDefinition", input.clone())["taskDefinition"].clone();
    let app = &it["containerDefinitions"][0];
    for member in ["user", "hostname", "workingDirectory"] {
        assert_eq!(app.get(member), None, "{member}");
    }
    assert_eq!(it.get("taskRoleArn"), None);
    assert_eq!(app["environment"], variables);
    let answered = app["portMappings"].as_array().unwrap();
    assert_ne!(answered, &ports);
    assert!(ports.iter().all(|port| answered.contains(port)));
    // Whichever order they were sent in, they come back in the same.
    let mut reversed = ports;
    reversed.reverse();
    input["containerDefinitions"][0]["portMappings"] = json!(reversed);
    let again = world.call("RegisterTaskDefinition", input)["taskDefinition"]["containerDefinitions"][0].clone();
    assert_eq!(again["portMappings"], app["portMappings"]);
}

#[test]
fn a_range_of_ports_has_no_host_port_and_a_file_system_has_a_root() {
    let mut world = World::new();
    let mut input = document(json!([{ "name": "app", "image": "own/app:1",
        "portMappings": [{ "containerPortRange": "8000-8010" }] }]));
    input["volumes"] = json!([{ "name": "files", "efsVolumeConfiguration": { "fileSystemId": "fs-1" } }]);
    let it = world.call("RegisterTaskDefinition", input)["taskDefinition"].clone();
    let mapping = &it["containerDefinitions"][0]["portMappings"][0];
    assert_eq!(*mapping, json!({ "containerPortRange": "8000-8010", "protocol": "tcp" }));
    assert_eq!(it["volumes"][0]["efsVolumeConfiguration"]["rootDirectory"], "/");
}

#[test]
fn a_member_of_a_newer_model_is_kept_as_it_is() {
    let mut world = World::new();
    let future = json!({ "deep": [1, null, ""] });
    let mut input = document(json!([{ "name": "app", "image": "own/app:1", "sidecarPolicy": future }]));
    input["isolation"] = future.clone();
    let caller = Caller { arn: String::new() };
    let mut call = |operation: &str, input: Value| {
        world.ecs.call(Call { operation, input, caller: &caller, now: world.now }, &world.images).unwrap()["taskDefinition"].clone()
    };
    call("RegisterTaskDefinition", input);
    let it = call("DescribeTaskDefinition", json!({ "taskDefinition": "app" }));
    assert_eq!((&it["isolation"], &it["containerDefinitions"][0]["sidecarPolicy"]), (&future, &future));
}

#[test]
fn a_family_means_its_newest_active_revision() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.register("own/app:2", json!({}));
    let newest = |world: &mut World| {
        world.call("DescribeTaskDefinition", json!({ "taskDefinition": "app" }))["taskDefinition"]["revision"].clone()
    };
    assert_eq!(newest(&mut world), 2);
    let gone = world.call("DeregisterTaskDefinition", json!({ "taskDefinition": "app:2" }));
    assert_eq!(gone["taskDefinition"]["status"], "INACTIVE");
    assert!(gone["taskDefinition"]["deregisteredAt"].is_f64());
    assert_eq!(newest(&mut world), 1);
    let list = |world: &mut World, input: Value| {
        world.call("ListTaskDefinitions", input)["taskDefinitionArns"].as_array().unwrap().len()
    };
    assert_eq!(list(&mut world, json!({})), 1);
    assert_eq!(list(&mut world, json!({ "status": "INACTIVE", "familyPrefix": "app" })), 1);
    // A number is never given twice.
    assert!(world.register("own/app:3", json!({})).ends_with("app:3"));
}

#[test]
fn fargate_has_only_certain_sizes() {
    for (cpu, memory) in [(256, 512), (256, 2048), (512, 4096), (1024, 8192), (2048, 16_384), (4096, 30_720)] {
        assert!(fits_fargate(cpu, memory), "{cpu} {memory}");
    }
    for (cpu, memory) in
        [(8192, 16_384), (8192, 61_440), (16_384, 32_768), (16_384, 122_880), (32_768, 61_440), (32_768, 249_856)]
    {
        assert!(fits_fargate(cpu, memory), "{cpu} {memory}");
    }
    for (cpu, memory) in
        [(256, 3072), (256, 1000), (512, 512), (1024, 1024), (1024, 2049), (300, 512), (8192, 17_408), (32_768, 65_536)]
    {
        assert!(!fits_fargate(cpu, memory), "{cpu} {memory}");
    }
}

#[test]
fn run_task_runs_a_token_once() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    world.behave(None, Tasks::Exits { code: 3, after_seconds: 5, container: None });
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } });
    let mut input = json!({
        "cluster": "sample", "taskDefinition": "app", "launchType": "FARGATE", "networkConfiguration": network,
        "clientToken": "once", "startedBy": "migration",
    });
    let first = world.call("RunTask", input.clone());
    let task = &first["tasks"][0];
    assert_eq!((&task["lastStatus"], &task["desiredStatus"]), (&json!("PROVISIONING"), &json!("RUNNING")));
    assert_eq!((&task["group"], &task["startedBy"]), (&json!("family:app"), &json!("migration")));
    world.settle();
    let again = world.call("RunTask", input.clone());
    assert_eq!(again["tasks"][0]["taskArn"], task["taskArn"]);
    let ended = &again["tasks"][0];
    assert_eq!((&ended["lastStatus"], &ended["stopCode"]), (&json!("STOPPED"), &json!("EssentialContainerExited")));
    assert_eq!(ended["containers"][0]["exitCode"], 3);
    let listed =
        world.call("ListTasks", json!({ "cluster": "sample", "startedBy": "migration", "desiredStatus": "STOPPED" }));
    assert_eq!(listed["taskArns"], json!([task["taskArn"]]));
    input["count"] = json!(2);
    assert_eq!(world.refused("RunTask", input.clone()).0, "ConflictException");
    input["clientToken"] = json!("twice");
    assert_eq!(world.call("RunTask", input)["tasks"].as_array().unwrap().len(), 2);
}

#[test]
fn a_task_stopped_by_hand_is_replaced() {
    let mut world = World::serving(1, json!({}));
    let arn = world.tasks("RUNNING")[0]["taskArn"].clone();
    let stopped = world.call("StopTask", json!({ "cluster": "sample", "task": arn, "reason": "a test" }));
    assert_eq!(
        (&stopped["task"]["stopCode"], &stopped["task"]["stoppedReason"]),
        (&json!("UserInitiated"), &json!("a test"))
    );
    world.settle();
    let tasks = world.tasks("RUNNING");
    assert_eq!(tasks.len(), 1);
    assert_ne!(tasks[0]["taskArn"], arn);
    assert_eq!(world.rollouts().len(), 1);
}
