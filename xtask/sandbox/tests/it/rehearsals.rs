//! Every fault that a rehearsal asks for by name, met by a client over the network.

use std::time::Duration;

use crate::client::{Registry, call, digest, manifest, raw_call, release, with_repository};
use serde_json::{Value, json};
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Clock, Effect, FAULTS, Fault, Options, Sandbox, Which, fault_named};

fn inject(sandbox: &Sandbox, call: &str, which: Which, effect: Effect) {
    sandbox.inject(Fault { call: call.to_owned(), which, effect });
}

/// A service that is running, its first image from elsewhere, and a manual clock.
pub fn stage(fault: &str) -> Sandbox {
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
pub fn deploy(sandbox: &Sandbox) -> String {
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
pub fn outcome(sandbox: &Sandbox, arn: &str) -> Value {
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

#[test]
fn to_list_rollouts_is_a_look_but_for_those_that_are_over() {
    let clock = Clock::PerLook(Duration::from_secs(5));
    let sandbox = Sandbox::start(Options { clock, ..Options::default() }).unwrap();
    sandbox.furnish(&["sample/app"], &[("sample", "app", task_definition("placeholder"))]).unwrap();
    deploy(&sandbox);
    let newest_after = |looks: usize, statuses: Value| {
        let input = json!({"cluster": "sample", "service": "app", "status": statuses});
        (0..looks).for_each(|_| drop(call(&sandbox, "ecs", "ListServiceDeployments", &input).unwrap()));
        list(&sandbox)[0]["status"].clone()
    };
    assert_ne!(newest_after(100, json!(["SUCCESSFUL"])), "SUCCESSFUL");
    assert_eq!(newest_after(100, json!([])), "SUCCESSFUL");
}

#[test]
fn register_race_is_over_after_two_tries() {
    let sandbox = stage("register-race");
    let document = task_definition("public.ecr.aws/x:1");
    for _ in 0..2 {
        let (code, message) = call(&sandbox, "ecs", "RegisterTaskDefinition", &document).unwrap_err();
        assert_eq!(code, "ClientException");
        assert!(message.starts_with("Too many concurrent attempts to create a new revision"), "{message}");
    }
    let registered = call(&sandbox, "ecs", "RegisterTaskDefinition", &document).unwrap();
    assert_eq!(registered["taskDefinition"]["revision"], 2);
}

#[test]
fn rate_limited_answers_429_with_a_code_of_nobodys() {
    let sandbox = stage("rate-limited");
    let input = json!({"cluster": "sample", "services": ["app"]});
    for _ in 0..2 {
        call(&sandbox, "ecs", "DescribeServices", &input).unwrap();
        let reply = raw_call(&sandbox, Some("AKIATEST"), "ecs", "DescribeServices", &input).unwrap();
        assert_eq!(reply.status, 429, "{reply:?}");
        assert!(!reply.json()["__type"].as_str().unwrap().contains("Throttl"));
    }
    for _ in 0..4 {
        call(&sandbox, "ecs", "DescribeServices", &input).unwrap();
    }
}

#[test]
fn clock_skew_refuses_what_was_signed_an_hour_ago() {
    let sandbox = stage("clock-skew");
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let reply = crate::client::call_at(&sandbox, seconds, "ecs", "ListClusters");
    assert_eq!((reply.status, reply.json()["__type"].as_str().unwrap()), (400, "InvalidSignatureException"));
    let message = reply.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Signature expired: 20") && message.ends_with("- 5 min.)"), "{message}");
    // The answer's date is what a client corrects itself by.
    assert_eq!(crate::client::call_at(&sandbox, seconds + 3600, "ecs", "ListClusters").status, 200);
    assert_ne!(
        reply.header("date"),
        crate::client::call_at(&stage("throttled"), seconds, "ecs", "ListClusters").header("date")
    );
    let early = crate::client::call_at(&sandbox, seconds + 7200, "ecs", "ListClusters");
    assert!(early.json()["message"].as_str().unwrap().starts_with("Signature not yet current: 20"));
}

#[test]
fn platform_digest_reports_the_child_of_an_index() {
    let sandbox = stage("platform-digest");
    let registry = Registry::of(&sandbox);
    let child = release(&registry, "child", b"layer").to_string();
    let index = json!({"schemaVersion": 2, "mediaType": crate::client::OCI_INDEX,
        "manifests": [crate::client::descriptor(crate::client::OCI_MANIFEST, child.as_bytes())]});
    assert_eq!(registry.put_manifest("sample/app", "1.0", &index).status, 201);
    let image = format!("{}/sample/app@{}", sandbox.registry(), digest(index.to_string().as_bytes()));
    let registered = call(&sandbox, "ecs", "RegisterTaskDefinition", &task_definition(&image)).unwrap();
    let update = json!({"cluster": "sample", "service": "app",
        "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"]});
    call(&sandbox, "ecs", "UpdateService", &update).unwrap();
    let newest = list(&sandbox)[0].clone();
    let rollout = outcome(&sandbox, newest["serviceDeploymentArn"].as_str().unwrap());
    assert_eq!(rollout["status"], "SUCCESSFUL");
    let input = json!({"serviceRevisionArns": [rollout["targetServiceRevision"]["arn"]]});
    let revision = call(&sandbox, "ecs", "DescribeServiceRevisions", &input).unwrap()["serviceRevisions"][0].clone();
    let child = digest(child.as_bytes());
    assert_eq!(revision["containerImages"][0]["imageDigest"], child);
    assert_eq!(revision["containerImages"][0]["image"], image);
    let input = json!({"cluster": "sample", "serviceName": "app"});
    let arns = call(&sandbox, "ecs", "ListTasks", &input).unwrap()["taskArns"].clone();
    let tasks = call(&sandbox, "ecs", "DescribeTasks", &json!({"cluster": "sample", "tasks": arns})).unwrap();
    for task in tasks["tasks"].as_array().unwrap() {
        assert_eq!(task["containers"][0]["imageDigest"], child);
    }
}

/// A task that is run once; answers RunTask's answer, and the task when it has stopped.
fn run_once(sandbox: &Sandbox) -> (Value, Value) {
    let input = json!({"cluster": "sample", "taskDefinition": "app", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "overrides": {"containerOverrides": [{"name": "app", "command": ["app", "migrate"]}]}});
    let answer = call(sandbox, "ecs", "RunTask", &input).unwrap();
    sandbox.advance(Duration::from_secs(60));
    let Some(arn) = answer["tasks"][0]["taskArn"].as_str() else { return (answer, Value::Null) };
    let described = json!({"cluster": "sample", "tasks": [arn]});
    let task = call(sandbox, "ecs", "DescribeTasks", &described).unwrap()["tasks"][0].clone();
    (answer, task)
}

#[test]
fn task_fails_ends_a_task_that_is_run_once_with_1_and_crash_loop_does_not() {
    let code = |fault: &str| {
        let (_, task) = run_once(&stage(fault));
        (task["lastStatus"].clone(), task["containers"][0]["exitCode"].clone())
    };
    assert_eq!(code("task-fails"), (json!("STOPPED"), json!(1)));
    assert_eq!(code("crash-loop"), (json!("STOPPED"), json!(0)), "that is a rollout's");
}

#[test]
fn no_room_places_a_task_only_the_third_time() {
    let sandbox = stage("no-room");
    for _ in 0..2 {
        let (answer, _) = run_once(&sandbox);
        assert_eq!((&answer["tasks"], &answer["failures"][0]["reason"]), (&json!([]), &json!("RESOURCE:MEMORY")));
    }
    assert_eq!(run_once(&sandbox).1["containers"][0]["exitCode"], 0);
}
