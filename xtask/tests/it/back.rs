//! The way back: `rollback` and `history` of the whole binary.

use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Workspace, calls, layout, sandbox};

/// Versions 1.4.0 and 1.5.0 deployed after each other, upon what was there before: app:1, app:2, app:3.
pub fn three() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    release_two(&workspace, &sandbox);
    (workspace, sandbox)
}

fn release_two(workspace: &Workspace, sandbox: &Sandbox) {
    for command in ["release", "deploy"] {
        workspace.xtask(sandbox, &[command]).ends(0);
    }
    workspace.change(&[("tag = { package = \"app\" }", "tag = \"1.5.0\"")]);
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
    for command in ["release", "deploy"] {
        workspace.xtask(sandbox, &[command]).ends(0);
    }
}

fn service(sandbox: &Sandbox) -> Value {
    sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] })).unwrap()["services"][0].clone()
}

fn serving(sandbox: &Sandbox) -> String {
    service(sandbox)["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn a_service_goes_back_to_what_was_well_before_and_keeps_its_count() {
    let (workspace, sandbox) = three();
    let count = json!({ "cluster": "sample", "service": "app", "desiredCount": 3 });
    sandbox.ecs("UpdateService", count).unwrap();
    sandbox.advance(Duration::from_secs(600));
    let updates = calls(&sandbox, "ecs:UpdateService");
    workspace.xtask(&sandbox, &["rollback", "app", "--plan"]).ends(0).says("app:2");
    assert_eq!((serving(&sandbox).as_str(), calls(&sandbox, "ecs:UpdateService")), ("app:3", updates));
    workspace.xtask(&sandbox, &["rollback", "app"]).ends(0).says("Deployed app: app:2");
    assert_eq!((serving(&sandbox).as_str(), calls(&sandbox, "ecs:UpdateService")), ("app:2", updates + 1));
    assert_eq!(service(&sandbox)["desiredCount"], 3);
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 2, "nothing is registered for it");
    // From there, the last good one that is not what serves is the one that was left.
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Deployed app: app:3");
    workspace.xtask(&sandbox, &["rollback", "--to", "1.4.0"]).ends(0).says("Deployed app: app:2");
    workspace.xtask(&sandbox, &["rollback", "--to", "app:2"]).ends(2).says("is on app:2 already");
    workspace
        .xtask(&sandbox, &["rollback", "--to", "9.9.9"])
        .ends(2)
        .says("was never well on `9.9.9`")
        .says("SUCCESSFUL");
}

#[test]
fn what_cannot_run_any_more_is_refused_before_anything_is_done_and_the_next_older_is_named() {
    let (workspace, sandbox) = three();
    let image = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] });
    sandbox.ecr("BatchDeleteImage", image).unwrap();
    workspace
        .xtask(&sandbox, &["rollback"])
        .ends(2)
        .says("cannot go back to app:2: the image of container app is gone from ECR")
        .does_not_say("Back app")
        .says("`cargo xtask rollback app --to app:1`");
    sandbox.ecs("DeregisterTaskDefinition", json!({ "taskDefinition": "app:1" })).unwrap();
    workspace.xtask(&sandbox, &["rollback", "--to", "app:1"]).ends(2).says("it was deregistered").says("no older one");
    assert_eq!(serving(&sandbox), "app:3");
    let fresh = crate::support::sandbox(vec![]);
    workspace.xtask(&fresh, &["rollback"]).ends(2).says("nothing to go back to: it is on app:1");
}

#[test]
fn an_image_in_the_archive_is_no_way_back_until_it_is_restored() {
    let (workspace, sandbox) = three();
    let store = |class: &str| {
        let image =
            json!({ "repositoryName": "sample/app", "imageId": { "imageTag": "1.4.0" }, "targetStorageClass": class });
        sandbox.ecr("UpdateImageStorageClass", image).unwrap();
    };
    store("ARCHIVE");
    workspace
        .xtask(&sandbox, &["rollback"])
        .ends(2)
        .says("cannot go back to app:2: the image of container app is archived in ECR")
        .says("`aws ecr update-image-storage-class --repository-name sample/app --image-id imageDigest=sha256:");
    assert_eq!(serving(&sandbox), "app:3");
    store("STANDARD");
    workspace.xtask(&sandbox, &["rollback"]).ends(2).says("is archived in ECR");
    sandbox.advance(Duration::from_secs(21 * 60));
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Deployed app: app:2");
}

#[test]
fn a_plan_says_where_a_failed_rollout_would_have_nothing_to_go_back_to() {
    let (workspace, sandbox) = three();
    workspace.change(&[("tag = { package = \"app\" }", "tag = \"1.4.0\"")]);
    let plan = ["deploy", "--plan", "--allow-older"];
    assert!(!workspace.xtask(&sandbox, &plan).ends(0).stderr.contains("cannot go back"));
    let image = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.5.0" }] });
    sandbox.ecr("BatchDeleteImage", image).unwrap();
    workspace
        .xtask(&sandbox, &plan)
        .ends(0)
        .says("if this rollout fails, ECS cannot go back: the image of container app of app:3 is gone from ECR");
}

#[test]
fn a_rollout_under_way_is_stopped_and_its_way_back_is_what_was_asked_for() {
    let (workspace, sandbox) = crate::shift::paused();
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    workspace.xtask(&sandbox, &["rollback", "--to", "app:1"]).ends(2).says("is under way");
    workspace
        .xtask(&sandbox, &["rollback"])
        .ends(0)
        .says("Stop the rollout of app to app:2")
        .says("ROLLBACK_SUCCESSFUL");
    assert_eq!(serving(&sandbox), "app:1");
    assert_eq!(calls(&sandbox, "ecs:ContinueServiceDeployment"), 1, "where it waits for a decision it is refused");
    assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 0);
}

#[test]
fn history_says_when_what_by_whom_and_how_it_ended() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let commit = workspace.commit("one", &["Cargo.toml"]);
    release_two(&workspace, &sandbox);
    let run = workspace.xtask(&sandbox, &["history"]);
    run.ends(0).says("History app: 3 deployments, usually in ");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.stdout);
    let short = &commit[..9];
    for (line, words) in lines.iter().zip([
        ["app:3", "app 1.5.0", &format!("{short}-dirty"), "SUCCESSFUL"],
        ["app:2", "app 1.4.0", short, "SUCCESSFUL"],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    let json = workspace.xtask(&sandbox, &["history", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.ends(0).stdout).unwrap();
    let newest = &json["services"]["app"]["deployments"][0];
    assert_eq!(newest["images"][0]["commit"], format!("{commit}-dirty"));
    assert_eq!((&newest["revision"], &newest["images"][0]["tags"]), (&json!("app:3"), &json!(["1.5.0"])));
    assert!(
        newest["seconds"].as_f64().unwrap() > 0.0 && newest["who"].as_str().is_some_and(|who| !who.is_empty()),
        "{newest}"
    );
}

#[test]
fn what_rollouts_usually_take_is_told_while_one_goes_on_and_waited_for_by_nobody() {
    let (workspace, sandbox) = three();
    let history = workspace.xtask(&sandbox, &["history", "--format", "json"]);
    let history: Value = serde_json::from_str(&history.ends(0).stdout).unwrap();
    let usually = &history["services"]["app"]["usual-seconds"];
    assert!(usually.as_f64().is_some_and(|it| it > 0.0), "{history}");

    let deploy = |tag: &str| {
        workspace.change(&[("tag = { package = \"app\" }", &format!("tag = \"{tag}\""))]);
        let run = workspace.xtask(&sandbox, &["deploy", "--allow-older", "--log", "json"]);
        let lines = run.ends(0).stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    let told = |lines: &[Value]| {
        let usual = lines.iter().map(|line| &line["usual"]).filter(|usual| !usual.is_null());
        usual.cloned().collect::<Vec<Value>>()
    };
    let lines = deploy("1.4.0");
    let usual = told(&lines);
    assert!(usual.iter().any(|it| it["seconds"] == *usually && it["left-seconds"].as_u64() > Some(0)), "{lines:?}");
    assert!(usual.iter().all(|it| it["seconds"] == *usually), "{lines:?}");

    let error =
        |code: &str| Effect::Error { status: 400, code: code.to_owned(), message: "no".to_owned(), retry_after: None };
    for (tag, effect) in [
        ("1.5.0", error("ThrottlingException")),
        ("1.4.0", error("AccessDeniedException")),
        ("1.5.0", Effect::Stall { millis: 60_000 }),
    ] {
        let lists = calls(&sandbox, "ecs:ListServiceDeployments");
        let call = "ecs:ListServiceDeployments".to_owned();
        sandbox.inject(Fault { call, which: Which::Every, effect });
        let began = std::time::Instant::now();
        let lines = deploy(tag);
        assert!(began.elapsed() < Duration::from_secs(20), "a deploy waits for it");
        assert!(told(&lines).is_empty() && lines.iter().all(|line| line["event"] != "warning"), "{lines:?}");
        assert!(calls(&sandbox, "ecs:ListServiceDeployments") <= lists + 1, "it is asked for again");
        sandbox.calm();
    }
}

#[test]
fn a_rollback_that_was_cut_short_is_joined_and_not_taken_back() {
    let (workspace, sandbox) = three();
    let update = |revision: &str| {
        let update = json!({ "cluster": "sample", "service": "app", "taskDefinition": revision });
        sandbox.ecs("UpdateService", update).unwrap();
        calls(&sandbox, "ecs:UpdateService")
    };
    // What a rollback had begun that was killed then.
    let updates = update("app:2");
    workspace.xtask(&sandbox, &["rollback", "app"]).ends(0).says("Deployed app: app:2");
    assert_eq!((serving(&sandbox).as_str(), calls(&sandbox, "ecs:UpdateService")), ("app:2", updates));
    assert_eq!(calls(&sandbox, "ecs:StopServiceDeployment"), 0);
    // A deploy of what was there before is no way back, and is stopped.
    update("app:3");
    workspace.xtask(&sandbox, &["rollback", "app"]).ends(0).says("ROLLBACK_SUCCESSFUL");
    assert_eq!(serving(&sandbox), "app:2");
    // With the revision named, the same.
    update("app:1");
    workspace.xtask(&sandbox, &["rollback", "--to", "app:1"]).ends(0).says("Deployed app: app:1");
}

#[test]
fn a_rollout_that_ecs_takes_back_itself_is_followed_and_that_is_what_was_asked_for() {
    let (workspace, sandbox) = three();
    sandbox.behave_newer(Tasks::Exits { code: 1, after_seconds: 1, container: None });
    let described = sandbox.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "app:3" })).unwrap();
    let mut document = json!({ "family": "app" });
    for member in
        ["containerDefinitions", "cpu", "memory", "networkMode", "requiresCompatibilities", "executionRoleArn"]
    {
        document[member] = described["taskDefinition"][member].clone();
    }
    sandbox.ecs("RegisterTaskDefinition", document).unwrap();
    let update = json!({ "cluster": "sample", "service": "app", "taskDefinition": "app:4" });
    sandbox.ecs("UpdateService", update).unwrap();
    let newest = || {
        let listed = sandbox.ecs("ListServiceDeployments", json!({ "cluster": "sample", "service": "app" })).unwrap();
        listed["serviceDeployments"][0]["status"].as_str().unwrap().to_owned()
    };
    while newest() != "ROLLBACK_IN_PROGRESS" {
        assert!(!newest().ends_with("SUCCESSFUL"), "it goes back");
        sandbox.advance(Duration::from_secs(1));
    }
    let updates = calls(&sandbox, "ecs:UpdateService");
    let run = workspace.xtask(&sandbox, &["rollback"]);
    run.ends(0).says("Joining the rollback of app").says("ROLLBACK_SUCCESSFUL").does_not_say("warning:");
    assert_eq!((newest().as_str(), calls(&sandbox, "ecs:UpdateService")), ("ROLLBACK_SUCCESSFUL", updates));
    assert_eq!((serving(&sandbox).as_str(), calls(&sandbox, "ecs:StopServiceDeployment")), ("app:3", 0));
}

/// Before the nth of these calls somebody else stops the rollout, which is not to go back.
fn aborted(sandbox: &Sandbox, call: &str, nth: u32) {
    sandbox.inject(Fault { call: call.to_owned(), which: Which::Nth(nth), effect: Effect::Abort });
}

#[test]
fn a_rollout_that_somebody_aborts_meanwhile_is_not_superseded_and_the_next_rollback_goes_back() {
    let (workspace, sandbox) = three();
    let update = |revision: &str| {
        let update = json!({ "cluster": "sample", "service": "app", "taskDefinition": revision });
        sandbox.ecs("UpdateService", update).unwrap();
    };
    update("app:1");
    // What may be listed late is waited for, but not beyond the deadline.
    workspace.change(&[("deadline = \"20s\"", "deadline = \"1s\"")]);
    aborted(&sandbox, "ecs:StopServiceDeployment", 1);
    workspace
        .xtask(&sandbox, &["rollback"])
        .ends(5)
        .says("the rollout of app:1 on service app failed and the service is not on its last good revision")
        .says("stop was requested by a user, and no rollback was made; app:3 (2 tasks)")
        .says("`cargo xtask rollback app` goes to the last revision that was well");
    workspace.change(&[]);
    let history = workspace.xtask(&sandbox, &["history"]);
    assert!(history.ends(0).stdout.lines().next().is_some_and(|it| it.contains("STOPPED")), "{}", history.stdout);
    let status = workspace.xtask(&sandbox, &["status"]);
    assert!(status.ends(0).stdout.contains("FAILED"), "{}", status.stdout);
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Deployed app: app:3");

    // Aborted after the plan's look at it: ECS has nothing left to stop, and refuses that.
    update("app:1");
    workspace.change(&[("deadline = \"20s\"", "deadline = \"1s\"")]);
    aborted(&sandbox, "ecs:ListServiceDeployments", 1);
    let run = workspace.xtask(&sandbox, &["rollback"]);
    run.ends(5).says("no rollback was made");
    workspace.change(&[]);

    // What takes its place is another matter.
    update("app:3");
    let effect = Effect::Supersede { by: "ana".to_owned() };
    sandbox.inject(Fault { call: "ecs:StopServiceDeployment".to_owned(), which: Which::Nth(1), effect });
    workspace
        .xtask(&sandbox, &["rollback"])
        .ends(6)
        .says("the rollout of app:3 on service app was superseded by a deployment of app:4, registered by");
}

#[test]
fn a_deploy_whose_rollout_somebody_aborts_says_so_and_not_that_its_tasks_were_bad() {
    let (workspace, sandbox) = three();
    workspace.change(&[("deadline = \"20s\"", "deadline = \"2s\"")]);
    aborted(&sandbox, "ecs:DescribeServiceDeployments", 3);
    workspace
        .xtask(&sandbox, &["deploy", "--allow-older"])
        .ends(5)
        .says("stop was requested by a user, and no rollback was made")
        .says("somebody stopped the rollout before its end, and it was not to go back")
        .says("CloudTrail keeps who called StopServiceDeployment");
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Deployed app: app:3");
}
