//! Deployment configurations that ECS refuses, and what it fills in.

use serde_json::{Value, json};

use super::world::World;

/// What CreateService refuses such a service with.
fn refused(configuration: &Value, members: &Value) -> String {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    let mut input = json!({
        "cluster": "sample", "serviceName": "app", "taskDefinition": "app", "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        "deploymentConfiguration": configuration,
    });
    input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let (code, message) = world.refused("CreateService", input);
    assert_eq!(code, "InvalidParameterException", "{message}");
    message
}

fn hook(members: Value) -> Value {
    json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [members] })
}

#[test]
fn a_configuration_that_fits_no_strategy_is_refused() {
    let lambda = json!({ "hookTargetArn": "arn:aws:lambda:x", "roleArn": "arn:aws:iam::1:role/x", "lifecycleStages": ["PRE_SCALE_UP"] });
    let pauses: Vec<Value> = vec![json!({ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] }); 11];
    let early = |percent: Value, strategy: &str| {
        json!({ "strategy": strategy, "bakeTimeInMinutes": 0, "minimumHealthyPercent": 80, "earlySuccessCriteria":
            { "enable": true, "healthyPercent": percent, "sourceServiceRevisionCleanup": "DEFERRED" } })
    };
    let cases = [
        (json!({ "strategy": "BLUE_GREEN" }), "bakeTimeInMinutes is required"),
        (
            json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441 }),
            "bakeTimeInMinutes must be between 0 and 1440.",
        ),
        (json!({ "canaryConfiguration": {} }), "canaryConfiguration is only valid with the CANARY"),
        (
            json!({ "strategy": "CANARY", "linearConfiguration": { "stepPercent": 10.0 } }),
            "linearConfiguration is only valid with the LINEAR",
        ),
        (
            json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 2.9 } }),
            "stepPercent must be a multiple of 0.1 from 3.0 to 100.0.",
        ),
        (
            json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": 0.25 } }),
            "canaryPercent must be a multiple of 0.1 from 0.1 to 100.0.",
        ),
        (
            json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryBakeTimeInMinutes": 2000 } }),
            "canaryBakeTimeInMinutes must be between 0 and 1440.",
        ),
        (json!({ "strategy": "CANARY" }), "requires a load balancer or Service Connect"),
        (json!({ "strategy": "PURPLE" }), "Invalid value 'PURPLE' for deploymentConfiguration.strategy"),
        (json!({ "lifecycleHooks": [lambda] }), "not supported with the ROLLING deployment strategy"),
        (hook(json!({ "targetType": "PAUSE" })), "lifecycleStages can not be empty."),
        (
            hook(json!({ "targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"] })),
            "Invalid lifecycle stage provided for Pause Hook",
        ),
        (
            hook(
                json!({ "targetType": "PAUSE", "hookTargetArn": "arn:aws:lambda:x", "lifecycleStages": ["PRE_SCALE_UP"] }),
            ),
            "not applicable for lifecycle hooks of type PAUSE",
        ),
        (hook(json!({ "lifecycleStages": ["PRE_SCALE_UP"] })), "required for lifecycle hooks of type AWS_LAMBDA"),
        (hook(json!({ "targetType": "PAUSE", "lifecycleStages": ["SCALE_UP"] })), "Invalid value 'SCALE_UP'"),
        (
            hook(
                json!({ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": { "timeoutInMinutes": 20_161 } }),
            ),
            "Member must have value less than or equal to 20160",
        ),
        (
            json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": pauses }),
            "at most 10 lifecycle hooks of type PAUSE",
        ),
        (json!({ "alarms": { "alarmNames": [], "enable": true, "rollback": true } }), "alarmNames can not be empty"),
        (early(json!(79), "ROLLING"), "healthyPercent must be greater than or equal to minimumHealthyPercent."),
        (early(Value::Null, "ROLLING"), "healthyPercent and sourceServiceRevisionCleanup are required"),
        (early(json!(90), "BLUE_GREEN"), "earlySuccessCriteria is only valid with the ROLLING"),
        (
            json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true, "thresholdConfiguration": { "type": "COUNT", "value": 0 } } }),
            "thresholdConfiguration is out of range",
        ),
        (
            json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true, "thresholdConfiguration": { "type": "BOUNDED_PERCENT", "value": 101 } } }),
            "thresholdConfiguration is out of range",
        ),
    ];
    for (configuration, sentence) in cases {
        let message = refused(&configuration, &json!({}));
        assert!(message.contains(sentence), "{message} does not say: {sentence}");
    }
}

#[test]
fn load_balancers_that_cannot_shift_traffic_are_refused() {
    let rule = |name: &str| format!("arn:aws:elasticloadbalancing:ap-northeast-1:1:listener-rule/app/lb/1/2/{name}");
    let with = |advanced: Value| json!({ "targetGroupArn": "arn:blue", "containerName": "app", "containerPort": 8080, "advancedConfiguration": advanced });
    let plain = json!({ "targetGroupArn": "arn:plain", "containerName": "app", "containerPort": 8080 });
    let good = with(
        json!({ "alternateTargetGroupArn": "arn:green", "productionListenerRule": rule("a"), "roleArn": "arn:role" }),
    );
    let cases = [
        (json!([plain]), "advancedConfiguration field is required for all loadBalancers"),
        (json!([good, plain]), "Either all or none of the provided loadBalancers"),
        (json!([good, good]), "Duplicate targetGroupArn found: arn:blue"),
        (
            json!([{ "loadBalancerName": "old", "containerName": "app", "containerPort": 8080, "advancedConfiguration": {} }]),
            "advancedConfiguration field is not allowed with ELBv1 loadBalancers",
        ),
        (
            json!([good, { "loadBalancerName": "old", "containerName": "app", "containerPort": 8080 }]),
            "All loadBalancers must be strictly either ELBv1",
        ),
        (
            json!([with(json!({ "productionListenerRule": rule("a"), "testListenerRule": rule("a") }))]),
            "cannot be used as both production and test listener rules",
        ),
        (
            json!([with(json!({ "productionListenerRule": "arn:aws:elasticloadbalancing:r:1:listener/app/lb/1/2" }))]),
            "productionListenerRule has an invalid ARN format.",
        ),
    ];
    for (balancers, sentence) in cases {
        let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0 });
        let message = refused(&configuration, &json!({ "loadBalancers": balancers }));
        assert!(message.contains(sentence), "{message} does not say: {sentence}");
    }
}

#[test]
fn a_strategy_brings_its_defaults_and_takes_them_along() {
    let mut world = World::serving(1, json!({}));
    let connect = json!({ "enabled": true });
    let update = |world: &mut World, configuration: Value| {
        let members = json!({ "deploymentConfiguration": configuration, "serviceConnectConfiguration": connect });
        world.update(members)["deploymentConfiguration"].clone()
    };
    let canary = update(&mut world, json!({ "strategy": "CANARY" }));
    assert_eq!(canary["canaryConfiguration"], json!({ "canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10 }));
    let changed = update(&mut world, json!({ "canaryConfiguration": { "canaryPercent": 1.0 } }));
    assert_eq!(changed["canaryConfiguration"], json!({ "canaryPercent": 1.0, "canaryBakeTimeInMinutes": 10 }));
    let linear = update(&mut world, json!({ "strategy": "LINEAR" }));
    assert_eq!(linear["linearConfiguration"], json!({ "stepPercent": 10.0, "stepBakeTimeInMinutes": 6 }));
    assert_eq!(linear.get("canaryConfiguration"), None);
    let rolling = update(&mut world, json!({ "strategy": "ROLLING" }));
    assert_eq!((rolling.get("linearConfiguration"), &rolling["strategy"]), (None, &json!("ROLLING")));
}
