use super::*;

/// What was told of it, each time: so much left, `usual` alone, or nothing.
fn told(events: &[Event]) -> Vec<String> {
    let left = |usual: &Usual| usual.left_seconds.map_or("usual".to_owned(), |left| left.to_string());
    let usual = |event: &Event| match event {
        Event::RolloutProgress { progress, .. } => Some(progress.usual.as_ref().map_or(String::new(), left)),
        _ => None,
    };
    events.iter().filter_map(usual).collect()
}

/// So many looks at a rollout that goes well.
fn long(looks: usize, usual: Option<f64>) -> Story {
    let mut scenes = vec![ours(Status::InProgress, 1); looks];
    scenes.push(ours(Status::Successful, 2));
    Story { scenes, usual, ..Story::default() }
}

#[test]
fn what_is_left_is_told_in_steps_and_then_that_it_takes_longer_and_that_is_no_news() {
    let mut story = long(20, Some(28.0));
    let (_, events) = watch(&mut story);
    assert_eq!(told(&events), ["30", "20", "10", "0", ""]);
    let mut plain = long(20, None);
    let (_, events) = watch(&mut plain);
    assert_eq!(told(&events), ["", ""]);
    assert_eq!(story.calls, plain.calls, "nothing is asked more often for it");
}

#[test]
fn of_a_rollout_that_another_run_began_only_what_is_usual_is_told() {
    let follows = |target: Target| {
        let (events, heard) = Events::collect();
        follow(&mut long(3, Some(28.0)), &target, &events).expect("the story is told to its end");
        drop(events);
        told(&drain(&heard))
    };
    let plain = || target(OnInterrupt::Leave);
    assert_eq!(follows(Target { joined: true, ..plain() }), ["usual", ""]);
    let rehearsed = Rollout { speed: 30, ..plain().rollout };
    assert_eq!(follows(Target { rollout: rehearsed, ..plain() }), ["", ""], "its clock is another one");
    assert_eq!(follows(Target { until: Until::Paused, ..plain() }), ["", ""], "it is not followed to its end");
}

#[test]
fn a_rollout_that_waits_or_goes_back_has_nothing_usual() {
    let waits = Scene { waits: true, ..ours(Status::InProgress, 2) };
    let scenes = vec![ours(Status::InProgress, 1), waits, back(Status::RollbackInProgress)];
    let scenes = scenes.into_iter().chain([back(Status::RollbackSuccessful)]).collect();
    let (_, events) = watch(&mut Story { scenes, usual: Some(28.0), ..Story::default() });
    assert_eq!(told(&events), ["30", "", "", ""]);
}

#[test]
fn a_minute_without_news_is_told_with_what_is_usual() {
    let (_, events) = watch(&mut long(40, Some(200.0)));
    let waiting = |event: &Event| match event {
        Event::Note { verb, message } if verb == "Waiting" => Some(message.clone()),
        _ => None,
    };
    let waiting: Vec<String> = events.iter().filter_map(waiting).collect();
    assert!(waiting.first().is_some_and(|it| it.ends_with(" so far, usually 3 min 20 s")), "{waiting:?}");
}
