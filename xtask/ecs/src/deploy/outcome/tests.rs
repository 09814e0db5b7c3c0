//! Every story of a rollout, as a table.

use super::*;
use crate::aws::ecs::{Rollback, ServiceMessage};
use crate::event::RevisionProgress;

const OURS: &str = "arn:aws:ecs:r:1:task-definition/app:4";
const BEFORE: &str = "arn:aws:ecs:r:1:task-definition/app:3";
const OTHER: &str = "arn:aws:ecs:r:1:task-definition/app:5";

fn deployment(id: &str, status: &str, revision: &str, state: &str, running: u32) -> Deployment {
    Deployment {
        id: id.into(),
        status: status.into(),
        task_definition: revision.into(),
        desired: 2,
        running,
        pending: 2 - running,
        rollout_state: state.into(),
        ..Deployment::default()
    }
}

fn ours(status: &str, state: &str, running: u32) -> Deployment {
    deployment("ecs-svc/1", status, OURS, state, running)
}

fn seen(deployments: Vec<Deployment>) -> Observation {
    Observation {
        elapsed: Duration::from_secs(30),
        deadline: Duration::from_secs(900),
        revision: OURS.into(),
        previous: BEFORE.into(),
        deployment: "ecs-svc/1".into(),
        service: Service { desired: 2, deployments, rolls_back: true, ..Service::default() },
        ..Observation::default()
    }
}

fn rollout(status: Status) -> ServiceDeployment {
    ServiceDeployment { status, reason: "tasks failed to start.".into(), ..ServiceDeployment::default() }
}

/// Followed by its service deployment, with ours as PRIMARY.
fn listed(status: Status) -> Observation {
    let stopped_for = Duration::from_secs(60);
    Observation { rollout: Some(rollout(status)), stopped_for, ..seen(vec![ours("PRIMARY", "IN_PROGRESS", 1)]) }
}

/// Followed by `deployments` only.
fn unlisted(deployments: Vec<Deployment>) -> Observation {
    Observation { unlisted: true, ..seen(deployments) }
}

/// The service in an answer from before the update.
fn as_before() -> Observation {
    let before = deployment("ecs-svc/0", "PRIMARY", BEFORE, "COMPLETED", 2);
    unlisted(vec![Deployment { created_at: 1, ..before }])
}

fn newer() -> Newer {
    Newer { revision: OTHER.into(), who: "arn:aws:iam::1:user/ana".into() }
}

fn rolled_back(reason: &str) -> Decision {
    Decision::Ended(Conclusion::RolledBack { reason: reason.into() })
}

fn rollback_failed(reason: &str) -> Decision {
    Decision::Ended(Conclusion::RollbackFailed { reason: reason.into() })
}

fn superseded(by: &Newer) -> Decision {
    Decision::Ended(Conclusion::Superseded { by: by.clone() })
}

fn watch(what: &str) -> Decision {
    Decision::Watch(what.into())
}

fn expect(table: Vec<(&str, Observation, Decision)>) {
    for (story, seen, decision) in table {
        assert_eq!(outcome(&seen), decision, "{story}");
    }
}

#[test]
fn the_service_deployment_decides() {
    let deployed = || Decision::Ended(Conclusion::Deployed);
    let reason = "tasks failed to start";
    expect(vec![
        ("pending", listed(Status::Pending), watch("ECS to begin the rollout")),
        ("in progress", listed(Status::InProgress), watch("tasks: 1 of 2 running, 1 pending")),
        ("successful", listed(Status::Successful), deployed()),
        (
            "rolling back is not over",
            listed(Status::RollbackInProgress),
            watch("the rollback to finish, tasks: 1 of 2 running, 1 pending"),
        ),
        ("rolled back", listed(Status::RollbackSuccessful), rolled_back(reason)),
        (
            "rolled back, with the rollback's own reason",
            Observation {
                rollout: Some(ServiceDeployment {
                    rollback: Some(Rollback { reason: "breaker".into(), revision: String::new() }),
                    ..rollout(Status::RollbackSuccessful)
                }),
                ..listed(Status::Pending)
            },
            rolled_back("breaker"),
        ),
        (
            "rolled back by an alarm that gives no reason",
            Observation {
                rollout: Some(ServiceDeployment {
                    alarms: vec!["errors".into()],
                    reason: String::new(),
                    ..rollout(Status::RollbackSuccessful)
                }),
                ..listed(Status::Pending)
            },
            rolled_back("alarms in ALARM: errors"),
        ),
        (
            "rollback failed",
            listed(Status::RollbackFailed),
            rollback_failed("tasks failed to start, and the rollback failed too"),
        ),
        ("being stopped", listed(Status::StopRequested), watch("ECS to stop the rollout")),
        (
            "a newer one began while ours was in progress",
            Observation { newer: Some(newer()), ..listed(Status::InProgress) },
            superseded(&newer()),
        ),
        (
            "stopped by a newer one",
            Observation { newer: Some(newer()), ..listed(Status::Stopped) },
            superseded(&newer()),
        ),
        (
            "stopped by a newer one that is not listed yet",
            Observation {
                rollout: Some(rollout(Status::Stopped)),
                ..seen(vec![deployment("ecs-svc/2", "PRIMARY", OTHER, "IN_PROGRESS", 0)])
            },
            superseded(&Newer { revision: OTHER.into(), who: String::new() }),
        ),
        (
            "successful before a newer one began",
            Observation { newer: Some(newer()), ..listed(Status::Successful) },
            deployed(),
        ),
        (
            "rolled back before a newer one began",
            Observation { newer: Some(newer()), ..listed(Status::RollbackSuccessful) },
            rolled_back(reason),
        ),
        (
            "a status that ECS has learnt since",
            listed(Status::Other("PAUSED".into())),
            watch("tasks: 1 of 2 running, 1 pending"),
        ),
        (
            "a stage of a blue/green rollout",
            Observation {
                rollout: Some(ServiceDeployment { stage: "BAKE_TIME".into(), ..rollout(Status::InProgress) }),
                ..listed(Status::InProgress)
            },
            watch("the stage BAKE_TIME to pass"),
        ),
    ]);
}

#[test]
fn what_a_stop_was_is_told_when_ecs_tells_it_or_after_a_moment() {
    expect(vec![
        (
            "the breaker stopped it and no rollback is configured",
            listed(Status::Stopped),
            rollback_failed("tasks failed to start, and no rollback was made"),
        ),
        (
            "stopped a moment ago, and what took its place may not be told of yet",
            Observation { stopped_for: Duration::from_secs(10), ..listed(Status::Stopped) },
            watch("ECS to tell what took its place"),
        ),
        (
            "stopped, and the service is told of as it was before the update",
            Observation {
                stopped_for: Duration::ZERO,
                since: 2,
                service: as_before().service,
                ..listed(Status::Stopped)
            },
            watch("ECS to tell what took its place"),
        ),
        (
            "stopped a moment ago, and ECS calls it failed, which it calls nothing that was superseded",
            Observation { stopped_for: Duration::ZERO, seen_failed: true, ..listed(Status::Stopped) },
            rollback_failed("tasks failed to start, and no rollback was made"),
        ),
        (
            "stopped a moment ago, at the deadline",
            Observation { stopped_for: Duration::ZERO, elapsed: Duration::from_secs(900), ..listed(Status::Stopped) },
            rollback_failed("tasks failed to start, and no rollback was made"),
        ),
    ]);
}

#[test]
fn without_service_deployments_the_id_of_our_primary_decides() {
    let back = |state, running| deployment("ecs-svc/2", "PRIMARY", BEFORE, state, running);
    let failed = Deployment { rollout_reason: "tasks failed to start".into(), ..ours("ACTIVE", "FAILED", 0) };
    let message = ServiceMessage {
        text: "(service app) (deployment ecs-svc/1) deployment failed: tasks failed to start.".into(),
        ..ServiceMessage::default()
    };
    expect(vec![
        (
            "in progress",
            unlisted(vec![ours("PRIMARY", "IN_PROGRESS", 2)]),
            watch("ECS to call it complete, 2 of 2 tasks running"),
        ),
        ("completed", unlisted(vec![ours("PRIMARY", "COMPLETED", 2)]), Decision::Ended(Conclusion::Deployed)),
        (
            "another PRIMARY, of which ECS does not tell when it began",
            Observation { since: 2, ..unlisted(vec![deployment("ecs-svc/2", "PRIMARY", OTHER, "IN_PROGRESS", 1)]) },
            superseded(&Newer { revision: OTHER.into(), who: String::new() }),
        ),
        (
            "told of as it was before the update",
            Observation { since: 2, ..as_before() },
            watch("ECS to show the update"),
        ),
        (
            "stable but rolled back is no success",
            Observation { seen_failed: true, ..unlisted(vec![back("COMPLETED", 2)]) },
            rolled_back("ECS gives no reason"),
        ),
        (
            "rolling back",
            Observation { seen_failed: true, ..unlisted(vec![back("IN_PROGRESS", 1), failed.clone()]) },
            watch("the rollback to finish, tasks: 1 of 2 running, 1 pending"),
        ),
        (
            "rolled back, and our failed entry is still there",
            Observation { seen_failed: true, ..unlisted(vec![back("COMPLETED", 2), failed]) },
            rolled_back("tasks failed to start"),
        ),
        (
            "the rollback failed too",
            Observation { seen_failed: true, ..unlisted(vec![back("FAILED", 0)]) },
            rollback_failed("ECS gives no reason, and the rollback failed too"),
        ),
        (
            "our failure was missed, but ECS's events tell it",
            {
                let mut seen = unlisted(vec![back("COMPLETED", 2)]);
                seen.service.messages.push(message);
                seen
            },
            rolled_back("ECS gives no reason"),
        ),
        (
            "failed, the rollback has not begun",
            unlisted(vec![ours("PRIMARY", "FAILED", 0)]),
            watch("ECS to begin the rollback"),
        ),
        (
            "failed, and no rollback is configured",
            {
                let mut seen = unlisted(vec![ours("PRIMARY", "FAILED", 0)]);
                seen.service.rolls_back = false;
                seen
            },
            rollback_failed("ECS gives no reason, and no rollback was made"),
        ),
        (
            "somebody deployed the old revision on purpose",
            unlisted(vec![back("IN_PROGRESS", 0), ours("ACTIVE", "IN_PROGRESS", 1)]),
            superseded(&Newer { revision: BEFORE.into(), who: String::new() }),
        ),
        (
            "somebody deployed another revision",
            unlisted(vec![deployment("ecs-svc/2", "PRIMARY", OTHER, "IN_PROGRESS", 0)]),
            superseded(&Newer { revision: OTHER.into(), who: String::new() }),
        ),
        (
            "no state at all, as behind a classic load balancer",
            unlisted(vec![ours("PRIMARY", "", 2)]),
            Decision::Ended(Conclusion::Deployed),
        ),
        (
            "no state, and the old tasks still run",
            unlisted(vec![ours("PRIMARY", "", 2), deployment("ecs-svc/0", "ACTIVE", BEFORE, "", 1)]),
            watch("ECS to call it complete, 2 of 2 tasks running"),
        ),
    ]);
}

#[test]
fn a_service_deployment_that_is_not_listed_yet_is_waited_for() {
    expect(vec![(
        "just updated",
        seen(vec![ours("PRIMARY", "COMPLETED", 2)]),
        watch("ECS to list the service deployment of this update"),
    )]);
}

#[test]
fn the_deadline_ends_the_watch_and_says_what_it_waited_for() {
    let late = |seen: Observation| Observation { elapsed: Duration::from_secs(900), ..seen };
    let timed_out = |what: &str| Decision::Ended(Conclusion::TimedOut { waiting_for: what.into() });
    expect(vec![
        ("in progress", late(listed(Status::InProgress)), timed_out("tasks: 1 of 2 running, 1 pending")),
        ("successful in the last moment", late(listed(Status::Successful)), Decision::Ended(Conclusion::Deployed)),
    ]);
}

#[test]
fn a_desired_count_of_zero_is_deployed_at_once() {
    let mut zero = seen(vec![ours("PRIMARY", "IN_PROGRESS", 0)]);
    zero.service.desired = 0;
    let failed = Observation { rollout: Some(rollout(Status::RollbackFailed)), ..zero.clone() };
    let mut leaving = zero.clone();
    leaving.rollout = Some(rollout(Status::RollbackRequested));
    leaving.service.deployments[0].desired = 0;
    let waits = "the rollback to finish, tasks: 0 of 0 running, 2 pending";
    let mut other = zero.clone();
    other.service.deployments[0].id = "ecs-svc/2".into();
    other.unlisted = true;
    other.service.deployments[0].task_definition = OTHER.into();
    expect(vec![
        ("on the new revision", zero, Decision::Ended(Conclusion::Deployed)),
        ("but on its way back", leaving, watch(waits)),
        ("but failed", failed, rollback_failed("tasks failed to start, and the rollback failed too")),
        ("on another revision", other, superseded(&Newer { revision: OTHER.into(), who: String::new() })),
    ]);
}

#[test]
fn a_desired_count_of_zero_waits_for_what_may_turn_its_rollout_back() {
    let mut zero = listed(Status::Pending);
    zero.service.desired = 0;
    let mut shifting = zero.clone();
    shifting.service.settings.strategy = Strategy::Shifting { pauses: false };
    let back = Observation { rollout: Some(rollout(Status::RollbackSuccessful)), ..shifting.clone() };
    let mut watched = zero.clone();
    watched.service.settings.alarms = true;
    let mut baking = zero.clone();
    baking.service.settings.least = Duration::from_secs(60);
    let begins = "ECS to begin the rollout";
    expect(vec![
        ("task by task", zero, Decision::Ended(Conclusion::Deployed)),
        ("with stages to pass", shifting, watch(begins)),
        ("one of which refused it", back, rolled_back("tasks failed to start")),
        ("with alarms", watched, watch(begins)),
        ("with a bake", baking, watch(begins)),
    ]);
}

#[test]
fn a_new_desired_count_alone_is_done_when_so_many_run() {
    let scaled = |running| Observation { only_scaled: true, ..seen(vec![ours("PRIMARY", "COMPLETED", running)]) };
    expect(vec![
        ("not yet", scaled(1), watch("tasks: 1 of 2 running, 1 pending")),
        ("all run", scaled(2), Decision::Ended(Conclusion::Deployed)),
    ]);
}

#[test]
fn each_outcome_has_the_exit_code_of_the_table() {
    let code = |outcome: Conclusion| {
        outcome.failure("app", OURS, "app:3 serves", Duration::from_secs(900)).map_or(0, |failure| failure.exit_code())
    };
    assert_eq!(code(Conclusion::Deployed), 0);
    assert_eq!(code(Conclusion::NothingToDo), 0);
    assert_eq!(code(Conclusion::RolledBack { reason: String::new() }), 4);
    assert_eq!(code(Conclusion::RollbackFailed { reason: String::new() }), 5);
    assert_eq!(code(Conclusion::Superseded { by: newer() }), 6);
    assert_eq!(code(Conclusion::TimedOut { waiting_for: String::new() }), 7);
}

#[test]
fn a_superseded_rollout_says_by_which_revision_and_whose() {
    let failure = Conclusion::Superseded { by: newer() }
        .failure("app", OURS, "app:5 is being rolled out", Duration::from_secs(900))
        .expect("it is a failure");
    assert_eq!(
        failure.to_string(),
        "the rollout of app:4 on service app was superseded by a deployment of app:5, registered by \
         arn:aws:iam::1:user/ana; app:5 is being rolled out"
    );
}

#[test]
fn a_rollout_that_something_unknown_superseded_says_so_without_a_gap() {
    let failure = Conclusion::Superseded { by: Newer::default() }
        .failure("app", OURS, "app:4 serves", Duration::from_secs(900))
        .expect("it is a failure");
    assert_eq!(
        failure.to_string(),
        "the rollout of app:4 on service app was superseded by another deployment; app:4 serves"
    );
}

#[test]
fn while_traffic_is_shifted_it_is_said_who_has_it() {
    let shifted = |weight| {
        let revisions = vec![RevisionProgress { production_weight: Some(weight), ..RevisionProgress::default() }];
        let stage = "PRODUCTION_TRAFFIC_SHIFT".to_owned();
        Observation {
            rollout: Some(ServiceDeployment { revisions, stage, ..rollout(Status::InProgress) }),
            ..listed(Status::InProgress)
        }
    };
    for (weight, says) in [
        (0.0, "app:3 has all of the traffic"),
        (2.5, "app:4 has 2.5 % of the traffic, and app:3 the rest"),
        (100.0, "app:4 has all of the traffic"),
    ] {
        assert_eq!(traffic(&shifted(weight)).as_deref(), Some(says));
    }
    assert_eq!(traffic(&listed(Status::InProgress)), None, "a rolling rollout shifts nothing");
}
