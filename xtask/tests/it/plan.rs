//! What `deploy` says before it does anything, and what it does not do unasked; the whole binary against the sandbox.

use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, calls, layout, sandbox, serve, task_definition};

/// What stands for the tag in the sample.
const TAG: &str = "tag = { package = \"app\" }";

/// A workspace, and a sandbox that its image is released into and deployed to.
fn deployed() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    (workspace, sandbox)
}

/// Releases other bytes under another tag.
fn release(workspace: &Workspace, sandbox: &Sandbox, tag: &str) {
    workspace.change(&[(TAG, &format!("tag = \"{tag}\""))]);
    layout::write(&workspace.root().join("built"), &[tag.as_bytes()]);
    workspace.xtask(sandbox, &["release"]).ends(0);
}

/// From now on the sample's service has these further keys.
fn with_keys(workspace: &Workspace, keys: &str) {
    let line = "containers = { app = \"app\" }\n";
    workspace.change(&[(line, &format!("{line}{keys}\n"))]);
}

fn service(sandbox: &Sandbox) -> Value {
    let answer = sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] }));
    answer.expect("it is described")["services"][0].clone()
}

#[test]
fn an_older_version_takes_the_place_of_a_newer_one_only_where_that_is_allowed_and_is_told_at_the_end() {
    let (workspace, sandbox) = deployed();
    release(&workspace, &sandbox, "1.3.9");
    let updates = calls(&sandbox, "ecs:UpdateService");
    let refused = workspace.xtask(&sandbox, &["deploy"]);
    refused
        .ends(6)
        .says("~ app goes back from 1.4.0 to 1.3.9")
        .says("an older version would take the place of a newer one")
        .says("`cargo xtask deploy --allow-older`")
        .looks_like("deploy/older-than-what-serves");
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(6).says("app goes back from 1.4.0 to 1.3.9");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), updates);
    workspace.xtask(&sandbox, &["deploy", "--plan", "--allow-older"]).ends(0).says("app goes back from 1.4.0 to 1.3.9");

    let told = Arc::new(Mutex::new(String::new()));
    let heard = told.clone();
    let slack = serve(move |asked| {
        heard.lock().expect("nobody panicked").push_str(&asked.body);
        (200, "text/plain", b"ok".to_vec())
    });
    let mut environment = sandbox.environment();
    environment.push(("SLACK_WEBHOOK_URL".to_owned(), format!("http://{slack}/services/x")));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let run = workspace.xtask_with(&environment, &["deploy", "--allow-older", "--format", "json"]);
    run.ends(0);
    let end = run.stderr.lines().find(|line| line.trim_start().starts_with("Deployed")).expect("an end");
    assert!(end.ends_with("; app goes back from 1.4.0 to 1.3.9"), "{end}");
    assert!(told.lock().expect("nobody panicked").contains("app goes back from 1.4.0 to 1.3.9"));
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        report["services"][0]["versions"],
        json!([{ "image": "app", "before": "1.4.0", "after": "1.3.9", "direction": "back" }])
    );

    release(&workspace, &sandbox, "1.10.0");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("~ app: 1.3.9 → 1.10.0").does_not_say("goes back");
}

#[test]
fn what_neither_tags_nor_commits_order_is_as_new_as_its_push() {
    let (workspace, sandbox) = deployed();
    for tag in ["nightly", "weekly"] {
        release(&workspace, &sandbox, tag);
        sandbox.advance(Duration::from_secs(60));
    }
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("~ app: 1.4.0 → weekly, which was pushed after it");
    // What an old run brings when it is run again.
    workspace.change(&[(TAG, "tag = \"nightly\"")]);
    let updates = calls(&sandbox, "ecs:UpdateService");
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(6)
        .says("on service app, app goes back from weekly to nightly, which was pushed before it; nothing was done")
        .says("`cargo xtask deploy --allow-older`");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), updates);
    let plan = workspace.xtask(&sandbox, &["deploy", "--plan", "--allow-older", "--format", "json"]);
    let report: Value = serde_json::from_str(&plan.ends(0).stdout).expect("JSON");
    let versions = json!([
        { "image": "app", "before": "weekly", "after": "nightly", "direction": "back", "by-push": true }
    ]);
    assert_eq!(report["services"][0]["versions"], versions);
    workspace.xtask(&sandbox, &["deploy", "--allow-older"]).ends(0);
}

#[test]
fn without_the_permission_to_read_tags_a_deploy_goes_on_and_says_that_the_version_is_unknown() {
    let (workspace, sandbox) = deployed();
    release(&workspace, &sandbox, "1.3.9");
    let effect = Effect::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "not authorized".to_owned(),
        retry_after: None,
    };
    sandbox.inject(Fault { call: "ecr:DescribeImages".to_owned(), which: Which::Every, effect });
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(0)
        .says("which version runs is not known")
        .says("allow the action `ecr:DescribeImages`")
        .says("~ app: a version that is not known → 1.3.9");
}

#[test]
fn a_change_of_the_desired_count_alone_is_told_as_that_and_starts_no_rollout() {
    let (workspace, sandbox) = deployed();
    with_keys(&workspace, "desired-count = 10");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).does_not_say("autoscaler");

    with_keys(&workspace, "desired-count = 2");
    let plan = workspace.xtask(&sandbox, &["deploy", "--plan", "--format", "json"]);
    plan.ends(0)
        .says("Planned app in sample: change the number of tasks, which starts no rollout")
        .says("~ desired count 10 → 2")
        .says("8 tasks are stopped; where an autoscaler sets the count, leave `desired-count` out")
        .does_not_say("roll out");
    let report: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    assert_eq!(report["services"][0]["desired-count"], json!({ "before": 10, "after": 2 }));
    assert_eq!(report["services"][0]["action"], "scale");

    let run = workspace.xtask(&sandbox, &["deploy", "--log", "json"]);
    let planned = run.ends(0).stderr.lines().find(|line| line.contains("\"service-planned\"")).expect("an event");
    let planned: Value = serde_json::from_str(planned).expect("JSON");
    assert_eq!((&planned["action"], &planned["desired-count"]["after"]), (&json!("scale"), &json!(2)));
    with_keys(&workspace, "desired-count = 3");
    let run = workspace.xtask(&sandbox, &["deploy"]);
    let end = run.ends(0).stderr.lines().find(|line| line.trim_start().starts_with("Deployed")).expect("an end");
    assert!(end.ends_with("; desired count 2 → 3"), "{end}");
}

#[test]
fn a_running_revision_that_was_deregistered_is_registered_again() {
    for keys in ["force-new-deployment = true", "desired-count = 3"] {
        let (workspace, sandbox) = deployed();
        sandbox.ecs("DeregisterTaskDefinition", json!({ "taskDefinition": "app:2" })).expect("it is taken");
        workspace.xtask(&sandbox, &["deploy"]).ends(0).says("nothing to do");
        with_keys(&workspace, keys);
        workspace
            .xtask(&sandbox, &["deploy"])
            .ends(0)
            .says("service app runs app:2, which was deregistered: an equal revision takes its place")
            .says("Registered app:3");
        assert!(service(&sandbox)["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with("app:3")), "{keys}");
    }
}

#[test]
fn a_daemon_service_is_refused_in_the_plan_by_name_and_nothing_is_registered() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases().xtask(&sandbox, &["release"]).ends(0);
    let mut document = task_definition();
    document["family"] = json!("daemon");
    document["requiresCompatibilities"] = json!(["EC2"]);
    sandbox.ecs("RegisterTaskDefinition", document).expect("it is taken");
    let daemon = json!({ "cluster": "sample", "serviceName": "daemon", "taskDefinition": "daemon",
        "schedulingStrategy": "DAEMON", "launchType": "EC2",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } } });
    sandbox.ecs("CreateService", daemon).unwrap_or_else(|error| panic!("{} {}", error.code, error.message));
    with_keys(&workspace, "service = \"daemon\"\ndesired-count = 3");
    let registered = calls(&sandbox, "ecs:RegisterTaskDefinition");
    for command in [&["deploy", "--plan"][..], &["deploy"]] {
        workspace
            .xtask(&sandbox, command)
            .ends(1)
            .says("service daemon in cluster sample has the scheduling strategy DAEMON, which is not supported");
    }
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), registered);
}

/// A plan of this task definition.
fn plan_of(document: &Value) -> Run {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases().xtask(&sandbox, &["release"]).ends(0);
    let text = document.to_string().replace("REGISTRY", &sandbox.registry());
    workspace.write("app/ecs/task-definition.json", &text).xtask(&sandbox, &["deploy", "--plan"])
}

#[test]
fn a_second_container_with_an_image_of_ours_that_is_not_pinned_is_warned_of() {
    let mut document = task_definition();
    let add = |document: &mut Value, name: &str, image: &str| {
        let container = json!({ "name": name, "image": image, "essential": false });
        document["containerDefinitions"].as_array_mut().expect("a list").push(container);
    };
    add(&mut document, "migrate", "REGISTRY/sample/app:1.3.0");
    add(&mut document, "proxy", "REGISTRY/sample/application:1.3.0");
    let run = plan_of(&document);
    run.ends(0)
        .says("container `migrate` runs 127.0.0.1:")
        .says("/sample/app:1.3.0, of the repository of image `app`, and is not among `containers`")
        .says("`migrate = \"app\"`");
    assert_eq!(run.stderr.matches("warning:").count(), 1, "{}", run.stderr);
}

#[test]
fn a_placeholder_that_nothing_fills_in_is_warned_of_with_its_path() {
    let mut document = task_definition();
    document["executionRoleArn"] = json!("arn:aws:iam::<ACCOUNT_ID>:role/x");
    let secret = "postgres://u:hunter2@${DATABASE_HOST}";
    document["containerDefinitions"][0]["environment"] = json!([{ "name": "DATABASE_URL", "value": secret }]);
    // Pinned, and so filled in.
    document["containerDefinitions"][0]["image"] = json!("<IMAGE1_NAME>");
    let run = plan_of(&document);
    run.ends(0)
        .says("`executionRoleArn` holds `<ACCOUNT_ID>`, which nothing fills in")
        .says("`containerDefinitions[app].environment[DATABASE_URL].value` holds `${DATABASE_HOST}`")
        .does_not_say("hunter2");
    assert_eq!(run.stderr.matches("warning:").count(), 2, "{}", run.stderr);
}

#[test]
fn a_document_with_a_byte_order_mark_is_read_and_one_with_comments_or_a_member_twice_is_refused_at_its_place() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases().xtask(&sandbox, &["release"]).ends(0);
    let plan =
        |text: &str| workspace.write("app/ecs/task-definition.json", text).xtask(&sandbox, &["deploy", "--plan"]);
    let good = task_definition().to_string();
    plan(&format!("\u{feff}{good}")).ends(0);
    plan(&good.replacen('{', "{\n  // ours\n", 1))
        .ends(2)
        .says("app/ecs/task-definition.json:2:3: not valid JSON")
        .says("JSON has no comments");
    plan(&good.replacen('{', "{\n  \"cpu\": \"1024\",", 1))
        .ends(2)
        .says("the member `cpu` is there twice in one object");
}

#[test]
fn a_variable_that_stands_twice_or_is_a_secret_as_well_is_refused_in_the_plan() {
    let mut document = task_definition();
    let variable = |value: &str| json!({ "name": "LEVEL", "value": value });
    document["containerDefinitions"][0]["environment"] = json!([variable("1"), variable("2")]);
    plan_of(&document).ends(2).says("`containerDefinitions[app].environment` has `LEVEL` twice");
    document["containerDefinitions"][0]["environment"] = json!([variable("1")]);
    document["containerDefinitions"][0]["secrets"] =
        json!([{ "name": "LEVEL", "valueFrom": "arn:aws:ssm:r:1:parameter/x" }]);
    plan_of(&document).ends(2).says("`LEVEL` is in `environment` and in `secrets` of container `app`");
}

#[test]
fn an_image_for_another_architecture_than_the_tasks_is_refused_in_the_plan() {
    let mut document = task_definition();
    document["runtimePlatform"] = json!({ "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" });
    plan_of(&document)
        .ends(2)
        .says("image `app` of container `app` is built for linux/amd64, and the task definition asks for ARM64");
}

#[test]
fn where_tags_have_no_order_the_commits_that_the_images_are_of_have_one() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    for tag in ["green", "blue"] {
        workspace.commit(tag, &["Cargo.toml"]);
        release(&workspace, &sandbox, tag);
        workspace.xtask(&sandbox, &["deploy"]).ends(0);
    }
    // What an old run brings when it is run again.
    workspace.change(&[(TAG, "tag = \"green\"")]);
    workspace.xtask(&sandbox, &["deploy"]).ends(6).says("app goes back from blue to green").says("--allow-older");
    workspace.xtask(&sandbox, &["deploy", "--allow-older"]).ends(0);
    workspace.change(&[(TAG, "tag = \"blue\"")]);
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("~ app: green → blue").does_not_say("is newer is unknown");
}
