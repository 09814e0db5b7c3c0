//! Several services in one deploy.

use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Effect, Fault, Which};

use super::stage::{Stage, document};
use crate::config::{Kind, OnFailure, TaskDefinitionSource};
use crate::deploy::Became;
use crate::event::{Event, Outcome};

/// Services of these names, each with a family and a document of its own, each after the one that it names.
fn stage(services: &[(&str, &str)], on_failure: OnFailure) -> Stage {
    let names: Vec<&str> = services.iter().map(|(name, _)| *name).collect();
    let mut stage = Stage::with(&names);
    for (name, after) in services {
        let mut own = document();
        own["family"] = json!(name);
        let file = stage.folder.path().join(format!("{name}.json"));
        std::fs::write(&file, own.to_string()).unwrap();
        let service = stage.config.services.get_mut(*name).unwrap();
        service.task_definition = TaskDefinitionSource::File { file, overlay: None, kind: Kind::Service };
        service.after = after.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    }
    stage.config.deploy.on_failure = on_failure;
    stage
}

/// The tasks of what is registered second, or later, crash.
fn crash_from_the_second_on(stage: &Stage) {
    let crash = Effect::Behave(Tasks::Exits { code: 101, after_seconds: 2, container: None });
    let call = "ecs:RegisterTaskDefinition".to_owned();
    stage.sandbox.inject(Fault { call, which: Which::Nth(2), effect: crash });
}

/// A revision of `api` that is not this tool's.
fn other_api() -> Value {
    let mut own = document();
    own["family"] = json!("api");
    own["containerDefinitions"][0]["image"] = json!("public.ecr.aws/nginx/nginx:1");
    own
}

fn outcomes(stage: &Stage) -> Vec<(&str, Became)> {
    stage.report.services.iter().map(|report| (report.service.as_str(), report.outcome)).collect()
}

const ROLLED_BACK: Became = Became::Ended(Outcome::RolledBack);
const DEPLOYED: Became = Became::Ended(Outcome::Deployed);

#[test]
fn a_service_begins_when_those_that_it_comes_after_have_been_deployed_well() {
    let mut stage = stage(&[("api", "migrator"), ("migrator", ""), ("web", "api")], OnFailure::Stop);
    stage.deploy().unwrap();
    let told: Vec<String> = stage
        .events
        .iter()
        .filter_map(|event| match event {
            Event::RolloutStarted { service, .. } => Some(format!("{service} begins")),
            Event::RolloutEnded { service, .. } => Some(format!("{service} ends")),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["migrator begins", "migrator ends", "api begins", "api ends", "web begins", "web ends"]);
    assert!(stage.notes().contains(&"3 deployed"), "{:?}", stage.notes());
}

#[test]
fn what_is_not_ordered_rolls_out_at_once_and_is_asked_for_together() {
    let mut stage = stage(&[("api", ""), ("cron", ""), ("web", ""), ("worker", "")], OnFailure::Stop);
    for service in stage.config.services.values_mut() {
        service.rollout.poll = Duration::from_millis(100);
    }
    stage.deploy().unwrap();
    let began = |event: &Event| matches!(event, Event::RolloutStarted { .. });
    let first_end = stage.events.iter().position(|event| matches!(event, Event::RolloutEnded { .. })).unwrap();
    assert_eq!(stage.events[..first_end].iter().filter(|event| began(event)).count(), 4);
    let together = stage.inputs("ecs:DescribeServiceDeployments");
    let most = together.iter().filter_map(|input| Some(input["serviceDeploymentArns"].as_array()?.len())).max();
    // How many wait at one moment is the machine's matter: that they are asked for together is ours.
    assert!(most > Some(1), "{together:?}");
    let together = stage.inputs("ecs:DescribeServices");
    let most = together[1..].iter().filter_map(|input| Some(input["services"].as_array()?.len())).max();
    assert!(most > Some(1), "{together:?}");
}

#[test]
fn to_continue_deploys_what_does_not_depend_on_the_one_that_failed() {
    let services = [("api", ""), ("migrator", "api"), ("web", "migrator"), ("zoo", "api")];
    let mut stage = stage(&services, OnFailure::Continue);
    let never = Effect::Error { status: 400, code: "ClientException".into(), message: "no".into(), retry_after: None };
    // The first update is that of api; of the two that come then, one is refused.
    stage.sandbox.inject(Fault { call: "ecs:UpdateService".into(), which: Which::Nth(2), effect: never });
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 1, "{failure}");
    let deployed = outcomes(&stage).iter().filter(|(_, outcome)| *outcome == DEPLOYED).count();
    let migrated = outcomes(&stage)[1].1 == DEPLOYED;
    assert_eq!(deployed, if migrated { 3 } else { 2 }, "{:?}", outcomes(&stage));
    assert_eq!(failure.to_string().contains("not attempted: web"), !migrated, "{failure}");
}

#[test]
fn to_roll_back_all_takes_back_what_had_been_deployed_well() {
    let mut stage = stage(&[("api", ""), ("web", "worker"), ("worker", "api")], OnFailure::RollBackAll);
    let before = stage.sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["api"] })).unwrap();
    crash_from_the_second_on(&stage);
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "{failure}");
    assert_eq!(outcomes(&stage), [("api", ROLLED_BACK), ("web", Became::NotAttempted), ("worker", ROLLED_BACK)]);
    assert!(failure.to_string().ends_with("; rolled back with it: api; not attempted: web"), "{failure}");
    let after = stage.sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["api"] })).unwrap();
    assert_eq!(after["services"][0]["taskDefinition"], before["services"][0]["taskDefinition"]);
    assert_eq!(after["services"][0]["deployments"][0]["rolloutState"], "COMPLETED");
    let updates = stage.inputs("ecs:UpdateService");
    let last = updates.last().unwrap();
    assert_eq!((last["service"].as_str(), last.get("desiredCount")), (Some("api"), None), "{last}");
}

#[test]
fn to_roll_back_all_goes_to_what_had_come_up_and_not_to_what_was_on_its_way() {
    let mut stage = stage(&[("api", ""), ("worker", "api")], OnFailure::RollBackAll);
    let ask = |operation: &str, input| stage.sandbox.ecs(operation, input).unwrap();
    let now = || ask("DescribeServices", json!({ "cluster": "sample", "services": ["api"] }))["services"][0].clone();
    let good = now()["taskDefinition"].clone();
    stage.sandbox.behave_newer(Tasks::NeverStarts);
    let theirs = ask("RegisterTaskDefinition", other_api());
    let theirs = &theirs["taskDefinition"]["taskDefinitionArn"];
    ask("UpdateService", json!({ "cluster": "sample", "service": "api", "taskDefinition": theirs }));
    stage.sandbox.advance(Duration::from_secs(60));
    assert_eq!(now()["taskDefinition"], *theirs);
    stage.sandbox.behave_newer(Tasks::Healthy);
    crash_from_the_second_on(&stage);
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "{failure}");
    let ask = |operation: &str, input| stage.sandbox.ecs(operation, input).unwrap();
    let after = ask("DescribeServices", json!({ "cluster": "sample", "services": ["api"] }));
    assert_eq!(after["services"][0]["taskDefinition"], good);
}

/// Somebody's rollout of api failed and stays, and what it was on before has no task left, so that only history tells of it.
fn failed_in_place() -> Stage {
    let stage = stage(&[("api", ""), ("worker", "api")], OnFailure::RollBackAll);
    let ask = |operation: &str, input| stage.sandbox.ecs(operation, input).unwrap();
    stage.sandbox.behave_newer(Tasks::Exits { code: 1, after_seconds: 1, container: None });
    let theirs = ask("RegisterTaskDefinition", other_api());
    let theirs = &theirs["taskDefinition"]["taskDefinitionArn"];
    ask(
        "UpdateService",
        json!({ "cluster": "sample", "service": "api", "taskDefinition": theirs, "deploymentConfiguration": {
            "minimumHealthyPercent": 0, "maximumPercent": 100,
            "deploymentCircuitBreaker": { "enable": true, "rollback": false } } }),
    );
    stage.sandbox.advance(Duration::from_secs(3600));
    stage.sandbox.behave_newer(Tasks::Healthy);
    crash_from_the_second_on(&stage);
    stage
}

#[test]
fn to_roll_back_all_goes_to_what_had_come_up_where_the_service_does_not_show_it_any_more() {
    let mut stage = failed_in_place();
    let ask = |operation: &str, input| stage.sandbox.ecs(operation, input).unwrap();
    let api = || ask("DescribeServices", json!({ "cluster": "sample", "services": ["api"] }))["services"][0].clone();
    let shown: Vec<Value> =
        api()["deployments"].as_array().unwrap().iter().map(|it| it["rolloutState"].clone()).collect();
    assert_eq!(shown, ["FAILED"], "of what had come up nothing is shown");
    let listed =
        ask("ListServiceDeployments", json!({ "cluster": "sample", "service": "api", "status": ["SUCCESSFUL"] }));
    let good = listed["serviceDeployments"][0]["targetServiceRevisionArn"].clone();
    let good = ask("DescribeServiceRevisions", json!({ "serviceRevisionArns": [good] }));
    let good = good["serviceRevisions"][0]["taskDefinition"].clone();
    let failure = stage.deploy().unwrap_err();
    assert_eq!((failure.exit_code(), outcomes(&stage)[0]), (4, ("api", ROLLED_BACK)), "{failure}");
    let after = stage.sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["api"] })).unwrap();
    assert_eq!(after["services"][0]["taskDefinition"], good);
}

#[test]
fn to_roll_back_all_leaves_a_service_where_it_is_when_what_had_come_up_was_deregistered() {
    let mut stage = failed_in_place();
    let ask = |operation: &str, input| stage.sandbox.ecs(operation, input).unwrap();
    let listed =
        ask("ListServiceDeployments", json!({ "cluster": "sample", "service": "api", "status": ["SUCCESSFUL"] }));
    let good = listed["serviceDeployments"][0]["targetServiceRevisionArn"].clone();
    let good = ask("DescribeServiceRevisions", json!({ "serviceRevisionArns": [good] }));
    ask("DeregisterTaskDefinition", json!({ "taskDefinition": good["serviceRevisions"][0]["taskDefinition"] }));
    let failure = stage.deploy().unwrap_err();
    assert_eq!((failure.exit_code(), outcomes(&stage)[0]), (4, ("api", DEPLOYED)), "{failure}");
    let warnings = stage.warnings();
    let lost = |it: &&str| it.starts_with("service api cannot go back to ") && it.ends_with(": it was deregistered");
    assert!(warnings.iter().any(|it| lost(&&**it)), "{warnings:?}");
}

#[test]
fn to_roll_back_all_leaves_a_service_where_it_is_when_nothing_tells_of_anything_good_before() {
    let mut stage = failed_in_place();
    let no =
        Effect::Error { status: 400, code: "AccessDeniedException".into(), message: "no".into(), retry_after: None };
    stage.sandbox.inject(Fault { call: "ecs:ListServiceDeployments".into(), which: Which::Every, effect: no });
    let failure = stage.deploy().unwrap_err();
    assert_eq!((failure.exit_code(), outcomes(&stage)[0]), (4, ("api", DEPLOYED)), "{failure}");
    let stays = stage.notes().into_iter().find(|note| note.starts_with("api, for "));
    assert_eq!(
        stays,
        Some("api, for api:1, which it was on before, had not come up: there is nothing good to go back to")
    );
    let warnings = stage.warnings();
    assert!(warnings.iter().any(|it| it.contains("what service api was well on before is not known")), "{warnings:?}");
}

#[test]
fn to_roll_back_all_stops_the_rollouts_that_are_under_way() {
    let mut stage = stage(&[("api", ""), ("worker", "")], OnFailure::RollBackAll);
    for service in stage.config.services.values_mut() {
        service.rollout.poll = Duration::from_millis(50);
    }
    let no = Effect::Error { status: 400, code: "ClientException".into(), message: "no".into(), retry_after: None };
    stage.sandbox.inject(Fault { call: "ecs:UpdateService".into(), which: Which::Nth(2), effect: no });
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 1, "{failure}");
    let back: Vec<&str> =
        outcomes(&stage).into_iter().filter(|(_, outcome)| *outcome == ROLLED_BACK).map(|(name, _)| name).collect();
    assert_eq!(back.len(), 1, "{:?}", outcomes(&stage));
    assert!(failure.message().ends_with(&format!("; rolled back with it: {}", back[0])), "{failure}");
    assert_eq!(stage.count("ecs:StopServiceDeployment"), 1);
}

#[test]
fn the_worst_of_several_endings_is_that_of_the_command_and_each_is_said() {
    let mut stage = stage(&[("api", ""), ("worker", "")], OnFailure::Continue);
    let input = json!({ "cluster": "sample", "service": "worker", "deploymentConfiguration": {
        "deploymentCircuitBreaker": { "enable": true, "rollback": false } } });
    stage.sandbox.ecs("UpdateService", input).unwrap();
    stage.sandbox.advance(Duration::from_secs(600));
    for service in stage.config.services.values_mut() {
        service.rollout.fail_fast = crate::config::FailFast::Off;
    }
    stage.inject("crash-loop");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 5, "{failure}");
    let text = failure.to_string();
    assert!(text.starts_with("2 of 2 services did not end well:\n"), "{text}");
    assert!(text.contains("on service api failed and ECS rolled it back"), "{text}");
    assert!(text.contains("on service worker failed and the service is not on its last good revision"), "{text}");
}
