//! A process that is killed before and after each of its effects: run again, it comes to what one undisturbed run gives.

use std::collections::BTreeSet;

use super::line::{How, Hurt};
use super::play::Command;
use super::played::Played;
use super::story::{STORIES, Story, Told};
use super::truth::Truth;
use crate::aws::calls::{CALLS, Call};
use crate::failure::Result;
use crate::time::turned::Turned;

/// Effects that no story has, and the test that has what becomes of them: they go to the registry, are of a person's session, make
/// a service where none is, are of one that ECS manages, or of a clock that starts tasks.
pub(super) const ELSEWHERE: &[(&str, &str)] = &[
    ("ecr:PutImage", "a_release_that_is_killed_at_any_effect_comes_to_the_same_and_sends_no_finished_blob_again"),
    ("ecs:CreateService", "a_service_whose_creation_is_killed_at_any_effect_is_created_once_of_one_revision"),
    (
        "ecs:UpdateExpressGatewayService",
        "an_express_service_whose_deploy_is_killed_at_any_effect_is_rolled_out_once_to_one_revision",
    ),
    (
        "ecs:RegisterDaemonTaskDefinition",
        "a_daemon_whose_creation_or_update_is_killed_at_any_effect_has_one_deployment_of_one_revision",
    ),
    (
        "ecs:CreateDaemon",
        "a_daemon_whose_creation_or_update_is_killed_at_any_effect_has_one_deployment_of_one_revision",
    ),
    (
        "ecs:UpdateDaemon",
        "a_daemon_whose_creation_or_update_is_killed_at_any_effect_has_one_deployment_of_one_revision",
    ),
    ("kms:Sign", "a_release_that_signs_and_is_killed_at_any_effect_comes_to_the_same"),
    ("ecs:ExecuteCommand", "what_is_done_to_tasks_needs_what_is_printed_for_it_and_nothing_else"),
    ("ssm:StartSession", "what_is_done_to_tasks_needs_what_is_printed_for_it_and_nothing_else"),
    ("ecs:StopTask", "what_is_done_to_tasks_needs_what_is_printed_for_it_and_nothing_else"),
    (
        "scheduler:UpdateSchedule",
        "a_schedule_that_does_not_move_is_told_with_what_it_still_runs_and_moves_when_it_is_run_again",
    ),
    ("scheduler:CreateSchedule", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    (
        "events:PutTargets",
        "a_schedule_that_does_not_move_is_told_with_what_it_still_runs_and_moves_when_it_is_run_again",
    ),
    ("events:PutRule", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
];

/// Whether a call may change something.
pub(super) fn acts(action: &str) -> bool {
    let operation = action.split(':').nth(1).unwrap_or_default();
    let looks = ["Describe", "List", "Get", "BatchGet", "BatchCheck", "Filter", "Simulate"];
    !looks.iter().any(|verb| operation.starts_with(verb))
}

/// How often something was begun.
#[derive(Debug, PartialEq, Eq)]
struct Begun {
    revision: String,
    rollouts: usize,
    revisions: usize,
    tasks: usize,
    locks: usize,
    code: Option<u8>,
}

impl Begun {
    fn of(told: &Told<'_>, code: Option<u8>) -> Self {
        let truth = Truth::of(&told.stage.sandbox, "app");
        let (revisions, tasks, locks) = told.stage.counts();
        Self { revision: truth.revision, rollouts: truth.rollouts.len(), revisions, tasks, locks, code }
    }
}

/// What is wrong, and which effects were reached.
pub(super) fn play(clock: &'static Turned, command: Command) -> Result<(Vec<String>, usize)> {
    let (mut findings, mut met, mut count) = (Vec::new(), BTreeSet::new(), 0);
    for story in STORIES {
        let undisturbed = Told::begin(clock, command, story)?;
        let played = undisturbed.run(None)?;
        undisturbed.rest();
        // Once more, as after a crash: what it then does is part of what is expected.
        let again = undisturbed.run(None)?;
        undisturbed.rest();
        let expected = Begun::of(&undisturbed, again.code());
        for (call, nth) in effects(&played) {
            met.insert(call.clone());
            for how in [How::KilledBefore, How::KilledAfter] {
                count += 1;
                let hurt = Hurt { call: call.clone(), nth, how };
                findings.extend(crash(clock, command, (story, &expected), hurt)?);
            }
        }
    }
    let declared = CALLS.iter().map(|Call { action, .. }| *action).filter(|action| acts(action));
    let missed: Vec<&str> =
        declared.filter(|it| !met.contains(*it) && ELSEWHERE.iter().all(|(other, _)| other != it)).collect();
    if !missed.is_empty() {
        findings.push(format!("no story has these effects: {}", missed.join(", ")));
    }
    Ok((findings, count))
}

/// Each effect of a command, and which of its kind it is.
fn effects(played: &Played) -> Vec<(String, u32)> {
    let mut effects: Vec<(String, u32)> = Vec::new();
    for call in played.calls.iter().filter(|call| acts(&call.operation)) {
        let before = effects.iter().filter(|(known, _)| *known == call.operation).count();
        effects.push((call.operation.clone(), u32::try_from(before).unwrap_or(0) + 1));
    }
    effects
}

fn crash(
    clock: &'static Turned,
    command: Command,
    (story, expected): (&Story, &Begun),
    hurt: Hurt,
) -> Result<Option<String>> {
    let told = Told::begin(clock, command, story)?;
    let place = format!("{}, {:?} {} {}", story.name, hurt.how, hurt.call, hurt.nth);
    let killed = told.run(Some(hurt))?;
    if !killed.killed {
        return Ok(Some(format!("{place}: that call was not made")));
    }
    let again = told.run(None)?;
    told.rest();
    let last = told.run(None)?;
    told.rest();
    let found = Begun::of(&told, last.code());
    let wrong = found != *expected || again.panicked.is_some() || again.stuck.is_some();
    let said = match &again.result {
        Some(Err(failure)) => failure.to_string(),
        _ => String::new(),
    };
    Ok(wrong.then(|| format!("{place}: run again it comes to {found:?}, and undisturbed to {expected:?}; {said}")))
}
