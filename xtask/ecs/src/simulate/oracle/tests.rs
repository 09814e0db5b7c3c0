use std::time::Duration;

use super::super::truth::{Truth, claim};
use super::*;
use crate::failure::Failure;

const ID: &str = "ecs-svc/1";

/// A deploy of the first world whose rollout ended like this in ECS, and of which this was said.
fn judged(status: &str, said: Outcome, result: Result<(), Failure>) -> Vec<String> {
    judged_in(&|_, _| {}, status, said, result)
}

/// The same of a world and a truth that were changed like this.
fn judged_in(
    change: &dyn Fn(&mut World, &mut Truth),
    status: &str,
    said: Outcome,
    result: Result<(), Failure>,
) -> Vec<String> {
    let mut world = World::of(1);
    world.services.truncate(1);
    (world.lag, world.hard, world.on_failure) = (0, false, "stop");
    world.faults.clear();
    world.runs.truncate(1);
    let run = Run::last();
    world.runs[0] = Run::last();
    world.services[0].desired_count = None;
    let stage = Stage::furnished(&world).expect("it is furnished");
    let name = world.services[0].name.clone();
    let rollout = Rollout { id: ID.into(), revision: "app:2".into(), status: status.into(), ..Rollout::default() };
    let mut truth = Truth { desired: 2, revision: "app:2".into(), rollouts: vec![rollout] };
    let other = Truth::default();
    change(&mut world, &mut truth);
    let events = vec![
        Event::RolloutStarted { service: name.clone(), deployment: ID.into(), revision: "app:2".into() },
        Event::RolloutEnded {
            service: name,
            outcome: said,
            revision: "app:2".into(),
            digests: Vec::new(),
            seconds: 60.0,
        },
    ];
    let played = Played {
        result: Some(result),
        panicked: None,
        stuck: None,
        killed: false,
        interrupted: false,
        events,
        took: Duration::from_secs(60),
        after: vec![truth],
        other: (other.clone(), other),
        seen: vec![vec![("app:2".into(), 2)]],
        calls: Vec::new(),
        now: 0.0,
    };
    judge(&world, &run, &stage, &played)
}

#[test]
fn what_is_true_is_no_finding_and_what_is_not_is_one() {
    assert_eq!(judged("SUCCESSFUL", Outcome::Deployed, Ok(())), [""; 0]);
    let found = judged("ROLLBACK_SUCCESSFUL", Outcome::Deployed, Ok(()));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("said to be deployed, and its rollout is ROLLBACK_SUCCESSFUL"), "{found:?}");
}

#[test]
fn a_rollout_of_no_tasks_that_somebody_takes_back_later_was_deployed_all_the_same() {
    let idle = |happens: Option<Happening>| {
        let change = |world: &mut World, truth: &mut Truth| {
            world.runs[0].happens = happens.iter().cloned().map(|it| (20_000, it)).collect();
            truth.desired = 0;
        };
        judged_in(&change, "ROLLBACK_SUCCESSFUL", Outcome::Deployed, Ok(()))
    };
    assert_eq!(idle(Some(Happening::Stops { service: 0, back: true })), [""; 0]);
    assert_eq!(idle(Some(Happening::Stops { service: 1, back: true })).len(), 1, "another one");
    assert_eq!(idle(None).len(), 1);
}

#[test]
fn an_exit_code_that_is_another_than_that_of_the_rollout_is_a_finding() {
    let found = judged("SUCCESSFUL", Outcome::Superseded, Ok(()));
    assert!(found.iter().any(|it| it.contains("exit 0, and not every rollout ended well")), "{found:?}");
    assert!(found.iter().any(|it| it.contains("nothing is newer than its rollout")), "{found:?}");
    let world = Failure::world("no answer");
    let found = judged("SUCCESSFUL", Outcome::Deployed, Err(world));
    assert!(found.iter().any(|it| it.contains("exit 1 without a cause")), "{found:?}");
}

#[test]
fn what_is_said_to_serve_and_did_not_is_a_finding() {
    let said = |text: &str| judged("STOPPED", Outcome::RollbackFailed, Err(Failure::new(Ending::RollbackFailed, text)));
    let lies = |found: Vec<String>| found.iter().any(|it| it.contains("said to serve"));
    assert!(lies(said("the rollout failed; app:1 (2 tasks) serves now")));
    assert!(!lies(said("the rollout failed; app:2 (2 tasks) serves now")));
    assert_eq!(
        claim("no; app:1 (1 task) and app:2 (2 tasks) serve now"),
        Some(vec![("app:1".into(), 1), ("app:2".into(), 2)])
    );
}
