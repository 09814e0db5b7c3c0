//! Application Auto Scaling: the bounds between which somebody else moves a service's desired count, and who does. It moves
//! nothing by itself.
//! Source: Application Auto Scaling API Reference, version 2016-02-06.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("autoscaling/members.txt"), include_str!("autoscaling/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationException")
});

/// The scalable targets of one account in one region, by namespace, resource and dimension.
#[derive(Debug, Default)]
pub(crate) struct Scaling {
    targets: BTreeMap<[String; 3], Target>,
}

#[derive(Debug, Default)]
struct Target {
    bounds: [Option<i64>; 2],
    suspended: Value,
    created: f64,
    /// By name.
    policies: BTreeMap<String, Value>,
}

impl Scaling {
    pub fn call(&mut self, home: &Home, operation: &str, input: Value, now: Instant) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "RegisterScalableTarget" => self.register_scalable_target(home, input, now),
            "DescribeScalableTargets" => Ok(self.describe_scalable_targets(home, input)),
            "PutScalingPolicy" => self.put_scaling_policy(home, input, now),
            "DescribeScalingPolicies" => Ok(self.describe_scaling_policies(input)),
            _ => Err(unknown(operation)),
        }
    }

    /// What is not written stays as it is; a new target needs both bounds.
    fn register_scalable_target(&mut self, home: &Home, input: &Value, now: Instant) -> ApiResult {
        let key = key(input);
        let known = self.targets.get(&key).map(|target| target.bounds).unwrap_or_default();
        let bound = |member: &str, known: Option<i64>| input[member].as_i64().or(known);
        let (min, max) = (bound("MinCapacity", known[0]), bound("MaxCapacity", known[1]));
        let (Some(min), Some(max)) = (min, max) else {
            return Err(invalid("MinCapacity and MaxCapacity are required to register a new scalable target"));
        };
        if min > max {
            return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
        }
        let answer = json!({ "ScalableTargetARN": arn(home, "scalable-target", &key[1]) });
        let target = self.targets.entry(key).or_insert_with(|| Target { created: now.seconds(), ..Target::default() });
        target.bounds = [Some(min), Some(max)];
        if !input["SuspendedState"].is_null() {
            target.suspended = input["SuspendedState"].clone();
        }
        Ok(answer)
    }

    fn describe_scalable_targets(&self, home: &Home, input: &Value) -> Value {
        let resources = input["ResourceIds"].as_array();
        let found = self.targets.iter().filter(|([namespace, resource, dimension], _)| {
            input["ServiceNamespace"] == **namespace
                && resources.is_none_or(|resources| resources.iter().any(|it| it == resource.as_str()))
                && fits(&input["ScalableDimension"], dimension)
        });
        let found = found.map(|([namespace, resource, dimension], target)| {
            let mut described = json!({ "ServiceNamespace": namespace, "ResourceId": resource,
                "ScalableDimension": dimension, "MinCapacity": target.bounds[0], "MaxCapacity": target.bounds[1],
                "RoleARN": format!("arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
                                    AWSServiceRoleForApplicationAutoScaling_ECSService", home.account),
                "CreationTime": target.created, "ScalableTargetARN": arn(home, "scalable-target", resource) });
            if !target.suspended.is_null() {
                described["SuspendedState"] = target.suspended.clone();
            }
            described
        });
        json!({ "ScalableTargets": found.collect::<Vec<_>>() })
    }

    fn put_scaling_policy(&mut self, home: &Home, input: &Value, now: Instant) -> ApiResult {
        let name = input["PolicyName"].as_str().unwrap_or_default();
        let target = self.targets.get_mut(&key(input)).ok_or_else(|| {
            let message = "No scalable target registered for the namespace, resource ID and dimension";
            ApiError::new("ObjectNotFoundException", message)
        })?;
        let arn = arn(home, "scalingPolicy", name);
        let mut policy = input.clone();
        policy["PolicyARN"] = json!(arn);
        policy["CreationTime"] = json!(now.seconds());
        target.policies.insert(name.to_owned(), policy);
        Ok(json!({ "PolicyARN": arn, "Alarms": [] }))
    }

    fn describe_scaling_policies(&self, input: &Value) -> Value {
        let found = self.targets.iter().filter(|([namespace, resource, dimension], _)| {
            input["ServiceNamespace"] == **namespace
                && fits(&input["ResourceId"], resource)
                && fits(&input["ScalableDimension"], dimension)
        });
        json!({ "ScalingPolicies": found.flat_map(|(_, target)| target.policies.values()).collect::<Vec<_>>() })
    }
}

fn key(input: &Value) -> [String; 3] {
    ["ServiceNamespace", "ResourceId", "ScalableDimension"]
        .map(|member| input[member].as_str().unwrap_or_default().to_owned())
}

/// Whether this one is asked for, or any.
fn fits(asked: &Value, name: &str) -> bool {
    asked.is_null() || asked == name
}

fn arn(home: &Home, kind: &str, name: &str) -> String {
    format!("arn:aws:application-autoscaling:{}:{}:{kind}/{name}", home.region, home.account)
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("ValidationException", message)
}
