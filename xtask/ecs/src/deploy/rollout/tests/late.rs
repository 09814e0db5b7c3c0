//! Answers of ECS that are consistent only in the end.

use super::*;

#[test]
fn a_task_that_is_listed_as_stopped_before_it_says_why_is_looked_at_again() {
    let mut early = ours(Status::InProgress, 1);
    let silent = Task { status: "RUNNING".into(), stop_code: String::new(), ..stopped(1, "ecs-svc/4") };
    let silent = Task { stopped_reason: String::new(), containers: Vec::new(), ..silent };
    early.stopped = vec![silent];
    let mut late = ours(Status::RollbackSuccessful, 0);
    late.stopped = vec![stopped(1, "ecs-svc/4")];
    let mut story = Story { scenes: vec![early, late], ..Story::default() };
    let (events, heard) = Events::collect();
    let end = follow(&mut story, &target(OnInterrupt::Leave), &events).expect("the story is told to its end");
    drop(events);
    let told = drain(&heard).into_iter().filter(|event| matches!(event, Event::TaskStopped { .. })).count();
    assert_eq!((end.stopped.len(), told), (1, 1));
    assert!(end.stopped[0].tells_its_end(), "{:?}", end.stopped);
}

#[test]
fn what_took_the_place_of_a_rollout_is_named_even_where_its_revision_is_not_told_of_yet() {
    let mut over = ours(Status::StopRequested, 1);
    over.service.deployments.insert(0, deployment("ecs-svc/6", "PRIMARY", OTHER, "IN_PROGRESS", 0));
    over.listed.insert(0, ("deployment/6", "revision/6", 1_005_000, Status::InProgress));
    let mut story = Story { scenes: vec![ours(Status::InProgress, 1), over], ..Story::default() };
    let end = follow(&mut story, &target(OnInterrupt::Leave), &Events::discard()).expect("it is told to its end");
    let Ended::With(Conclusion::Superseded { by }) = end.ended else { panic!("{:?}", end.ended) };
    assert_eq!(by.revision, OTHER);
}

/// The service as it was before another update took the place of ours, whose stop is told already.
fn stale() -> Scene {
    let mut stale = ours(Status::Stopped, 1);
    stale.service.current_deployment = Some("deployment/4".into());
    stale
}

#[test]
fn a_service_that_still_names_a_rollout_that_is_stopped_does_not_hide_what_superseded_it() {
    let mut listed = stale();
    listed.listed.insert(0, ("deployment/5", "revision/5", 1_005_000, Status::InProgress));
    let mut late = stale();
    late.service.deployments.insert(0, deployment("ecs-svc/5", "PRIMARY", OTHER, "IN_PROGRESS", 0));
    late.service.deployments[1].status = "ACTIVE".into();
    for then in [listed, late] {
        let scenes = vec![ours(Status::InProgress, 1), stale(), stale(), then];
        let mut story = Story { scenes, ..Story::default() };
        let end = follow(&mut story, &target(OnInterrupt::Leave), &Events::discard()).expect("it is told to its end");
        let Ended::With(Conclusion::Superseded { by }) = end.ended else { panic!("{:?}", end.ended) };
        assert_eq!(by.revision, OTHER);
    }
}

#[test]
fn a_rollout_that_nothing_superseded_is_called_stopped_after_a_moment() {
    let mut story = Story { scenes: vec![ours(Status::InProgress, 1), stale()], ..Story::default() };
    let end = follow(&mut story, &target(OnInterrupt::Leave), &Events::discard()).expect("it is told to its end");
    let Ended::With(Conclusion::RollbackFailed { reason }) = end.ended else { panic!("{:?}", end.ended) };
    assert_eq!(reason, "tasks failed to start, and no rollback was made");
    assert!((20..60).contains(&end.seen.elapsed.as_secs()), "{:?}", end.seen.elapsed);
}

#[test]
fn the_service_as_it_was_before_the_update_is_not_what_superseded_a_rollout_that_was_stopped() {
    let mut early = stale();
    let before = deployment("ecs-svc/3", "PRIMARY", BEFORE, "COMPLETED", 2);
    early.service.deployments = vec![Deployment { created_at: SINCE - 1, ..before }];
    let mut story = Story { scenes: vec![ours(Status::Pending, 0), early, stale()], ..Story::default() };
    let end = follow(&mut story, &target(OnInterrupt::Leave), &Events::discard()).expect("it is told to its end");
    let Ended::With(Conclusion::RollbackFailed { reason }) = end.ended else { panic!("{:?}", end.ended) };
    assert_eq!(reason, "tasks failed to start, and no rollback was made");
}
