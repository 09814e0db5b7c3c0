//! Service deployments: a rollout as clients follow it.

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecs::json::{invalid, missing, page, required, seconds, set, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::rollout::{Progress, Rollout};
use crate::ecs::state::service::Service;
use crate::ecs::state::shift::{Action, Answer, Hook, WHOLE, Waits};
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
            match { all }.find(|(service, rollout)| rollout.arn == arn && !service.key.is_daemon()) {
                Some((service, rollout)) => found.push(self.rollout_answer(service, rollout)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(json!({ "serviceDeployments": found, "failures": failures }))
    }

    fn rollout_answer(&self, service: &Service, rollout: &Rollout) -> Value {
        let serving = rollout.rollback.as_ref().map_or(rollout.target, |rollback| rollback.revision);
        let live = |revision: usize| {
            let requested = if revision == serving { Some(service.desired) } else { None };
            self.revision_counts(service, revision, requested)
        };
        let (mut sources, mut target) = match &rollout.snapshot {
            Some(snapshot) => (snapshot.sources.clone(), snapshot.target.clone()),
            None => (rollout.sources.iter().map(|it| live(*it)).collect(), live(rollout.target)),
        };
        if let Some(shift) = &rollout.shift {
            weigh(&mut target, shift.test_weight, shift.production_weight);
            // Of several sources the one that a rollback goes to has the rest.
            for (revision, source) in rollout.sources.iter().zip(&mut sources) {
                let has_rest =
                    service.completed.is_none_or(|completed| completed == *revision || rollout.sources.len() == 1);
                let rest = |weight: u64| if has_rest { WHOLE - weight } else { 0 };
                weigh(source, if shift.tested { rest(shift.test_weight) } else { 0 }, rest(shift.production_weight));
            }
        }
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
            "sourceServiceRevisions": sources,
            "targetServiceRevision": target,
            "status": rollout.progress.word(),
            "statusReason": rollout.reason,
            "deploymentConfiguration": rollout.configuration,
            "rollback": rollback,
            "deploymentCircuitBreaker":
                { "status": status, "failureCount": rollout.failures, "threshold": rollout.threshold },
            "alarms": alarms(rollout),
            "lifecycleStage": rollout.shift.as_ref().filter(|_| rollout.started_at.is_some()).map(|it| it.stage.word()),
            "lifecycleHookDetails": rollout.shift.as_ref().map(|it| it.hooks.iter().map(hook).collect::<Vec<_>>()),
        }))
    }

    pub(crate) fn stop_service_deployment(&mut self, input: &Value, now: Instant) -> ApiResult {
        let arn = required(input, "serviceDeploymentArn")?;
        self.with_rollout((arn, "Service deployment not found."), |service, at| stop(service, at, input, now))?;
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    pub(crate) fn continue_service_deployment(&mut self, input: &Value, now: Instant) -> ApiResult {
        let (arn, id) = (required(input, "serviceDeploymentArn")?, required(input, "hookId")?);
        let lost = "The service deployment does not exist.";
        self.with_rollout((arn, lost), |service, at| decide(service, at, (id, input), now))?;
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    /// What is done to the rollout that an ARN means: the service has it at this index.
    fn with_rollout(
        &mut self,
        (arn, lost): (&str, &str),
        change: impl FnOnce(&mut Service, usize) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        if !arn.starts_with(&self.arn("service-deployment/")) {
            return Err(invalid("Invalid ARN: the service deployment ARN is not valid."));
        }
        let found = self.services.iter().find_map(|(key, service)| {
            let at = service.rollouts.iter().position(|it| it.arn == arn)?;
            Some((key.clone(), at))
        });
        let lost = || ApiError::new("ServiceDeploymentNotFoundException", lost);
        let (key, at) = found.ok_or_else(lost)?;
        self.services.change(&key, |service| change(service, at)).ok_or_else(lost)?
    }
}

fn stop(service: &mut Service, at: usize, input: &Value, now: Instant) -> Result<(), ApiError> {
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
    Ok(())
}

fn decide(service: &mut Service, at: usize, (id, input): (&str, &Value), now: Instant) -> Result<(), ApiError> {
    if !["ecs-pause-", "ecs-lambda-"].iter().any(|prefix| id.starts_with(prefix)) {
        return Err(invalid("Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}"));
    }
    let rollout = &mut service.rollouts[at];
    if rollout.progress.is_final() {
        return Err(invalid(
            "Continuing a service deployment is not allowed for service deployment in terminal states.",
        ));
    }
    let awaited = |hook: &&mut Hook| hook.id == id && hook.waits == Waits::Pause && hook.answer == Answer::Awaited;
    let Some(hook) = rollout.shift.as_mut().and_then(|shift| shift.hooks.iter_mut().find(awaited)) else {
        return Err(invalid(
            "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN",
        ));
    };
    hook.answer = match Action::read(input, Action::Continue) {
        Action::Continue => Answer::Succeeded,
        Action::RollBack => Answer::Failed,
    };
    rollout.updated_at = now;
    service.look_by(after(now, timing::SCHEDULER));
    Ok(())
}

/// Adds a revision's weights, in percent.
fn weigh(summary: &mut Value, test: u64, production: u64) {
    let percent = |weight: u64| json!(f64::from(u32::try_from(weight).unwrap_or_default()) / 10.0);
    summary["requestedTestTrafficWeight"] = percent(test);
    summary["requestedProductionTrafficWeight"] = percent(production);
}

fn alarms(rollout: &Rollout) -> Value {
    let Some((names, _)) = rollout.alarms() else { return json!({ "status": "DISABLED" }) };
    let status = match (rollout.triggered.is_empty(), rollout.progress.is_final()) {
        (false, _) => "TRIGGERED",
        (true, true) => "MONITORING_COMPLETE",
        (true, false) => "MONITORING",
    };
    json!({ "status": status, "alarmNames": names, "triggeredAlarmNames": rollout.triggered })
}

fn hook(hook: &Hook) -> Value {
    let (kind, target) = match &hook.waits {
        Waits::Pause => ("PAUSE", None),
        Waits::Lambda(arn) => ("AWS_LAMBDA", Some(arn)),
    };
    set(json!({
        "hookId": hook.id,
        "targetType": kind,
        "targetArn": target,
        "status": hook.status(),
        "expiresAt": seconds(hook.expires_at),
        "timeoutAction": hook.timeout.word(),
    }))
}
