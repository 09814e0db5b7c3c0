//! Daemon deployments and revisions as they are shown.

use serde_json::{Value, json};

use super::{DAEMON, providers};
use crate::ecs::json::{invalid, missing, page, seconds, set, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::rollout::Rollout;
use crate::ecs::state::service::Service;
use crate::protocol::ApiResult;

impl Ecs {
    pub(crate) fn list_daemon_deployments(&self, input: &Value) -> ApiResult {
        let daemon = self.daemon_of(input)?;
        let statuses = texts(input, "status");
        let bound = |member: &str| input["createdAt"][member].as_f64();
        let chosen = daemon.rollouts.iter().rev().filter(|rollout| {
            let at = seconds(rollout.created_at).as_f64().unwrap_or_default();
            (statuses.is_empty() || statuses.contains(&rollout.progress.word()))
                && bound("after").is_none_or(|after| at >= after)
                && bound("before").is_none_or(|before| at <= before)
        });
        let summaries = chosen.map(|rollout| {
            let mut summary = self.of_rollout(daemon, rollout);
            summary["daemonArn"] = json!(daemon.arn);
            summary["targetDaemonRevisionArn"] = json!(daemon.revisions[rollout.target].arn);
            summary
        });
        page(input, "daemonDeployments", summaries.collect(), 100)
    }

    pub(crate) fn describe_daemon_deployments(&self, input: &Value) -> ApiResult {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in up_to_twenty(input, "daemonDeploymentArns")? {
            let mut all = self.daemons().flat_map(|daemon| daemon.rollouts.iter().map(move |it| (daemon, it)));
            match all.find(|(_, rollout)| rollout.arn == arn) {
                Some((daemon, rollout)) => found.push(self.daemon_deployment_answer(daemon, rollout)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(json!({ "daemonDeployments": found, "failures": failures }))
    }

    pub(crate) fn describe_daemon_revisions(&self, input: &Value) -> ApiResult {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in up_to_twenty(input, "daemonRevisionArns")? {
            let mut all = self.daemons().flat_map(|daemon| daemon.revisions.iter().map(move |it| (daemon, it)));
            let Some((daemon, revision)) = all.find(|(_, revision)| revision.arn == arn) else {
                failures.push(missing(arn));
                continue;
            };
            let image = |(name, image, digest): &(String, String, Option<String>)| {
                set(json!({ "containerName": name, "image": image, "imageDigest": digest }))
            };
            let own = &revision.given["daemon"];
            found.push(json!({
                "daemonRevisionArn": revision.arn,
                "clusterArn": self.arn(&format!("cluster/{}", daemon.key.cluster)),
                "daemonArn": daemon.arn,
                "daemonTaskDefinitionArn": text(&revision.given, "taskDefinition"),
                "createdAt": seconds(revision.created_at),
                "containerImages": revision.images.iter().map(image).collect::<Vec<_>>(),
                "propagateTags": own["propagateTags"],
                "enableECSManagedTags": own["enableECSManagedTags"],
                "enableExecuteCommand": own["enableExecuteCommand"],
                "critical": own["critical"],
            }));
        }
        Ok(json!({ "daemonRevisions": found, "failures": failures }))
    }

    fn daemons(&self) -> impl Iterator<Item = &Service> {
        self.services.values().filter(|service| service.key.name.starts_with(DAEMON))
    }

    /// What a deployment is, in a list or in full.
    fn of_rollout(&self, daemon: &Service, rollout: &Rollout) -> Value {
        set(json!({
            "daemonDeploymentArn": rollout.arn,
            "clusterArn": self.arn(&format!("cluster/{}", daemon.key.cluster)),
            "status": rollout.progress.word(),
            "statusReason": rollout.reason,
            "createdAt": seconds(rollout.created_at),
            "startedAt": rollout.started_at.map(seconds),
            "finishedAt": rollout.finished_at.map(seconds),
            "stoppedAt": rollout.stopped_at.map(seconds),
        }))
    }

    fn daemon_deployment_answer(&self, daemon: &Service, rollout: &Rollout) -> Value {
        let instances = |place: usize| {
            let (running, draining) = self.instances(daemon, place);
            let revision = &daemon.revisions[place];
            let providers = providers(&revision.given, |arn, first| {
                let of = |count: usize| if first { count } else { 0 };
                json!({ "arn": arn, "runningInstanceCount": of(running), "withoutDaemonInstanceCount": 0,
                    "drainingInstanceCount": of(draining) })
            });
            json!({ "arn": revision.arn, "capacityProviders": providers, "totalRunningInstanceCount": running,
                "totalWithoutDaemonInstanceCount": 0, "totalDrainingInstanceCount": draining })
        };
        let watched = |is_on: bool, triggered: bool| match (is_on, triggered, rollout.progress.is_final()) {
            (false, ..) => "DISABLED",
            (_, true, _) => "TRIGGERED",
            (_, _, true) => "MONITORING_COMPLETE",
            _ => "MONITORING",
        };
        let alarms = rollout.alarms();
        let given = &daemon.revisions[rollout.target].given["daemon"];
        let rollback = rollout.rollback.as_ref().map(|it| {
            let revision = &daemon.revisions[it.revision];
            json!({
                "reason": it.reason,
                "startedAt": seconds(it.started_at),
                "rollbackTargetDaemonRevisionArn": revision.arn,
                "rollbackCapacityProviders": texts(&revision.given["daemon"], "capacityProviderArns"),
            })
        });
        let mut answer = self.of_rollout(daemon, rollout);
        answer["targetDaemonRevision"] = instances(rollout.target);
        answer["sourceDaemonRevisions"] = rollout.sources.iter().map(|source| instances(*source)).collect();
        answer["circuitBreaker"] = json!({ "status": watched(rollout.breaker, rollout.tripped),
            "failureCount": rollout.failures, "threshold": rollout.threshold });
        answer["alarms"] = json!({ "status": watched(alarms.is_some(), !rollout.triggered.is_empty()),
            "alarmNames": alarms.map(|(names, _)| names).unwrap_or_default(),
            "triggeredAlarmNames": rollout.triggered });
        answer["rollback"] = json!(rollback);
        answer["deploymentConfiguration"] = given["deploymentConfiguration"].clone();
        set(answer)
    }
}

fn up_to_twenty<'a>(input: &'a Value, member: &str) -> Result<Vec<&'a str>, crate::protocol::ApiError> {
    let arns = texts(input, member);
    if arns.is_empty() || arns.len() > 20 {
        return Err(invalid(format!("{member} must have between 1 and 20 elements.")));
    }
    Ok(arns)
}
