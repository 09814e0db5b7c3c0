//! Target groups and the health of their targets, which are the tasks of services.

use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Clock, Options, Sandbox, fault_named};

use crate::client::{Reply, call};
use crate::signer::{Credentials, element};

const BLUE: &str = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:targetgroup/blue/0123456789abcdef";
const GREEN: &str = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:targetgroup/green/fedcba9876543210";

fn ecs(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    sandbox.ecs(operation, input).unwrap()
}

/// Registers a revision; answers its ARN.
fn register(sandbox: &Sandbox) -> Value {
    let container = json!({"name": "app", "image": "app", "portMappings": [{"containerPort": 8080}]});
    let definition = json!({"family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [container]});
    ecs(sandbox, "RegisterTaskDefinition", definition)["taskDefinition"]["taskDefinitionArn"].clone()
}

/// A service of one task behind the target group, a quarter of an hour old.
fn serving(configuration: &Value, advanced: &Value) -> Sandbox {
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    ecs(&sandbox, "CreateCluster", json!({"clusterName": "sample"}));
    let mut balancer = json!({"targetGroupArn": BLUE, "containerName": "app", "containerPort": 8080});
    if !advanced.is_null() {
        balancer["advancedConfiguration"] = advanced.clone();
    }
    let service = json!({"cluster": "sample", "serviceName": "app", "taskDefinition": register(&sandbox),
        "desiredCount": 1, "launchType": "FARGATE", "loadBalancers": [balancer],
        "deploymentConfiguration": configuration,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}});
    ecs(&sandbox, "CreateService", service);
    sandbox.advance(Duration::from_secs(900));
    sandbox
}

fn deploy(sandbox: &Sandbox) {
    let update = json!({"cluster": "sample", "service": "app", "taskDefinition": register(sandbox)});
    ecs(sandbox, "UpdateService", update);
}

fn ask(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> Reply {
    Credentials::user("AKIATEST").query(sandbox, "elasticloadbalancing", operation, parameters)
}

/// State and reason of each target, in the order of their start.
fn health(sandbox: &Sandbox, group: &str) -> Vec<(String, String)> {
    let site = sandbox.site("123456789012", "ap-northeast-1");
    let answer = site.call("elasticloadbalancing", "DescribeTargetHealth", json!({"TargetGroupArn": group})).unwrap();
    assert_eq!(xtask_sandbox::oddity("elasticloadbalancing", "DescribeTargetHealth", &answer), None);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = answer["TargetHealthDescriptions"].as_array().unwrap().iter().map(|it| &it["TargetHealth"]);
    all.map(|it| (text(&it["State"]), text(&it["Reason"]))).collect()
}

fn states(sandbox: &Sandbox, group: &str) -> Vec<String> {
    health(sandbox, group).into_iter().map(|(state, _)| state).collect()
}

#[test]
fn a_target_is_checked_and_then_healthy_and_drains_when_its_task_is_replaced() {
    let sandbox = serving(&json!({}), &Value::Null);
    assert_eq!(health(&sandbox, BLUE), [("healthy".to_owned(), String::new())]);
    deploy(&sandbox);
    sandbox.advance(Duration::from_secs(30));
    let checking = ("initial".to_owned(), "Elb.InitialHealthChecking".to_owned());
    assert_eq!(health(&sandbox, BLUE), [("healthy".to_owned(), String::new()), checking]);
    sandbox.advance(Duration::from_secs(180));
    let draining = ("draining".to_owned(), "Target.DeregistrationInProgress".to_owned());
    assert_eq!(health(&sandbox, BLUE), [draining, ("healthy".to_owned(), String::new())]);
    sandbox.advance(Duration::from_secs(600));
    assert_eq!(states(&sandbox, BLUE), ["healthy"]);
}

#[test]
fn a_target_that_fails_its_checks_says_why_before_ecs_stops_the_task() {
    let sandbox = serving(&json!({}), &Value::Null);
    fault_named("unhealthy").unwrap().into_iter().for_each(|fault| sandbox.inject(fault));
    // Faults befall calls over the network, and what was registered after that is unhealthy.
    let other = json!({"family": "other", "containerDefinitions": [{"name": "app", "image": "app", "memory": 128}]});
    call(&sandbox, "ecs", "RegisterTaskDefinition", &other).unwrap();
    deploy(&sandbox);
    sandbox.advance(Duration::from_secs(60));
    let failing = ("unhealthy".to_owned(), "Target.ResponseCodeMismatch".to_owned());
    assert_eq!(health(&sandbox, BLUE)[1], failing);
    let reply = ask(&sandbox, "DescribeTargetHealth", &[("TargetGroupArn", BLUE)]);
    let text = String::from_utf8_lossy(&reply.body);
    assert!(text.contains("<Description>Health checks failed with these codes: [503]</Description>"), "{text}");
    sandbox.advance(Duration::from_secs(30));
    assert_eq!(states(&sandbox, BLUE)[1], "draining");
}

#[test]
fn after_blue_and_green_have_changed_places_the_targets_are_in_the_other_group() {
    let rule = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener-rule/app/lb/1/2/3";
    let advanced = json!({"alternateTargetGroupArn": GREEN, "productionListenerRule": rule,
        "roleArn": "arn:aws:iam::123456789012:role/lb"});
    let sandbox = serving(&json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}), &advanced);
    assert_eq!((states(&sandbox, BLUE), states(&sandbox, GREEN)), (vec!["healthy".to_owned()], vec![]));
    deploy(&sandbox);
    sandbox.advance(Duration::from_secs(1800));
    assert_eq!((states(&sandbox, BLUE), states(&sandbox, GREEN)), (vec![], vec!["healthy".to_owned()]));
}

#[test]
fn one_target_is_asked_for_by_its_address() {
    let sandbox = serving(&json!({}), &Value::Null);
    let all = ask(&sandbox, "DescribeTargetHealth", &[("TargetGroupArn", BLUE)]);
    let (id, port) = (element(&all, "Id"), element(&all, "Port"));
    assert_eq!((port, element(&all, "HealthCheckPort")), ("8080", "8080"));
    let of = |id: &str| {
        let parameters = [("TargetGroupArn", BLUE), ("Targets.member.1.Id", id), ("Targets.member.1.Port", "8080")];
        element(&ask(&sandbox, "DescribeTargetHealth", &parameters), "State").to_owned()
    };
    assert_eq!((of(id).as_str(), of("10.9.9.9").as_str()), ("healthy", "unused"));
    let tasks = ecs(&sandbox, "ListTasks", json!({"cluster": "sample"}))["taskArns"].clone();
    let task = ecs(&sandbox, "DescribeTasks", json!({"cluster": "sample", "tasks": tasks}))["tasks"][0].clone();
    assert_eq!(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"], id);
}

#[test]
fn a_target_group_says_how_it_checks() {
    let sandbox = serving(&json!({}), &Value::Null);
    let seed = json!({"elasticloadbalancing": {"blue": {"path": "/health", "port": "8081", "matcher": "200-299"}}});
    sandbox.seed(&seed).unwrap();
    let reply = ask(&sandbox, "DescribeTargetGroups", &[("TargetGroupArns.member.1", BLUE)]);
    let text = |name: &str| element(&reply, name);
    assert_eq!(
        (text("TargetGroupName"), text("HealthCheckPath"), text("HealthCheckPort")),
        ("blue", "/health", "8081")
    );
    assert_eq!((text("HttpCode"), text("TargetType")), ("200-299", "ip"));
    let named = ask(&sandbox, "DescribeTargetGroups", &[("Names.member.1", "blue")]);
    assert_eq!(element(&named, "TargetGroupArn"), BLUE);
    for (operation, parameters) in [
        ("DescribeTargetGroups", [("TargetGroupArns.member.1", GREEN)]),
        ("DescribeTargetGroups", [("Names.member.1", "green")]),
        ("DescribeTargetHealth", [("TargetGroupArn", GREEN)]),
    ] {
        let reply = ask(&sandbox, operation, &parameters);
        assert_eq!((reply.status, element(&reply, "Code")), (400, "TargetGroupNotFound"), "{operation}");
        assert_eq!(element(&reply, "Message"), "One or more target groups not found");
    }
    let site = sandbox.site("123456789012", "ap-northeast-1");
    let answer = site.call("elasticloadbalancing", "DescribeTargetGroups", json!({})).unwrap();
    assert_eq!(xtask_sandbox::oddity("elasticloadbalancing", "DescribeTargetGroups", &answer), None);
    let mistaken = json!({"elasticloadbalancing": {"blue": {"route": "/"}}});
    let error = "`elasticloadbalancing`, `blue`: `route` is none of path, port and matcher";
    assert_eq!(sandbox.seed(&mistaken), Err(error.to_owned()));
}
