//! Other people's clients, unmodified: the AWS CLI, skopeo and docker against the sandbox, skopeo against our upload.

use std::process::Command;

use crate::parts::{Docker, Workspace, debian_with, ecr, manifest_of, part, repository, run, succeed, xtask};
use serde_json::{Value, json};
use xtask_ecs::event::Events;
use xtask_ecs::interrupt::Interrupt;
use xtask_ecs::oci::layout::Layout;
use xtask_ecs::oci::registry::Registry;
use xtask_sandbox::Sandbox;

/// A layout that real buildx wrote, in the workspace it belongs to; its tag is in this sandbox.
fn released(sandbox: &Sandbox) -> Workspace {
    let workspace = debian_with(&[("fixture-harmless", "1.0-1")]);
    succeed(&mut xtask(workspace.root(), sandbox, &part("XTASK_DOCKER_CONTAINERD"), &["release"]));
    workspace
}

fn aws(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let mut command = Command::new("aws");
    let answer = succeed(command.args(arguments).args(["--output", "json"]).envs(sandbox.environment()));
    if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).expect("the AWS CLI writes JSON") }
}

/// skopeo, which trusts whatever it is told to copy and speaks plain HTTP.
fn skopeo(arguments: &[&str]) -> Command {
    let mut command = Command::new("skopeo");
    command.arg("--insecure-policy").args(arguments);
    command
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_layout_we_pushed_to_a_plain_registry_is_read_back_by_skopeo_with_its_digest() {
    let sandbox = ecr();
    let workspace = released(&sandbox);
    let layout = Layout::open(&workspace.layout()).expect("the layout is sound");
    let manifest = layout.manifest("linux/amd64").expect("one platform");
    let address = part("XTASK_REGISTRY_V2");
    let (registry, repository) = (Registry::new(&address, None), "pushed/app".parse().expect("a repository"));
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let blobs: Vec<_> = manifest.blobs().cloned().collect();
    let remote = registry.repository(&repository, &events, &interrupt);
    remote.upload(&layout, &blobs, &|_, _| {}).expect("the blobs are uploaded");
    remote.put_manifest(&manifest).expect("the manifest is put");

    let image = format!("docker://{address}/pushed/app@{}", manifest.digest);
    let copy = tempfile::tempdir().expect("a temporary folder");
    let to = format!("oci:{}:copy", copy.path().display());
    succeed(&mut skopeo(&["copy", "--src-tls-verify=false", "--preserve-digests", &image, &to]));
    assert_eq!(manifest_of(copy.path())["digest"], manifest.digest.as_str(), "every blob came back as it was sent");
}

/// `docker load` takes no more than a tar archive of the layout, with either store.
#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_layout_of_ours_is_found_under_its_full_name_by_docker_load_and_by_skopeo() {
    let sandbox = ecr();
    let workspace = released(&sandbox);
    let layout = workspace.layout();
    let name = format!("{}/sample/app:1.0.0", sandbox.registry());
    for docker_host in [part("XTASK_DOCKER_CONTAINERD"), part("XTASK_DOCKER_PLAIN")] {
        let docker = Docker::new(&docker_host);
        let archive = workspace.root().join("image.tar");
        succeed(Command::new("tar").arg("-C").arg(&layout).arg("-cf").arg(&archive).arg("."));
        let loaded = succeed(&mut docker.command(&["load", "--input", &archive.display().to_string()]));
        assert_eq!(loaded.trim(), format!("Loaded image: {name}"));
        let found = succeed(&mut docker.command(&["image", "inspect", "--format", "{{json .RepoTags}}", &name]));
        assert_eq!(found.trim(), format!("[\"{name}\"]"));
        succeed(&mut docker.command(&["image", "rm", &name]));
    }
    let of_layout = format!("oci:{}:{name}", layout.display());
    let seen: Value = serde_json::from_str(&succeed(&mut skopeo(&["inspect", &of_layout]))).expect("JSON");
    assert_eq!(seen["Digest"], manifest_of(&layout)["digest"]);
    let said = Command::new("skopeo").args(["inspect", &format!("oci:{}:other:1.0.0", layout.display())]).output();
    assert!(!said.expect("skopeo starts").status.success(), "another name is not there");
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn skopeo_copies_from_the_sandbox_and_back_into_it() {
    let sandbox = ecr();
    let workspace = released(&sandbox);
    let digest = manifest_of(&workspace.layout())["digest"].clone();
    let password = succeed(Command::new("aws").args(["ecr", "get-login-password"]).envs(sandbox.environment()));
    let credentials = format!("AWS:{password}");

    let from = format!("docker://{}/sample/app:1.0.0", sandbox.registry());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = format!("oci:{}:copy", folder.path().display());
    succeed(&mut skopeo(&[
        "copy",
        "--src-tls-verify=false",
        "--src-creds",
        &credentials,
        "--preserve-digests",
        &from,
        &copy,
    ]));
    assert_eq!(manifest_of(folder.path())["digest"], digest);

    sandbox.ecr("CreateRepository", json!({ "repositoryName": "sample/copy" })).expect("a repository is made");
    let to = format!("docker://{}/sample/copy:1.0.0", sandbox.registry());
    succeed(&mut skopeo(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        &credentials,
        "--preserve-digests",
        &copy,
        &to,
    ]));
    let images = sandbox.ecr("ListImages", json!({ "repositoryName": "sample/copy" })).expect("images are listed");
    assert_eq!(images["imageIds"], json!([{ "imageDigest": digest, "imageTag": "1.0.0" }]));
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn docker_pulls_from_the_sandbox_and_pushes_to_it() {
    for docker_host in [part("XTASK_DOCKER_CONTAINERD"), part("XTASK_DOCKER_PLAIN")] {
        let sandbox = ecr();
        released(&sandbox);
        let docker = Docker::new(&docker_host);
        let image = format!("{}/sample/app:1.0.0", sandbox.registry());
        let refused = run(&mut docker.command(&["pull", &image]));
        assert_ne!(refused.code, Some(0), "nobody pulls without an account");

        docker.log_in(&sandbox);
        succeed(&mut docker.command(&["pull", "--quiet", &image]));
        sandbox.ecr("CreateRepository", json!({ "repositoryName": "sample/pushed" })).expect("a repository is made");
        let pushed = format!("{}/sample/pushed:2.0.0", sandbox.registry());
        succeed(&mut docker.command(&["tag", &image, &pushed]));
        succeed(&mut docker.command(&["push", "--quiet", &pushed]));
        let question = json!({ "repositoryName": "sample/pushed", "imageIds": [{ "imageTag": "2.0.0" }] });
        let found = sandbox.ecr("BatchGetImage", question).expect("an answer");
        assert_eq!(found["failures"], json!([]), "{found}");
        assert_eq!(found["images"][0]["imageId"]["imageTag"], "2.0.0");
    }
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn the_aws_cli_works_on_the_sandboxs_ecr() {
    let sandbox = ecr();
    let workspace = released(&sandbox);
    let digest = manifest_of(&workspace.layout())["digest"].clone();

    let made = aws(&sandbox, &["ecr", "create-repository", "--repository-name", "sample/other"]);
    assert_eq!(made["repository"]["repositoryName"], "sample/other");
    let described = aws(&sandbox, &["ecr", "describe-repositories"]);
    assert_eq!(described["repositories"].as_array().map(Vec::len), Some(2), "{described}");

    let name = ["--repository-name", "sample/app", "--image-ids", "imageTag=1.0.0", "imageTag=0.0.0"];
    let got = aws(&sandbox, &[&["ecr", "batch-get-image"], &name[..]].concat());
    assert_eq!(got["images"][0]["imageId"]["imageDigest"], digest);
    assert_eq!(got["failures"][0]["failureCode"], "ImageNotFound");

    let missing = run(Command::new("aws")
        .args(["ecr", "describe-images", "--repository-name", "sample/app", "--image-ids", "imageTag=0.0.0"])
        .envs(sandbox.environment()));
    assert_ne!(missing.code, Some(0));
    assert!(missing.stderr.contains("ImageNotFoundException"), "{}", missing.stderr);
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn the_aws_cli_follows_a_rollout_on_the_sandboxs_ecs() {
    let clock = xtask_sandbox::Clock::PerLook(std::time::Duration::from_secs(20));
    let options = xtask_sandbox::Options { clock, ..xtask_sandbox::Options::default() };
    let sandbox = Sandbox::start(options).expect("a sandbox starts");
    let document = std::fs::read(repository().join("app/ecs/task-definition.json")).expect("the app has one");
    let document: Value = serde_json::from_slice(&document).expect("it is JSON");
    sandbox.furnish(&["sample/app"], &[("sample", "app", document.clone())]).expect("a service runs");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("task-definition.json");
    let mut next = document;
    next["containerDefinitions"][0]["image"] = json!("public.ecr.aws/docker/library/httpd:2.4.62");
    std::fs::write(&file, next.to_string()).expect("a file is written");
    let input = format!("file://{}", file.display());
    let registered = aws(&sandbox, &["ecs", "register-task-definition", "--cli-input-json", &input]);
    let revision = registered["taskDefinition"]["taskDefinitionArn"].as_str().expect("an ARN").to_owned();

    let service = ["--cluster", "sample", "--service", "app"];
    let updated = aws(&sandbox, &[&["ecs", "update-service", "--task-definition", &revision], &service[..]].concat());
    assert_eq!(updated["service"]["taskDefinition"], revision.as_str());
    let looks = (0..50).map(|_| {
        let list = aws(&sandbox, &[&["ecs", "list-service-deployments"], &service[..]].concat());
        list["serviceDeployments"][0].clone()
    });
    let mut ended = looks.filter(|newest| !["PENDING", "IN_PROGRESS"].map(Some).contains(&newest["status"].as_str()));
    let rollout = ended.next().expect("time goes on at each look");
    assert_eq!(rollout["status"], "SUCCESSFUL", "{rollout}");
    aws(&sandbox, &["ecs", "wait", "services-stable", "--cluster", "sample", "--services", "app"]);

    let group = ["--log-group-name", "/ecs/app"];
    let starts = ["--filter-pattern", "listening"];
    let found = aws(&sandbox, &[&["logs", "filter-log-events"], &group[..], &starts].concat());
    assert_eq!(found["events"].as_array().map(Vec::len), Some(4), "two tasks before and two after: {found}");
    let stream = found["events"][0]["logStreamName"].as_str().expect("a name");
    let read = aws(&sandbox, &[&["logs", "get-log-events", "--log-stream-name", stream], &group[..]].concat());
    assert_eq!(read["events"][0]["message"], "INFO app: starting");
    assert_eq!(aws(&sandbox, &["elbv2", "describe-target-groups"]), json!({ "TargetGroups": [] }));
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn the_aws_cli_makes_a_daemon_follows_its_deployments_and_takes_it_away() {
    let clock = xtask_sandbox::Clock::PerLook(std::time::Duration::from_secs(20));
    let options = xtask_sandbox::Options { clock, ..xtask_sandbox::Options::default() };
    let sandbox = Sandbox::start(options).expect("a sandbox starts");
    let ecs = |arguments: &[&str]| aws(&sandbox, &[&["ecs"], arguments].concat());
    ecs(&["create-cluster", "--cluster-name", "sample"]);
    let register = |image: &str| {
        let containers = json!([{ "name": "agent", "image": image, "memory": 64 }]).to_string();
        let family = ["--family", "agent", "--container-definitions", &containers];
        let registered = ecs(&[&["register-daemon-task-definition"], &family[..]].concat());
        registered["daemonTaskDefinitionArn"].as_str().expect("an ARN").to_owned()
    };
    let first = register("public.ecr.aws/docker/library/httpd:2.4");
    let provider = "arn:aws:ecs:ap-northeast-1:123456789012:capacity-provider/managed";
    let runs = ["--capacity-provider-arns", provider, "--daemon-task-definition-arn"];
    let named = ["--daemon-name", "agent", "--cluster-arn", "sample"];
    let made = ecs(&[&["create-daemon"], &named[..], &runs, &[&first]].concat());
    let daemon = made["daemonArn"].as_str().expect("an ARN").to_owned();
    let of_daemon = ["--daemon-arn", &daemon];
    assert_eq!(
        ecs(&["list-daemons", "--cluster-arn", "sample"])["daemonSummariesList"][0]["daemonArn"],
        daemon.as_str()
    );

    // Each deployment to its end, as its own description has it, and the revision that it came to.
    let ended = || {
        let listed = ecs(&[&["list-daemon-deployments"], &of_daemon[..]].concat());
        let deployment = listed["daemonDeployments"][0]["daemonDeploymentArn"].as_str().expect("an ARN").to_owned();
        let looks = (0..50).map(|_| {
            ecs(&["describe-daemon-deployments", "--daemon-deployment-arns", &deployment])["daemonDeployments"][0]
                .clone()
        });
        let mut over = looks.filter(|it| !["PENDING", "IN_PROGRESS"].map(Some).contains(&it["status"].as_str()));
        let deployment = over.next().expect("time goes on at each look");
        assert_eq!(deployment["status"], "SUCCESSFUL", "{deployment}");
        let revision = deployment["targetDaemonRevision"]["arn"].as_str().expect("an ARN").to_owned();
        ecs(&["describe-daemon-revisions", "--daemon-revision-arns", &revision])["daemonRevisions"][0].clone()
    };
    assert_eq!(ended()["daemonTaskDefinitionArn"], first.as_str());
    let second = register("public.ecr.aws/docker/library/httpd:2.4.62");
    ecs(&[&["update-daemon"], &of_daemon[..], &runs, &[&second]].concat());
    assert_eq!(ended()["daemonTaskDefinitionArn"], second.as_str());
    let described = ecs(&[&["describe-daemon"], &of_daemon[..]].concat());
    assert_eq!(described["daemon"]["currentRevisions"].as_array().map(Vec::len), Some(1), "{described}");

    let gone = ecs(&[&["delete-daemon"], &of_daemon[..]].concat());
    assert_eq!(gone["status"], "DELETE_IN_PROGRESS");
    let mut describe = Command::new("aws");
    describe.args(["ecs", "describe-daemon"]).args(of_daemon).envs(sandbox.environment());
    let mut looks = (0..50).map(|_| run(&mut describe).stderr);
    assert!(looks.any(|said| said.contains("DaemonNotFoundException")), "it is there still");
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn the_aws_cli_assumes_roles_and_reads_what_the_sandbox_was_seeded_with() {
    let (id, access_key) = ("222222222222".to_owned(), "AKIDPRODUCTION".to_owned());
    let accounts = vec![xtask_sandbox::Account { id, access_key, roles: Vec::new() }];
    let sandbox = Sandbox::start(xtask_sandbox::Options { accounts, ..Default::default() }).expect("a sandbox starts");
    let seed = json!([
        { "ssm": { "/app/port": "8080" }, "cloudformation": { "network": { "VpcId": "vpc-1" } } },
        { "region": "eu-west-1", "s3": { "states": { "app/terraform.tfstate": { "version": 4 } } } },
    ]);
    sandbox.seed(&seed).expect("a good seed");

    let role = ["--role-arn", "arn:aws:iam::222222222222:role/deployer", "--role-session-name", "deploy-app"];
    let session = aws(&sandbox, &[&["sts", "assume-role"], &role[..]].concat())["Credentials"].clone();
    let text = |member: &str| session[member].as_str().expect("a text").to_owned();
    let mut identity = Command::new("aws");
    identity.args(["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]).envs(sandbox.environment());
    identity.env("AWS_ACCESS_KEY_ID", text("AccessKeyId")).env("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey"));
    let arn = succeed(identity.env("AWS_SESSION_TOKEN", text("SessionToken")));
    assert_eq!(arn.trim(), "arn:aws:sts::222222222222:assumed-role/deployer/deploy-app");

    let found = aws(&sandbox, &["ssm", "get-parameters", "--names", "/app/port", "/app/nothing"]);
    assert_eq!(
        (&found["Parameters"][0]["Value"], &found["InvalidParameters"]),
        (&json!("8080"), &json!(["/app/nothing"]))
    );
    let found = aws(&sandbox, &["cloudformation", "describe-stacks", "--stack-name", "network"]);
    assert_eq!(found["Stacks"][0]["Outputs"], json!([{ "OutputKey": "VpcId", "OutputValue": "vpc-1" }]));
    let object = ["s3", "cp", "s3://states/app/terraform.tfstate", "-"];
    assert_eq!(aws(&sandbox, &object), json!({ "version": 4 }), "the redirect to another region was followed");
}
