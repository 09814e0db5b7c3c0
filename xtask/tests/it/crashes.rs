//! Processes that are killed before and after each of their effects, and those that the disk or the folder fails.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use xtask_sandbox::{Call, Moment, Sandbox};

use crate::support::{Workspace, kill, layout, sandbox, tagged};
use crate::{daemon, express, promote, service_definition};

/// Whether a call may change something.
fn acts(call: &str) -> bool {
    match call.split_once(':') {
        Some(("registry", request)) => ["POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|it| request.starts_with(it)),
        Some((_, operation)) => !["Batch", "Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb)),
        None => false,
    }
}

/// Whether each effect is to be tried, as at night.
fn every_effect() -> bool {
    std::env::var_os("XTASK_CRASHES").is_some_and(|which| which == "every")
}

/// The effects of a run, each with its place among those of its kind. Of many of a kind the last one, or with
/// `XTASK_CRASHES=every` each: the others differ from it in nothing but what is there already.
fn effects(calls: &[Call]) -> Vec<(String, u32)> {
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    let mut every = Vec::new();
    for call in calls.iter().filter(|call| acts(&call.operation)) {
        let count = kinds.entry(&call.operation).or_default();
        *count += 1;
        every.push((call.operation.clone(), *count));
    }
    if !every_effect() {
        every.retain(|(kind, place)| kinds[kind.as_str()] == *place);
    }
    every
}

/// Runs the command, and has it killed at this moment of this call.
fn killed(workspace: &Workspace, sandbox: &Sandbox, arguments: &[&str], (call, nth): &(String, u32), moment: Moment) {
    let process: Arc<OnceLock<u32>> = Arc::default();
    let (victim, wanted, nth, met) = (Arc::clone(&process), call.clone(), *nth, AtomicU32::new(0));
    sandbox.listen(move |call, now| {
        if now == moment && call == wanted && met.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            kill("-KILL", *victim.wait());
        }
    });
    let environment = sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut child = workspace
        .command(&environment, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    process.set(child.id()).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "{moment:?} {call} {nth}: {status}");
}

/// Blobs that were finished more than once, each in its repository.
fn sent_again(calls: &[Call]) -> Vec<String> {
    let whole = |call: &&Call| call.operation == "registry:PUT blob" && call.status == 201;
    let blob = |call: &Call| format!("{} {}", call.input["repositoryName"], call.input["reference"]);
    let mut finished: Vec<String> = calls.iter().filter(whole).map(blob).collect();
    assert!(finished.iter().all(|blob| blob.contains("sha256:")), "{finished:?}");
    finished.sort();
    finished.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0].clone()).collect()
}

/// Has the command killed at each of its effects, each time in a new world, and run again, which ends well and comes to what
/// one undisturbed run does. Returns the kinds of effects, each once.
fn converges(
    begin: &dyn Fn() -> (Workspace, Sandbox),
    arguments: &[&str],
    came_to: &dyn Fn(&Sandbox) -> Value,
) -> Vec<String> {
    let (workspace, undisturbed) = begin();
    let before = undisturbed.calls().len();
    workspace.xtask(&undisturbed, arguments).ends(0);
    let (effects, expected) = (effects(&undisturbed.calls()[before..]), came_to(&undisturbed));
    for effect in &effects {
        for moment in [Moment::Before, Moment::After] {
            let (workspace, sandbox) = begin();
            killed(&workspace, &sandbox, arguments, effect, moment);
            workspace.xtask(&sandbox, arguments).ends(0);
            assert_eq!(came_to(&sandbox), expected, "{moment:?} {effect:?}");
            assert_eq!(sent_again(&sandbox.calls()), [""; 0], "{moment:?} {effect:?}");
        }
    }
    effects.into_iter().filter(|(_, place)| *place == 1 || !every_effect()).map(|(call, _)| call).collect()
}

fn releases() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    (workspace, sandbox)
}

#[test]
fn a_release_that_is_killed_at_any_effect_comes_to_the_same_and_sends_no_finished_blob_again() {
    let effects = converges(&releases, &["release"], &|sandbox| json!(tagged(sandbox, "sample/app", "1.4.0")));
    assert_eq!(effects, ["registry:POST blob", "registry:PUT blob", "registry:PUT manifest", "ecr:PutImage"]);
}

#[test]
fn a_release_that_signs_and_is_killed_at_any_effect_comes_to_the_same() {
    let effects =
        converges(&crate::signed::p256, &["release"], &|sandbox| json!(tagged(sandbox, "sample/app", "1.4.0")));
    assert!(effects.contains(&"kms:Sign".to_owned()), "{effects:?}");
}

#[test]
fn a_promotion_that_is_killed_at_any_effect_comes_to_the_same_and_sends_no_finished_blob_again() {
    let promoted = |sandbox: &Sandbox| {
        let wanted = json!({ "repositoryName": "live/app", "imageIds": [{ "imageTag": "1.4.0" }] });
        let found = sandbox.site("222222222222", "ap-northeast-1").ecr("BatchGetImage", wanted);
        found.unwrap_or_else(|error| panic!("{} {}", error.code, error.message))["images"][0]["imageId"].clone()
    };
    let effects = converges(&promote::two, &promote::PROMOTE, &promoted);
    assert!(effects.contains(&"ecr:PutImage".to_owned()), "{effects:?}");
}

/// What a service runs, how often something was rolled out, and how many revisions of its family there are.
fn deployed(sandbox: &Sandbox) -> Value {
    let ask = |operation: &str, input: Value| {
        sandbox.ecs(operation, input).unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
    };
    let web = ask("DescribeServices", json!({ "cluster": "sample", "services": ["web"] }))["services"][0].clone();
    let rollouts = ask("ListServiceDeployments", json!({ "cluster": "sample", "service": "web" }));
    let revisions = ask("ListTaskDefinitions", json!({ "familyPrefix": "app" }));
    json!({ "desired": web["desiredCount"], "running": web["runningCount"], "tags": web["tags"],
        "rollouts": rollouts["serviceDeployments"].as_array().unwrap().len(),
        "revisions": revisions["taskDefinitionArns"] })
}

#[test]
fn a_service_whose_creation_is_killed_at_any_effect_is_created_once_of_one_revision() {
    let effects = converges(&service_definition::absent, &["deploy", "--create"], &deployed);
    assert_eq!(effects, ["ecs:RegisterTaskDefinition", "ecs:CreateService"]);
}

#[test]
fn an_express_service_whose_deploy_is_killed_at_any_effect_is_rolled_out_once_to_one_revision() {
    let effects = converges(&express::express, &["deploy"], &deployed);
    assert_eq!(effects, ["ecs:RegisterTaskDefinition", "ecs:UpdateExpressGatewayService"]);
}

#[test]
fn a_daemon_whose_creation_or_update_is_killed_at_any_effect_has_one_deployment_of_one_revision() {
    let deployed = |sandbox: &Sandbox| {
        let arn = "arn:aws:ecs:ap-northeast-1:123456789012:daemon/sample/agent";
        let ask = |operation: &str, input: Value| {
            sandbox
                .ecs(operation, input)
                .unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
        };
        let deployments = ask("ListDaemonDeployments", json!({ "daemonArn": arn }))["daemonDeployments"].clone();
        let states: Vec<&Value> = deployments.as_array().unwrap().iter().map(|one| &one["status"]).collect();
        let revisions = ask("ListDaemonTaskDefinitions", json!({ "family": "agent" }))["daemonTaskDefinitions"].clone();
        json!({ "deployments": states, "revisions": revisions.as_array().unwrap().len() })
    };
    let effects = converges(&daemon::released, &["deploy", "--create"], &deployed);
    assert_eq!(effects, ["ecs:RegisterDaemonTaskDefinition", "ecs:CreateDaemon"]);
    let effects = converges(&daemon::daemon, &["deploy"], &deployed);
    assert_eq!(effects, ["ecs:RegisterDaemonTaskDefinition", "ecs:UpdateDaemon"]);
}

/// Starts it, and does not wait for its end.
fn begun(workspace: &Workspace, sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let environment = sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut command = workspace.command(&environment, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

#[test]
fn of_two_releases_at_once_on_two_machines_both_end_well_with_one_digest() {
    let (here, sandbox) = releases();
    let there = Workspace::sample();
    there.that_releases();
    let both = [&here, &there].map(|machine| begun(machine, &sandbox, &["release"]));
    let digest = |child: Child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let [here, there] = both.map(digest);
    assert_eq!(here, there);
    assert!(here.contains(&tagged(&sandbox, "sample/app", "1.4.0").unwrap()), "{here}");
}

/// Runs a release whose files, and those of the programs that it starts, may not be larger than so many blocks of 512 bytes, as
/// on a disk that is full then.
fn with_room_for(blocks: u32, workspace: &Workspace, sandbox: &Sandbox) -> std::process::Output {
    let environment = sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let release = workspace.command(&environment, &["release"]);
    let mut limited = Command::new("sh");
    // Who ignores the signal is answered with an error.
    limited.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" release")).arg(release.get_program());
    limited.current_dir(workspace.root()).stdin(Stdio::null());
    for (name, value) in release.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.output().unwrap()
}

#[test]
fn on_a_full_disk_a_release_says_which_file_had_no_room_and_with_room_again_it_ends_well() {
    let large: Vec<u8> = (0..200_000_u32).map(|place| place.to_le_bytes()[1]).collect();
    for (blocks, says) in
        [(0, "could not copy "), (1, "target/xtask/release.json: File too large"), (200, "failed to build: write ")]
    {
        let (workspace, sandbox) = releases();
        if blocks > 1 {
            let layout = workspace.root().join("larger");
            layout::write(&layout, &[&large]);
            workspace.docker_that_builds(&layout);
        }
        let full = with_room_for(blocks, &workspace, &sandbox);
        let text = String::from_utf8_lossy(&full.stderr).into_owned();
        assert_eq!(full.status.code(), Some(1), "{text}");
        assert!(text.contains(says), "{blocks}: {text}");
        workspace.xtask(&sandbox, &["release"]).ends(0);
        assert_eq!(sent_again(&sandbox.calls()), [""; 0], "{blocks}");
    }
}

#[test]
fn a_target_that_cannot_be_written_or_vanishes_is_named_and_a_release_after_it_ends_well() {
    let (workspace, sandbox) = releases();
    let target = workspace.root().join("target");
    // For root, who runs some of these tests, no folder is read-only.
    std::fs::create_dir_all(&target).unwrap();
    std::fs::write(target.join("xtask"), "a file").unwrap();
    workspace.xtask(&sandbox, &["release"]).ends(1).says("could not write ").says("target/xtask/images/app.lock");
    std::fs::remove_file(target.join("xtask")).unwrap();

    let vanishes = format!("rm -rf '{}'", target.display());
    let built = workspace.root().join("built");
    let docker = include_str!("support/docker.sh").replace("LAYOUT", &built.display().to_string());
    let bake = docker.lines().find(|line| line.starts_with("\"buildx bake\")")).unwrap().to_owned();
    let gone = bake.replace(" ;;", &format!("; {vanishes} ;;"));
    workspace.tool("docker", &docker.replace(&bake, &gone));
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(1).says("target/xtask/images/app");
    workspace.docker_that_builds(&built);

    let trivy = include_str!("support/trivy.sh").replace("cat <<END", &format!("{vanishes}\ncat <<END"));
    workspace.tool("trivy", &trivy);
    let code = workspace.xtask(&sandbox, &["release"]).code;
    // What was read before it vanished may be enough.
    assert!([0, 1].contains(&code), "{code}");
    workspace.trivy_that_passes();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    assert_eq!(sent_again(&sandbox.calls()), [""; 0]);
}
