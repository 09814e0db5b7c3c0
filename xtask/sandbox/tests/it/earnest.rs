//! Containers that run in earnest, by what this machine has for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use xtask_sandbox::{Clock, Options, Runner, Sandbox};

/// Has a test made by each way of running containers that this machine has, in a sandbox of its own: both stores of docker's
/// engine where `cargo xtask ci` started them.
#[expect(clippy::print_stderr, reason = "what was not tested is said")]
fn each_way(test: impl Fn(&Sandbox)) {
    let engines = ["XTASK_DOCKER_CONTAINERD", "XTASK_DOCKER_PLAIN"].map(|name| std::env::var(name).ok());
    let mut ways = vec![("namespaces", Runner::namespaces())];
    if engines.iter().all(Option::is_none) {
        ways.push(("docker", Runner::docker(None)));
    }
    ways.extend(engines.into_iter().flatten().map(|host| ("docker", Runner::docker(Some(&host)))));
    for (name, way) in ways {
        match way {
            Ok(runner) => {
                eprintln!("{runner}");
                test(&sandbox(runner));
            }
            Err(why) => eprintln!("not tested here with {name}: {why}"),
        }
    }
}

/// A sandbox with an image that is this machine's own shell.
fn sandbox(runner: Runner) -> Sandbox {
    let options = Options { clock: Clock::Scaled(30), run: Some(runner), ..Options::default() };
    let sandbox = Sandbox::start(options).unwrap();
    sandbox.ecr("CreateRepository", json!({ "repositoryName": "shell" })).unwrap();
    let layer = upload(&sandbox, &layer());
    let settings = json!({ "Env": ["OF_THE_IMAGE=yes", "PATH=/bin"], "Entrypoint": ["sh", "-c"], "Cmd": ["exit 0"] });
    let config = json!({ "architecture": "amd64", "os": "linux", "config": settings, "rootfs": { "type": "layers", "diff_ids": [layer.0] } });
    let config = upload(&sandbox, config.to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.0, "size": config.1 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.0, "size": layer.1 }] });
    let put = json!({ "repositoryName": "shell", "imageManifest": manifest.to_string(), "imageTag": "1" });
    sandbox.ecr("PutImage", put).unwrap();
    sandbox.ecs("CreateCluster", json!({ "clusterName": "sample" })).unwrap();
    sandbox
}

/// A shell, a program that sleeps, and the libraries that they are linked with, as a tar.
fn layer() -> Vec<u8> {
    let said = Command::new("ldd").args(["/bin/sh", "/bin/sleep"]).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let files = said.split_whitespace().filter(|word| word.starts_with('/')).chain(["/bin/sh", "/bin/sleep"]);
    // A file that is named twice would be a link to itself.
    let files: BTreeSet<&str> = files.filter(|file| Path::new(file).exists()).collect();
    let mut tar = Command::new("tar");
    tar.args(["--create", "--dereference", "--absolute-names", "--transform", "s,^/,,", "--file", "-"]).args(files);
    let made = tar.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// Digest and size.
fn upload(sandbox: &Sandbox, bytes: &[u8]) -> (String, usize) {
    let call = |operation: &str, mut input: Value| {
        input["repositoryName"] = json!("shell");
        sandbox.ecr(operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    };
    let upload = call("InitiateLayerUpload", json!({}))["uploadId"].clone();
    let part = json!({ "uploadId": upload, "partFirstByte": 0, "partLastByte": bytes.len() - 1,
        "layerPartBlob": STANDARD.encode(bytes) });
    call("UploadLayerPart", part);
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let digest: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = format!("sha256:{}", digest.concat());
    call("CompleteLayerUpload", json!({ "uploadId": upload, "layerDigests": [digest] }));
    (digest, bytes.len())
}

fn register(sandbox: &Sandbox, containers: Value) {
    let mut containers = containers;
    for container in containers.as_array_mut().unwrap() {
        container["image"] = json!(format!("{}/shell:1", sandbox.registry()));
        container["logConfiguration"] = json!({ "logDriver": "awslogs", "options": { "awslogs-group": "/ecs/app",
            "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "app" } });
    }
    let document = json!({ "family": "app", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"], "executionRoleArn": "arn:aws:iam::123456789012:role/e",
        "volumes": [{ "name": "shared" }], "containerDefinitions": containers });
    sandbox.ecs("RegisterTaskDefinition", document).unwrap();
}

/// Runs one task of the family to its end.
fn ended(sandbox: &Sandbox) -> Value {
    let asked = json!({ "cluster": "sample", "taskDefinition": "app", "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } } });
    let task = sandbox.ecs("RunTask", asked).unwrap()["tasks"][0]["taskArn"].clone();
    for _ in 0..600 {
        let found = sandbox.ecs("DescribeTasks", json!({ "cluster": "sample", "tasks": [task] })).unwrap();
        let found = found["tasks"][0].clone();
        if found["lastStatus"] == "STOPPED" {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the task did not end");
}

/// Every line of the log.
fn written(sandbox: &Sandbox) -> String {
    std::thread::sleep(Duration::from_millis(200));
    let site = sandbox.site("123456789012", "ap-northeast-1");
    let found = site.call("logs", "FilterLogEvents", json!({ "logGroupName": "/ecs/app" })).unwrap();
    let lines = found["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_program_has_the_documents_words_variables_secrets_user_and_read_only_root_and_its_exit_code_is_real() {
    each_way(|sandbox| {
        sandbox.seed(&json!({ "secretsmanager": { "db": "correct horse" }, "ssm": { "/level": "debug" } })).unwrap();
        let script = "echo $OF_THE_IMAGE $LOG $PASSWORD $LEVEL; echo \"$LINES\"; echo touched 2>/dev/null > /file || echo read-only; \
                  [ -w /dev/null ] && echo has devices; exit 7";
        register(
            sandbox,
            json!([{ "name": "app", "command": [script], "user": "65532", "readonlyRootFilesystem": true,
            "environment": [{ "name": "LOG", "value": "info" }, { "name": "LINES", "value": "one\ntwo" }],
            "secrets": [
                { "name": "PASSWORD", "valueFrom": "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:db" },
                { "name": "LEVEL", "valueFrom": "/level" },
            ] }]),
        );
        let task = ended(sandbox);
        assert_eq!(
            (&task["containers"][0]["exitCode"], &task["stopCode"]),
            (&json!(7), &json!("EssentialContainerExited")),
            "{}",
            written(sandbox)
        );
        let written = written(sandbox);
        assert_eq!(written, "yes info correct horse debug\none\ntwo\nread-only\nhas devices");
    });
}

#[test]
fn what_cannot_be_started_says_why_in_ecs_s_words() {
    each_way(|sandbox| {
        let lost = json!([{ "name": "PASSWORD", "valueFrom": "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:lost" }]);
        for (container, says) in [
            (json!({ "name": "app", "entryPoint": ["/bin/serve"] }), "CannotStartContainerError"),
            (json!({ "name": "app", "user": "nobody-knows" }), "unable to find user nobody-knows"),
            (json!({ "name": "app", "secrets": lost }), "ResourceInitializationError: unable to pull secrets"),
        ] {
            register(sandbox, json!([container]));
            let task = ended(sandbox);
            assert_eq!(task["stopCode"], "TaskFailedToStart", "{task}");
            assert!(task["stoppedReason"].as_str().unwrap().contains(says), "{task}");
            assert_eq!(task["containers"][0]["exitCode"], Value::Null);
        }
    });
}

#[test]
fn a_program_that_takes_more_than_its_memory_is_killed_for_that() {
    each_way(|sandbox| {
        let grows = "x=0123456789abcdef; while :; do x=$x$x; done";
        register(sandbox, json!([{ "name": "app", "command": [grows], "memory": 32 }]));
        let container = ended(sandbox)["containers"][0].clone();
        assert_eq!(container["exitCode"], 137, "{container}");
        assert!(container["reason"].as_str().unwrap().starts_with("OutOfMemoryError"), "{container}");
    });
}

#[test]
fn containers_of_a_task_share_volumes_and_wait_for_each_other() {
    each_way(|sandbox| {
        let mount = json!([{ "sourceVolume": "shared", "containerPath": "/shared" }]);
        register(
            sandbox,
            json!([
                { "name": "app", "command": ["read line < /shared/file; echo got $line; exit 3"], "mountPoints": mount,
                  "dependsOn": [{ "containerName": "init", "condition": "SUCCESS" }] },
                { "name": "init", "essential": false, "command": ["echo ready > /shared/file"], "mountPoints": mount },
            ]),
        );
        let task = ended(sandbox);
        let codes: Vec<&Value> = task["containers"].as_array().unwrap().iter().map(|it| &it["exitCode"]).collect();
        assert_eq!(codes, [&json!(3), &json!(0)], "{}", written(sandbox));
        assert_eq!(written(sandbox), "got ready");
    });
}

#[test]
fn a_health_command_decides_whether_a_task_is_healthy_and_sigterm_whether_it_ends_well() {
    each_way(|sandbox| {
        let check = |command: &str| json!({ "command": ["CMD-SHELL", command], "interval": 5, "retries": 2 });
        let serve = "trap 'echo bye; exit 0' TERM; while :; do sleep 1 & wait $!; done";
        register(sandbox, json!([{ "name": "app", "command": [serve], "healthCheck": check("exit 0") }]));
        let asked = json!({ "cluster": "sample", "serviceName": "app", "taskDefinition": "app", "desiredCount": 1,
        "launchType": "FARGATE", "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } } });
        sandbox.ecs("CreateService", asked).unwrap();
        settled(sandbox, "COMPLETED");
        register(
            sandbox,
            json!([{ "name": "app", "command": [serve], "healthCheck": json!({ "command": ["CMD", "/bin/curl"] }) }]),
        );
        let update = json!({ "cluster": "sample", "service": "app", "taskDefinition": "app:2" });
        sandbox.ecs("UpdateService", update).unwrap();
        let rollout = settled(sandbox, "COMPLETED");
        assert!(rollout["taskDefinition"].as_str().unwrap().ends_with("app:1"), "it was rolled back: {rollout}");
        let written = written(sandbox);
        assert!(written.contains("/bin/curl: no such file or directory") && written.contains("bye"), "{written}");
    });
}

/// The service's one deployment, once it is in this state.
fn settled(sandbox: &Sandbox, state: &str) -> Value {
    for _ in 0..1200 {
        let asked = json!({ "cluster": "sample", "services": ["app"] });
        let found = sandbox.ecs("DescribeServices", asked).unwrap();
        let deployments = found["services"][0]["deployments"].as_array().unwrap().clone();
        if deployments.len() == 1 && deployments[0]["rolloutState"] == state {
            return deployments[0].clone();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the service did not settle");
}
