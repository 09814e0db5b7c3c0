//! Service deployments: a rollout as clients follow it.

use serde_json::{Value, json};

use super::Ecs;
use super::json::{invalid, list, missing, page, required, seconds, set, text, texts};
use super::service::{Service, State};
use super::task::{Phase, after};
use super::timing;
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// The status of a service deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    Pending,
    Ongoing,
    StopRequested,
    RollbackRequested,
    RollingBack,
    Successful,
    Stopped,
    RollbackSuccessful,
    RollbackFailed,
}

impl Progress {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ongoing => "IN_PROGRESS",
            Self::StopRequested => "STOP_REQUESTED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollingBack => "ROLLBACK_IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}

/// A rollback within a service deployment.
#[derive(Clone, Debug)]
pub(super) struct Rollback {
    pub(super) reason: String,
    pub(super) started_at: Instant,
    /// Index into the service's revisions.
    pub(super) revision: usize,
}

/// A service deployment.
#[derive(Clone, Debug)]
pub(super) struct Rollout {
    pub(super) arn: String,
    pub(super) progress: Progress,
    pub(super) reason: Option<String>,
    pub(super) sources: Vec<usize>,
    pub(super) target: usize,
    pub(super) rollback: Option<Rollback>,
    pub(super) configuration: Value,
    /// The breaker: whether it is on, failed tasks so far, how many trip it, whether they did.
    pub(super) breaker: bool,
    pub(super) failures: u64,
    pub(super) threshold: u64,
    pub(super) tripped: bool,
    pub(super) created_at: Instant,
    pub(super) started_at: Option<Instant>,
    pub(super) finished_at: Option<Instant>,
    pub(super) stopped_at: Option<Instant>,
    pub(super) updated_at: Instant,
}

impl Rollout {
    /// Ends it, unless it has ended.
    pub(super) fn finish(&mut self, progress: Progress, reason: Option<&str>, at: Instant) {
        if self.progress.is_final() {
            return;
        }
        self.progress = progress;
        if let Some(reason) = reason {
            self.reason = Some(reason.to_owned());
        }
        self.finished_at = Some(at);
        if progress == Progress::Stopped {
            self.stopped_at = Some(at);
        }
        self.updated_at = at;
    }
}

impl Ecs {
    pub(super) fn list_service_deployments(&self, input: &Value) -> ApiResult {
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

    pub(super) fn describe_service_deployments(&self, input: &Value) -> ApiResult {
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
    pub(super) fn revision_counts(&self, service: &Service, revision: usize, requested: Option<u64>) -> Value {
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

    pub(super) fn stop_service_deployment(&mut self, input: &Value, now: Instant) -> ApiResult {
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

impl Service {
    /// Index of the rollout that has not ended, if there is one.
    pub(super) fn current_rollout(&self) -> Option<usize> {
        self.rollouts.iter().rposition(|rollout| !rollout.progress.is_final())
    }

    /// The PRIMARY has got what it wanted: it completed, and so did the rollout.
    pub(super) fn complete(&mut self, at: Instant) {
        let Some(primary) = self.deployments.first_mut().filter(|it| it.state == State::InProgress) else { return };
        primary.state = State::Completed;
        primary.reason = format!("ECS deployment {} completed.", primary.id);
        primary.updated_at = at;
        let (id, rollout, rolls_back) = (primary.id.clone(), primary.rollout, primary.rolls_back);
        self.completed = Some(primary.revision);
        let progress = if rolls_back { Progress::RollbackSuccessful } else { Progress::Successful };
        self.rollouts[rollout].finish(progress, None, at);
        self.tell(&format!("(deployment {id}) deployment completed."), at);
    }

    /// The load balancer's target group and port of a revision.
    pub(super) fn target(&self, revision: usize) -> Option<(String, u64)> {
        let balancer = list(&self.revisions[revision].given, "loadBalancers").first()?;
        let port = balancer.get("containerPort").and_then(Value::as_u64).unwrap_or(80);
        Some((text(balancer, "targetGroupArn")?.to_owned(), port))
    }
}
