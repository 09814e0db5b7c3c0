//! `cargo xtask status` of the whole binary.

use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::back::three;
use crate::support::{Run, Workspace, calls, sandbox};

const TAG: &str = "tag = { package = \"app\" }";

/// The one service of `status --format json`.
fn told(workspace: &Workspace, sandbox: &Sandbox) -> Value {
    let run = workspace.xtask(sandbox, &["status", "--format", "json"]);
    let answer: Value = serde_json::from_str(&run.ends(0).stdout).expect("it is JSON");
    answer["services"][0].clone()
}

fn line(run: &Run) -> &str {
    run.stdout.lines().next().unwrap_or_default()
}

#[test]
fn one_look_tells_revision_version_digest_commit_tasks_and_since_when() {
    let (workspace, sandbox) = three();
    let run = workspace.xtask(&sandbox, &["status"]);
    run.ends(0).says("Status 1 service");
    for word in ["app:3", "app 1.5.0", "2/2", "COMPLETED"] {
        assert!(line(&run).contains(word), "{word}: {}", run.stdout);
    }
    let app = told(&workspace, &sandbox);
    assert!(app["since"].as_str().is_some_and(|since| since.len() == 20 && line(&run).ends_with(since)), "{app}");
    let image = &app["revisions"][0]["images"][0];
    assert_eq!((&image["tags"], &image["released"]), (&json!(["1.5.0"]), &json!(true)), "{app}");
    assert!(image["digest"].as_str().is_some_and(|digest| line(&run).contains(&digest[7..19])), "{app}");
    assert_eq!((&app["desired"], &app["revisions"][0]["running"]), (&json!(2), &json!(2)), "{app}");
}

#[test]
fn another_version_than_the_one_under_the_tag_is_exit_code_5_only_where_that_is_checked() {
    let (workspace, sandbox) = three();
    workspace.xtask(&sandbox, &["status", "--check"]).ends(0);
    workspace.change(&[(TAG, "tag = \"1.4.0\"")]);
    workspace.xtask(&sandbox, &["status"]).ends(0);
    assert_eq!(told(&workspace, &sandbox)["revisions"][0]["images"][0]["released"], false);
    workspace
        .xtask(&sandbox, &["status", "--check"])
        .ends(5)
        .says("service app is not on what was released")
        .says("app:3: container app runs 1.5.0, sha256:")
        .says("and not 1.4.0, sha256:")
        .says("`cargo xtask deploy app` brings it there");
    workspace.change(&[(TAG, "tag = \"9.9.9\"")]);
    workspace.xtask(&sandbox, &["status"]).ends(0);
    workspace.xtask(&sandbox, &["status", "--check"]).ends(8).says("is not in ECR").says("release it first");
}

#[test]
fn a_rollout_under_way_shows_both_revisions_its_stage_and_what_it_waits_for() {
    let (workspace, sandbox) = crate::shift::paused();
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    let run = workspace.xtask(&sandbox, &["status"]);
    run.ends(0).says("1 service, 1 on the way");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.stdout);
    assert!(lines[0].contains("app:2") && lines[0].contains("(waits for a decision)"), "{}", run.stdout);
    assert!(lines[0].contains("IN_PROGRESS PRE_PRODUCTION_TRAFFIC_SHIFT"), "{}", run.stdout);
    assert!(lines[1].contains("app:1") && !lines[1].contains("IN_PROGRESS"), "{}", run.stdout);
    workspace.xtask(&sandbox, &["status", "--check"]).ends(5).says("`--watch --check` waits for it");
    assert!(told(&workspace, &sandbox)["waits-for"].is_string());
}

#[test]
fn a_watch_that_checks_ends_when_all_is_well() {
    let (workspace, sandbox) = three();
    workspace.xtask(&sandbox, &["status", "--watch", "--check"]).ends(0);
}

#[test]
fn a_service_that_is_not_there_is_told_beside_the_others_status() {
    let (workspace, sandbox) = three();
    workspace.change(&[(
        "[workspace.metadata.xtask.services.app]",
        "[workspace.metadata.xtask.services.gone]\ncluster = \"sample\"\ntask-definition = { family = \"app\" }\ncontainers = { app = \"app\" }\n\n[workspace.metadata.xtask.services.app]",
    )]);
    let run = workspace.xtask(&sandbox, &["status"]);
    run.ends(1).says("service gone in cluster sample").says("the cluster has no such service any more");
    assert!(run.stdout.contains("app:3"), "{}", run.stdout);
    workspace.xtask(&sandbox, &["status", "other"]).ends(2).says("other");
}

#[test]
fn a_service_that_names_no_revision_is_told_by_its_task_definitions() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    sandbox.advance(Duration::from_secs(60));
    let before = calls(&sandbox, "ecs:DescribeServices");
    let app = told(&workspace, &sandbox);
    assert_eq!(app["revisions"][0]["revision"], "app:1", "{app}");
    assert_eq!(app["revisions"][0]["images"][0]["released"], Value::Null, "it is no image of this workspace: {app}");
    assert_eq!(calls(&sandbox, "ecs:DescribeServices"), before + 1);
}
