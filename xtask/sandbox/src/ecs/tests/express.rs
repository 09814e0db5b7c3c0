//! Express services: a canary of ECS's own making, one call for a new revision.

use serde_json::{Value, json};

use super::world::World;

const ARN: &str = "arn:aws:ecs:ap-northeast-1:123456789012:service/sample/web";

fn world() -> World {
    let mut world = World::new();
    let made = json!({ "cluster": "sample", "serviceName": "web", "infrastructureRoleArn": "arn:aws:iam::123456789012:role/express",
        "primaryContainer": { "image": "own/web:1", "containerPort": 8080 }, "scalingTarget": { "minTaskCount": 2 } });
    world.call("CreateExpressGatewayService", made);
    world.settle();
    world
}

fn register(world: &mut World, name: &str, port: Value) -> String {
    let container = json!({ "name": name, "image": "own/web:2", "portMappings": [port] });
    let document = json!({ "family": "own", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container] });
    let answer = world.call("RegisterTaskDefinition", document);
    answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
}

fn described(world: &mut World) -> Value {
    world.call("DescribeExpressGatewayService", json!({ "serviceArn": ARN }))["service"].clone()
}

#[test]
fn a_new_revision_is_rolled_out_as_a_canary_and_is_then_the_one_configuration() {
    let mut world = world();
    let before = described(&mut world);
    assert_eq!(before["activeConfigurations"].as_array().unwrap().len(), 1);
    let revision = register(&mut world, "Main", json!({ "name": "http", "containerPort": 8080 }));
    let input = json!({ "serviceArn": ARN, "taskDefinitionArn": revision });
    let updated = world.call("UpdateExpressGatewayService", input)["service"].clone();
    assert_eq!(updated["targetConfiguration"]["taskDefinitionArn"], revision.as_str());
    let under_way = described(&mut world);
    let newest = &under_way["activeConfigurations"][0];
    assert_eq!(newest["serviceRevisionArn"], updated["targetConfiguration"]["serviceRevisionArn"]);
    let rollout = under_way["currentDeployment"].clone();
    let asked = json!({ "serviceDeploymentArns": [rollout] });
    let strategy =
        world.call("DescribeServiceDeployments", asked)["serviceDeployments"][0]["deploymentConfiguration"].clone();
    assert_eq!((&strategy["strategy"], &strategy["bakeTimeInMinutes"]), (&json!("CANARY"), &json!(3)));
    world.settle();
    let after = described(&mut world);
    assert_eq!(after["activeConfigurations"].as_array().unwrap().len(), 1);
    assert_eq!(after["activeConfigurations"][0]["taskDefinitionArn"], revision.as_str());
    assert_eq!(after["activeConfigurations"][0]["ingressPaths"], before["activeConfigurations"][0]["ingressPaths"]);
    let service =
        world.call("DescribeServices", json!({ "cluster": "sample", "services": ["web"] }))["services"][0].clone();
    assert_eq!((&service["resourceManagementType"], &service["taskDefinition"]), (&json!("ECS"), &Value::Null));
    assert_eq!(service["runningCount"], 2);
    // The load balancer follows the port of the container.
    let revision = register(&mut world, "Main", json!({ "name": "http", "containerPort": 9090 }));
    world.call("UpdateExpressGatewayService", json!({ "serviceArn": ARN, "taskDefinitionArn": revision }));
    world.settle();
    let service =
        world.call("DescribeServices", json!({ "cluster": "sample", "services": ["web"] }))["services"][0].clone();
    assert_eq!((&service["loadBalancers"][0]["containerPort"], &service["runningCount"]), (&json!(9090), &json!(2)));
}

#[test]
fn what_no_express_service_takes_is_refused() {
    let mut world = world();
    let named = json!({ "name": "http", "containerPort": 8080 });
    for (name, port, says) in [
        ("app", named.clone(), "a container named Main"),
        ("Main", json!({ "containerPort": 8080 }), "a single TCP port mapping with a port name"),
    ] {
        let revision = register(&mut world, name, port);
        let input = json!({ "serviceArn": ARN, "taskDefinitionArn": revision });
        let (code, message) = world.refused("UpdateExpressGatewayService", input);
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains(says), "{message}");
    }
    let revision = register(&mut world, "Main", named);
    let both = json!({ "serviceArn": ARN, "taskDefinitionArn": revision, "cpu": "512" });
    let (_, message) = world.refused("UpdateExpressGatewayService", both);
    assert!(message.contains("taskDefinitionArn and cpu"), "{message}");
    let by_hand = json!({ "cluster": "sample", "service": "web", "taskDefinition": revision });
    let (_, message) = world.refused("UpdateService", by_hand);
    assert!(message.contains("UpdateExpressGatewayService"), "{message}");
    world.call("DeleteExpressGatewayService", json!({ "serviceArn": ARN }));
    world.settle();
    assert_eq!(described(&mut world)["status"]["statusCode"], "INACTIVE");
}
