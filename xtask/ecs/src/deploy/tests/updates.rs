//! What is sent to ECS, and what is not.

use serde_json::{Value, json};

use super::stage::{Stage, document};
use crate::config::TaskDefinitionSource;
use crate::deploy::Became;
use crate::event::{Event, Outcome};

fn members(input: &Value) -> Vec<&str> {
    input.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn one_update_carries_only_what_the_configuration_owns() {
    let mut stage = Stage::new();
    stage.deploy().unwrap();
    let updates = stage.inputs("ecs:UpdateService");
    assert_eq!(updates.len(), 1);
    let mut sent = members(&updates[0]);
    sent.sort_unstable();
    assert_eq!(sent, ["cluster", "service", "taskDefinition"]);
}

#[test]
fn a_desired_count_is_sent_where_it_is_written_and_is_no_rollout_by_itself() {
    let mut stage = Stage::new();
    stage.deploy().unwrap();
    stage.service().desired_count = Some(3);
    stage.deploy().unwrap();
    assert_eq!(stage.report.services[0].outcome, Became::Ended(Outcome::Deployed));
    assert_eq!(stage.inputs("ecs:UpdateService")[1]["desiredCount"], 3);
    assert_eq!(stage.count("ecs:RegisterTaskDefinition"), 1);
    stage.deploy().unwrap();
    assert_eq!(stage.outcomes(), [Outcome::NothingToDo]);
}

#[test]
fn a_second_run_finds_nothing_to_do() {
    let mut stage = Stage::new();
    stage.deploy().unwrap();
    stage.deploy().unwrap();
    assert_eq!(stage.report.services[0].outcome, Became::Ended(Outcome::NothingToDo));
    assert_eq!(stage.report.services[0].changes, []);
    assert_eq!((stage.count("ecs:RegisterTaskDefinition"), stage.count("ecs:UpdateService")), (1, 1));
}

#[test]
fn services_that_share_a_document_share_its_revision() {
    let mut stage = Stage::with(&["app", "worker"]);
    stage.deploy().unwrap();
    assert_eq!(stage.outcomes(), [Outcome::Deployed, Outcome::Deployed]);
    assert_eq!((stage.count("ecs:RegisterTaskDefinition"), stage.count("ecs:UpdateService")), (1, 2));
    let revisions: Vec<_> = stage.report.services.iter().map(|service| service.revision.clone()).collect();
    assert_eq!(revisions[0], revisions[1]);
}

#[test]
fn a_forced_deployment_updates_without_registering() {
    let mut stage = Stage::new();
    stage.deploy().unwrap();
    stage.service().force_new_deployment = true;
    stage.deploy().unwrap();
    let updates = stage.inputs("ecs:UpdateService");
    assert_eq!(updates[1]["forceNewDeployment"], true);
    assert_eq!(stage.count("ecs:RegisterTaskDefinition"), 1);
    assert_eq!(stage.outcomes(), [Outcome::Deployed]);
}

#[test]
fn a_plan_says_what_would_happen_and_does_nothing() {
    let mut stage = Stage::new();
    let mut changed = document();
    changed["memory"] = json!("1024");
    changed["containerDefinitions"][0]["environment"][1]["value"] = json!("hunter3");
    stage.write(&changed);
    stage.plan().unwrap();
    assert_eq!(stage.report.services[0].outcome, Became::Planned);
    assert_eq!((stage.count("ecs:RegisterTaskDefinition"), stage.count("ecs:UpdateService")), (0, 0));
    let paths: Vec<_> = stage.report.services[0].changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["memory", "containerDefinitions[app].image", "containerDefinitions[app].environment[MODE]"],);
    let told = serde_json::to_string(&stage.report).unwrap() + &format!("{:?}", stage.events);
    assert!(!told.contains("hunter"), "{told}");
}

#[test]
fn a_family_that_somebody_else_owns_keeps_everything_but_the_image() {
    let mut stage = Stage::new();
    stage.service().task_definition = TaskDefinitionSource::Family("app".into());
    // IaC registers a revision of its own, with tags; the service is still on the first.
    let mut theirs = document();
    theirs["memory"] = json!("1024");
    theirs["containerDefinitions"][0]["image"] = json!("registry.example/placeholder:1");
    theirs["tags"] = json!([{ "key": "team", "value": "infra" }]);
    stage.sandbox.ecs("RegisterTaskDefinition", theirs).unwrap();
    stage.deploy().unwrap();
    let sent = &stage.inputs("ecs:RegisterTaskDefinition")[0];
    assert_eq!(sent["memory"], "1024");
    assert_eq!(sent["tags"], json!([{ "key": "team", "value": "infra" }]));
    assert_eq!(sent["containerDefinitions"][0]["image"], stage.report.services[0].images[0].pinned);
    for read_only in ["taskDefinitionArn", "revision", "status", "compatibilities", "registeredAt"] {
        assert_eq!(sent.get(read_only), None, "{read_only}");
    }
    stage.deploy().unwrap();
    assert_eq!(stage.outcomes(), [Outcome::NothingToDo]);
}

#[test]
fn a_member_newer_than_the_sdk_reaches_ecs_as_it_is_written() {
    let mut stage = Stage::new();
    let mut future = document();
    future["futureField"] = json!({ "deep": [1, null, "x"] });
    stage.write(&future);
    stage.deploy().unwrap();
    assert_eq!(stage.inputs("ecs:RegisterTaskDefinition")[0]["futureField"], json!({ "deep": [1, null, "x"] }));
    assert!(stage.warnings()[0].contains("does not know the member `futureField`"), "{:?}", stage.warnings());
    stage.deploy().unwrap();
    assert_eq!(stage.outcomes(), [Outcome::NothingToDo]);
}

#[test]
fn each_line_of_progress_is_a_change() {
    let mut stage = Stage::new();
    stage.deploy().unwrap();
    let lines: Vec<_> = stage
        .events
        .iter()
        .filter_map(|event| match event {
            Event::RolloutProgress { progress, .. } => Some(progress.clone()),
            _ => None,
        })
        .collect();
    assert!(lines.len() >= 3, "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "{lines:?}");
    assert_eq!(lines.last().map(|line| (line.status.as_str(), line.running)), Some(("SUCCESSFUL", 2)));
    let messages = stage.messages();
    assert!(messages.iter().any(|message| message.contains("has started")), "{messages:?}");
}
