//! What ECS says of a daemon, as it says it of a service.

use serde_json::Value;

use super::super::wire::millis;
use super::super::{
    ContainerImage, Deployment, DeploymentSettings, Rollback, Service, ServiceDeployment, ServiceRevision, Status,
};
use crate::event::{Breaker, RevisionProgress};
use crate::gather::Gather;
use crate::text::{of_json as text, short};
use std::time::Duration;

/// The daemon, its newest deployment, and the revisions that either of them names.
pub(super) fn service(daemon: &Value, newest: &Value, revisions: &[Value]) -> Service {
    let rollout = deployment(newest);
    let (back, over) = (rollout.goes_back(), rollout.status.is_final());
    let definition = |arn: &str| {
        let found = revisions.iter().find(|revision| revision["daemonRevisionArn"] == arn);
        found.map(|revision| text(&revision["daemonTaskDefinitionArn"])).unwrap_or_default()
    };
    // Of a deployment that goes on it is told how many instances it has to do with; at rest the daemon tells it.
    let told: Vec<&Value> = if over { each(&daemon["currentRevisions"]) } else { parts(newest) };
    let total: u32 = told.iter().map(|one| running(one) + without(one) + draining(one)).sum();
    // With nothing counted yet there is still something to wait for.
    let total = if over { total } else { total.max(1) };
    let of = |arn: &str| told.iter().find(|one| one["arn"] == arn).map_or(0, |one| running(one));
    let rests_on = rests_on(daemon, newest);
    let own = short(&rollout.arn);
    let primary = Deployment {
        id: if back { format!("{own}/back") } else { own.to_owned() },
        status: "PRIMARY".to_owned(),
        task_definition: definition(&rests_on),
        desired: total,
        running: of(&rests_on),
        rollout_state: state(&rollout.status).to_owned(),
        rollout_reason: rollout.reason.clone(),
        created_at: rollout.created_at,
        ..Deployment::default()
    };
    let mut deployments = vec![primary];
    for one in parts(newest) {
        let arn = text(&one["arn"]);
        let failed = back && arn == rollout.target;
        if arn == rests_on || (over && of(&arn) == 0 && !failed) {
            continue;
        }
        deployments.push(Deployment {
            id: if failed { own.to_owned() } else { arn.clone() },
            status: "ACTIVE".to_owned(),
            task_definition: definition(&arn),
            desired: running(one),
            running: of(&arn),
            failed: rollout.breaker.as_ref().map_or(0, |breaker| breaker.count),
            rollout_state: if failed { "FAILED" } else { "COMPLETED" }.to_owned(),
            created_at: rollout.created_at,
            ..Deployment::default()
        });
    }
    let executes = revisions.iter().find(|revision| revision["daemonRevisionArn"] == rests_on.as_str());
    let current = each(&daemon["currentRevisions"]);
    Service {
        arn: text(&daemon["daemonArn"]),
        status: text(&daemon["status"]),
        controller: "ECS".to_owned(),
        task_definition: deployments[0].task_definition.clone(),
        desired: total,
        running: told.iter().map(|one| running(one)).sum(),
        deployments,
        // Source: ECS Developer Guide, "Daemon deployments": its breaker and its alarms always go back.
        rolls_back: true,
        current_deployment: Some(rollout.arn).filter(|arn| !arn.is_empty()),
        current_revisions: current.iter().map(|one| progress(one)).gather(),
        settings: DeploymentSettings {
            breaks: true,
            alarms: !rollout.watched.is_empty(),
            least: rollout.bake,
            ..DeploymentSettings::default()
        },
        executes: executes.is_some_and(|revision| revision["enableExecuteCommand"] == true),
        ..Service::default()
    }
}

pub(super) fn deployment(one: &Value) -> ServiceDeployment {
    let (breaker, alarms, rollback) = (&one["circuitBreaker"], &one["alarms"], &one["rollback"]);
    let names = |member: &str| each(&alarms[member]).into_iter().map(text).gather();
    let on = |monitor: &Value| !matches!(monitor["status"].as_str(), None | Some("DISABLED"));
    ServiceDeployment {
        arn: text(&one["daemonDeploymentArn"]),
        status: Status::from_name(&text(&one["status"])),
        reason: text(&one["statusReason"]),
        target: text(&one["targetDaemonRevision"]["arn"]),
        rollback: rollback.is_object().then(|| Rollback {
            reason: text(&rollback["reason"]),
            revision: text(&rollback["rollbackTargetDaemonRevisionArn"]),
        }),
        revisions: parts(one).iter().map(|part| progress(part)).gather(),
        breaker: on(breaker).then(|| Breaker {
            count: count(&breaker["failureCount"]),
            threshold: count(&breaker["threshold"]),
            resets: false,
        }),
        watched: if on(alarms) { names("alarmNames") } else { Vec::new() },
        alarms: names("triggeredAlarmNames"),
        bake: Duration::from_secs(60 * u64::from(count(&one["deploymentConfiguration"]["bakeTimeInMinutes"]))),
        created_at: millis(&one["createdAt"]),
        ..ServiceDeployment::default()
    }
}

pub(super) fn revision(one: &Value) -> ServiceRevision {
    let image = |image: &Value| ContainerImage {
        container: text(&image["containerName"]),
        image: text(&image["image"]),
        digest: image["imageDigest"].as_str().and_then(|digest| digest.parse().ok()),
    };
    ServiceRevision {
        arn: text(&one["daemonRevisionArn"]),
        task_definition: text(&one["daemonTaskDefinitionArn"]),
        images: each(&one["containerImages"]).into_iter().map(image).gather(),
        target_groups: Vec::new(),
    }
}

/// The ARNs of all revisions that a daemon and its deployment name, each once.
pub(super) fn revisions(daemon: &Value, newest: &Value) -> Vec<String> {
    let mut arns = vec![rests_on(daemon, newest)];
    for one in parts(newest).into_iter().chain(each(&daemon["currentRevisions"])) {
        let arn = text(&one["arn"]);
        if !arns.contains(&arn) {
            arns.push(arn);
        }
    }
    arns.retain(|arn| !arn.is_empty());
    arns
}

/// The ARN of the revision that a daemon is on, or on its way to.
pub(super) fn rests_on(daemon: &Value, newest: &Value) -> String {
    let (to, back) = (&newest["targetDaemonRevision"]["arn"], &newest["rollback"]["rollbackTargetDaemonRevisionArn"]);
    let goes_back = deployment(newest).goes_back() && back.is_string();
    let named = text(if goes_back { back } else { to });
    if named.is_empty() { text(&daemon["currentRevisions"][0]["arn"]) } else { named }
}

/// The ARNs of the capacity providers of the revision that it is on.
pub(super) fn providers<'a>(daemon: &'a Value, newest: &'a Value, rests_on: &str) -> Vec<&'a Value> {
    let of = |all: Vec<&'a Value>| all.into_iter().find(|one| one["arn"] == rests_on);
    let found = of(each(&daemon["currentRevisions"])).or_else(|| of(parts(newest)));
    let own: Vec<&Value> = found
        .map(|one| each(&one["capacityProviders"]).into_iter().map(|one| &one["arn"]).gather())
        .unwrap_or_default();
    if own.is_empty() { each(&newest["rollback"]["rollbackCapacityProviders"]) } else { own }
}

/// The elements of a list; none where it is none.
pub(super) fn each(list: &Value) -> Vec<&Value> {
    list.as_array().into_iter().flatten().gather()
}

pub(super) fn count(value: &Value) -> u32 {
    value.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

/// Instances with a task of a revision; a deployment and the daemon itself call that otherwise.
pub(super) fn running(one: &Value) -> u32 {
    count(&one["totalRunningInstanceCount"]).max(count(&one["totalRunningCount"]))
}

fn without(one: &Value) -> u32 {
    count(&one["totalWithoutDaemonInstanceCount"]).max(count(&one["totalWithoutDaemonCount"]))
}

fn draining(one: &Value) -> u32 {
    count(&one["totalDrainingInstanceCount"])
}

/// The revisions that take part in a deployment, the one that it leads to first.
fn parts(deployment: &Value) -> Vec<&Value> {
    let target = Some(&deployment["targetDaemonRevision"]).filter(|target| target.is_object());
    target.into_iter().chain(each(&deployment["sourceDaemonRevisions"])).gather()
}

fn progress(one: &Value) -> RevisionProgress {
    RevisionProgress {
        arn: text(&one["arn"]),
        desired: running(one) + without(one),
        running: running(one),
        ..RevisionProgress::default()
    }
}

/// What a service's deployment would say of itself.
fn state(status: &Status) -> &'static str {
    match status {
        Status::Successful | Status::RollbackSuccessful => "COMPLETED",
        Status::Stopped | Status::RollbackFailed => "FAILED",
        _ => "IN_PROGRESS",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: &str = "arn:aws:ecs:eu-west-1:1:daemon-revision/sample/agent/1";
    const NEW: &str = "arn:aws:ecs:eu-west-1:1:daemon-revision/sample/agent/2";

    fn revisions() -> Vec<Value> {
        let one = |arn: &str, number: u32| json!({ "daemonRevisionArn": arn, "daemonTaskDefinitionArn": format!("agent:{number}") });
        vec![one(OLD, 1), one(NEW, 2)]
    }

    fn told(status: &str) -> Service {
        let part = |arn: &str, running: u32, draining: u32| {
            json!({ "arn": arn, "totalRunningInstanceCount": running, "totalDrainingInstanceCount": draining,
                "capacityProviders": [{ "arn": "provider" }] })
        };
        let newest = json!({ "daemonDeploymentArn": "arn:daemon-deployment/sample/agent/abc", "status": status,
            "targetDaemonRevision": part(NEW, 1, 0), "sourceDaemonRevisions": [part(OLD, 2, 1)],
            "circuitBreaker": { "status": "MONITORING", "failureCount": 2, "threshold": 3 },
            "rollback": { "rollbackTargetDaemonRevisionArn": OLD, "reason": "it failed" } });
        let current = if status.starts_with("ROLLBACK") { OLD } else { NEW };
        let daemon = json!({ "daemonArn": "arn:aws:ecs:eu-west-1:1:daemon/sample/agent", "status": "ACTIVE",
            "currentRevisions": [{ "arn": current, "totalRunningCount": 3, "totalWithoutDaemonCount": 1 }] });
        service(&daemon, &newest, &revisions())
    }

    fn lines(service: &Service) -> Vec<String> {
        let line = |it: &Deployment| {
            let Deployment { id, status, task_definition, desired, running, rollout_state, .. } = it;
            format!("{} {status} {task_definition} {running}/{desired} {rollout_state}", short(id))
        };
        service.deployments.iter().map(line).collect()
    }

    #[test]
    fn a_deployment_that_goes_on_has_all_instances_to_do_with() {
        let service = told("IN_PROGRESS");
        assert_eq!(lines(&service), ["abc PRIMARY agent:2 1/4 IN_PROGRESS", "1 ACTIVE agent:1 2/2 COMPLETED"]);
        assert_eq!((service.desired, service.running, service.last_good()), (4, 3, Some("agent:1")));
    }

    #[test]
    fn one_that_ended_is_told_by_what_runs() {
        let service = told("SUCCESSFUL");
        assert_eq!(lines(&service), ["abc PRIMARY agent:2 3/4 COMPLETED"]);
        assert_eq!((service.task_definition.as_str(), service.desired), ("agent:2", 4));
        assert_eq!(lines(&told("STOPPED")), ["abc PRIMARY agent:2 3/4 FAILED"]);
    }

    #[test]
    fn one_that_went_back_is_a_failed_one_behind_what_it_went_back_to() {
        for (status, first) in [
            ("ROLLBACK_IN_PROGRESS", "back PRIMARY agent:1 2/4 IN_PROGRESS"),
            ("ROLLBACK_SUCCESSFUL", "back PRIMARY agent:1 3/4 COMPLETED"),
            ("ROLLBACK_FAILED", "back PRIMARY agent:1 3/4 FAILED"),
        ] {
            let service = told(status);
            assert_eq!(lines(&service)[0], first, "{status}");
            assert!(lines(&service)[1].starts_with("abc ACTIVE agent:2 "), "{:?}", lines(&service));
            assert_eq!(service.deployment("abc").map(|it| it.rollout_state.as_str()), Some("FAILED"));
        }
    }

    #[test]
    fn with_no_instance_counted_yet_there_is_one_to_wait_for() {
        let daemon = json!({ "daemonArn": "arn:daemon/a/b", "status": "ACTIVE" });
        let newest = json!({ "status": "PENDING", "targetDaemonRevision": { "arn": NEW } });
        assert_eq!(service(&daemon, &newest, &revisions()).desired, 1);
        let over = json!({ "status": "SUCCESSFUL", "targetDaemonRevision": { "arn": NEW } });
        assert_eq!(service(&daemon, &over, &revisions()).desired, 0);
    }
}
