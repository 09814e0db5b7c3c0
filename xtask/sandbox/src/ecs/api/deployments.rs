//! Service deployments: a rollout as clients follow it.

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecs::json::{invalid, missing, page, required, seconds, set, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::rollout::{Progress, Rollout};
use crate::ecs::state::service::Service;
use crate::ecs::state::task::Phase;
use crate::ecs::timing::{self, after};
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn list_service_deployments(&self, input: &Value) -> ApiResult {
        let service = self.service_of(input)?;
        let statuses = texts(input, "status");
        let bound = |member: &str| input.get("createdAt").and_then(|it| it.get(member)).and_then(Value::as_f64);
        let (after, before) = (bound("after"), bound("before"));
        let chosen = service.rollouts.iter().rev().filter(|rollout| {
            let at = seconds(rollout.created_at).as_f64().unwrap_or_default();
            (statuses.is_empty() || statuses.contains(&rollout.progress.word()))
                && after.is_none_or(|after| at >= after)
                && before.is_none_or(|before| at <= before)
        });
        let briefs = chosen.map(|rollout| {
            set(json!({
                "serviceDeploymentArn": rollout.arn,
                "serviceArn": service.arn,
                "clusterArn": self.arn(&format!("cluster/{}", service.key.cluster)),
                "startedAt": rollout.started_at.map(seconds),
                "createdAt": seconds(rollout.created_at),
                "finishedAt": rollout.finished_at.map(seconds),
                "targetServiceRevisionArn": service.revisions[rollout.target].arn,
                "status": rollout.progress.word(),
                "statusReason": rollout.reason,
            }))
        });
        page(input, "serviceDeployments", briefs.collect(), 20)
    }

    pub(crate) fn describe_service_deployments(&self, input: &Value) -> ApiResult {
        let arns = texts(input, "serviceDeploymentArns");
        if arns.is_empty() || arns.len() > 20 {
            return Err(invalid("serviceDeploymentArns must have between 1 and 20 elements."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            let all = self.services.values().flat_map(|service| service.rollouts.iter().map(move |it| (service, it)));
            match { all }.find(|(_, rollout)| rollout.arn == arn) {
                Some((service, rollout)) => found.push(self.rollout_answer(service, rollout)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(json!({ "serviceDeployments": found, "failures": failures }))
    }

    fn rollout_answer(&self, service: &Service, rollout: &Rollout) -> Value {
        let serving = rollout.rollback.as_ref().map_or(rollout.target, |rollback| rollback.revision);
        let counts = |revision: usize| {
            let requested = if revision == serving { Some(service.desired) } else { None };
            self.revision_counts(service, revision, requested)
        };
        let status = match (rollout.breaker, rollout.tripped, rollout.progress.is_final()) {
            (false, ..) => "DISABLED",
            (_, true, _) => "TRIGGERED",
            (_, _, true) => "MONITORING_COMPLETE",
            _ => "MONITORING",
        };
        let rollback = rollout.rollback.as_ref().map(|it| {
            json!({
                "reason": it.reason,
                "startedAt": seconds(it.started_at),
                "serviceRevisionArn": service.revisions[it.revision].arn,
            })
        });
        set(json!({
            "serviceDeploymentArn": rollout.arn,
            "serviceArn": service.arn,
            "clusterArn": self.arn(&format!("cluster/{}", service.key.cluster)),
            "createdAt": seconds(rollout.created_at),
            "startedAt": rollout.started_at.map(seconds),
            "finishedAt": rollout.finished_at.map(seconds),
            "stoppedAt": rollout.stopped_at.map(seconds),
            "updatedAt": seconds(rollout.updated_at),
            "sourceServiceRevisions": rollout.sources.iter().map(|it| counts(*it)).collect::<Vec<_>>(),
            "targetServiceRevision": counts(rollout.target),
            "status": rollout.progress.word(),
            "statusReason": rollout.reason,
            "deploymentConfiguration": rollout.configuration,
            "rollback": rollback,
            "deploymentCircuitBreaker":
                { "status": status, "failureCount": rollout.failures, "threshold": rollout.threshold },
            "alarms": { "status": "DISABLED" },
        }))
    }

    /// `{arn, requestedTaskCount, runningTaskCount, pendingTaskCount}`; requested is what is left of it, where the
    /// scheduler wants no certain number.
    pub(crate) fn revision_counts(&self, service: &Service, revision: usize, requested: Option<u64>) -> Value {
        let own = || {
            self.tasks.values().filter(|task| {
                task.placement.as_ref().is_some_and(|it| it.key == service.key && it.revision == revision)
            })
        };
        json!({
            "arn": service.revisions[revision].arn,
            "requestedTaskCount": requested.unwrap_or_else(|| own().filter(|task| task.is_wanted()).count() as u64),
            "runningTaskCount": own().filter(|task| task.phase == Phase::Running).count(),
            "pendingTaskCount": own().filter(|task| task.phase < Phase::Running).count(),
        })
    }

    pub(crate) fn stop_service_deployment(&mut self, input: &Value, now: Instant) -> ApiResult {
        let arn = required(input, "serviceDeploymentArn")?;
        if !arn.starts_with(&self.arn("service-deployment/")) {
            return Err(invalid("Invalid ARN: the service deployment ARN is not valid."));
        }
        let found = self.services.values_mut().find_map(|service| {
            let at = service.rollouts.iter().position(|it| it.arn == arn)?;
            Some((service, at))
        });
        let Some((service, at)) = found else {
            return Err(ApiError::new("ServiceDeploymentNotFoundException", "Service deployment not found."));
        };
        let rollout = &mut service.rollouts[at];
        if rollout.progress.is_final() {
            let status = rollout.progress.word();
            let message = format!("The service deployment cannot be stopped because it is in the {status} state.");
            return Err(ApiError::new("ConflictException", message));
        }
        // In the other states it is being stopped or rolled back already, and goes on with that.
        if matches!(rollout.progress, Progress::Pending | Progress::Ongoing) {
            let abort = text(input, "stopType") == Some("ABORT");
            rollout.progress = if abort { Progress::StopRequested } else { Progress::RollbackRequested };
            rollout.updated_at = now;
            service.look_by(after(now, timing::SCHEDULER));
        }
        Ok(json!({ "serviceDeploymentArn": arn }))
    }
}
