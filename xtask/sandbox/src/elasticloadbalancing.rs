//! Elastic Load Balancing: the target groups that services name, and how their targets are.
//! Source: Elastic Load Balancing API Reference, version 2015-12-01.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecs::{Condition, Ecs, Registered};
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let inputs = include_str!("elasticloadbalancing/members.txt");
    let answers = include_str!("elasticloadbalancing/answers.txt");
    Tables::new(inputs, answers, |_| None, "ValidationError").textual()
});

/// How a target group checks its targets.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    /// `traffic-port`: the target's own.
    pub port: String,
    pub path: String,
    /// The codes of a good answer, such as `200-299`.
    pub matcher: String,
}

impl Default for Checks {
    /// Source: CreateTargetGroup.
    fn default() -> Self {
        Self { port: "traffic-port".to_owned(), path: "/".to_owned(), matcher: "200".to_owned() }
    }
}

/// What is known of target groups beside what services say of them, in one account and region.
#[derive(Debug, Default)]
pub(crate) struct Balancing {
    /// By the group's name.
    checks: BTreeMap<String, Checks>,
}

impl Balancing {
    /// Says how the target group of this name checks its targets.
    pub fn put(&mut self, name: &str, checks: Checks) {
        self.checks.insert(name.to_owned(), checks);
    }

    pub fn call(&self, ecs: &Ecs, home: &Home, call: (&str, Value), now: Instant) -> ApiResult {
        let (operation, input) = call;
        let input = &TABLES.check(operation, input)?;
        match operation {
            "DescribeTargetHealth" => self.describe_target_health(ecs, input, now),
            "DescribeTargetGroups" => self.describe_target_groups(ecs, home, input),
            _ => Err(unknown(operation)),
        }
    }

    fn describe_target_health(&self, ecs: &Ecs, input: &Value, now: Instant) -> ApiResult {
        let arn = input["TargetGroupArn"].as_str().unwrap_or_default();
        if !ecs.target_groups().contains(arn) {
            return Err(not_found());
        }
        let checks = self.checks_of(arn);
        let targets = ecs.targets_of(arn, now);
        let described = match input["Targets"].as_array() {
            None => targets.iter().map(|target| describe(target, &checks)).collect(),
            Some(asked) => asked.iter().map(|asked| find(&targets, asked, &checks)).collect::<Vec<_>>(),
        };
        Ok(json!({ "TargetHealthDescriptions": described }))
    }

    fn describe_target_groups(&self, ecs: &Ecs, home: &Home, input: &Value) -> ApiResult {
        let texts = |member: &str| -> Option<Vec<&str>> {
            Some(input[member].as_array()?.iter().filter_map(Value::as_str).collect())
        };
        let all = ecs.target_groups();
        let chosen: Vec<&String> = match (texts("TargetGroupArns"), texts("Names")) {
            (Some(arns), _) => {
                arns.into_iter().map(|arn| all.get(arn).ok_or_else(not_found)).collect::<Result<_, _>>()?
            }
            (None, Some(names)) => {
                let find = |wanted: &str| all.iter().find(|arn| name(arn) == wanted).ok_or_else(not_found);
                names.into_iter().map(find).collect::<Result<_, _>>()?
            }
            (None, None) => all.iter().collect(),
        };
        let size = usize::try_from(input["PageSize"].as_u64().unwrap_or(400)).unwrap_or_default();
        let start: usize = match input["Marker"].as_str() {
            None => 0,
            Some(marker) => marker.parse().map_err(|_| ApiError::new("ValidationError", "Invalid marker"))?,
        };
        let page = chosen.iter().skip(start).take(size).map(|arn| self.describe_group(home, arn));
        let mut answer = json!({ "TargetGroups": page.collect::<Vec<_>>() });
        if chosen.len() > start + size {
            answer["NextMarker"] = json!((start + size).to_string());
        }
        Ok(answer)
    }

    fn describe_group(&self, home: &Home, arn: &str) -> Value {
        let Checks { port, path, matcher } = self.checks_of(arn);
        let Home { account, region } = home;
        let balancer =
            format!("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/sample/50dc6c495c0c9188");
        json!({
            "TargetGroupArn": arn,
            "TargetGroupName": name(arn),
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": "vpc-0123456789abcdef0",
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": port,
            "HealthCheckEnabled": true,
            "HealthCheckIntervalSeconds": 30,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 5,
            "UnhealthyThresholdCount": 2,
            "HealthCheckPath": path,
            "Matcher": {"HttpCode": matcher},
            "LoadBalancerArns": [balancer],
            "TargetType": "ip",
            "ProtocolVersion": "HTTP1",
            "IpAddressType": "ipv4",
        })
    }

    fn checks_of(&self, arn: &str) -> Checks {
        self.checks.get(name(arn)).cloned().unwrap_or_default()
    }
}

/// `targetgroup/NAME/ID` is what an ARN ends with.
fn name(arn: &str) -> &str {
    arn.split_once(":targetgroup/").map_or(arn, |(_, rest)| rest.split('/').next().unwrap_or(rest))
}

fn not_found() -> ApiError {
    ApiError::new("TargetGroupNotFound", "One or more target groups not found")
}

/// The target that is asked for, or that it is none.
fn find(targets: &[Registered], asked: &Value, checks: &Checks) -> Value {
    let port = asked["Port"].as_u64();
    let is_asked =
        |target: &&Registered| asked["Id"] == target.address.as_str() && port.is_none_or(|port| port == target.port);
    match targets.iter().find(is_asked) {
        Some(target) => describe(target, checks),
        None => json!({"Target": asked, "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        }}),
    }
}

fn describe(target: &Registered, checks: &Checks) -> Value {
    let health = match target.condition {
        Condition::Healthy => json!({"State": "healthy"}),
        Condition::Checking => json!({
            "State": "initial",
            "Reason": "Elb.InitialHealthChecking",
            "Description": "Initial health checks in progress",
        }),
        Condition::Failing => json!({
            "State": "unhealthy",
            "Reason": "Target.ResponseCodeMismatch",
            "Description": "Health checks failed with these codes: [503]",
        }),
        Condition::Draining => json!({
            "State": "draining",
            "Reason": "Target.DeregistrationInProgress",
            "Description": "Target deregistration is in progress",
        }),
    };
    let port = if checks.port == "traffic-port" { target.port.to_string() } else { checks.port.clone() };
    json!({
        "Target": {"Id": target.address, "Port": target.port, "AvailabilityZone": target.zone},
        "HealthCheckPort": port,
        "TargetHealth": health,
    })
}
