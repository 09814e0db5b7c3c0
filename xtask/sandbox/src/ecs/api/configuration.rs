//! The deployment configuration: defaults, and what ECS refuses in it.
//! Sources: ECS API Reference, `DeploymentConfiguration` and the types in it; ECS Developer Guide, "Troubleshooting Amazon
//! ECS blue/green deployments".

use serde_json::{Map, Value, json};

use crate::ecs::json::{invalid, list, text, texts};
use crate::protocol::ApiError;

/// UpdateService keeps members of the deployment configuration that are not in its input, at every depth.
pub(super) fn merge(known: &mut Value, new: &Value) {
    match (known.as_object_mut(), new.as_object()) {
        (Some(known), Some(new)) => {
            for (name, value) in new {
                merge(known.entry(name.clone()).or_insert(Value::Null), value);
            }
            // What belonged to another strategy is not kept beside the new one.
            let strategy = known.get("strategy").cloned().unwrap_or_default();
            for (owner, member) in [("LINEAR", "linearConfiguration"), ("CANARY", "canaryConfiguration")] {
                if new.contains_key("strategy") && strategy != owner && !new.contains_key(member) {
                    known.shift_remove(member);
                }
            }
        }
        _ => *known = new.clone(),
    }
}

/// Puts ECS's defaults in, and checks what is there then.
pub(super) fn fill_configuration(configuration: &mut Value, daemon: bool) -> Result<(), ApiError> {
    let Some(members) = configuration.as_object_mut() else { return Ok(()) };
    fill(members, daemon);
    check_percentages(members, daemon)?;
    check_breaker(&members["deploymentCircuitBreaker"])?;
    check_strategy(members, daemon)?;
    check_hooks(members)?;
    check_alarms(members.get("alarms"))?;
    check_early_success(members)
}

fn fill(members: &mut Map<String, Value>, daemon: bool) {
    members.entry("maximumPercent").or_insert_with(|| json!(if daemon { 100 } else { 200 }));
    members.entry("minimumHealthyPercent").or_insert_with(|| json!(if daemon { 0 } else { 100 }));
    let breaker = members
        .entry("deploymentCircuitBreaker")
        .or_insert_with(|| json!({ "enable": false, "rollback": false }))
        .as_object_mut();
    if let Some(breaker) = breaker {
        breaker.entry("resetOnHealthyTask").or_insert_with(|| json!(true));
        let threshold = || json!({ "type": "BOUNDED_PERCENT", "value": 50 });
        breaker.entry("thresholdConfiguration").or_insert_with(threshold);
    }
    let strategy = members.entry("strategy").or_insert_with(|| json!("ROLLING")).clone();
    let (owner, defaults) = match strategy.as_str() {
        Some("LINEAR") => {
            ("linearConfiguration", vec![("stepPercent", json!(10.0)), ("stepBakeTimeInMinutes", json!(6))])
        }
        Some("CANARY") => {
            ("canaryConfiguration", vec![("canaryPercent", json!(5.0)), ("canaryBakeTimeInMinutes", json!(10))])
        }
        _ => ("", Vec::new()),
    };
    if strategy != "BLUE_GREEN" {
        members.entry("bakeTimeInMinutes").or_insert_with(|| json!(0));
    }
    for (name, default) in defaults {
        if let Some(own) = members.entry(owner).or_insert_with(|| json!({})).as_object_mut() {
            own.entry(name).or_insert(default);
        }
    }
    for hook in members.get_mut("lifecycleHooks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(hook) = hook.as_object_mut() {
            hook.entry("targetType").or_insert_with(|| json!("AWS_LAMBDA"));
        }
    }
}

fn check_percentages(members: &Map<String, Value>, daemon: bool) -> Result<(), ApiError> {
    let (maximum, minimum) = (members["maximumPercent"].as_i64(), members["minimumHealthyPercent"].as_i64());
    if minimum.is_none_or(|it| !(0..=100).contains(&it)) {
        return Err(invalid("minimumHealthyPercent must be between 0 and 100."));
    }
    if maximum.is_none_or(|it| it < 100) {
        return Err(invalid("maximumPercent must be greater than or equal to 100."));
    }
    if daemon && maximum > Some(100) {
        return Err(invalid(
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on services. Change the value to 100 or lower, and try again.",
        ));
    }
    if maximum == Some(100) && minimum == Some(100) {
        return Err(invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    Ok(())
}

fn check_breaker(breaker: &Value) -> Result<(), ApiError> {
    if breaker["rollback"] == json!(true) && breaker["enable"] != json!(true) {
        return Err(invalid(
            "Deployment circuit breaker rollback cannot be enabled when the circuit breaker is disabled.",
        ));
    }
    let threshold = &breaker["thresholdConfiguration"];
    let value = threshold["value"].as_i64().unwrap_or_default();
    if value < 1 || (threshold["type"] == "BOUNDED_PERCENT" && value > 100) {
        return Err(invalid("The value of the deployment circuit breaker's thresholdConfiguration is out of range."));
    }
    Ok(())
}

fn check_strategy(members: &Map<String, Value>, daemon: bool) -> Result<(), ApiError> {
    let strategy = members["strategy"].as_str().unwrap_or_default();
    if daemon && strategy != "ROLLING" {
        return Err(invalid("The daemon scheduling strategy supports only the ROLLING deployment strategy."));
    }
    if !members.contains_key("bakeTimeInMinutes") {
        return Err(invalid("bakeTimeInMinutes is required when using the BLUE_GREEN deployment strategy."));
    }
    check_minutes(&members["bakeTimeInMinutes"], "bakeTimeInMinutes")?;
    for (owner, member, percent, bake, least) in [
        ("LINEAR", "linearConfiguration", "stepPercent", "stepBakeTimeInMinutes", 3.0),
        ("CANARY", "canaryConfiguration", "canaryPercent", "canaryBakeTimeInMinutes", 0.1),
    ] {
        let Some(own) = members.get(member) else { continue };
        if strategy != owner {
            return Err(invalid(format!("{member} is only valid with the {owner} deployment strategy.")));
        }
        let given = own[percent].as_f64().unwrap_or_default();
        let is_multiple = ((given * 10.0).round() - given * 10.0).abs() < 1e-6;
        if !(least..=100.0).contains(&given) || !is_multiple {
            return Err(invalid(format!("{percent} must be a multiple of 0.1 from {least:.1} to 100.0.")));
        }
        check_minutes(&own[bake], bake)?;
    }
    Ok(())
}

fn check_minutes(value: &Value, name: &str) -> Result<(), ApiError> {
    if value.as_i64().is_some_and(|minutes| (0..=1440).contains(&minutes)) {
        return Ok(());
    }
    Err(invalid(format!("{name} must be between 0 and 1440.")))
}

fn check_hooks(members: &Map<String, Value>) -> Result<(), ApiError> {
    let hooks = members.get("lifecycleHooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !hooks.is_empty() && members["strategy"] == "ROLLING" {
        return Err(invalid("Lifecycle hooks are not supported with the ROLLING deployment strategy."));
    }
    for kind in ["PAUSE", "AWS_LAMBDA"] {
        if hooks.iter().filter(|hook| hook["targetType"] == kind).count() > 10 {
            return Err(invalid(format!("A service can have at most 10 lifecycle hooks of type {kind}.")));
        }
    }
    for hook in hooks {
        let stages = texts(hook, "lifecycleStages");
        if stages.is_empty() {
            return Err(invalid("lifecycleStages can not be empty."));
        }
        let target = ["hookTargetArn", "roleArn"].map(|member| text(hook, member).is_some());
        match text(hook, "targetType") {
            Some("PAUSE") if target.contains(&true) => {
                return Err(invalid("hookTargetArn and roleArn are not applicable for lifecycle hooks of type PAUSE."));
            }
            Some("PAUSE")
                if stages.iter().any(|it| ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"].contains(it)) =>
            {
                return Err(invalid("Invalid lifecycle stage provided for Pause Hook"));
            }
            Some("AWS_LAMBDA") if target.contains(&false) => {
                return Err(invalid("hookTargetArn and roleArn are required for lifecycle hooks of type AWS_LAMBDA."));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_alarms(alarms: Option<&Value>) -> Result<(), ApiError> {
    let Some(alarms) = alarms.filter(|alarms| alarms["enable"] == json!(true)) else { return Ok(()) };
    if texts(alarms, "alarmNames").is_empty() {
        return Err(invalid("alarmNames can not be empty when deployment alarms are enabled."));
    }
    Ok(())
}

fn check_early_success(members: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(criteria) = members.get("earlySuccessCriteria").filter(|it| it["enable"] == json!(true)) else {
        return Ok(());
    };
    if members["strategy"] != "ROLLING" {
        return Err(invalid("earlySuccessCriteria is only valid with the ROLLING deployment strategy."));
    }
    let (percent, cleanup) = (criteria["healthyPercent"].as_i64(), text(criteria, "sourceServiceRevisionCleanup"));
    let (Some(percent), Some(_)) = (percent, cleanup) else {
        return Err(invalid(
            "healthyPercent and sourceServiceRevisionCleanup are required when earlySuccessCriteria is enabled.",
        ));
    };
    if Some(percent) < members["minimumHealthyPercent"].as_i64() {
        return Err(invalid("healthyPercent must be greater than or equal to minimumHealthyPercent."));
    }
    Ok(())
}

/// The load balancers of a service as they fit its strategy.
pub(super) fn check_balancers(given: &Value) -> Result<(), ApiError> {
    let balancers = list(given, "loadBalancers");
    let strategy = text(&given["deploymentConfiguration"], "strategy").unwrap_or("ROLLING");
    let connected = given["serviceConnectConfiguration"]["enabled"] == json!(true);
    if matches!(strategy, "LINEAR" | "CANARY") && balancers.is_empty() && !connected {
        return Err(invalid(format!(
            "The {strategy} deployment strategy requires a load balancer or Service Connect to shift traffic."
        )));
    }
    let advanced = |balancer: &&Value| balancer.get("advancedConfiguration").is_some();
    let classic = |balancer: &&Value| text(balancer, "loadBalancerName").is_some();
    if balancers.iter().any(|balancer| classic(&balancer) && advanced(&balancer)) {
        return Err(invalid("advancedConfiguration field is not allowed with ELBv1 loadBalancers"));
    }
    if balancers.iter().any(|balancer| classic(&balancer)) && !balancers.iter().all(|balancer| classic(&balancer)) {
        return Err(invalid(
            "All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)",
        ));
    }
    let with = balancers.iter().filter(advanced).count();
    if strategy != "ROLLING" && with == 0 && !balancers.is_empty() {
        return Err(invalid(
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy",
        ));
    }
    if with != 0 && with != balancers.len() {
        return Err(invalid(
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
        ));
    }
    let mut seen = Vec::new();
    for balancer in balancers.iter().filter(advanced) {
        let own = &balancer["advancedConfiguration"];
        for group in [text(balancer, "targetGroupArn"), text(own, "alternateTargetGroupArn")].into_iter().flatten() {
            if seen.contains(&group) {
                return Err(invalid(format!("Duplicate targetGroupArn found: {group}")));
            }
            seen.push(group);
        }
        let (production, test) = (text(own, "productionListenerRule"), text(own, "testListenerRule"));
        if production.is_some() && production == test {
            return Err(invalid(format!(
                "The following rules cannot be used as both production and test listener rules: {}",
                production.unwrap_or_default()
            )));
        }
        for (name, rule) in [("productionListenerRule", production), ("testListenerRule", test)] {
            if let Some(rule) = rule.filter(|rule| !is_rule(rule)) {
                return Err(invalid(format!(
                    "{name} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {rule}"
                )));
            }
        }
    }
    Ok(())
}

/// A rule of an Application Load Balancer, or a listener of a Network Load Balancer.
fn is_rule(arn: &str) -> bool {
    arn.contains(":listener-rule/app/") || arn.contains(":listener/net/")
}

/// What only the sandbox refuses: a stand-in that pretended to simulate it would mislead.
pub(super) fn unsupported(simulated: &str) -> ApiError {
    ApiError::new("UnsupportedFeatureException", format!("The sandbox simulates only {simulated}."))
}
