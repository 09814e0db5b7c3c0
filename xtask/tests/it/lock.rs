//! Locks on services, in the whole binary: whoever locks keeps others out, and says so.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, calls, changing, layout, sandbox};

/// A workspace whose image is released, and `lock` as it says.
fn released(lock: &str) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    let region = "region = \"ap-northeast-1\"\n";
    workspace.change(&[(region, &format!("{region}{lock}\n"))]).that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

fn environment(sandbox: &Sandbox, who: &str) -> Vec<(String, String)> {
    let mut environment = sandbox.environment();
    environment.push(("USER".to_owned(), who.to_owned()));
    environment
}

fn xtask_as(who: &str, workspace: &Workspace, sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let environment = environment(sandbox, who);
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    workspace.xtask_with(&environment, arguments)
}

fn arn(sandbox: &Sandbox) -> Value {
    sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] })).unwrap()["services"][0]
        ["serviceArn"]
        .clone()
}

/// Keys and values of the locks that the service has.
fn locks(sandbox: &Sandbox) -> Vec<(String, String)> {
    let tags = sandbox.ecs("ListTagsForResource", json!({ "resourceArn": arn(sandbox) })).unwrap()["tags"].clone();
    let text = |tag: &Value, name: &str| tag[name].as_str().unwrap().to_owned();
    let all = tags.as_array().unwrap().iter().map(|tag| (text(tag, "key"), text(tag, "value")));
    all.filter(|(key, _)| key.starts_with("xtask:lock")).collect()
}

fn put(sandbox: &Sandbox, key: &str, value: &str) {
    let tag = json!({ "resourceArn": arn(sandbox), "tags": [{ "key": key, "value": value }] });
    sandbox.ecs("TagResource", tag).unwrap();
}

/// The next rollout's tasks end at once, and the breaker takes it back.
pub fn that_fails(sandbox: &Sandbox) {
    sandbox.inject(Fault {
        call: "ecs:RegisterTaskDefinition".to_owned(),
        which: Which::Every,
        effect: Effect::Behave(Tasks::Exits { code: 101, after_seconds: 2, container: None }),
    });
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } });
    let update = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": breaker });
    sandbox.ecs("UpdateService", update).unwrap();
}

const FAR: &str = "2100-01-01T00:00:00Z";

#[test]
fn what_somebody_locked_by_hand_others_do_not_deploy_until_it_is_unlocked() {
    let (workspace, sandbox) = released("");
    let run =
        xtask_as("alice", &workspace, &sandbox, &["lock", "app", "--reason", "the database is moved", "--for", "2h"]);
    run.ends(0).says("Locked app: locked by alice since ").says(": the database is moved");
    let [(key, value)] = &locks(&sandbox)[..] else { panic!("{:?}", locks(&sandbox)) };
    assert_eq!(key, "xtask:lock:alice");
    assert!(value.starts_with("hand since 20") && value.ends_with("Z by alice: the database is moved"), "{value}");

    let bob = |arguments: &[&str]| xtask_as("bob", &workspace, &sandbox, arguments);
    bob(&["deploy", "--plan"]).ends(0).says("locked by alice since ").says("the database is moved");
    let plan = bob(&["deploy", "--plan", "--format", "json"]);
    let plan: Value = serde_json::from_str(&plan.ends(0).stdout).unwrap();
    let lock = &plan["services"][0]["locks"][0];
    assert_eq!((&lock["kind"], &lock["by"]), (&json!("hand"), &json!("alice")));
    bob(&["deploy"])
        .ends(6)
        .says("service app is locked by alice since ")
        .says("the database is moved; nothing was done")
        .says("`cargo xtask unlock app`");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0);

    // What changes nothing is kept out by nobody, and neither is who locked it.
    xtask_as("alice", &workspace, &sandbox, &["deploy"]).ends(0).says("Deployed app: app:2");
    bob(&["deploy"]).ends(0).says("nothing to do");
    bob(&["rollback"]).ends(6).says("service app is locked by alice");
    bob(&["unlock"]).ends(0).says("Unlocked app, which was locked by alice since ").says("the database is moved");
    assert_eq!(locks(&sandbox), []);
    bob(&["unlock", "app"]).ends(0).says("app is not locked");
    bob(&["rollback"]).ends(0).says("Deployed app: app:1");
}

#[test]
fn a_reason_is_kept_in_the_letters_that_a_tag_takes_and_what_is_wrong_with_a_lock_is_said_first() {
    let (workspace, sandbox) = released("");
    workspace
        .xtask(&sandbox, &["lock", "--reason", "wer war's? (Ämter)"])
        .ends(0)
        .says("so the reason is kept as: wer war-s- -Ämter-");
    assert!(locks(&sandbox)[0].1.ends_with(": wer war-s- -Ämter-"), "{:?}", locks(&sandbox));
    let before = sandbox.calls().len();
    workspace.xtask(&sandbox, &["lock"]).ends(2).says("--reason");
    workspace.xtask(&sandbox, &["lock", "--reason", "x", "--for", "soon"]).ends(2).says("a duration is whole numbers");
    workspace.xtask(&sandbox, &["lock", "ap", "--reason", "x"]).ends(2).says("did you mean `app`?");
    workspace.xtask(&sandbox, &["unlock", "ap"]).ends(2).says("did you mean `app`?");
    assert_eq!(sandbox.calls().len(), before);
    let json = workspace.xtask(&sandbox, &["unlock", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.ends(0).stdout).unwrap();
    assert_eq!((&json["locks"][0]["service"], &json["locks"][0]["lock"]["kind"]), (&json!("app"), &json!("hand")));
}

#[test]
fn a_deploy_locks_what_it_changes_and_unlocks_it_when_that_went_well() {
    let (workspace, sandbox) = released("lock = true");
    let ended = "deploy since 2020-01-01T00:00:00Z until 2020-01-01T01:00:00Z by carol";
    put(&sandbox, "xtask:lock:carol:1", ended);
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("Locked app against other deploys").says("Deployed app: app:2");
    assert_eq!(locks(&sandbox), [], "what has ended goes with it");
    let operations: Vec<String> = sandbox.calls().into_iter().map(|call| call.operation).collect();
    let place = |operation: &str| operations.iter().position(|it| it == operation).unwrap();
    assert!(place("ecs:TagResource") < place("ecs:RegisterTaskDefinition"));
    let tagged = calls(&sandbox, "ecs:TagResource");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("nothing to do").does_not_say("Locked");
    assert_eq!(calls(&sandbox, "ecs:TagResource"), tagged, "what changes nothing locks nothing");
}

#[test]
fn what_failed_stays_locked_and_says_how_that_ends_and_a_rollback_may_go_on() {
    let (workspace, sandbox) = released("lock = { expires = \"2h\" }");
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    let lock = "region = \"ap-northeast-1\"\nlock = { expires = \"2h\" }\n";
    workspace.change(&[("region = \"ap-northeast-1\"\n", lock), ("tag = { package = \"app\" }", "tag = \"1.5.0\"")]);
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    that_fails(&sandbox);
    let alice = |arguments: &[&str]| xtask_as("alice", &workspace, &sandbox, arguments);
    alice(&["deploy"])
        .ends(4)
        .says("service app stays locked until ")
        .says("`cargo xtask unlock app` lets others deploy");
    let [(_, value)] = &locks(&sandbox)[..] else { panic!("{:?}", locks(&sandbox)) };
    assert!(value.starts_with("failed since ") && value.ends_with(" by alice: rolled back"), "{value}");
    // Another run, whoever's it is.
    alice(&["deploy"]).ends(6).says("service app is locked since a deploy of alice failed at ").says("rolled back");
    alice(&["rollback", "--to", "app:1"]).ends(0).says("Deployed app: app:1");
    alice(&["unlock"]).ends(0).says("which was locked since a deploy of alice failed");
    assert_eq!(locks(&sandbox), []);
}

#[test]
fn a_failure_before_anything_was_begun_leaves_no_lock() {
    for call in ["ecs:RegisterTaskDefinition", "ecs:UpdateService"] {
        let (workspace, sandbox) = released("lock = true");
        let (status, code) = (400, "AccessDeniedException".to_owned());
        let effect = Effect::Error { status, code, message: "not authorized".to_owned(), retry_after: None };
        sandbox.inject(Fault { call: call.to_owned(), which: Which::Every, effect });
        workspace.xtask(&sandbox, &["deploy"]).ends(1).says(&call.replace("ecs:", "")).does_not_say("stays locked");
        assert_eq!(locks(&sandbox), [], "{call}");
    }
    let (workspace, sandbox) = released("lock = true");
    let effect = Effect::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "not authorized".to_owned(),
        retry_after: None,
    };
    sandbox.inject(Fault { call: "ecs:TagResource".to_owned(), which: Which::Every, effect });
    workspace.xtask(&sandbox, &["deploy"]).ends(1).says("allow the action `ecs:TagResource`");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
}

#[test]
fn a_deploy_that_another_run_locked_waits_where_that_is_said_and_plans_anew() {
    let (workspace, sandbox) = released("lock = { when-locked = \"wait\" }");
    put(&sandbox, "xtask:lock:bob:1", &format!("deploy since 2026-01-01T00:00:00Z until {FAR} by bob"));
    let environment = environment(&sandbox, "alice");
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut deploy = workspace.command(&environment, &["deploy"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(deploy.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = lines.find(|line| line.contains("Waiting")).expect("it waits");
    assert!(waits.contains("service app is locked by a deploy of bob since 2026-01-01T00:00:00Z"), "{waits}");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
    let keys = json!({ "resourceArn": arn(&sandbox), "tagKeys": ["xtask:lock:bob:1"] });
    sandbox.ecs("UntagResource", keys).unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(deploy.wait().unwrap().success(), "{rest:?}");
    assert_eq!(rest.iter().filter(|line| line.contains("Planned app")).count(), 1, "{rest:?}");
    assert_eq!((calls(&sandbox, "ecs:UpdateService"), locks(&sandbox)), (1, vec![]));

    let (workspace, sandbox) = released("lock = { when-locked = \"wait\", expires = \"10ms\" }");
    put(&sandbox, "xtask:lock", "freeze");
    workspace.xtask(&sandbox, &["deploy"]).ends(7).says("service app is locked by somebody: freeze");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
}

#[test]
fn of_two_deploys_at_once_no_two_go_on_together() {
    let (workspace, sandbox) = released("lock = true");
    let environment = environment(&sandbox, "alice");
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let start = || {
        let mut command = workspace.command(&environment, &["deploy"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let deploys: Vec<_> = (0..4).map(|_| start()).collect();
    let ended: Vec<_> = deploys.into_iter().map(|deploy| deploy.wait_with_output().unwrap()).collect();
    let codes: Vec<_> = ended.iter().map(|output| output.status.code().unwrap()).collect();
    let said: Vec<_> = ended.iter().map(|output| String::from_utf8_lossy(&output.stderr)).collect();
    assert!(codes.iter().all(|code| [0, 6].contains(code)), "{codes:?}\n{}", said.join("\n---\n"));
    assert!(codes.contains(&0) || calls(&sandbox, "ecs:UpdateService") == 0, "{codes:?}");
    assert!(calls(&sandbox, "ecs:UpdateService") <= 1, "{codes:?}\n{}", said.join("\n---\n"));
    assert_eq!(locks(&sandbox), [], "{codes:?}\n{}", said.join("\n---\n"));
}

#[test]
fn a_paused_rollout_of_a_locked_service_does_not_go_on_and_may_be_taken_back() {
    let (workspace, sandbox) = crate::shift::paused();
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    put(&sandbox, "xtask:lock:bob", &format!("hand since 2026-01-01T00:00:00Z until {FAR} by bob: wait"));
    workspace.xtask(&sandbox, &["continue", "app"]).ends(6).says("service app is locked by bob").says(": wait");
    assert_eq!(calls(&sandbox, "ecs:ContinueServiceDeployment"), 0);
    workspace.xtask(&sandbox, &["continue", "app", "--roll-back"]).ends(0).says("is rolled back");
}

#[test]
fn what_is_locked_by_hand_is_not_scaled_and_no_task_is_run_with_its_network() {
    let (workspace, sandbox) = crate::tasks::migrating();
    put(&sandbox, "xtask:lock:bob", &format!("hand since 2026-01-01T00:00:00Z until {FAR} by bob: wait"));
    for arguments in [&["scale", "app", "4"][..], &["run", "migrate"]] {
        workspace.xtask(&sandbox, arguments).ends(6).says("service app is locked by bob").says("nothing was done");
    }
    assert_eq!((calls(&sandbox, "ecs:UpdateService"), calls(&sandbox, "ecs:RunTask")), (0, 0));
    // A deploy that goes on is no reason not to add a task.
    workspace.xtask(&sandbox, &["unlock", "app"]).ends(0);
    put(&sandbox, "xtask:lock:bob:7", &format!("deploy since 2026-01-01T00:00:00Z until {FAR} by bob"));
    workspace.xtask(&sandbox, &["scale", "app", "4"]).ends(0);
}

#[test]
fn a_rollout_that_was_left_stays_locked_and_is_unlocked_by_whoever_follows_it_to_its_end() {
    let (workspace, sandbox) = crate::shift::paused();
    let locked = crate::sample::manifest(&[]).replacen(
        "\n[workspace.metadata.xtask.images",
        "lock = true\n\n[workspace.metadata.xtask.images",
        1,
    );
    workspace.write("Cargo.toml", &locked);
    workspace
        .xtask(&sandbox, &["deploy", "--until", "paused"])
        .ends(10)
        .says("service app stays locked while that goes on");
    assert!(locks(&sandbox)[0].1.starts_with("deploy since "), "{:?}", locks(&sandbox));
    xtask_as("bob", &workspace, &sandbox, &["continue", "app"]).ends(0);
    xtask_as("bob", &workspace, &sandbox, &["deploy"]).ends(0).says("Joining").says("Deployed app: app:2");
    assert_eq!(locks(&sandbox), []);
}

/// Runs a deploy that is told, from the second look at the service on, that bob has locked it; so many times.
fn that_sees_bobs(times: usize) -> (Run, Sandbox) {
    let (workspace, sandbox) = released("lock = true");
    let looks = Arc::new(AtomicUsize::new(0));
    let url = changing(&sandbox, &["DescribeServices"], move |answer| {
        let look = looks.fetch_add(1, Ordering::SeqCst);
        if let Some(tags) = answer["services"][0]["tags"].as_array_mut().filter(|_| (1..=times).contains(&look)) {
            let value = format!("deploy since 2026-01-01T00:00:00Z until {FAR} by bob");
            tags.push(json!({ "key": "xtask:lock:bob:1", "value": value }));
        }
    });
    let mut environment = environment(&sandbox, "alice");
    environment.push(("AWS_ENDPOINT_URL".to_owned(), url));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    (workspace.xtask_with(&environment, &["deploy"]), sandbox)
}

#[test]
fn whoever_sees_another_lock_after_writing_gives_way_and_comes_back_when_that_is_gone() {
    let (run, sandbox) = that_sees_bobs(usize::MAX - 1);
    run.ends(6).says("service app is locked by a deploy of bob").says("nothing was done");
    assert_eq!((calls(&sandbox, "ecs:TagResource"), calls(&sandbox, "ecs:UntagResource")), (1, 1));
    assert_eq!((calls(&sandbox, "ecs:UpdateService"), locks(&sandbox)), (0, vec![]));
    // The other one gave way, too.
    let (run, sandbox) = that_sees_bobs(1);
    run.ends(0).says("Deployed app: app:2");
    assert_eq!((calls(&sandbox, "ecs:TagResource"), locks(&sandbox)), (2, vec![]));
}
