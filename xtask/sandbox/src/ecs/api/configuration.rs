//! The deployment configuration: defaults, and what ECS refuses in it.

use serde_json::{Value, json};

use crate::ecs::json::invalid;
use crate::protocol::ApiError;

/// UpdateService keeps members of the deployment configuration that are not in its input, at every depth.
pub(crate) fn merge(known: &mut Value, new: &Value) {
    match (known.as_object_mut(), new.as_object()) {
        (Some(known), Some(new)) => {
            for (name, value) in new {
                merge(known.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        _ => *known = new.clone(),
    }
}

pub(crate) fn fill_configuration(configuration: &mut Value, daemon: bool) -> Result<(), ApiError> {
    let Some(members) = configuration.as_object_mut() else { return Ok(()) };
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
    members.entry("strategy").or_insert_with(|| json!("ROLLING"));
    members.entry("bakeTimeInMinutes").or_insert_with(|| json!(0));
    if members.contains_key("earlySuccessCriteria") {
        return Err(unsupported("deployments without early success criteria"));
    }
    if members["strategy"] != "ROLLING" {
        return Err(unsupported("deployments of strategy ROLLING"));
    }
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
    let breaker = &members["deploymentCircuitBreaker"];
    if breaker["rollback"] == json!(true) && breaker["enable"] != json!(true) {
        return Err(invalid(
            "Deployment circuit breaker rollback cannot be enabled when the circuit breaker is disabled.",
        ));
    }
    Ok(())
}

/// What only the sandbox refuses: a stand-in that pretended to simulate it would mislead.
pub(crate) fn unsupported(simulated: &str) -> ApiError {
    ApiError::new("UnsupportedFeatureException", format!("The sandbox simulates only {simulated}."))
}
