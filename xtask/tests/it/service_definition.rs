//! A service as a document of the workspace, in the whole binary: what changes of it, what that starts, and its creation.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::support::{Run, Workspace, calls, sandbox};

const TASK_DEFINITION: &str = "task-definition = \"app/ecs/task-definition.json\"\n";

const OVERLAID: &str = "service-definition = \"app/ecs/service.json\"\nservice-overlay = \"app/ecs/over.json\"\n";

/// A workspace whose image is released, with this document, and with more of the service's table.
fn released(document: &Value, more: &str) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    let table = format!("{TASK_DEFINITION}service-definition = \"app/ecs/service.json\"\n{more}");
    workspace.write("app/ecs/service.json", &serde_json::to_string_pretty(document).unwrap());
    workspace.change(&[(TASK_DEFINITION, &table)]).that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

/// The input of the newest call of this operation.
fn sent(sandbox: &Sandbox, operation: &str) -> Value {
    sandbox.calls().into_iter().rev().find(|call| call.operation == operation).unwrap().input
}

fn service(sandbox: &Sandbox, name: &str) -> Value {
    let asked = json!({ "cluster": "sample", "services": [name] });
    sandbox.ecs("DescribeServices", asked).unwrap()["services"][0].clone()
}

fn rollouts(sandbox: &Sandbox) -> usize {
    let asked = json!({ "cluster": "sample", "service": "app" });
    sandbox.ecs("ListServiceDeployments", asked).unwrap()["serviceDeployments"].as_array().unwrap().len()
}

fn deploy(workspace: &Workspace, sandbox: &Sandbox, more: &[&str]) -> Run {
    workspace.xtask(sandbox, &[&["deploy"], more].concat())
}

#[test]
fn settings_travel_with_the_revision_in_one_update_and_alone_start_a_rollout_where_ecs_does() {
    let first = json!({ "deploymentConfiguration": { "maximumPercent": 150 }, "enableExecuteCommand": true });
    let (workspace, sandbox) = released(&first, "");
    let before = service(&sandbox, "app")["deploymentConfiguration"].clone();
    let plan = deploy(&workspace, &sandbox, &["--plan"]);
    plan.ends(0).says("~ service.deploymentConfiguration.maximumPercent: 200 → 150");
    plan.says("service.enableExecuteCommand").says("containerDefinitions[app].image");
    deploy(&workspace, &sandbox, &[]).ends(0);
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 1);
    let update = sent(&sandbox, "ecs:UpdateService");
    assert_eq!(update["deploymentConfiguration"]["maximumPercent"], 150);
    assert_eq!(update["deploymentConfiguration"]["minimumHealthyPercent"], before["minimumHealthyPercent"]);
    assert!(update["taskDefinition"].as_str().unwrap().ends_with("app:2"), "{update}");
    deploy(&workspace, &sandbox, &[]).ends(0).says("nothing to do");

    // Of the next rollout, or of the next task: no rollout.
    let rolled_out = rollouts(&sandbox);
    workspace.write("app/ecs/service.json", r#"{ "deploymentConfiguration": { "maximumPercent": 175 } }"#);
    let run = deploy(&workspace, &sandbox, &[]);
    run.ends(0).says("Planned app in sample: change settings, which starts no rollout");
    assert_eq!((rollouts(&sandbox), calls(&sandbox, "ecs:UpdateService")), (rolled_out, 2));
    assert_eq!(service(&sandbox, "app")["enableExecuteCommand"], true, "what is not written any more is left as it is");

    // Part of a revision: a rollout of the same task definition.
    workspace.write("app/ecs/service.json", r#"{ "platformVersion": "1.4.0" }"#);
    let run = deploy(&workspace, &sandbox, &[]);
    run.ends(0).says("roll out the revision that is registered").says("~ service.platformVersion");
    assert_eq!((rollouts(&sandbox), calls(&sandbox, "ecs:RegisterTaskDefinition")), (rolled_out + 1, 1));
    assert!(service(&sandbox, "app")["taskDefinition"].as_str().unwrap().ends_with("app:2"));
    deploy(&workspace, &sandbox, &[]).ends(0).says("nothing to do");
}

/// A service that nobody has created.
pub fn absent() -> (Workspace, Sandbox) {
    let document = json!({ "desiredCount": 3, "deploymentConfiguration": { "minimumHealthyPercent": 50 },
        "launchType": "FARGATE", "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } } });
    released(&document, "service = \"web\"\n")
}

#[test]
fn a_service_that_is_not_there_is_created_only_when_that_is_asked_for() {
    let (workspace, sandbox) = absent();
    deploy(&workspace, &sandbox, &[])
        .ends(1)
        .says("service web is not in cluster sample")
        .says("`deploy --create` creates it of its `service-definition`");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 0);
    let plan = deploy(&workspace, &sandbox, &["--create", "--plan"]);
    plan.ends(0).says("create the service, with nothing to go back to").says("desired count 0 → 3");
    plan.says("service app has no deployment circuit breaker");
    assert_eq!((calls(&sandbox, "ecs:CreateService"), calls(&sandbox, "ecs:RegisterTaskDefinition")), (0, 0));
    deploy(&workspace, &sandbox, &["--create"]).ends(0).says("Deployed app: app:2");
    let created = sent(&sandbox, "ecs:CreateService");
    assert!(created["clientToken"].as_str().is_some_and(|token| token.len() == 36), "{created}");
    assert_eq!((&created["serviceName"], &created["desiredCount"]), (&json!("web"), &json!(3)));
    let web = service(&sandbox, "web");
    assert_eq!(
        (&web["runningCount"], &web["deploymentConfiguration"]["minimumHealthyPercent"]),
        (&json!(3), &json!(50))
    );
    // And is from then on one like any other.
    deploy(&workspace, &sandbox, &["--create"]).ends(0).says("nothing to do");
    assert_eq!((calls(&sandbox, "ecs:CreateService"), calls(&sandbox, "ecs:UpdateService")), (1, 0));
}

#[test]
fn verify_looks_at_the_service_definition_too_and_diff_shows_it_beside_another_environments() {
    let (workspace, sandbox) = released(&json!({ "enableExecuteCommand": true, "platformVersion": "1.4.0" }), "");
    let verify = || workspace.xtask(&sandbox, &["verify"]).stdout;
    let told = verify();
    assert!(told.contains("definition  a deploy changes 2 members of the service, which starts a rollout"), "{told}");
    deploy(&workspace, &sandbox, &[]).ends(0);
    let told = verify();
    assert!(told.contains("definition  the service is as its document says"), "{told}");
    workspace.write("app/ecs/service.json", r#"{ "launchType": "EXTERNAL" }"#);
    let told = verify();
    assert!(told.contains("problem  app  definition  service app keeps for good"), "{told}");
    workspace.write("app/ecs/service.json", "{\n  \"enableExecutCommand\": true\n}");
    let told = verify();
    assert!(told.contains("app/ecs/service.json:2: unknown member `enableExecutCommand`"), "{told}");

    workspace.write("app/ecs/service.json", r#"{ "enableExecuteCommand": true }"#);
    workspace.write("app/ecs/over.json", r#"{ "enableExecuteCommand": null, "platformVersion": "1.4.0" }"#);
    let overlay = "\n[workspace.metadata.xtask.environments.staging]\n\n[workspace.metadata.xtask.environments.production]\n\n\
                   [workspace.metadata.xtask.environments.production.services.app]\n\
                   service-overlay = \"app/ecs/over.json\"\n";
    let table = format!("{TASK_DEFINITION}service-definition = \"app/ecs/service.json\"\n");
    let rollout = "rollout = { deadline = \"20s\", poll = \"10ms\" }\n";
    workspace.change(&[(TASK_DEFINITION, &table), (rollout, &format!("{rollout}{overlay}"))]);
    let diff = workspace.xtask(&sandbox, &["-e", "production", "diff", "--against", "staging"]);
    diff.ends(0);
    let lines: Vec<&str> = diff.stdout.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| *line == "service definition of app").expect("it is told");
    let said: Vec<Vec<&str>> = lines[at + 1..at + 3].iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(said, [vec!["platformVersion", "-", "1.4.0"], vec!["enableExecuteCommand", "true", "-"]], "{diff}");
}

#[test]
fn what_is_wrong_with_a_service_definition_is_said_at_its_place_before_anything_is_done() {
    let (workspace, sandbox) = released(&json!({}), "desired-count = 2\n");
    workspace.write(
        "app/ecs/service.json",
        "{\n  \"taskDefinition\": \"app:1\",\n  \"enableExecutCommand\": true,\n  \"platformVersion\": 1\n}",
    );
    deploy(&workspace, &sandbox, &["--plan"])
        .ends(2)
        .says("app/ecs/service.json:2:3: `taskDefinition` is no setting of the service's own")
        .says("app/ecs/service.json:3:3: unknown member `enableExecutCommand`")
        .says("`enableExecuteCommand` is the nearest that ECS knows")
        .says("app/ecs/service.json:4:3: `platformVersion` is a number; ECS takes a string there");
    workspace.write("app/ecs/service.json", r#"{ "desiredCount": 3 }"#);
    deploy(&workspace, &sandbox, &["--plan"]).ends(2).says("how many tasks it has is written twice");
    workspace.write("app/ecs/service.json", r#"{ "launchType": "EXTERNAL" }"#);
    deploy(&workspace, &sandbox, &["--plan"]).ends(2).says("keeps for good what it was created with");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
}

#[test]
fn lookups_and_an_overlay_are_filled_in_like_a_task_definitions() {
    let document = json!({ "healthCheckGracePeriodSeconds": "${env:GRACE}", "enableExecuteCommand": false });
    let (workspace, sandbox) = released(&document, "");
    workspace.write("app/ecs/over.json", r#"{ "enableExecuteCommand": true }"#);
    workspace.change(&[(TASK_DEFINITION, &format!("{TASK_DEFINITION}{OVERLAID}"))]);
    let environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    environment.push(("GRACE", "30"));
    let plan = workspace.xtask_with(&environment, &["deploy", "--plan"]);
    plan.ends(0).says("service.healthCheckGracePeriodSeconds").says("30").says("service.enableExecuteCommand");
    deploy(&workspace, &sandbox, &["--plan"]).ends(2).says("GRACE");
    let rendered = workspace.xtask_with(&environment, &["render"]);
    let mut documents = serde_json::Deserializer::from_str(&rendered.ends(0).stdout).into_iter::<Value>();
    assert_eq!(documents.next().unwrap().unwrap()["family"], "app");
    let service = documents.next().unwrap().unwrap();
    assert_eq!(service, json!({ "healthCheckGracePeriodSeconds": 30, "enableExecuteCommand": true }));
}
