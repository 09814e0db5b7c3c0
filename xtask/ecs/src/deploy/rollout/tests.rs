mod current;
mod day;
mod fail_fast;
mod late;
mod story;
mod usual;

use story::*;

use super::*;
use crate::aws::ecs::ServiceMessage;
use crate::event::{Breaker, Hook};

#[test]
fn each_change_of_state_is_told_once() {
    let mut story = Story {
        scenes: vec![
            ours(Status::Pending, 0),
            ours(Status::InProgress, 0),
            ours(Status::InProgress, 0),
            ours(Status::InProgress, 2),
            ours(Status::Successful, 2),
        ],
        ..Story::default()
    };
    let (end, events) = watch(&mut story);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert_eq!(
        progress_lines(&events),
        ["PENDING 0/2 0", "IN_PROGRESS 0/2 0", "IN_PROGRESS 2/2 0", "SUCCESSFUL 2/2 0"]
    );
    let lists = story.calls.iter().filter(|call| *call == "ecs:ListServiceDeployments").count();
    assert_eq!(lists, 1, "a found rollout is not looked up again");
}

#[test]
fn only_messages_of_this_rollout_are_told_and_each_once() {
    let message = |id: &str, at, text: &str| ServiceMessage { id: id.into(), at, text: text.into() };
    let mut first = ours(Status::InProgress, 0);
    first.service.messages = vec![message("b", 1_000_001, "has started 1 tasks"), message("a", 999_000, "old")];
    let mut second = ours(Status::Successful, 2);
    second.service.messages = [vec![message("c", 1_000_002, "steady state")], first.service.messages.clone()].concat();
    let (end, events) = watch(&mut Story { scenes: vec![first, second], ..Story::default() });
    let told: Vec<_> = events
        .iter()
        .filter_map(
            |event| if let Event::ServiceMessage { message, .. } = event { Some(message.as_str()) } else { None },
        )
        .collect();
    assert_eq!(told, ["has started 1 tasks", "steady state"]);
    assert_eq!(end.messages, ["steady state", "has started 1 tasks"]);
}

#[test]
fn a_rollback_is_followed_to_its_end_and_only_our_tasks_are_told() {
    let mut failing = ours(Status::InProgress, 0);
    failing.stopped = vec![stopped(1, "ecs-svc/4"), stopped(2, "ecs-svc/3")];
    let mut rolling = back(Status::RollbackInProgress);
    rolling.stopped = vec![stopped(1, "ecs-svc/4"), stopped(3, "ecs-svc/4")];
    let scenes = vec![failing, rolling, back(Status::RollbackSuccessful)];
    let (end, events) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::RolledBack { reason: "tasks failed to start".into() }));
    let ids: Vec<_> = end.stopped.iter().map(Task::id).collect();
    assert_eq!(ids, ["1", "3"]);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::TaskStopped { .. })).count(), 2);
}

#[test]
fn another_deployment_supersedes_and_is_named_with_who_registered_it() {
    let theirs = scene(
        vec![
            deployment("ecs-svc/6", "PRIMARY", OTHER, "IN_PROGRESS", 0),
            deployment("ecs-svc/4", "ACTIVE", OURS, "IN_PROGRESS", 1),
        ],
        vec![
            ("deployment/5", "revision/5", 1_005_000, Status::InProgress),
            ("deployment/4", "revision/4", 1_000_000, Status::StopRequested),
        ],
    );
    let (end, _) = watch(&mut Story { scenes: vec![ours(Status::InProgress, 1), theirs], ..Story::default() });
    let by = Newer { revision: OTHER.into(), who: "who registered app:5".into() };
    assert_eq!(end.ended, Ended::With(Conclusion::Superseded { by }));
}

#[test]
fn an_older_service_deployment_of_the_same_revision_is_not_taken_for_ours() {
    let mut scenes = vec![ours(Status::InProgress, 1), ours(Status::Successful, 2)];
    for scene in &mut scenes {
        scene.listed.push(("deployment/2", "revision/4", 950_000, Status::RollbackFailed));
    }
    let (end, _) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
}

#[test]
fn without_the_permission_it_warns_once_and_reads_the_deployments() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1), ours(Status::InProgress, 1), ours(Status::Successful, 2)],
        denied: vec!["ecs:ListServiceDeployments"],
        ..Story::default()
    };
    let (end, events) = watch(&mut story);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    let warnings: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Warning { message, .. } = event { Some(message.as_str()) } else { None })
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("allow the action `ecs:ListServiceDeployments`"), "{warnings:?}");
}

#[test]
fn a_rollout_that_is_never_listed_is_read_from_the_deployments_after_a_while() {
    let unlisted = |status, running| Scene { listed: Vec::new(), ..ours(status, running) };
    let mut scenes = vec![unlisted(Status::InProgress, 1)];
    scenes.push(unlisted(Status::Successful, 2));
    let (end, events) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert!((20..24).contains(&end.seen.elapsed.as_secs()), "{:?}", end.seen.elapsed);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Warning { .. })).count(), 1);
}

#[test]
fn an_emulator_that_fails_on_service_deployments_alone_is_followed_without_them() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1), ours(Status::InProgress, 1), ours(Status::Successful, 2)],
        broken: vec!["ecs:ListServiceDeployments"],
        ..Story::default()
    };
    let (end, events) = watch(&mut story);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    let warned = |event: &&Event| matches!(event, Event::Warning { message, .. } if message.contains("tells less"));
    assert_eq!(events.iter().filter(warned).count(), 1);
}

#[test]
fn without_the_permission_a_rollback_is_still_no_success() {
    let failed = scene(
        vec![
            deployment("ecs-svc/5", "PRIMARY", BEFORE, "IN_PROGRESS", 2),
            deployment("ecs-svc/4", "ACTIVE", OURS, "FAILED", 0),
        ],
        vec![],
    );
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 0), failed, back(Status::RollbackSuccessful)],
        denied: vec!["ecs:ListServiceDeployments"],
        ..Story::default()
    };
    let (end, _) = watch(&mut story);
    assert!(matches!(end.ended, Ended::With(Conclusion::RolledBack { .. })), "{:?}", end.ended);
}

#[test]
fn a_network_that_comes_back_costs_a_warning_and_not_the_rollout() {
    let blind = Scene { unreachable: true, ..ours(Status::InProgress, 1) };
    let scenes = [vec![ours(Status::InProgress, 1)], vec![blind; 6], vec![ours(Status::Successful, 2)]].concat();
    let (end, events) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert!(end.seen.rollout.is_some(), "the service deployment is not given up for it");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Warning { .. })).count(), 6);
}

#[test]
fn a_network_that_stays_away_ends_the_watch() {
    let blind = Scene { unreachable: true, ..ours(Status::InProgress, 1) };
    let mut story = Story { scenes: vec![blind], ..Story::default() };
    let error = follow(&mut story, &target(OnInterrupt::Leave), &Events::discard()).expect_err("nothing was seen");
    assert_eq!(error.kind, Kind::Unreachable);
}

#[test]
fn an_interrupt_is_heard_while_nothing_can_be_seen() {
    let blind = Scene { unreachable: true, ..ours(Status::InProgress, 1) };
    let mut story = Story { scenes: vec![blind], interrupted_at: Some(2), ..Story::default() };
    let (end, _) = watch(&mut story);
    assert_eq!(end.ended, Ended::Interrupted { asked: None });
    assert_eq!(end.seen.service.deployments.len(), 1, "what UpdateService answered is known");
}

#[test]
fn the_deadline_ends_a_rollout_that_never_does() {
    let (end, _) = watch(&mut Story { scenes: vec![ours(Status::InProgress, 1)], ..Story::default() });
    assert!(matches!(end.ended, Ended::With(Conclusion::TimedOut { .. })), "{:?}", end.ended);
    assert!(end.seen.elapsed >= Duration::from_secs(900) && end.seen.elapsed < Duration::from_secs(906));
}

#[test]
fn a_minute_without_news_is_told_with_what_is_waited_for() {
    let mut story = Story { scenes: vec![ours(Status::InProgress, 1)], ..Story::default() };
    let (end, events) = watch(&mut story);
    assert!(matches!(end.ended, Ended::With(Conclusion::TimedOut { .. })), "{:?}", end.ended);
    let waits: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Note { verb, message } if verb == "Waiting" => Some(message.as_str()),
            _ => None,
        })
        .collect();
    let minutes = usize::try_from(end.seen.elapsed.as_secs() / 60).unwrap_or_default();
    assert!(minutes > 0 && (1..=minutes).contains(&waits.len()), "{waits:?}");
    assert!(waits[0].starts_with("app: for tasks: 1 of 2 running, "), "{waits:?}");
}

#[test]
fn an_interrupt_leaves_the_rollout_to_ecs() {
    let mut story = Story { scenes: vec![ours(Status::InProgress, 1)], interrupted_at: Some(0), ..Story::default() };
    let (end, _) = watch(&mut story);
    assert_eq!(end.ended, Ended::Interrupted { asked: None });
    assert!(!story.calls.contains(&"ecs:StopServiceDeployment".to_owned()));
}

#[test]
fn an_interrupt_rolls_back_where_the_configuration_says_so() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1)],
        interrupted_at: Some(0),
        after_rollback: vec![back(Status::RollbackInProgress), back(Status::RollbackSuccessful)],
        ..Story::default()
    };
    let (end, _) = watch_as(&mut story, OnInterrupt::Rollback);
    let asked = Some(Conclusion::RolledBack { reason: "tasks failed to start".into() });
    assert_eq!(end.ended, Ended::Interrupted { asked });
    assert!(story.calls.contains(&"deployment/4".to_owned()));
}

#[test]
fn a_rollout_that_is_recalled_goes_back_for_the_reason_of_another_service() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1)],
        interrupted_at: Some(0),
        recalled: Some("service migrator failed".into()),
        after_rollback: vec![back(Status::RollbackInProgress), back(Status::RollbackSuccessful)],
        ..Story::default()
    };
    let (end, _) = watch_as(&mut story, OnInterrupt::Leave);
    assert_eq!(end.ended, Ended::Recalled { why: "service migrator failed".into() });
    assert_eq!(story.calls.iter().filter(|call| *call == "deployment/4").count(), 1);
}

#[test]
fn a_rollout_that_ended_well_before_it_could_be_recalled_has_ended_well() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1)],
        interrupted_at: Some(0),
        recalled: Some("service migrator failed".into()),
        after_rollback: vec![ours(Status::Successful, 2)],
        ..Story::default()
    };
    let (end, _) = watch_as(&mut story, OnInterrupt::Leave);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
}

#[test]
fn a_breaker_that_counts_from_0_again_because_a_task_got_healthy_is_warned_of_once() {
    let counts = |resets, counts: &[u32]| {
        let scene = |count: &u32| Scene {
            breaker: Some(Breaker { count: *count, threshold: 3, resets }),
            ..ours(Status::InProgress, 1)
        };
        let mut scenes: Vec<Scene> = counts.iter().map(scene).collect();
        scenes.push(ours(Status::Successful, 2));
        let (_, events) = watch(&mut Story { scenes, ..Story::default() });
        let warnings = events.into_iter().filter_map(|event| match event {
            Event::Warning { message, .. } => Some(message),
            _ => None,
        });
        warnings.collect::<Vec<_>>()
    };
    let warnings = counts(true, &[1, 2, 0, 1, 0]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("counts from 0 again after 2 failed tasks"), "{warnings:?}");
    assert_eq!(counts(true, &[0, 1, 2]), [""; 0]);
    assert_eq!(counts(false, &[2, 0]), [""; 0]);
}

#[test]
fn a_check_at_a_pause_is_made_once_lets_the_rollout_go_on_and_takes_none_of_its_time() {
    let waits = || Scene { waits: true, ..ours(Status::InProgress, 2) };
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 0), waits(), waits(), ours(Status::Successful, 2)],
        checked: Some(Answer::Continue),
        ..Story::default()
    };
    let mut target = target(OnInterrupt::Leave);
    target.rollout.deadline = Duration::from_secs(60);
    let end = follow(&mut story, &target, &Events::discard()).expect("the story is told to its end");
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    let asked = |call: &str| story.calls.iter().filter(|made| made.as_str() == call).count();
    assert_eq!((asked("check POST_SCALE_UP"), asked("ecs-pause-1 true")), (1, 1), "{:?}", story.calls);
}

#[test]
fn a_check_that_says_no_has_ecs_roll_back_and_is_the_reason() {
    let waits = Scene { waits: true, ..ours(Status::InProgress, 2) };
    let mut story = Story {
        scenes: vec![waits, back(Status::RollbackInProgress), back(Status::RollbackSuccessful)],
        checked: Some(Answer::RollBack("the test endpoint answers 503".into())),
        ..Story::default()
    };
    let (end, _) = watch(&mut story);
    let reason = "its check at POST_SCALE_UP said no: the test endpoint answers 503".to_owned();
    assert_eq!(end.ended, Ended::With(Conclusion::RolledBack { reason }));
    assert!(story.calls.contains(&"ecs-pause-1 false".to_owned()), "{:?}", story.calls);
}
