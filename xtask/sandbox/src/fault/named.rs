//! The faults that a rehearsal can ask for by name.

use serde_json::{Value, json};

use super::{Effect, Fault, Which};
use crate::ecs::{Tasks, Trouble};

/// Name and one line about it, in the order in which they are listed.
pub const FAULTS: &[(&str, &str)] = &[
    ("vulnerable", "the scan finds a vulnerability and refuses the image"),
    ("crash-loop", "the new revision's container exits soon after it starts"),
    ("missing-image", "the image is deleted from ECR between the update and the pull"),
    ("unhealthy", "the new revision's health check never passes"),
    ("superseded", "somebody else deploys the same service meanwhile"),
    ("throttled", "AWS answers the first calls of several operations with ThrottlingException"),
    ("lost-connection", "the upload of a blob is cut in the middle, once"),
    ("tag-conflict", "another client puts the tag with other content just before this one"),
    ("rollback-failed", "the new revision crashes and the old revision's image is gone"),
    ("never-stable", "the tasks run, but the service never becomes stable"),
    ("hook-failed", "a blue/green deployment's hook finds the new revision bad"),
    ("hook-timed-out", "nobody answers the pause of a blue/green deployment in time"),
    ("alarm", "an alarm goes off soon after the deployment has begun"),
    ("paused", "a blue/green deployment waits for a decision before the traffic moves"),
    ("bake-regression", "an alarm goes off while blue and green bake side by side"),
    ("register-race", "somebody else registers a revision of the same family at the same moment, twice"),
    ("rate-limited", "some looks at the service are answered with 429 and a code that no client knows"),
    ("clock-skew", "the clock of AWS is an hour ahead of this machine's"),
    ("platform-digest", "ECS reports the digest of a platform's image where the release is an index"),
    ("task-fails", "a one-off task, such as a migration, exits with 1"),
    ("no-room", "ECS has no room for a one-off task at first, twice"),
];

/// The faults behind a name of [`FAULTS`]; None for another name. `vulnerable` is the scanner's and has none here.
pub fn fault_named(name: &str) -> Option<Vec<Fault>> {
    let crash = || Effect::Behave(Tasks::Exits { code: 101, after_seconds: 2, container: None });
    let faults = match name {
        "vulnerable" => Vec::new(),
        "crash-loop" => vec![every("ecs:RegisterTaskDefinition", crash())],
        "missing-image" => vec![every("ecs:UpdateService", Effect::ForgetImages)],
        "unhealthy" => vec![every("ecs:RegisterTaskDefinition", Effect::Behave(Tasks::Unhealthy))],
        "superseded" => vec![nth(1, "ecs:UpdateService", Effect::Supersede { by: "somebody-else".to_owned() })],
        "throttled" => throttled(),
        "lost-connection" => vec![nth(1, "registry:PUT blob", cut())],
        "tag-conflict" => {
            ["ecr:PutImage", "registry:PUT manifest"].map(|call| every(call, Effect::ForeignTag)).to_vec()
        }
        "rollback-failed" => {
            vec![every("ecs:RegisterTaskDefinition", crash()), every("ecs:UpdateService", Effect::ForgetPreviousImages)]
        }
        "never-stable" => vec![every("ecs:RegisterTaskDefinition", Effect::Behave(Tasks::NeverStable))],
        "hook-failed" => shifted(lambda_hook(), Some(Trouble::HookFails)),
        "hook-timed-out" => shifted(pause_hook(Some(2)), None),
        "alarm" => shifted(json!({"strategy": "ROLLING", "alarms": alarms()}), Some(Trouble::Alarm { stage: None })),
        "paused" => shifted(pause_hook(None), None),
        "bake-regression" => shifted(
            json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "alarms": alarms()}),
            Some(Trouble::Alarm { stage: Some("BAKE_TIME".to_owned()) }),
        ),
        "register-race" => vec![first(2, "ecs:RegisterTaskDefinition", too_many_attempts())],
        "rate-limited" => [2, 4].map(|nth_look| nth(nth_look, "ecs:DescribeServices", rate_limited())).to_vec(),
        "clock-skew" => ["ecr:*", "ecs:*"].map(|call| every(call, Effect::Skew { seconds: 3600 })).to_vec(),
        "platform-digest" => vec![every("ecs:RegisterTaskDefinition", Effect::ReportPlatform)],
        "task-fails" => vec![every("ecs:RunTask", Effect::TaskExits { code: 1 })],
        "no-room" => vec![first(2, "ecs:RunTask", Effect::Unplaced { reason: "RESOURCE:MEMORY".to_owned() })],
        _ => return None,
    };
    let mut all = Vec::new();
    for fault in faults {
        // How a service deploys is nothing that an Express service or a daemon could be told.
        let calls = if matches!(fault.effect, Effect::Configure { .. }) { &[] } else { alike(&fault.call) };
        all.extend(calls.iter().map(|call| Fault { call: (*call).to_owned(), ..fault.clone() }));
        all.push(fault);
    }
    Some(all)
}

/// The calls that do for Express services and daemons what this one does for services.
fn alike(call: &str) -> &'static [&'static str] {
    match call {
        "ecs:RegisterTaskDefinition" => &["ecs:RegisterDaemonTaskDefinition"],
        "ecs:UpdateService" => &["ecs:UpdateExpressGatewayService", "ecs:UpdateDaemon"],
        "ecs:DescribeServices" => &["ecs:DescribeDaemon"],
        "ecs:DescribeServiceDeployments" => &["ecs:DescribeDaemonDeployments"],
        _ => &[],
    }
}

fn every(call: &str, effect: Effect) -> Fault {
    Fault { call: call.to_owned(), which: Which::Every, effect }
}

fn nth(nth: u32, call: &str, effect: Effect) -> Fault {
    Fault { call: call.to_owned(), which: Which::Nth(nth), effect }
}

/// A service that deploys like this from the first look at it on, and what befalls its next deployment.
fn shifted(deployment: Value, trouble: Option<Trouble>) -> Vec<Fault> {
    let mut faults = vec![nth(1, "ecs:DescribeServices", Effect::Configure { deployment })];
    faults.extend(trouble.map(|trouble| nth(1, "ecs:UpdateService", Effect::Trouble(trouble))));
    faults
}

fn alarms() -> Value {
    json!({"alarmNames": ["app-5xx"], "enable": true, "rollback": true})
}

fn lambda_hook() -> Value {
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [{
        "hookTargetArn": "arn:aws:lambda:ap-northeast-1:123456789012:function:smoke-test",
        "roleArn": "arn:aws:iam::123456789012:role/invoke-hooks",
        "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
    }]})
}

/// A pause before the traffic moves, for so many minutes or for a day.
fn pause_hook(minutes: Option<u32>) -> Value {
    let timeout = minutes.map_or(json!({}), |minutes| json!({"timeoutInMinutes": minutes, "action": "ROLLBACK"}));
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [{
        "targetType": "PAUSE",
        "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
        "timeoutConfiguration": timeout,
    }]})
}

fn first(first: u32, call: &str, effect: Effect) -> Fault {
    Fault { call: call.to_owned(), which: Which::First(first), effect }
}

/// Source: public reports, such as hashicorp/terraform-provider-aws#9777.
fn too_many_attempts() -> Effect {
    Effect::Error {
        status: 400,
        code: "ClientException".to_owned(),
        message: "Too many concurrent attempts to create a new revision of the specified family.".to_owned(),
        retry_after: None,
    }
}

fn rate_limited() -> Effect {
    Effect::Error {
        status: 429,
        code: "QuotaOfTheProxyExceeded".to_owned(),
        message: "Slow down".to_owned(),
        retry_after: Some(1),
    }
}

/// Half of a small layer has arrived by then, and a little of a large one.
fn cut() -> Effect {
    Effect::Cut { after_bytes: 1000 }
}

/// Two in a row are within what the SDK's standard retries forgive, and so is one 429 of the registry.
fn throttled() -> Vec<Fault> {
    let rate_exceeded = |code: &str, status| Effect::Error {
        status,
        code: code.to_owned(),
        message: "Rate exceeded".to_owned(),
        retry_after: None,
    };
    let calls = [
        "ecr:BatchGetImage",
        "ecr:BatchCheckLayerAvailability",
        "ecr:PutImage",
        "ecs:DescribeServices",
        "ecs:RegisterTaskDefinition",
        "ecs:UpdateService",
        "ecs:DescribeServiceDeployments",
    ];
    let mut faults: Vec<Fault> = calls
        .iter()
        .map(|call| Fault {
            call: (*call).to_owned(),
            which: Which::First(2),
            effect: rate_exceeded("ThrottlingException", 400),
        })
        .collect();
    faults.push(nth(1, "registry:POST blob", rate_exceeded("TOOMANYREQUESTS", 429)));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_fault_exists_and_no_other() {
        for (name, line) in FAULTS {
            assert!(fault_named(name).is_some(), "{name}");
            assert!(!line.is_empty());
        }
        assert_eq!(fault_named("vulnerable"), Some(Vec::new()));
        assert_eq!(fault_named("crash"), None);
    }
}
