//! The rollout that the service itself names.

use super::*;
use crate::event::RevisionProgress;

fn naming(arn: &str, mut scene: Scene) -> Scene {
    scene.service.current_deployment = Some(arn.into());
    scene
}

fn calls(story: &Story, call: &str) -> usize {
    story.calls.iter().filter(|made| *made == call).count()
}

/// Followed from a service that names this deployment, as UpdateService answered it.
fn follow_from(story: &mut Story, named: &str) -> (End, Vec<Event>) {
    let (events, heard) = Events::collect();
    let start = naming(named, ours(Status::Pending, 0)).service;
    let end = follow(story, &Target { start, ..target(OnInterrupt::Leave) }, &events).expect("it is told to its end");
    drop(events);
    (end, drain(&heard))
}

#[test]
fn what_the_service_names_is_found_without_a_list() {
    let mut story =
        Story { scenes: vec![ours(Status::InProgress, 1), ours(Status::Successful, 2)], ..Story::default() };
    let (end, _) = follow_from(&mut story, "deployment/4");
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert_eq!(calls(&story, "ecs:ListServiceDeployments"), 0, "{:?}", story.calls);
}

#[test]
fn what_the_service_names_is_found_where_nothing_may_be_listed() {
    let mut story = Story {
        scenes: vec![naming("deployment/4", ours(Status::InProgress, 1)), ours(Status::Successful, 2)],
        denied: vec!["ecs:ListServiceDeployments"],
        ..Story::default()
    };
    let (end, events) = watch(&mut story);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert!(!events.iter().any(|event| matches!(event, Event::Warning { .. })), "{events:?}");
}

#[test]
fn a_service_that_still_names_the_one_before_is_asked_again_and_then_listed() {
    for named in ["deployment/3", "deployment/unknown"] {
        let mut story =
            Story { scenes: vec![ours(Status::InProgress, 1), ours(Status::Successful, 2)], ..Story::default() };
        let (end, _) = follow_from(&mut story, named);
        assert_eq!(end.seen.rollout.map(|rollout| rollout.arn).as_deref(), Some("deployment/4"), "{named}");
        assert_eq!(calls(&story, "ecs:ListServiceDeployments"), 1, "{named}");
    }
}

#[test]
fn an_older_one_of_the_same_revision_that_is_still_named_is_not_taken_for_ours() {
    let mut scenes = vec![ours(Status::InProgress, 1), ours(Status::Successful, 2)];
    for scene in &mut scenes {
        scene.listed.push(("deployment/2", "revision/4", 950_000, Status::RollbackFailed));
    }
    let (end, _) = follow_from(&mut Story { scenes, ..Story::default() }, "deployment/2");
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
}

#[test]
fn who_took_our_place_is_found_by_what_the_service_names() {
    let theirs = naming(
        "deployment/5",
        scene(
            vec![deployment("ecs-svc/6", "PRIMARY", OTHER, "IN_PROGRESS", 0)],
            vec![
                ("deployment/5", "revision/5", 1_005_000, Status::InProgress),
                ("deployment/4", "revision/4", 1_000_000, Status::StopRequested),
            ],
        ),
    );
    let mut story = Story { scenes: vec![ours(Status::InProgress, 1), theirs], ..Story::default() };
    let (end, _) = follow_from(&mut story, "deployment/4");
    let by = Newer { revision: OTHER.into(), who: "who registered app:5".into() };
    assert_eq!(end.ended, Ended::With(Conclusion::Superseded { by }));
    assert_eq!(calls(&story, "ecs:ListServiceDeployments"), 0);
}

/// A look at a rollout in this stage, whose hook has this status.
fn shifted(stage: &str, hook: &str, weight: f64) -> ServiceDeployment {
    let revision = |arn: &str, weight| RevisionProgress {
        arn: arn.into(),
        running: 2,
        production_weight: Some(weight),
        ..RevisionProgress::default()
    };
    ServiceDeployment {
        arn: "deployment/4".into(),
        target: "revision/4".into(),
        status: Status::InProgress,
        stage: stage.into(),
        revisions: vec![revision("revision/4", weight), revision("revision/3", 100.0 - weight)],
        hooks: vec![Hook { id: "ecs-pause-1".into(), status: hook.into(), ..Hook::default() }],
        bake: Duration::from_secs(600),
        created_at: 1_000_000,
        ..ServiceDeployment::default()
    }
}

#[test]
fn a_stage_that_nobody_knows_passes_as_text_with_weights_and_both_revisions() {
    let seen = Observation { rollout: Some(shifted("WARM_CACHES", "SUCCEEDED", 12.5)), ..Observation::default() };
    let shown = progress(&seen);
    assert_eq!((shown.stage.as_str(), shown.bake_minutes), ("WARM_CACHES", None));
    let weights: Vec<_> = shown.revisions.iter().map(|revision| revision.production_weight).collect();
    assert_eq!(weights, [Some(12.5), Some(87.5)]);
}

#[test]
fn what_is_left_of_the_bake_counts_from_its_first_look() {
    let bakes = |in_stage| Observation {
        rollout: Some(shifted("BAKE_TIME", "SUCCEEDED", 100.0)),
        in_stage: Duration::from_secs(in_stage),
        ..Observation::default()
    };
    assert_eq!(progress(&bakes(0)).bake_minutes, Some(10));
    assert_eq!(progress(&bakes(61)).bake_minutes, Some(9));
    assert_eq!(progress(&bakes(5_000)).bake_minutes, Some(0));
}

#[test]
fn time_in_which_a_decision_is_waited_for_does_not_count_towards_the_deadline() {
    let waits = Scene { waits: true, ..ours(Status::InProgress, 2) };
    let scenes = [vec![waits; 1500], vec![ours(Status::Successful, 2)]].concat();
    let (end, _) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert!(end.seen.elapsed > Duration::from_secs(1300), "{:?}", end.seen.elapsed);
}

#[test]
fn a_pause_ends_the_watch_only_where_that_was_asked_for() {
    let waits = Scene { waits: true, ..ours(Status::InProgress, 2) };
    let mut story = Story { scenes: vec![waits, ours(Status::Successful, 2)], ..Story::default() };
    let target = Target { until: Until::Paused, ..target(OnInterrupt::Leave) };
    let end = follow(&mut story, &target, &Events::discard()).expect("it is told to its end");
    assert!(matches!(end.ended, Ended::With(Conclusion::Paused { hook, .. }) if hook == "ecs-pause-1"));
}
