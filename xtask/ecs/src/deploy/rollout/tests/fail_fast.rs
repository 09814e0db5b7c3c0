//! Rollouts that cannot succeed.

use super::*;
use crate::config::{Exits, FailFast};

const GONE: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                    public.ecr.aws/sample/app:1: public.ecr.aws/sample/app:1: not found";

fn doomed() -> Scene {
    let mut scene = ours(Status::InProgress, 0);
    scene.stopped =
        vec![Task { stop_code: "TaskFailedToStart".into(), stopped_reason: GONE.into(), ..stopped(1, "ecs-svc/4") }];
    scene
}

fn story() -> Story {
    Story {
        scenes: vec![ours(Status::InProgress, 0), doomed()],
        after_rollback: vec![back(Status::RollbackRequested), back(Status::RollbackSuccessful)],
        ..Story::default()
    }
}

fn follow_as(story: &mut Story, target: &Target) -> (End, Vec<String>) {
    let (events, heard) = Events::collect();
    let end = follow(story, target, &events).expect("the story is told to its end");
    drop(events);
    let told = drain(&heard).into_iter().filter_map(|event| match event {
        Event::Warning { message, .. } => Some(format!("warning: {message}")),
        Event::Note { verb, message } if verb == "Stopping" => Some(message),
        _ => None,
    });
    (end, told.collect())
}

fn stops(story: &Story) -> usize {
    story.calls.iter().filter(|call| *call == "ecs:StopServiceDeployment").count()
}

#[test]
fn the_first_decisive_task_stops_the_rollout_which_is_followed_back() {
    let mut story = story();
    let (end, told) = follow_as(&mut story, &target(OnInterrupt::Leave));
    let Ended::With(Conclusion::RolledBack { reason }) = &end.ended else { panic!("{:?}", end.ended) };
    assert!(reason.contains("public.ecr.aws/sample/app:1") && reason.ends_with("it was stopped at once"), "{reason}");
    assert_eq!((stops(&story), told.len()), (1, 1), "{told:?}");
    assert!(told[0].contains("for it cannot succeed: "), "{told:?}");
    assert!(end.seen.elapsed <= Duration::from_secs(5), "{:?}", end.seen.elapsed);
}

#[test]
fn three_tasks_that_exit_alike_stop_it_and_a_higher_number_does_not() {
    for (exits, expected) in [(Some(3), 1), (Some(4), 0), (None, 0)] {
        let mut crashing = ours(Status::InProgress, 0);
        crashing.stopped = (1..=3).map(|number| stopped(number, "ecs-svc/4")).collect();
        let scenes = vec![crashing, back(Status::RollbackSuccessful)];
        let mut story = Story { scenes, after_rollback: vec![back(Status::RollbackSuccessful)], ..Story::default() };
        let mut target = target(OnInterrupt::Leave);
        target.rollout.exits = Exits(exits);
        follow_as(&mut story, &target);
        assert_eq!(stops(&story), expected, "{exits:?}");
    }
}

#[test]
fn switched_off_it_waits_for_ecs() {
    let mut story = Story { scenes: vec![doomed(), back(Status::RollbackSuccessful)], ..Story::default() };
    let mut target = target(OnInterrupt::Leave);
    target.rollout.fail_fast = FailFast::Off;
    let (end, told) = follow_as(&mut story, &target);
    assert_eq!(end.ended, Ended::With(Conclusion::RolledBack { reason: "tasks failed to start".into() }));
    assert_eq!((stops(&story), told.len()), (0, 0));
}

#[test]
fn a_first_deployment_is_left_alone_and_the_watch_ends() {
    let mut story = story();
    for scene in &mut story.scenes {
        scene.listed.retain(|(.., status)| *status != Status::Successful);
    }
    let (end, _) = follow_as(&mut story, &Target { way_back: false, ..target(OnInterrupt::Leave) });
    let Ended::With(Conclusion::RollbackFailed { reason }) = &end.ended else { panic!("{:?}", end.ended) };
    assert!(reason.contains("nothing to go back to") && reason.contains("deploy again"), "{reason}");
    assert_eq!(stops(&story), 0);
}

#[test]
fn what_came_up_before_and_has_no_task_left_is_still_gone_back_to() {
    let mut story = story();
    let (end, _) = follow_as(&mut story, &Target { way_back: false, ..target(OnInterrupt::Leave) });
    assert!(matches!(end.ended, Ended::With(Conclusion::RolledBack { .. })), "{:?}", end.ended);
    assert_eq!(stops(&story), 1);
}

#[test]
fn a_task_of_another_deployment_stops_nothing() {
    let mut theirs = doomed();
    theirs.stopped[0].started_by = "ecs-svc/3".into();
    let mut story = Story { scenes: vec![theirs, ours(Status::Successful, 2)], ..Story::default() };
    let (end, _) = follow_as(&mut story, &target(OnInterrupt::Leave));
    assert_eq!((end.ended, stops(&story)), (Ended::With(Conclusion::Deployed), 0));
}

#[test]
fn a_conflict_means_that_it_ended_meanwhile_and_it_is_looked_at_again() {
    let scenes = vec![doomed(), ours(Status::Successful, 2)];
    let mut story = Story { scenes, conflicts: 1, ..Story::default() };
    let (end, told) = follow_as(&mut story, &target(OnInterrupt::Leave));
    assert_eq!((end.ended, told), (Ended::With(Conclusion::Deployed), Vec::new()));
}

#[test]
fn a_conflict_that_never_shows_is_given_up_with_a_warning() {
    let scenes = [vec![doomed(); 9], vec![back(Status::RollbackSuccessful)]].concat();
    let mut story = Story { scenes, conflicts: 99, ..Story::default() };
    let (_, told) = follow_as(&mut story, &target(OnInterrupt::Leave));
    assert_eq!((stops(&story), told.len()), (4, 1), "{told:?}");
}

#[test]
fn without_the_right_to_stop_it_that_is_said_once_and_ecs_ends_it() {
    let scenes = vec![doomed(), doomed(), doomed(), back(Status::RollbackSuccessful)];
    let mut story = Story { scenes, denied: vec!["ecs:StopServiceDeployment"], ..Story::default() };
    let (end, told) = follow_as(&mut story, &target(OnInterrupt::Leave));
    assert_eq!(end.ended, Ended::With(Conclusion::RolledBack { reason: "tasks failed to start".into() }));
    assert_eq!((stops(&story), told.len()), (1, 1), "{told:?}");
    assert!(told[0].contains("this identity may not stop it"), "{told:?}");
    assert!(told[0].contains("allow the action `ecs:StopServiceDeployment`"), "{told:?}");
}

#[test]
fn a_rollback_that_fails_after_the_stop_keeps_the_cause() {
    let mut story = Story { after_rollback: vec![back(Status::RollbackFailed)], ..story() };
    let (end, _) = follow_as(&mut story, &target(OnInterrupt::Leave));
    let Ended::With(Conclusion::RollbackFailed { reason }) = &end.ended else { panic!("{:?}", end.ended) };
    assert!(reason.contains("public.ecr.aws/sample/app:1") && reason.contains("the rollback failed too"), "{reason}");
}

#[test]
fn an_interrupt_while_it_goes_back_asks_for_nothing_more() {
    let mut story = story();
    story.after_rollback = vec![back(Status::RollbackInProgress); 9];
    // The rollback's first page is the one on which it is interrupted.
    story.interrupted_after_rollback = Some(2);
    let (end, _) = follow_as(&mut story, &target(OnInterrupt::Rollback));
    assert_eq!((end.ended, stops(&story)), (Ended::Interrupted { asked: None }, 1));
}
