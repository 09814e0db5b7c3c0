//! Every effect of a fault, and every fault that a rehearsal asks for by name.

use std::time::Duration;

use crate::client::{Registry, call, digest, manifest, raw_call, release, sandbox, with_repository};
use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Clock, Effect, FAULTS, Fault, Options, Sandbox, Which, fault_named};

fn inject(sandbox: &Sandbox, call: &str, which: Which, effect: Effect) {
    sandbox.inject(Fault { call: call.to_owned(), which, effect });
}

fn error(status: u16, code: &str, retry_after: Option<u64>) -> Effect {
    Effect::Error { status, code: code.to_owned(), message: "as was wished".to_owned(), retry_after }
}

#[test]
fn an_error_is_answered_in_the_words_of_the_api() {
    let sandbox = sandbox();
    inject(&sandbox, "ecr:ListImages", Which::First(1), error(503, "ServiceUnavailableException", Some(2)));
    let input = json!({"repositoryName": "sample/app"});
    let reply = raw_call(&sandbox, Some("AKIATEST"), "ecr", "ListImages", &input).unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, "2"));
    assert_eq!(reply.json(), json!({"__type": "ServiceUnavailableException", "message": "as was wished"}));
    call(&sandbox, "ecr", "ListImages", &input).expect("only the first call is refused");
    assert_eq!(sandbox.calls()[0].status, 503);
}

#[test]
fn an_error_is_answered_in_the_words_of_the_registry() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:POST blob", Which::Nth(1), error(429, "TOOMANYREQUESTS", Some(1)));
    let reply = registry.send("POST", "/v2/sample/app/blobs/uploads/", &[], b"").unwrap();
    assert_eq!((reply.status, reply.header("retry-after"), reply.code().as_str()), (429, "1", "TOOMANYREQUESTS"));
    registry.upload("sample/app", b"layer");
}

#[test]
fn an_upload_that_is_answered_with_an_error_is_not_stored() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::First(1), error(500, "UNKNOWN", None));
    let upload = registry.begin("sample/app");
    let bytes = vec![1; 2_000_000];
    assert_eq!(registry.finish(&upload, &digest(&bytes), &bytes).unwrap().status, 500);
    assert_eq!(registry.head(&format!("/v2/sample/app/blobs/{}", digest(&bytes))).status, 404);
    assert_eq!(registry.finish(&upload, &digest(&bytes), &bytes).unwrap().status, 201);
}

#[test]
fn a_cut_upload_has_no_answer_and_can_be_sent_again() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::Nth(1), Effect::Cut { after_bytes: 1000 });
    let upload = registry.begin("sample/app");
    let bytes = vec![1; 2_000_000];
    registry.finish(&upload, &digest(&bytes), &bytes).expect_err("the connection is cut");
    assert_eq!(sandbox.calls().last().unwrap().status, 0);
    assert_eq!(registry.finish(&upload, &digest(&bytes), &bytes).unwrap().status, 201);
}

#[test]
fn a_download_is_cut_in_the_middle() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    release(&registry, "1.0", b"a layer of some length");
    inject(&sandbox, "registry:GET blob", Which::Nth(1), Effect::Cut { after_bytes: 7 });
    let blob = format!("/v2/sample/app/blobs/{}", digest(b"a layer of some length"));
    registry.send("GET", &blob, &[], b"").expect_err("the answer is shorter than it says");
    assert_eq!(registry.get(&blob).status, 200);
}

#[test]
fn a_cut_call_of_the_api_has_no_effect() {
    let sandbox = sandbox();
    inject(&sandbox, "ecr:CreateRepository", Which::Every, Effect::Cut { after_bytes: 0 });
    let input = json!({"repositoryName": "other"});
    raw_call(&sandbox, Some("AKIATEST"), "ecr", "CreateRepository", &input).expect_err("the connection is cut");
    sandbox.ecr("CreateRepository", input).expect("it was not made");
}

#[test]
fn a_stalled_call_is_answered_late() {
    let sandbox = sandbox();
    inject(&sandbox, "ecr:ListImages", Which::Every, Effect::Stall { millis: 60 });
    inject(&sandbox, "registry:GET base", Which::Every, Effect::Stall { millis: 60 });
    let registry = Registry::of(&sandbox);
    let started = std::time::Instant::now();
    call(&sandbox, "ecr", "ListImages", &json!({"repositoryName": "sample/app"})).unwrap();
    registry.get("/v2/");
    assert!(started.elapsed() >= Duration::from_millis(120));
}

#[test]
fn a_token_expires_in_the_middle_and_the_next_one_is_good() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::Nth(1), Effect::ExpireToken);
    let upload = registry.begin("sample/app");
    let reply = registry.finish(&upload, &digest(b"layer"), b"layer").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "DENIED"));
    let reply = Registry::of(&sandbox).finish(&upload, &digest(b"layer"), b"layer").unwrap();
    assert_eq!(reply.status, 201);
}

#[test]
fn a_blob_is_changed_on_its_way_in_and_on_its_way_out() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::Nth(1), Effect::Corrupt);
    let reply = registry.finish(&registry.begin("sample/app"), &digest(b"layer"), b"layer").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (400, "DIGEST_INVALID"));
    release(&registry, "1.0", b"layer");
    inject(&sandbox, "registry:GET blob", Which::Nth(1), Effect::Corrupt);
    let blob = format!("/v2/sample/app/blobs/{}", digest(b"layer"));
    assert_eq!(registry.get(&blob).body, b"mayer");
    assert_eq!(registry.get(&blob).body, b"layer");
}

#[test]
fn a_stale_range_loses_no_bytes() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PATCH blob", Which::Every, Effect::StaleRange);
    let upload = registry.begin("sample/app");
    let reply = registry.send("PATCH", &upload, &[], b"layer").unwrap();
    assert_eq!((reply.status, reply.header("range")), (201, "0-0"));
    assert_eq!(registry.finish(&upload, &digest(b"layer"), b"").unwrap().status, 201);
}

#[test]
fn images_are_forgotten_after_a_call() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT manifest", Which::Nth(1), Effect::ForgetImages);
    release(&registry, "1.0", b"layer");
    assert_eq!(registry.get("/v2/sample/app/manifests/1.0").status, 404);
    release(&registry, "1.0", b"layer");
    assert_eq!(registry.get("/v2/sample/app/manifests/1.0").status, 200);
}

// From here on: rehearsals.

/// A service that is running, its first image from elsewhere, and a manual clock.
fn stage(fault: &str) -> Sandbox {
    let faults = fault_named(fault).unwrap();
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, faults, ..Options::default() }).unwrap();
    sandbox.furnish(&["sample/app"], &[("sample", "app", task_definition("placeholder"))]).unwrap();
    sandbox
}

fn task_definition(image: &str) -> Value {
    json!({
        "family": "app",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{
            "name": "app",
            "image": image,
            "essential": true,
            "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health"]},
        }],
    })
}

/// Releases an image and deploys it; answers the service deployment.
fn deploy(sandbox: &Sandbox) -> String {
    let text = release(&Registry::of(sandbox), "1.0", b"layer").to_string();
    let image = format!("{}/sample/app@{}", sandbox.registry(), digest(text.as_bytes()));
    let registered = call(sandbox, "ecs", "RegisterTaskDefinition", &task_definition(&image)).unwrap();
    let update = json!({"cluster": "sample", "service": "app",
        "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"]});
    let revision = call(sandbox, "ecs", "UpdateService", &update).unwrap();
    assert_eq!(revision["service"]["serviceName"], "app");
    let deployments = list(sandbox);
    // A deployment that superseded ours is listed before it.
    let ours = &deployments[deployments.len() - 2];
    ours["serviceDeploymentArn"].as_str().unwrap().to_owned()
}

fn list(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.ecs("ListServiceDeployments", json!({"cluster": "sample", "service": "app"})).unwrap();
    listed["serviceDeployments"].as_array().unwrap().clone()
}

/// Turns the clock until the service deployment has ended, or for an hour.
fn outcome(sandbox: &Sandbox, arn: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..720 {
        sandbox.advance(Duration::from_secs(5));
        let described = sandbox.ecs("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]})).unwrap();
        last = described["serviceDeployments"][0].clone();
        let status = last["status"].as_str().unwrap();
        if status.ends_with("SUCCESSFUL") || status.ends_with("FAILED") || status == "STOPPED" {
            break;
        }
    }
    last
}

fn stopped_tasks(sandbox: &Sandbox) -> Vec<Value> {
    let input = json!({"cluster": "sample", "serviceName": "app", "desiredStatus": "STOPPED"});
    let arns = sandbox.ecs("ListTasks", input).unwrap()["taskArns"].clone();
    let described = sandbox.ecs("DescribeTasks", json!({"cluster": "sample", "tasks": arns})).unwrap();
    described["tasks"].as_array().unwrap().clone()
}

#[test]
fn without_a_fault_the_rollout_succeeds_on_the_released_digest() {
    let sandbox = stage("vulnerable");
    let rollout = deploy(&sandbox);
    let rollout = outcome(&sandbox, &rollout);
    assert_eq!(rollout["status"], "SUCCESSFUL", "{rollout}");
    let revisions = json!({"serviceRevisionArns": [rollout["targetServiceRevision"]["arn"]]});
    let revision = sandbox.ecs("DescribeServiceRevisions", revisions).unwrap();
    let expected = digest(manifest(b"{}", &[b"layer"]).to_string().as_bytes());
    assert_eq!(revision["serviceRevisions"][0]["containerImages"][0]["imageDigest"], expected);
}

#[test]
fn crash_loop_is_rolled_back() {
    let sandbox = stage("crash-loop");
    let rollout = outcome(&sandbox, &deploy(&sandbox));
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL", "{rollout}");
    let crashed =
        |task: &Value| task["containers"][0]["exitCode"] == 101 && task["stopCode"] == "EssentialContainerExited";
    assert!(stopped_tasks(&sandbox).iter().any(crashed));
}

#[test]
fn missing_image_cannot_be_pulled() {
    let sandbox = stage("missing-image");
    let rollout = outcome(&sandbox, &deploy(&sandbox));
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL", "{rollout}");
    let not_pulled = |task: &Value| {
        let reason = task["stoppedReason"].as_str().unwrap_or_default();
        task["stopCode"] == "TaskFailedToStart"
            && reason.starts_with("CannotPullContainerError")
            && reason.ends_with("not found")
    };
    assert!(stopped_tasks(&sandbox).iter().any(not_pulled), "{:?}", stopped_tasks(&sandbox));
}

#[test]
fn unhealthy_is_rolled_back() {
    let sandbox = stage("unhealthy");
    let rollout = outcome(&sandbox, &deploy(&sandbox));
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL", "{rollout}");
}

#[test]
fn superseded_is_stopped_by_somebody_elses_deployment() {
    let sandbox = stage("superseded");
    let ours = deploy(&sandbox);
    assert_eq!(outcome(&sandbox, &ours)["status"], "STOPPED");
    let newest = list(&sandbox)[0]["serviceDeploymentArn"].as_str().unwrap().to_owned();
    assert_ne!(newest, ours);
    let theirs = outcome(&sandbox, &newest);
    assert_eq!(theirs["status"], "SUCCESSFUL");
    let service = sandbox.ecs("DescribeServices", json!({"cluster": "sample", "services": ["app"]})).unwrap();
    let running = json!({"taskDefinition": service["services"][0]["taskDefinition"]});
    let revision = sandbox.ecs("DescribeTaskDefinition", running).unwrap()["taskDefinition"].clone();
    assert_eq!(revision["revision"], 3);
    assert_eq!(revision["registeredBy"], "arn:aws:iam::123456789012:user/somebody-else");
}

#[test]
fn throttled_is_over_after_two_tries() {
    let sandbox = stage("throttled");
    let input = json!({"repositoryName": "sample/app", "imageIds": [{"imageTag": "1.0"}]});
    for _ in 0..2 {
        let reply = raw_call(&sandbox, Some("AKIATEST"), "ecr", "BatchGetImage", &input).unwrap();
        assert_eq!((reply.status, reply.json()["__type"].as_str()), (400, Some("ThrottlingException")));
    }
    call(&sandbox, "ecr", "BatchGetImage", &input).unwrap();
}

#[test]
fn lost_connection_cuts_the_first_upload_only() {
    let sandbox = stage("lost-connection");
    let registry = Registry::of(&sandbox);
    let bytes = vec![3; 100_000];
    registry.finish(&registry.begin("sample/app"), &digest(&bytes), &bytes).expect_err("the connection is cut");
    registry.upload("sample/app", &bytes);
}

#[test]
fn tag_conflict_leaves_the_tag_to_the_other_client() {
    for through_the_api in [true, false] {
        let sandbox = stage("tag-conflict");
        let registry = Registry::of(&sandbox);
        registry.upload("sample/app", b"{}");
        let ours = manifest(b"{}", &[]);
        if through_the_api {
            let input = json!({"repositoryName": "sample/app", "imageManifest": ours.to_string(), "imageTag": "1.0"});
            let (code, _) = call(&sandbox, "ecr", "PutImage", &input).unwrap_err();
            assert_eq!(code, "ImageTagAlreadyExistsException");
        } else {
            let reply = registry.put_manifest("sample/app", "1.0", &ours);
            assert_eq!((reply.status, reply.code().as_str()), (400, "TAG_INVALID"));
        }
        let there = registry.get("/v2/sample/app/manifests/1.0");
        assert_eq!(there.status, 200);
        assert_ne!(there.header("docker-content-digest"), digest(ours.to_string().as_bytes()));
    }
}

#[test]
fn rollback_failed_serves_no_revision_that_completed() {
    let sandbox = stage("rollback-failed");
    let rollout = outcome(&sandbox, &deploy(&sandbox));
    assert_eq!(rollout["status"], "ROLLBACK_FAILED", "{rollout}");
}

#[test]
fn never_stable_neither_ends_nor_counts_a_failure() {
    let sandbox = stage("never-stable");
    let rollout = outcome(&sandbox, &deploy(&sandbox));
    assert_eq!(rollout["status"], "IN_PROGRESS", "{rollout}");
    assert_eq!(rollout["deploymentCircuitBreaker"]["failureCount"], 0);
    assert!(rollout["targetServiceRevision"]["runningTaskCount"].as_u64().unwrap() > 0);
}

#[test]
fn every_named_fault_has_a_line_about_it() {
    let names: Vec<_> = FAULTS.iter().map(|(name, _)| *name).collect();
    for name in [
        "vulnerable",
        "crash-loop",
        "missing-image",
        "unhealthy",
        "superseded",
        "throttled",
        "lost-connection",
        "tag-conflict",
        "rollback-failed",
        "never-stable",
    ] {
        assert!(names.contains(&name) && fault_named(name).is_some(), "{name}");
    }
}

#[test]
fn tasks_of_revisions_before_the_fault_are_left_alone() {
    let sandbox = with_repository(Options { clock: Clock::Manual, ..Options::default() });
    sandbox.furnish(&["sample/app"], &[("sample", "app", task_definition("placeholder"))]).unwrap();
    inject(&sandbox, "ecs:UpdateService", Which::Every, Effect::Behave(Tasks::NeverStarts));
    let update = json!({"cluster": "sample", "service": "app", "forceNewDeployment": true});
    call(&sandbox, "ecs", "UpdateService", &update).unwrap();
    let newest = list(&sandbox)[0]["serviceDeploymentArn"].as_str().unwrap().to_owned();
    assert_eq!(outcome(&sandbox, &newest)["status"], "SUCCESSFUL");
}

#[test]
fn a_look_moves_a_clock_that_moves_per_look() {
    let clock = Clock::PerLook(Duration::from_secs(5));
    let sandbox = Sandbox::start(Options { clock, ..Options::default() }).unwrap();
    sandbox.furnish(&["sample/app"], &[("sample", "app", task_definition("placeholder"))]).unwrap();
    let arn = deploy(&sandbox);
    let looks = (1..200).find(|_| {
        let input = json!({"serviceDeploymentArns": [arn]});
        call(&sandbox, "ecs", "DescribeServiceDeployments", &input).unwrap()["serviceDeployments"][0]["status"]
            == "SUCCESSFUL"
    });
    assert!(looks.is_some_and(|looks| looks > 5), "{looks:?}");
}
