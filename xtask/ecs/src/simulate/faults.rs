//! Every call against everything that can be wrong with it, as a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use xtask_sandbox::{Effect, Fault, Which};

use super::crashes::acts;
use super::line::{How, Hurt};
use super::play::Command;
use super::played::Played;
use super::story::{STORIES, Story, Told};
use super::truth::Truth;
use crate::aws::calls::CALLS;
use crate::failure::{Failure, Result};
use crate::time::turned::Turned;

/// Calls that no story makes, and the test that has what can be wrong with them: they go with the registry, with lookups, with
/// a person's session, with a service that ECS manages, or with a clock that starts tasks.
pub(super) const OTHERS: &[(&str, &str)] = &[
    ("ecr:GetAuthorizationToken", "credentials_that_are_missing_expired_or_not_enough_each_have_their_fix"),
    ("ecr:BatchCheckLayerAvailability", "trouble_that_passes_is_retried_and_the_release_goes_on"),
    ("ecr:PutImage", "trouble_that_passes_is_retried_and_the_release_goes_on"),
    (
        "ecr:ListImageReferrers",
        "a_verdict_by_a_weaker_policy_is_none_and_one_that_cannot_be_looked_for_lets_nothing_pass",
    ),
    ("ecr:DescribeImageSigningStatus", "what_ecr_has_not_signed_is_not_deployed_and_what_it_is_signing_is_waited_for"),
    (
        "ecr:DescribeRepositoryCreationTemplates",
        "a_repository_that_a_push_makes_is_no_error_and_one_that_no_template_is_for_is",
    ),
    ("kms:GetPublicKey", "a_key_that_cannot_sign_is_named_with_the_call_before_anything_is_built"),
    ("kms:Sign", "a_key_that_cannot_sign_is_named_with_the_call_before_anything_is_built"),
    ("ssm:GetParameters", "every_lookup_that_fails_is_told_with_its_place_and_nothing_is_done"),
    ("cloudformation:DescribeStacks", "a_stack_is_asked_for_in_a_form_and_answers_in_xml"),
    ("s3:GetObject", "a_bucket_in_another_region_is_found_by_what_the_refusal_says"),
    ("lambda:GetFunction", "the_functions_that_hooks_call_are_looked_at_with_the_roles_that_call_them"),
    ("secretsmanager:DescribeSecret", "what_comes_after_a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    (
        "application-autoscaling:DescribeScalingPolicies",
        "without_the_right_to_see_it_a_count_is_set_with_a_warning_and_the_next_deploys_count_is_named",
    ),
    (
        "ecs:DescribeCapacityProviders",
        "an_image_is_held_against_the_instances_that_a_service_runs_on_where_they_can_be_seen",
    ),
    (
        "ecs:ListContainerInstances",
        "an_image_is_held_against_the_instances_that_a_service_runs_on_where_they_can_be_seen",
    ),
    (
        "ecs:DescribeContainerInstances",
        "an_image_is_held_against_the_instances_that_a_service_runs_on_where_they_can_be_seen",
    ),
    ("ecs:ExecuteCommand", "what_is_done_to_tasks_needs_what_is_printed_for_it_and_nothing_else"),
    ("ssm:StartSession", "what_is_done_to_tasks_needs_what_is_printed_for_it_and_nothing_else"),
    ("ecs:StopTask", "what_is_done_to_tasks_needs_what_is_printed_for_it_and_nothing_else"),
    ("ecs:CreateService", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    ("ecs:UpdateExpressGatewayService", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    ("ecs:DescribeExpressGatewayService", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    ("ecs:DescribeDaemon", "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action"),
    (
        "ecs:DescribeDaemonDeployments",
        "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action",
    ),
    ("ecs:DescribeDaemonRevisions", "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action"),
    (
        "ecs:DescribeDaemonTaskDefinition",
        "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action",
    ),
    (
        "ecs:RegisterDaemonTaskDefinition",
        "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action",
    ),
    ("ecs:UpdateDaemon", "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action"),
    ("ecs:CreateDaemon", "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action"),
    ("ecs:ListDaemonDeployments", "what_is_wrong_with_a_call_about_a_daemon_is_tried_again_or_named_with_its_action"),
    ("scheduler:GetSchedule", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    (
        "scheduler:UpdateSchedule",
        "a_schedule_that_does_not_move_is_told_with_what_it_still_runs_and_moves_when_it_is_run_again",
    ),
    ("scheduler:CreateSchedule", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    ("events:DescribeRule", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    ("events:ListTargetsByRule", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
    (
        "events:PutTargets",
        "a_schedule_that_does_not_move_is_told_with_what_it_still_runs_and_moves_when_it_is_run_again",
    ),
    ("events:PutRule", "a_deploy_needs_what_is_printed_for_it_and_nothing_else"),
];

/// What is wrong with a call.
enum Wrong {
    Sandbox(Which, Effect),
    Line(How),
}

/// Name, what it is, and whether it passes by itself.
fn columns() -> Vec<(&'static str, Wrong, bool)> {
    let error = |status, code: &str, message: &str| Effect::Error {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
        retry_after: None,
    };
    let once = Which::Nth(1);
    let throttled = || error(400, "ThrottlingException", "Rate exceeded");
    let unavailable = || error(503, "ServiceUnavailable", "try again");
    vec![
        ("throttled once", Wrong::Sandbox(once, throttled()), true),
        ("throttled", Wrong::Sandbox(Which::Every, throttled()), false),
        ("5xx once", Wrong::Sandbox(once, unavailable()), true),
        ("5xx", Wrong::Sandbox(Which::Every, unavailable()), false),
        (
            "denied",
            Wrong::Sandbox(
                Which::Every,
                error(
                    400,
                    "AccessDeniedException",
                    "User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform that",
                ),
            ),
            false,
        ),
        ("unknown 4xx", Wrong::Sandbox(Which::Every, error(400, "SomethingNewException", "it is new")), false),
        (
            "expired",
            Wrong::Sandbox(
                Which::Every,
                error(400, "ExpiredTokenException", "The security token included in the request is expired"),
            ),
            false,
        ),
        ("reset before", Wrong::Sandbox(once, Effect::Cut { after_bytes: 0 }), true),
        ("reset after", Wrong::Sandbox(once, Effect::Lose), true),
        ("no answer once", Wrong::Sandbox(once, Effect::Stall { millis: 60_000 }), true),
        ("no answer", Wrong::Sandbox(Which::Every, Effect::Stall { millis: 60_000 }), false),
        ("clock an hour off", Wrong::Sandbox(Which::Every, Effect::Skew { seconds: 3600 }), true),
        ("half an answer", Wrong::Line(How::Half), false),
        ("a foreign answer", Wrong::Line(How::Foreign), false),
    ]
}

/// What is wrong, and the table, of one story or of all.
pub(super) fn play(clock: &'static Turned, command: Command, only: Option<&str>) -> Result<(Vec<String>, String)> {
    let mut findings = Vec::new();
    let mut rows: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    for (place, story) in STORIES.iter().enumerate().filter(|(_, story)| only.is_none_or(|only| only == story.name)) {
        let told = Told::begin(clock, command, story)?;
        let undisturbed = told.run(None)?;
        let expected = undisturbed.code();
        let mut calls: Vec<String> = undisturbed.calls.iter().map(|call| call.operation.clone()).collect();
        calls.sort();
        calls.dedup();
        for call in calls {
            let mut row = Vec::new();
            for (column, wrong, passes) in columns() {
                let (cell, found) = cell((clock, command), story, (&call, &wrong), (expected, passes))?;
                row.push(cell);
                findings.extend(found.into_iter().map(|it| format!("{}: {call} {column}: {it}", story.name)));
            }
            rows.insert((place, call), row);
        }
    }
    if only.is_none() {
        let met: Vec<&str> = rows.keys().map(|(_, call)| call.as_str()).collect();
        findings.extend(
            unmet(&met).map(|call| format!("no story makes this call, and no other test is named for it: {call}")),
        );
    }
    Ok((findings, table(&rows)))
}

/// Calls of the product that nothing here is put into.
pub(super) fn unmet(met: &[&str]) -> impl Iterator<Item = &'static str> {
    let actions = CALLS.iter().map(|call| call.action);
    actions.filter(move |action| !met.contains(action) && OTHERS.iter().all(|(other, _)| other != action))
}

fn cell(
    (clock, command): (&'static Turned, Command),
    story: &Story,
    (call, wrong): (&str, &Wrong),
    (expected, passes): (Option<u8>, bool),
) -> Result<(String, Vec<String>)> {
    let told = Told::begin(clock, command, story)?;
    let hurt = match wrong {
        Wrong::Sandbox(which, effect) => {
            told.stage.sandbox.inject(Fault { call: call.to_owned(), which: *which, effect: effect.clone() });
            None
        }
        Wrong::Line(how) => Some(Hurt { call: call.to_owned(), nth: 0, how: *how }),
    };
    let before = Truth::of(&told.stage.sandbox, "app");
    let played = told.run(hurt)?;
    let mut findings = Vec::new();
    let code = played.code();
    if let Some(stuck) = played.stuck {
        findings.push(stuck.to_owned());
    }
    if let Some(panic) = &played.panicked {
        findings.push(format!("it panicked: {panic}"));
    }
    if passes && code != expected {
        findings
            .push(format!("it passes, and the command ended with {code:?} and not {expected:?}: {}", said(&played)));
    }
    if let Some(Err(failure)) = &played.result
        && code != expected
    {
        findings.extend(poor(call, wrong, failure));
    }
    findings.extend(twice(&told, &before));
    told.stage.sandbox.calm();
    told.rest();
    // What comes after it is as it would have been.
    if acts(call) && ["deploy", "run"].contains(&story.run.split(' ').next().unwrap_or_default()) {
        let again = told.run(None)?;
        if again.code() != expected {
            findings.push(format!("run again it ended with {:?} and not {expected:?}: {}", again.code(), said(&again)));
        }
    }
    let warned = played.events.iter().any(|event| matches!(event, crate::event::Event::Warning { .. }));
    let text = code.map_or("-".to_owned(), |code| code.to_string());
    Ok((if code == expected && warned { format!("{text} w") } else { text }, findings))
}

fn said(played: &Played) -> String {
    match &played.result {
        Some(Err(failure)) => failure.to_string(),
        _ => String::new(),
    }
}

/// What a message lacks that ends a command because of this call.
fn poor(call: &str, wrong: &Wrong, failure: &Failure) -> Vec<String> {
    let parts: Vec<&str> = failure.faults.iter().flat_map(|fault| fault.help.iter().map(String::as_str)).collect();
    let texts = failure.faults.iter().flat_map(|fault| fault.said.iter().chain([&fault.message])).map(String::as_str);
    let text =
        texts.chain([failure.message()]).chain(failure.said.iter().map(String::as_str)).collect::<Vec<_>>().join("\n");
    let help: String = failure.help.iter().map(String::as_str).chain(parts).collect::<Vec<_>>().join("\n");
    let mut poor = Vec::new();
    if !text.contains(call) {
        poor.push(format!("the message does not name the call: {text}"));
    }
    if !text.contains("app") && !text.contains("migrate") {
        poor.push(format!("the message does not name what it is about: {text}"));
    }
    let known = !matches!(wrong, Wrong::Sandbox(_, Effect::Error { code, .. }) if code == "SomethingNewException");
    if help.is_empty() && known {
        poor.push(format!("nothing is said of what helps: {text}"));
    }
    poor
}

/// What was begun twice. An update that is sent again begins nothing; of a revision ECS makes another one.
fn twice(told: &Told<'_>, before: &Truth) -> Option<String> {
    let after = Truth::of(&told.stage.sandbox, "app");
    let begun = after.rollouts.len().saturating_sub(before.rollouts.len());
    let (_, tasks, _) = told.stage.counts();
    (begun > 1 || tasks > 1).then(|| format!("{begun} rollouts and {tasks} tasks were begun"))
}

/// The head of the table.
pub(super) fn head() -> String {
    let names: Vec<&str> = columns().iter().map(|(name, ..)| *name).collect();
    format!("| command | call | {} |\n|---|---|{}\n", names.join(" | "), "---|".repeat(names.len()))
}

fn table(rows: &BTreeMap<(usize, String), Vec<String>>) -> String {
    let mut text = head();
    for ((place, call), cells) in rows {
        let _ = writeln!(text, "| {} | `{call}` | {} |", STORIES[*place].name, cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests;
