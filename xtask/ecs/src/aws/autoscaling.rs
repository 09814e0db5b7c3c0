//! Application Auto Scaling: between which bounds a service's desired count is moved, and by what.
//! Source: Application Auto Scaling API Reference, version 2016-02-06; Amazon ECS API Reference, UpdateService.

use serde_json::{Value, json};

use super::ecs::subject;
use super::signed::{Api, ECS, Signed};
use super::{AwsError, SdkConfig, calls};
use crate::gather::Gather;
use crate::text::short;

const SCALING: Api = Api { id: "Application Auto Scaling", target: "AnyScaleFrontendService" };

/// What is registered for a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub min: u32,
    pub max: u32,
    /// Whether everything that moves the count by itself is suspended.
    pub suspended: bool,
}

/// A service's desired count as Auto Scaling names it.
fn named(cluster: &str, service: &str) -> Value {
    let resource = ["service", short(cluster), short(service)].join("/");
    let dimension = ["ecs", "service", "DesiredCount"].join(":");
    json!({ "ServiceNamespace": "ecs", "ScalableDimension": dimension, "ResourceId": resource })
}

/// The target that is registered, where there is one.
pub(crate) fn target(sdk: &SdkConfig, cluster: &str, service: &str) -> Result<Option<Target>, AwsError> {
    let mut input = named(cluster, service);
    input["ResourceIds"] = json!([input["ResourceId"].take()]);
    input.as_object_mut().and_then(|input| input.remove("ResourceId"));
    let answer =
        Signed::new(sdk).json(&SCALING, &calls::DESCRIBE_SCALABLE_TARGETS, &subject(cluster, service), &input)?;
    let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    let is_off = |state: &Value| {
        let suspended = ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];
        suspended.iter().all(|member| state[member] == true)
    };
    Ok(answer["ScalableTargets"].as_array().and_then(|targets| targets.first()).map(|target| Target {
        min: count(&target["MinCapacity"]),
        max: count(&target["MaxCapacity"]),
        suspended: is_off(&target["SuspendedState"]),
    }))
}

/// The names of the policies that move the count.
pub(crate) fn policies(sdk: &SdkConfig, cluster: &str, service: &str) -> Result<Vec<String>, AwsError> {
    let (input, subject) = (named(cluster, service), subject(cluster, service));
    let answer = Signed::new(sdk).json(&SCALING, &calls::DESCRIBE_SCALING_POLICIES, &subject, &input)?;
    let policies = answer["ScalingPolicies"].as_array().into_iter().flatten();
    Ok(policies.filter_map(|policy| policy["PolicyName"].as_str().map(str::to_owned)).gather())
}

/// Moves the bounds of a target that is registered, and nothing else of it.
pub(crate) fn set_bounds(
    sdk: &SdkConfig,
    (cluster, service): (&str, &str),
    (min, max): (u32, u32),
) -> Result<(), AwsError> {
    let mut input = named(cluster, service);
    input["MinCapacity"] = json!(min);
    input["MaxCapacity"] = json!(max);
    let subject = subject(cluster, service);
    Signed::new(sdk).json(&SCALING, &calls::REGISTER_SCALABLE_TARGET, &subject, &input).map(drop)
}

/// Sets a service's desired count, and nothing else of it.
pub(crate) fn set_desired(sdk: &SdkConfig, cluster: &str, service: &str, count: u32) -> Result<(), AwsError> {
    let input = json!({ "cluster": cluster, "service": service, "desiredCount": count });
    Signed::new(sdk).json(&ECS, &calls::UPDATE_SERVICE, &subject(cluster, service), &input).map(drop)
}
