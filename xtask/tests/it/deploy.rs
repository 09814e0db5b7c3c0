//! `cargo xtask deploy`, the whole binary against the sandbox.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{Change, Run, Workspace, calls, sandbox, send, task_definition};
use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

fn fault(call: &str, which: Which, effect: Effect) -> Vec<Fault> {
    vec![Fault { call: call.to_owned(), which, effect }]
}

fn denied(call: &str) -> Vec<Fault> {
    let message = format!(
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {call} on resource: \
         arn:aws:ecs:ap-northeast-1:123456789012:service/sample/app because no identity-based policy allows the action"
    );
    fault(
        call,
        Which::Every,
        Effect::Error { status: 400, code: "AccessDeniedException".to_owned(), message, retry_after: None },
    )
}

/// A workspace whose image is released into the sandbox.
fn released(faults: Vec<Fault>) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    for fault in faults {
        sandbox.inject(fault);
    }
    (workspace, sandbox)
}

fn serving(sandbox: &Sandbox) -> String {
    let answer =
        sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] })).expect("described");
    let arn = answer["services"][0]["taskDefinition"].as_str().expect("a service has one");
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

#[test]
fn a_deploy_registers_the_pinned_image_and_proves_the_digest_that_runs() {
    let (workspace, sandbox) = released(vec![]);
    let run = workspace.xtask(&sandbox, &["deploy", "--format", "json"]);
    run.ends(0).says("Registered app:2").says("Deployed app: app:2").looks_like("deploy/deployed-as-json");
    let report: Value = serde_json::from_str(&run.stdout).expect("stdout is JSON");
    assert!(run.stdout.contains("\"deployed\""), "{report}");
    let definition = sandbox.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "app" })).expect("is registered");
    let image = definition["taskDefinition"]["containerDefinitions"][0]["image"].as_str().expect("an image");
    assert!(image.starts_with(&format!("{}/sample/app@sha256:", sandbox.registry())), "{image}");
}

#[test]
fn a_second_deploy_has_nothing_to_do_and_calls_nothing_that_changes() {
    let (workspace, sandbox) = released(vec![]);
    workspace.xtask(&sandbox, &["deploy"]).ends(0).looks_like("deploy/deployed");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("nothing to do").looks_like("deploy/nothing-to-do");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 1);
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 1);
}

#[test]
fn the_json_log_has_a_document_a_line() {
    let (workspace, sandbox) = released(vec![]);
    let run = workspace.xtask(&sandbox, &["deploy", "--log", "json"]);
    run.ends(0).looks_like("deploy/deployed-with-log-json");
    for line in run.stderr.lines() {
        let document: Value = serde_json::from_str(line).expect("each line is JSON");
        assert_eq!(document["version"], 1, "{line}");
    }
}

#[test]
fn a_plan_shows_the_difference_without_values_of_the_environment_and_does_nothing() {
    let (workspace, sandbox) = released(vec![]);
    let mut document = task_definition();
    document["containerDefinitions"][0]["environment"][0]["value"] = json!("hush-hush");
    document["cpu"] = json!("512");
    document["memory"] = json!("1024");
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    let run = workspace.xtask(&sandbox, &["deploy", "--plan"]);
    run.ends(0).says("cpu: 256 → 512").says("environment[RUST_LOG]").does_not_say("hush-hush").does_not_say("info");
    run.looks_like("deploy/plan");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0);
}

#[test]
fn an_image_that_is_not_in_ecr_names_the_command_that_releases_it() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(8)
        .says("cargo xtask release app")
        .looks_like("deploy/image-not-in-ecr");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
}

#[test]
fn a_crash_loop_is_rolled_back_and_explained() {
    let (workspace, sandbox) = released(vec![]);
    sandbox.inject(Fault {
        call: "ecs:RegisterTaskDefinition".to_owned(),
        which: Which::Every,
        effect: Effect::Behave(Tasks::Exits { code: 101, after_seconds: 2, container: None }),
    });
    let run = crash_tolerant(&workspace, &sandbox);
    run.ends(4).says("Post-mortem").says("exit code 101").says("serving now: app:1").says("next:");
    run.looks_like("deploy/crash-loop");
}

/// The sample service has no breaker of its own: this one rolls back.
fn crash_tolerant(workspace: &Workspace, sandbox: &Sandbox) -> Run {
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } });
    sandbox
        .ecs("UpdateService", json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": breaker }))
        .expect("the breaker can be set");
    workspace.xtask(sandbox, &["deploy"])
}

#[test]
fn a_missing_cluster_service_or_container_is_named_with_its_fix() {
    for (what, from, to, message) in [
        ("cluster", "cluster = \"sample\"", "cluster = \"simple\"", "simple"),
        ("service", "cluster = \"sample\"", "cluster = \"sample\"\nservice = \"ap\"", "service ap"),
        ("container", "{ app = \"app\" }", "{ web = \"app\" }", "`web`"),
    ] {
        let (workspace, sandbox) = released(vec![]);
        workspace.change(&[(from, to)]);
        let run = workspace.xtask(&sandbox, &["deploy"]);
        assert!(matches!(run.code, 1 | 2), "{to}: {}\n{}", run.code, run.stderr);
        run.says(message).looks_like(&format!("deploy/{what}-that-is-missing"));
        assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0, "{to}");
    }
}

#[test]
fn a_task_definition_that_is_no_json_is_an_error_with_line_and_column() {
    let (workspace, sandbox) = released(vec![]);
    workspace.write("app/ecs/task-definition.json", "{\n  \"family\": \"app\",\n  \"cpu\" \"256\"\n}\n");
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(2)
        .says("app/ecs/task-definition.json:3:")
        .looks_like("deploy/document-that-is-no-json");
}

#[test]
fn a_typo_in_the_task_definition_is_caught_with_the_name_that_was_meant() {
    let (workspace, sandbox) = released(vec![]);
    let document = task_definition().to_string().replace("\"environment\"", "\"enviroment\"");
    workspace.write("app/ecs/task-definition.json", &document);
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(2)
        .says("enviroment")
        .says("environment")
        .looks_like("deploy/document-with-a-typo");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 0);
}

#[test]
fn a_denied_action_is_named_with_its_resource() {
    for call in ["ecs:DescribeServices", "ecs:RegisterTaskDefinition", "ecs:UpdateService"] {
        let (workspace, sandbox) = released(denied(call));
        workspace
            .xtask(&sandbox, &["deploy"])
            .ends(1)
            .says(&format!("allow the action `{call}` on arn:aws:ecs:ap-northeast-1:123456789012:service/sample/app"))
            .looks_like(&format!("deploy/without-the-permission-{}", call.trim_start_matches("ecs:")));
    }
}

#[test]
fn without_the_right_to_describe_service_deployments_the_rollout_is_followed_the_old_way_with_a_warning() {
    let (workspace, sandbox) = released(denied("ecs:DescribeServiceDeployments"));
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(0)
        .says("warning:")
        .says("ecs:DescribeServiceDeployments")
        .looks_like("deploy/without-the-permission-DescribeServiceDeployments");
}

#[test]
fn without_the_right_to_list_service_deployments_the_one_that_the_service_names_is_followed() {
    let (workspace, sandbox) = released(denied("ecs:ListServiceDeployments"));
    workspace.xtask(&sandbox, &["deploy"]).ends(0).does_not_say("warning:").says("SUCCESSFUL");
}

#[test]
fn two_deploys_at_once_end_with_one_superseded() {
    let effect = Effect::Supersede { by: "other".to_owned() };
    let (workspace, sandbox) = released(fault("ecs:UpdateService", Which::Nth(1), effect));
    workspace.xtask(&sandbox, &["deploy"]).ends(6).says("superseded").looks_like("deploy/superseded");
}

#[test]
fn a_service_with_desired_count_0_is_deployed_at_once_and_that_is_said() {
    let (workspace, sandbox) = released(vec![]);
    sandbox.ecs("UpdateService", json!({ "cluster": "sample", "service": "app", "desiredCount": 0 })).expect("scaled");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("desired count").looks_like("deploy/desired-count-0");
    assert_eq!(serving(&sandbox), "app:2");
}

#[test]
fn a_desired_count_that_nobody_wrote_is_never_sent() {
    let (workspace, sandbox) = released(vec![]);
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    let calls = sandbox.calls();
    let update = calls.iter().find(|call| call.operation == "ecs:UpdateService").expect("one update");
    let mut members: Vec<&String> = update.input.as_object().expect("an object").keys().collect();
    members.sort();
    assert_eq!(members, ["cluster", "service", "taskDefinition"]);
}

#[test]
fn a_rollout_that_never_ends_times_out_and_says_what_it_waited_for() {
    let (workspace, sandbox) = released(vec![]);
    workspace.change(&[("20s", "2s")]);
    sandbox.inject(Fault {
        call: "ecs:RegisterTaskDefinition".to_owned(),
        which: Which::Every,
        effect: Effect::Behave(Tasks::NeverStable),
    });
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(7)
        .says("did not end within 2 s")
        .says("waiting for")
        .looks_like_without_pace("deploy/timed-out");
}

#[test]
fn a_rollout_that_was_left_is_joined_by_the_next_deploy_which_says_so_and_changes_nothing() {
    let (workspace, sandbox) = released(vec![]);
    workspace.change(&[("20s", "1ms")]);
    workspace.xtask(&sandbox, &["deploy"]).ends(7).says("it goes on in ECS");
    let changed = || ["ecs:UpdateService", "ecs:RegisterTaskDefinition"].map(|call| calls(&sandbox, call));
    let before = changed();
    workspace.change(&[]);
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(0)
        .says("Joining the rollout of app:2 that is under way")
        .says("Deployed app: app:2")
        .looks_like("deploy/joined");
    assert_eq!((changed(), serving(&sandbox).as_str()), (before, "app:2"));
}

/// Starts a deploy whose rollout goes on for ever, and signals it once it is followed.
fn interrupted(changes: &[Change], signal: &str) -> (Run, Sandbox) {
    let (workspace, sandbox) = released(vec![]);
    workspace.change(changes);
    sandbox.inject(Fault {
        call: "ecs:RegisterTaskDefinition".to_owned(),
        which: Which::Every,
        effect: Effect::Behave(Tasks::NeverStable),
    });
    let environment = sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut child = workspace
        .command(&environment, &["deploy"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("is piped"));
    let mut text = String::new();
    while !text.contains("Rollout app") {
        assert_ne!(stderr.read_line(&mut text).expect("stderr can be read"), 0, "ended early:\n{text}");
    }
    send(signal, &child);
    for line in stderr.lines() {
        text.push_str(&line.expect("stderr can be read"));
        text.push('\n');
    }
    let code = child.wait().expect("the binary ends").code().unwrap_or(-1);
    (Run { args: vec!["deploy".to_owned()], code, stdout: String::new(), stderr: text }, sandbox)
}

#[test]
fn ctrl_c_and_sigterm_leave_the_rollout_and_say_what_serves() {
    for signal in ["-INT", "-TERM"] {
        let (run, sandbox) = interrupted(&[], signal);
        run.ends(130).says("goes on").says("serve");
        assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 0);
    }
}

#[test]
fn ctrl_c_rolls_back_where_the_configuration_says_so() {
    let (run, sandbox) = interrupted(&[("\"10ms\"", "\"10ms\", on-interrupt = \"rollback\"")], "-INT");
    run.ends(130).says("app:1");
    assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 1);
    assert_eq!(serving(&sandbox), "app:1");
}
