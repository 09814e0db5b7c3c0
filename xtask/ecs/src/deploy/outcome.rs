//! How a rollout ended, or that it has not: one decision over what was observed.

use std::time::Duration;

use super::until::Until;
use crate::aws::ecs::{Deployment, Service, ServiceDeployment, Status, Strategy, short};
use crate::cause::Message;
use crate::event::Outcome;
use crate::failure::{Ending, Failure};
use crate::gather::Gather;

/// How long after a stop what took the place of ours may go untold: answers of ECS may be seconds old.
pub(crate) const TOLD_WITHIN: Duration = Duration::from_secs(20);
const NO_REASON: &str = "ECS gives no reason";

/// Everything that one look at a rollout found.
#[derive(Clone, Debug, Default)]
pub(super) struct Observation {
    /// Since UpdateService was answered.
    pub elapsed: Duration,
    /// Time in which ECS waits for a decision is added to it.
    pub deadline: Duration,
    /// How long the rollout has been in its stage, as far as it was seen.
    pub in_stage: Duration,
    /// The ARN of the revision that is rolled out.
    pub revision: String,
    /// The ARN of the revision that the service was on before.
    pub previous: String,
    /// The id of our entry in `deployments`, `ecs-svc/…`.
    pub deployment: String,
    /// When ECS made that entry, milliseconds since the epoch.
    pub since: i64,
    /// The update changed the desired count only, for which ECS makes no service deployment.
    pub only_scaled: bool,
    pub until: Until,
    pub service: Service,
    /// Our service deployment, as soon as it is listed.
    pub rollout: Option<ServiceDeployment>,
    /// The newest service deployment that began after ours.
    pub newer: Option<Newer>,
    /// Since a look saw that ours was stopped.
    pub stopped_for: Duration,
    /// Service deployments cannot be listed, so `deployments` has to tell.
    pub unlisted: bool,
    /// Our entry in `deployments` was FAILED in this look or an earlier one.
    pub seen_failed: bool,
}

/// A service deployment that somebody began after ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Newer {
    /// The ARN of the revision that it rolls out.
    pub revision: String,
    /// Who registered that revision; empty where ECS does not say, or where it is our own.
    pub who: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Ended(Conclusion),
    /// It goes on; the text says what for, and fits "waiting for …".
    Watch(String),
}

/// How a rollout ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    Deployed,
    NothingToDo,
    RolledBack {
        reason: String,
    },
    /// The rollout failed and the service is not on its last good revision, whether a rollback failed or none was made.
    RollbackFailed {
        reason: String,
    },
    Superseded {
        by: Newer,
    },
    TimedOut {
        waiting_for: String,
    },
    /// It has come as far as it was to be followed, and goes on in ECS.
    Reached {
        stage: String,
    },
    /// It waits for a decision, as long as `deadline` says.
    Paused {
        hook: String,
        stage: String,
        deadline: String,
    },
}

impl Conclusion {
    /// The vocabulary's word for it.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Deployed => Outcome::Deployed,
            Self::NothingToDo => Outcome::NothingToDo,
            Self::RolledBack { .. } => Outcome::RolledBack,
            Self::RollbackFailed { .. } => Outcome::RollbackFailed,
            Self::Superseded { .. } => Outcome::Superseded,
            Self::TimedOut { .. } => Outcome::TimedOut,
            Self::Reached { .. } => Outcome::Reached,
            Self::Paused { .. } => Outcome::Paused,
        }
    }

    /// The failure it ends the command with, if it is one. `serving` is what runs now, as a phrase.
    pub(crate) fn failure(&self, service: &str, revision: &str, serving: &str, deadline: Duration) -> Option<Failure> {
        let arn = revision;
        let revision = short(arn);
        Some(match self {
            Self::Deployed | Self::NothingToDo | Self::Reached { .. } => return None,
            Self::Paused { hook, stage, deadline } => {
                let message = format!(
                    "the rollout of {revision} on service {service} waits at {stage} for a decision on hook \
                     {hook}{deadline}; {serving}"
                );
                Failure::new(Ending::Paused, message)
            }
            Self::RolledBack { reason } => Failure::new(
                Ending::RolledBack,
                format_args!(
                    "the rollout of {revision} on service {service} failed and ECS rolled it back: {reason}; {serving}"
                ),
            ),
            Self::RollbackFailed { reason } => Failure::new(
                Ending::RollbackFailed,
                format_args!(
                    "the rollout of {revision} on service {service} failed and the service is not on its last good \
                 revision: {reason}; {serving}"
                ),
            ),
            Self::Superseded { by } => {
                let other = match (short(&by.revision), by.who.as_str()) {
                    _ if by.revision == arn => "another deployment of the same revision".to_owned(),
                    ("", _) => "another deployment".to_owned(),
                    (other, "") => format!("a deployment of {other}"),
                    (other, who) => format!("a deployment of {other}, registered by {who}"),
                };
                Failure::new(
                    Ending::Superseded,
                    format_args!("the rollout of {revision} on service {service} was superseded by {other}; {serving}"),
                )
            }
            Self::TimedOut { waiting_for } => {
                let failure = Failure::new(
                    Ending::TimedOut,
                    format_args!(
                        "the rollout of {revision} on service {service} did not end within {} s, still waiting for \
                 {waiting_for}; it goes on in ECS, and {serving}",
                        deadline.as_secs()
                    ),
                );
                let joins = "run the same command once more: it joins the rollout, wherever that has come to";
                if waiting_for.ends_with(UNSEEN) { failure.help(joins) } else { failure }
            }
        })
    }
}

/// A pause, a stage or a bake is told by service deployments alone.
const UNSEEN: &str = ", without a look at its service deployment, which alone tells of a pause and of stages: \
    ecs:ListServiceDeployments, ecs:DescribeServiceDeployments or ecs:DescribeServiceRevisions was not answered";

/// The one place that says how a rollout ended. "Stable" is no success: a rolled back service is stable too.
pub(super) fn outcome(seen: &Observation) -> Decision {
    let decision = if let Some(done) = at_once(seen) {
        Decision::Ended(done)
    } else if seen.only_scaled {
        scaled(seen)
    } else if let Some(rollout) = &seen.rollout {
        by_service_deployment(seen, rollout)
    } else if seen.unlisted {
        by_deployments(seen)
    } else {
        Decision::Watch("ECS to list the service deployment of this update".to_owned())
    };
    let far_enough = seen.rollout.as_ref().and_then(|rollout| seen.until.reached(rollout));
    match (decision, far_enough) {
        (Decision::Watch(_), Some(outcome)) => Decision::Ended(outcome),
        (Decision::Watch(mut waiting_for), None) if seen.elapsed >= seen.deadline => {
            if seen.unlisted && seen.rollout.is_none() {
                waiting_for.push_str(UNSEEN);
            }
            Decision::Ended(Conclusion::TimedOut { waiting_for })
        }
        (decision, _) => decision,
    }
}

/// A service that should run nothing has nothing to wait for, once it is on the new revision; but hooks, bakes and alarms turn
/// a rollout of no tasks back, too.
fn at_once(seen: &Observation) -> Option<Conclusion> {
    let settings = seen.service.settings;
    if settings.strategy != Strategy::Rolling || settings.alarms || !settings.least.is_zero() {
        return None;
    }
    let primary = seen.service.primary()?;
    let ours = primary.id == seen.deployment && primary.task_definition == seen.revision;
    let forward = |status: &Status| matches!(status, Status::Pending | Status::InProgress | Status::Successful);
    let failed = seen.rollout.as_ref().is_some_and(|rollout| !forward(&rollout.status));
    (ours && seen.service.desired == 0 && !failed && !seen.seen_failed && seen.newer.is_none())
        .then_some(Conclusion::Deployed)
}

fn scaled(seen: &Observation) -> Decision {
    match seen.service.primary() {
        Some(primary) if primary.id != seen.deployment => displaced(primary, seen),
        Some(primary) if is_steady(primary) => Decision::Ended(Conclusion::Deployed),
        Some(primary) => Decision::Watch(tasks_of(primary)),
        None => Decision::Watch("the service's deployment".to_owned()),
    }
}

fn by_service_deployment(seen: &Observation, rollout: &ServiceDeployment) -> Decision {
    let reason = || {
        let rollback =
            rollout.rollback.as_ref().map(|rollback| rollback.reason.clone()).filter(|text| !text.is_empty());
        let alarms = (!rollout.alarms.is_empty()).then(|| format!("alarms in ALARM: {}", rollout.alarms.join(", ")));
        rollback
            .or_else(|| Some(rollout.reason.clone()).filter(|text| !text.is_empty()))
            .or(alarms)
            .map_or_else(|| NO_REASON.to_owned(), |reason| reason.trim_end_matches('.').to_owned())
    };
    match rollout.status {
        Status::Successful => return Decision::Ended(Conclusion::Deployed),
        Status::RollbackSuccessful => return Decision::Ended(Conclusion::RolledBack { reason: reason() }),
        Status::RollbackFailed => {
            let reason = format!("{}, and the rollback failed too", reason());
            return Decision::Ended(Conclusion::RollbackFailed { reason });
        }
        _ => {}
    }
    if let Some(newer) = &seen.newer {
        return Decision::Ended(Conclusion::Superseded { by: newer.clone() });
    }
    let waiting_for = match rollout.status {
        Status::Stopped => {
            // A newer update stops the older rollout; its PRIMARY and its listing may both lag.
            match seen.service.primary() {
                Some(primary) if began_later(primary, seen) => return Decision::Ended(superseded_by(primary)),
                // What another update takes the place of is not FAILED.
                _ if !seen.seen_failed && seen.stopped_for < TOLD_WITHIN && seen.elapsed < seen.deadline => {
                    "ECS to tell what took its place".to_owned()
                }
                _ => {
                    let reason = format!("{}, and no rollback was made", reason());
                    return Decision::Ended(Conclusion::RollbackFailed { reason });
                }
            }
        }
        Status::Pending => "ECS to begin the rollout".to_owned(),
        Status::StopRequested => "ECS to stop the rollout".to_owned(),
        Status::RollbackRequested | Status::RollbackInProgress => {
            let primary = seen.service.primary().map(|primary| format!(", {}", tasks_of(primary)));
            format!("the rollback to finish{}", primary.unwrap_or_default())
        }
        _ if !rollout.stage.is_empty() => match rollout.pause() {
            Some(hook) => format!("a decision on hook {} in the stage {}", hook.id, rollout.stage),
            None => format!("the stage {} to pass", rollout.stage),
        },
        _ => seen.service.deployment(&seen.deployment).map_or_else(|| "the rollout to end".to_owned(), tasks_of),
    };
    Decision::Watch(waiting_for)
}

/// Without service deployments: our entry in `deployments` by its id, and what took its place.
fn by_deployments(seen: &Observation) -> Decision {
    let Some(primary) = seen.service.primary() else {
        return Decision::Watch("the service to have a deployment".to_owned());
    };
    let reason = |deployment: &Deployment| {
        let said = deployment.rollout_reason.trim_end_matches('.');
        if said.is_empty() { NO_REASON.to_owned() } else { said.to_owned() }
    };
    if primary.id == seen.deployment {
        return match primary.rollout_state.as_str() {
            "COMPLETED" => Decision::Ended(Conclusion::Deployed),
            "FAILED" if !seen.service.rolls_back => {
                let reason = format!("{}, and no rollback was made", reason(primary));
                Decision::Ended(Conclusion::RollbackFailed { reason })
            }
            "FAILED" => Decision::Watch("ECS to begin the rollback".to_owned()),
            // Services behind a classic load balancer have no state; there the numbers are all there is.
            "" if is_steady(primary) && seen.service.deployments.len() == 1 => Decision::Ended(Conclusion::Deployed),
            _ => Decision::Watch(tasks_of(primary)),
        };
    }
    let rolling_back = is_rollback(&primary.rollout_reason)
        || primary.task_definition == seen.previous && (seen.seen_failed || says_failed(seen));
    if !rolling_back {
        return displaced(primary, seen);
    }
    match primary.rollout_state.as_str() {
        "FAILED" => {
            let reason = format!("{}, and the rollback failed too", reason(primary));
            Decision::Ended(Conclusion::RollbackFailed { reason })
        }
        "COMPLETED" => {
            let ours = seen.service.deployment(&seen.deployment);
            Decision::Ended(Conclusion::RolledBack { reason: reason(ours.unwrap_or(primary)) })
        }
        _ => Decision::Watch(format!("the rollback to finish, {}", tasks_of(primary))),
    }
}

/// ECS writes "(deployment ecs-svc/…) deployment failed: …" among the service's events.
fn says_failed(seen: &Observation) -> bool {
    let messages = &seen.service.messages;
    messages
        .iter()
        .map(|message| Message::parse(&message.text))
        .any(|message| message.says("… deployment failed") && message.words().any(|word| word == seen.deployment))
}

/// "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/…."
fn is_rollback(reason: &str) -> bool {
    let reason = Message::parse(reason);
    ["rolling back", "rolling back to …", "… rolling back to …"].iter().any(|pattern| reason.says(pattern))
}

/// Who has the traffic while it is shifted, as a phrase: both revisions run then, and that says little.
pub(super) fn traffic(seen: &Observation) -> Option<String> {
    let rollout = seen.rollout.as_ref().filter(|rollout| rollout.status == Status::InProgress)?;
    let weight = rollout.revisions.first()?.production_weight.filter(|_| !rollout.stage.is_empty())?;
    let (new, old) = (short(&seen.revision), short(&seen.previous));
    Some(if weight <= 0.0 {
        format!("{old} has all of the traffic")
    } else if weight >= 100.0 {
        format!("{new} has all of the traffic")
    } else {
        format!("{new} has {weight} % of the traffic, and {old} the rest")
    })
}

/// What runs now, as a phrase: `app:3 serves (2 tasks)`.
pub(crate) fn serving(service: &Service) -> String {
    let running: Vec<_> = running(service)
        .map(|(revision, tasks)| format!("{revision} ({tasks} {})", if tasks == 1 { "task" } else { "tasks" }))
        .gather();
    match running.as_slice() {
        [] => format!("no task of service {} runs now", service.name),
        [one] => format!("{one} serves now"),
        several => format!("{} serve now", several.join(" and ")),
    }
}

/// The revisions that run now: `app:3`, `app:3, app:4`, or `nothing`.
pub(super) fn serving_revisions(service: &Service) -> String {
    let running: Vec<_> = running(service).map(|(revision, _)| revision).gather();
    if running.is_empty() { "nothing".to_owned() } else { running.join(", ") }
}

fn running(service: &Service) -> impl Iterator<Item = (&str, u32)> {
    let running = service.deployments.iter().filter(|deployment| deployment.running > 0);
    running.map(|deployment| (short(&deployment.task_definition), deployment.running))
}

/// Old tasks that an early success leaves behind, as a sentence.
pub(super) fn still_serving(outcome: &Conclusion, seen: &Observation) -> Option<String> {
    let rollout = seen.rollout.as_ref().filter(|rollout| rollout.early_success.is_some())?;
    let old: u32 = rollout.revisions.iter().skip(1).map(|revision| revision.running).sum();
    let (tasks, serve) = if old == 1 { ("task", "serves") } else { ("tasks", "serve") };
    (*outcome == Conclusion::Deployed && old > 0).then(|| {
        format!("ECS calls this an early success: {old} old {tasks} still {serve}, and no alarm and no breaker rolls back any more")
    })
}

/// Of a PRIMARY that is not ours.
fn displaced(primary: &Deployment, seen: &Observation) -> Decision {
    if began_later(primary, seen) {
        Decision::Ended(superseded_by(primary))
    } else {
        Decision::Watch("ECS to show the update".to_owned())
    }
}

/// A PRIMARY that began before ours is that of an answer from before the update; of one that says nothing it is not known (0).
fn began_later(primary: &Deployment, seen: &Observation) -> bool {
    primary.id != seen.deployment && (primary.created_at == 0 || primary.created_at >= seen.since)
}

fn superseded_by(primary: &Deployment) -> Conclusion {
    Conclusion::Superseded { by: Newer { revision: primary.task_definition.clone(), who: String::new() } }
}

fn is_steady(deployment: &Deployment) -> bool {
    deployment.running == deployment.desired && deployment.pending == 0
}

fn tasks_of(deployment: &Deployment) -> String {
    let Deployment { desired, pending, running, .. } = deployment;
    if is_steady(deployment) {
        format!("ECS to call it complete, {running} of {desired} tasks running")
    } else {
        format!("tasks: {running} of {desired} running, {pending} pending")
    }
}

#[cfg(test)]
mod tests;
