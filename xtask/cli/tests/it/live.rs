//! `init --service`: from a service that runs, in the sandbox.

use serde_json::{Value, json};
use xtask_ecs::config;
use xtask_ecs::digest::Digest;
use xtask_sandbox::{Clock, Options, Sandbox};

use crate::miniature::{Miniature, Run, stand_in};

const REGISTRY: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

fn sandbox() -> Sandbox {
    let clock = Clock::PerLook(std::time::Duration::from_secs(2));
    Sandbox::start(Options { clock, ..Options::default() }).expect("loopback can be listened on")
}

fn ecs(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    sandbox.ecs(operation, input).unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
}

/// A service `shop/NAME` of these containers, and whatever more is said of it.
fn serve(sandbox: &Sandbox, name: &str, containers: &Value, more: &Value) {
    ecs(sandbox, "CreateCluster", json!({ "clusterName": "shop" }));
    let document = json!({
        "family": format!("shop-{name}"), "cpu": "256", "memory": "512", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"], "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "containerDefinitions": containers,
    });
    ecs(sandbox, "RegisterTaskDefinition", document);
    let mut input = json!({
        "cluster": "shop", "serviceName": name, "taskDefinition": format!("shop-{name}"), "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-0123456789abcdef0"],
            "securityGroups": ["sg-0123456789abcdef0"], "assignPublicIp": "DISABLED" } },
    });
    for (member, value) in more.as_object().into_iter().flatten() {
        input[member] = value.clone();
    }
    input.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    ecs(sandbox, "CreateService", input);
}

fn api(image: &str) -> Value {
    json!([{ "name": "api", "image": image, "essential": true, "portMappings": [{ "containerPort": 8080 }] }])
}

/// `init --service` with what would be asked, and nothing of AWS but the sandbox.
fn init(miniature: &Miniature, sandbox: &Sandbox, args: &[&str]) -> Run {
    let library = stand_in();
    let given = ["init", "--xtask-ecs", &library, "--no-rehearse"];
    let variables: Vec<_> = sandbox.environment().into_iter().filter(|(name, _)| name != "XTASK_REGISTRY").collect();
    miniature.xtask_ecs_with(&variables, &[&given[..], args].concat())
}

/// An image of a configuration alone under this tag; its digest.
fn push(sandbox: &Sandbox, repository: &str, tag: &str) -> String {
    let ecr = |operation: &str, mut input: Value| {
        input["repositoryName"] = json!(repository);
        sandbox.ecr(operation, input).unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
    };
    ecr("CreateRepository", json!({}));
    let config = Digest::of(b"{}").to_string();
    let upload = ecr("InitiateLayerUpload", json!({}))["uploadId"].clone();
    ecr(
        "UploadLayerPart",
        json!({ "uploadId": upload, "partFirstByte": 0, "partLastByte": 1, "layerPartBlob": "e30=" }),
    );
    ecr("CompleteLayerUpload", json!({ "uploadId": upload, "layerDigests": [config] }));
    let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 } });
    let put = ecr("PutImage", json!({ "imageManifest": manifest.to_string(), "imageTag": tag }));
    put["image"]["imageId"]["imageDigest"].as_str().expect("a digest").to_owned()
}

#[test]
fn what_was_taken_over_plans_nothing_to_do_where_the_released_image_runs_by_digest() {
    let (miniature, sandbox) = (Miniature::of("many"), sandbox());
    let digest = push(&sandbox, "shop/api", "2.0.1");
    serve(&sandbox, "api", &api(&format!("{}/shop/api@{digest}", sandbox.registry())), &json!({}));
    sandbox.advance(std::time::Duration::from_secs(1800));
    let library = stand_in();
    let args = ["init", "--service", "shop/api", "--service-definition", "--xtask-ecs", &library, "--no-rehearse"];
    miniature.xtask_ecs_with(&sandbox.environment(), &args).ends(0).says("Created ecs/api.service.json");
    // This program itself does the rest, where the workspace has none.
    miniature.without_package("xtask");
    let plan = miniature.xtask_ecs_with(&sandbox.environment(), &["deploy", "--plan"]);
    plan.ends(0).says("api in shop: nothing to do");
}

#[test]
fn an_express_service_another_registry_and_an_image_of_no_registry_of_ours_are_taken_as_they_are() {
    let (miniature, sandbox) = (Miniature::of("many"), sandbox());
    ecs(&sandbox, "CreateCluster", json!({ "clusterName": "shop" }));
    let created = json!({ "cluster": "shop", "serviceName": "web",
        "infrastructureRoleArn": "arn:aws:iam::123456789012:role/express",
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "primaryContainer": { "image": "ghcr.io/shop/api:1.2", "containerPort": 8080 } });
    ecs(&sandbox, "CreateExpressGatewayService", created);
    sandbox.advance(std::time::Duration::from_secs(1800));
    init(&miniature, &sandbox, &["--service", "shop/web", "--service-definition"])
        .ends(0)
        .says("To do container Main runs ghcr.io/shop/api: from the first deploy on it is an image of ECR, in a repository api");
    let manifest = miniature.read("Cargo.toml");
    let table = "services.web]\nexpress = true\ntask-definition = \"ecs/web.json\"\ncontainers = { Main = \"api\" }\n";
    assert!(manifest.contains(table), "{manifest}");
    assert!(manifest.contains("repository = \"api\"\ntag = { package = \"api\" }\n"), "{manifest}");
    assert!(
        !miniature.root().join("ecs/web.service.json").exists(),
        "ECS manages an Express service's settings itself"
    );

    let miniature = Miniature::of("many");
    serve(&sandbox, "api", &api("210987654321.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1"), &json!({}));
    init(&miniature, &sandbox, &["--service", "shop/api"]).ends(0);
    let registry = "registry = \"210987654321.dkr.ecr.eu-west-1.amazonaws.com\"\n";
    assert!(miniature.read("Cargo.toml").contains(registry), "{}", miniature.read("Cargo.toml"));
}

#[test]
fn at_its_end_it_rehearses_and_asks_the_account_where_the_credentials_are_of_it() {
    let sandbox = sandbox();
    let library = stand_in();
    let ends = |variables: &[(String, String)], account: &str| {
        let miniature = Miniature::of("lone");
        let args = ["init", "--account", account, "--region", "ap-northeast-1", "--xtask-ecs", &library];
        let run = miniature.xtask_ecs_with(variables, &args);
        run.ends(0);
        run
    };
    let run = ends(&sandbox.environment(), "123456789012");
    assert_eq!(run.stdout, "the library runs: rehearse\nthe library runs: deploy --plan\n", "{}", run.stderr);
    let run = ends(&sandbox.environment(), "210987654321");
    run.says("Left out `cargo xtask deploy --plan`")
        .says("these credentials are of 123456789012, and the configuration is of 210987654321");
    assert_eq!(run.stdout, "the library runs: rehearse\n");
    let run = ends(&[], "123456789012");
    run.says(
        "Left out `cargo xtask deploy --plan`, which says what a deploy would change: could not load AWS credentials",
    );
    assert_eq!(run.stdout, "the library runs: rehearse\n");
}

#[test]
fn a_service_that_runs_becomes_configuration_and_a_document_and_what_stays_with_ecs_is_said() {
    let (miniature, sandbox) = (Miniature::of("many"), sandbox());
    let containers = json!([
        { "name": "api", "image": format!("{REGISTRY}/shop/api:2.0.1"), "essential": true,
          "portMappings": [{ "containerPort": 8080 }],
          "environment": [{ "name": "LEVEL", "value": "info" }, { "name": "DB_PASSWORD", "value": "hunter2" },
                          { "name": "GREETING", "value": "${name}, hello" }] },
        { "name": "envoy", "image": "public.ecr.aws/envoy/envoy:v1.31", "essential": true },
    ]);
    serve(&sandbox, "api", &containers, &json!({}));
    serve(
        &sandbox,
        "back_office",
        &json!([{ "name": "worker", "image": format!("{REGISTRY}/jobs/worker:3f2a9c1") }]),
        &json!({}),
    );
    let dry = init(&miniature, &sandbox, &["--service", "shop/api", "--dry-run"]);
    dry.ends(0);
    assert!(!format!("{}{}", dry.stdout, dry.stderr).contains("hunter2"), "{}", dry.stdout);
    let run = init(&miniature, &sandbox, &["--service", "shop/api", "--service", "shop/back_office"]);
    run.ends(0)
        .says("warning: environment.DB_PASSWORD of container api of api looks like a secret in plain sight")
        .says("Kept container envoy of api runs public.ecr.aws/envoy/envoy, which nothing here builds")
        .says("Kept the task definition of api: `taskDefinitionArn`, `revision`")
        .says("Kept service api: ")
        .says("`networkConfiguration`")
        .says("To do Cargo.toml: images.worker.tag is 3f2a9c1, which runs now");
    let manifest = miniature.read("Cargo.toml");
    for line in [
        "account = \"123456789012\"\nregion = \"ap-northeast-1\"\ncluster = \"shop\"\n",
        "[workspace.metadata.xtask.images.api]\nrepository = \"shop/api\"\ntag = { package = \"api\" }\ndockerfile = \"services/api/Dockerfile\"\n",
        "[workspace.metadata.xtask.images.worker]\nrepository = \"jobs/worker\"\ntag = \"3f2a9c1\"\n",
        "[workspace.metadata.xtask.services.api]\ntask-definition = \"ecs/api.json\"\ncontainers = { api = \"api\" }\n",
        "[workspace.metadata.xtask.services.back_office]\ntask-definition = \"ecs/back_office.json\"\ncontainers = { worker = \"worker\" }\n",
    ] {
        assert!(manifest.contains(line), "{line}\n{manifest}");
    }
    let text = miniature.read("ecs/api.json");
    assert!(!text.contains("hunter2") && !text.contains("registeredAt"), "{text}");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let container = &document["containerDefinitions"][0];
    assert_eq!(container["image"], format!("{REGISTRY}/shop/api"));
    assert_eq!(document["containerDefinitions"][1]["image"], "public.ecr.aws/envoy/envoy:v1.31");
    let environment = container["environment"].to_string();
    assert!(environment.contains("${env:DB_PASSWORD}") && environment.contains("$${name}, hello"), "{environment}");
    assert_eq!(container.get("volumesFrom"), None, "what is empty is left out");
    config::load(&miniature.root(), &|_| None).unwrap_or_else(|error| panic!("{error}"));
    let after = miniature.files();
    init(&miniature, &sandbox, &["--service", "shop/api", "--service", "shop/back_office", "--force"])
        .ends(0)
        .says("Nothing to add");
    assert_eq!(miniature.files(), after, "the second time did something");
}

#[test]
fn a_service_that_is_not_there_or_cannot_be_deployed_is_told_before_anything_is_written() {
    let (miniature, sandbox) = (Miniature::of("many"), sandbox());
    serve(&sandbox, "api", &api(&format!("{REGISTRY}/shop/api:1")), &json!({}));
    serve(&sandbox, "web", &json!([{ "name": "web", "image": "nginx:1.25" }]), &json!({}));
    let daemon = json!({ "schedulingStrategy": "DAEMON", "desiredCount": null, "launchType": "EC2" });
    ecs(
        &sandbox,
        "RegisterTaskDefinition",
        json!({ "family": "agent", "networkMode": "awsvpc", "containerDefinitions": [
        { "name": "api", "image": "x", "memory": 64 }] }),
    );
    let mut more = daemon;
    more["taskDefinition"] = json!("agent");
    serve(&sandbox, "agent", &api("x"), &more);
    let before = miniature.files();
    let arn = "arn:aws:ecs:ap-northeast-1:999999999999:service/shop/api";
    for (args, code, said) in [
        (
            &["--service", "shp/api"][..],
            2,
            ["there is no cluster shp in ap-northeast-1 of 123456789012", "did you mean `shop`?"],
        ),
        (
            &["--service", "shop/apo"],
            2,
            ["cluster shop in ap-northeast-1 of 123456789012 has no service apo", "did you mean `api`?"],
        ),
        (
            &["--service", arn],
            2,
            ["these credentials are of 123456789012, and 999999999999 is asked for", "another AWS_PROFILE"],
        ),
        (
            &["--service", "shop/api", "--region", "eu-west-1"],
            2,
            ["there is no cluster shop in eu-west-1", "there are no clusters"],
        ),
        (&["--service", "shop/agent"], 1, ["has the scheduling strategy DAEMON, which is not supported", "REPLICA"]),
        (&["--service", "shop/web"], 2, ["nothing here builds what web runs", "web runs nginx"]),
        (&["--service", "api"], 2, ["write CLUSTER/NAME, or an ARN that has both", "--service"]),
    ] {
        init(&miniature, &sandbox, args).ends(code).says(said[0]).says(said[1]);
    }
    let library = stand_in();
    let args = ["init", "--service", "shop/api", "--region", "eu-west-1", "--xtask-ecs", &library];
    miniature.xtask_ecs(&args).ends(1).says("could not load AWS credentials").says("set AWS_ACCESS_KEY_ID");
    Miniature::of("lone").xtask_ecs(&args[..3]).ends(2).says("say it: --region, or the service's ARN");
    assert_eq!(miniature.files(), before);
}
