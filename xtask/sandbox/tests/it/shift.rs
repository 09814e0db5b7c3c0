//! Rollouts that shift traffic, and those that end early, as a client over the network sees them.

use std::time::Duration;

use crate::client::call;
use crate::rehearsals::{deploy, outcome, stage};
use serde_json::{Value, json};
use xtask_sandbox::{Clock, Effect, Fault, Options, Sandbox, Which, ecs::Tasks};

fn ecs(sandbox: &Sandbox, operation: &str, input: &Value) -> Value {
    call(sandbox, "ecs", operation, input).unwrap()
}

/// As a client does before it deploys.
fn look(sandbox: &Sandbox) -> Value {
    ecs(sandbox, "DescribeServices", &json!({"cluster": "sample", "services": ["app"]}))["services"][0].clone()
}

fn rollout(sandbox: &Sandbox, arn: &str) -> Value {
    ecs(sandbox, "DescribeServiceDeployments", &json!({"serviceDeploymentArns": [arn]}))["serviceDeployments"][0]
        .clone()
}

/// Turns the clock until a hook waits for an answer.
fn paused(sandbox: &Sandbox, arn: &str) -> (Value, Value) {
    for _ in 0..1000 {
        sandbox.advance(Duration::from_secs(5));
        let rollout = rollout(sandbox, arn);
        let hooks = rollout["lifecycleHookDetails"].as_array().cloned().unwrap_or_default();
        if let Some(hook) = hooks.into_iter().find(|hook| hook["status"] == "AWAITING_ACTION") {
            return (rollout, hook);
        }
    }
    panic!("it never paused: {}", rollout(sandbox, arn));
}

/// Runs a named fault to its end; answers the service deployment and what serves then.
fn rehearse(fault: &str) -> (Value, String) {
    let sandbox = stage(fault);
    look(&sandbox);
    let arn = deploy(&sandbox);
    let ended = outcome(&sandbox, &arn);
    let serves = look(&sandbox)["taskDefinition"].as_str().unwrap().to_owned();
    (ended, serves)
}

#[test]
fn hook_failed_is_rolled_back_with_the_hooks_name() {
    let (ended, serves) = rehearse("hook-failed");
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    let reason = ended["statusReason"].as_str().unwrap();
    assert!(
        reason.starts_with("Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed.")
    );
    assert!(reason.ends_with(":function:smoke-test returned FAILED status."), "{reason}");
    assert_eq!(ended["lifecycleHookDetails"][0]["status"], "FAILED");
    assert!(serves.ends_with("/app:1"));
}

#[test]
fn hook_timed_out_is_rolled_back_after_its_minutes() {
    let (ended, serves) = rehearse("hook-timed-out");
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        ended["statusReason"],
        "Service deployment rolled back because PRE_PRODUCTION_TRAFFIC_SHIFT pause hook timed out."
    );
    assert_eq!(ended["lifecycleHookDetails"][0]["status"], "TIMED_OUT");
    assert!(serves.ends_with("/app:1"));
}

#[test]
fn alarm_is_rolled_back_and_named() {
    let (ended, serves) = rehearse("alarm");
    assert_eq!((&ended["status"], &ended["alarms"]["status"]), (&json!("ROLLBACK_SUCCESSFUL"), &json!("TRIGGERED")));
    assert_eq!(ended["alarms"]["triggeredAlarmNames"], json!(["app-5xx"]));
    assert!(serves.ends_with("/app:1"));
}

#[test]
fn bake_regression_is_rolled_back_after_all_traffic_had_moved() {
    let sandbox = stage("bake-regression");
    look(&sandbox);
    let arn = deploy(&sandbox);
    let mut heaviest = 0.0;
    for _ in 0..200 {
        sandbox.advance(Duration::from_secs(2));
        let now = rollout(&sandbox, &arn);
        heaviest = now["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64().unwrap().max(heaviest);
        if now["status"] == "ROLLBACK_SUCCESSFUL" {
            break;
        }
    }
    let ended = rollout(&sandbox, &arn);
    assert_eq!((&ended["status"], &ended["alarms"]["status"]), (&json!("ROLLBACK_SUCCESSFUL"), &json!("TRIGGERED")));
    assert!((heaviest - 100.0).abs() < f64::EPSILON, "{heaviest}");
    assert!(look(&sandbox)["taskDefinition"].as_str().unwrap().ends_with("/app:1"));
}

#[test]
fn paused_goes_on_or_back_as_it_is_told() {
    for (action, status, serves) in
        [("CONTINUE", "SUCCESSFUL", "/app:2"), ("ROLLBACK", "ROLLBACK_SUCCESSFUL", "/app:1")]
    {
        let sandbox = stage("paused");
        look(&sandbox);
        let arn = deploy(&sandbox);
        let (waits, hook) = paused(&sandbox, &arn);
        assert_eq!(waits["lifecycleStage"], "PRE_PRODUCTION_TRAFFIC_SHIFT");
        assert_eq!(look(&sandbox)["currentServiceDeployment"], json!(arn));
        sandbox.advance(Duration::from_secs(3600));
        assert_eq!(rollout(&sandbox, &arn)["status"], "IN_PROGRESS");
        let input = json!({"serviceDeploymentArn": arn, "hookId": hook["hookId"], "action": action});
        ecs(&sandbox, "ContinueServiceDeployment", &input);
        assert_eq!(outcome(&sandbox, &arn)["status"], status);
        assert!(look(&sandbox)["taskDefinition"].as_str().unwrap().ends_with(serves));
        let (code, _) = call(&sandbox, "ecs", "ContinueServiceDeployment", &input).unwrap_err();
        assert_eq!(code, "InvalidParameterException");
    }
}

/// A service that was made over the network with this configuration, and its second deployment.
fn service(configuration: &Value, members: &Value) -> (Sandbox, String) {
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    ecs(&sandbox, "CreateCluster", &json!({"clusterName": "sample"}));
    let mut input = json!({"cluster": "sample", "serviceName": "app", "taskDefinition": register(&sandbox, "1"),
        "desiredCount": 4, "launchType": "FARGATE", "deploymentConfiguration": configuration,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    ecs(&sandbox, "CreateService", &input);
    outcome(&sandbox, &newest(&sandbox));
    update(&sandbox, "2");
    let arn = newest(&sandbox);
    (sandbox, arn)
}

fn register(sandbox: &Sandbox, tag: &str) -> Value {
    let container = json!({"name": "app", "image": format!("public.ecr.aws/x:{tag}"),
        "portMappings": [{"containerPort": 8080}]});
    let input = json!({"family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
        "memory": "512", "containerDefinitions": [container]});
    ecs(sandbox, "RegisterTaskDefinition", &input)["taskDefinition"]["taskDefinitionArn"].clone()
}

fn update(sandbox: &Sandbox, tag: &str) {
    let input = json!({"cluster": "sample", "service": "app", "taskDefinition": register(sandbox, tag)});
    ecs(sandbox, "UpdateService", &input);
}

fn newest(sandbox: &Sandbox) -> String {
    let listed = ecs(sandbox, "ListServiceDeployments", &json!({"cluster": "sample", "service": "app"}));
    listed["serviceDeployments"][0]["serviceDeploymentArn"].as_str().unwrap().to_owned()
}

/// The production weights of the new revision, in the order in which they were seen.
fn weights(sandbox: &Sandbox, arn: &str) -> Vec<f64> {
    let mut seen = Vec::new();
    for _ in 0..2000 {
        let now = rollout(sandbox, arn);
        let weight = now["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64().unwrap();
        if seen.last().is_none_or(|last: &f64| (last - weight).abs() > f64::EPSILON) {
            seen.push(weight);
        }
        if now["status"] == "SUCCESSFUL" {
            return seen;
        }
        sandbox.advance(Duration::from_secs(5));
    }
    panic!("it never ended: {}", rollout(sandbox, arn));
}

const CONNECTED: fn() -> Value = || json!({"serviceConnectConfiguration": {"enabled": true}});

#[test]
fn a_linear_rollout_shows_its_steps() {
    let configuration = json!({"strategy": "LINEAR", "bakeTimeInMinutes": 1,
        "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 1}});
    let (sandbox, arn) = service(&configuration, &CONNECTED());
    assert_eq!(weights(&sandbox, &arn), [0.0, 25.0, 50.0, 75.0, 100.0]);
}

#[test]
fn a_canary_pauses_at_every_step_with_an_id_of_its_own() {
    let configuration = json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.5},
        "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
            "timeoutConfiguration": {"timeoutInMinutes": 1, "action": "CONTINUE"}}]});
    let (sandbox, arn) = service(&configuration, &CONNECTED());
    let mut ids = Vec::new();
    for weight in [0.0, 0.5] {
        let (waits, hook) = paused(&sandbox, &arn);
        assert_eq!(waits["targetServiceRevision"]["requestedProductionTrafficWeight"], weight);
        ids.push(hook["hookId"].clone());
        ecs(&sandbox, "ContinueServiceDeployment", &json!({"serviceDeploymentArn": arn, "hookId": hook["hookId"]}));
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(outcome(&sandbox, &arn)["status"], "SUCCESSFUL");
}

#[test]
fn a_blue_green_service_tells_the_target_group_in_use() {
    let rule = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener-rule/app/lb/1/2/3";
    let balancer = json!({"targetGroupArn": "arn:blue", "containerName": "app", "containerPort": 8080,
        "advancedConfiguration": {"alternateTargetGroupArn": "arn:green", "productionListenerRule": rule,
            "roleArn": "arn:aws:iam::123456789012:role/lb"}});
    let configuration = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1});
    let (sandbox, arn) = service(&configuration, &json!({"loadBalancers": [balancer]}));
    let ended = outcome(&sandbox, &arn);
    assert_eq!((&ended["status"], &ended["lifecycleStage"]), (&json!("SUCCESSFUL"), &json!("CLEAN_UP")));
    let input = json!({"serviceRevisionArns": [ended["targetServiceRevision"]["arn"]]});
    let revision = ecs(&sandbox, "DescribeServiceRevisions", &input)["serviceRevisions"][0].clone();
    assert_eq!(
        revision["resolvedConfiguration"]["loadBalancers"],
        json!([{"targetGroupArn": "arn:green", "productionListenerRule": rule}])
    );
    assert_eq!(look(&sandbox)["loadBalancers"][0]["targetGroupArn"], "arn:blue");
}

#[test]
fn an_early_success_says_how_many_old_tasks_still_serve() {
    for (cleanup, serve) in [("DEFERRED", true), ("BLOCKING", false)] {
        let criteria = json!({"enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup});
        let configuration =
            json!({"minimumHealthyPercent": 50, "maximumPercent": 125, "earlySuccessCriteria": criteria});
        let (sandbox, arn) = service(&configuration, &json!({}));
        let ended = outcome(&sandbox, &arn);
        assert_eq!(ended["status"], "SUCCESSFUL");
        let old = ended["sourceServiceRevisions"][0]["runningTaskCount"].as_u64().unwrap();
        assert_eq!(old > 0, serve, "{cleanup}: {old}");
        sandbox.advance(Duration::from_secs(600));
        assert_eq!(look(&sandbox)["runningCount"], 4);
    }
}

#[test]
fn a_breakers_threshold_is_the_services_own() {
    let breaker = json!({"enable": true, "rollback": true, "resetOnHealthyTask": false,
        "thresholdConfiguration": {"type": "COUNT", "value": 1}});
    let (sandbox, first) = service(&json!({"deploymentCircuitBreaker": breaker}), &json!({}));
    outcome(&sandbox, &first);
    let crash = Tasks::Exits { code: 1, after_seconds: 1, container: None };
    sandbox.inject(Fault {
        call: "ecs:RegisterTaskDefinition".to_owned(),
        which: Which::Nth(1),
        effect: Effect::Behave(crash),
    });
    update(&sandbox, "3");
    let ended = outcome(&sandbox, &newest(&sandbox));
    assert_eq!(
        (&ended["status"], &ended["deploymentCircuitBreaker"]["threshold"]),
        (&json!("ROLLBACK_SUCCESSFUL"), &json!(1))
    );
}

#[test]
fn what_does_not_fit_a_strategy_is_refused_on_update_as_on_creation() {
    let (sandbox, arn) = service(&json!({}), &json!({}));
    outcome(&sandbox, &arn);
    let before = look(&sandbox)["deploymentConfiguration"].clone();
    for (configuration, sentence) in [
        (json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441}), "between 0 and 1440"),
        (json!({"strategy": "LINEAR"}), "requires a load balancer or Service Connect"),
        (json!({"lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}]}), "ROLLING"),
    ] {
        let input = json!({"cluster": "sample", "service": "app", "deploymentConfiguration": configuration});
        let (code, message) = call(&sandbox, "ecs", "UpdateService", &input).unwrap_err();
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains(sentence), "{message}");
    }
    assert_eq!(look(&sandbox)["deploymentConfiguration"], before);
}
