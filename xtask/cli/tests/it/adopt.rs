//! `adopt` from what another tool is configured with.

use serde_json::Value;
use xtask_ecs::config;

use crate::miniature::Miniature;

const CONFIG: &str = "\
required_version: \">= v2\"
region: eu-central-1
cluster: '{{ must_env `CLUSTER` }}'
service: api
service_definition: service.json
task_definition: task.json
timeout: 10m0s
plugins:
  - name: tfstate
    config:
      url: s3://states/shop/terraform.tfstate
  - name: secretsmanager
ignore:
  tags:
    - CreatedBy
";

const TASK: &str = r#"{
  "family": "shop-api",
  "cpu": {{ env `CPU` `256` }},
  "memory": "512",
  "networkMode": "awsvpc",
  "requiresCompatibilities": ["FARGATE"],
  "executionRoleArn": "{{ tfstate `aws_iam_role.execution.arn` }}",
  "containerDefinitions": [
    {
      "name": "api",
      "image": "210987654321.dkr.ecr.eu-central-1.amazonaws.com/shop/api:{{ must_env `TAG` }}",
      "essential": true,
      "environment": [
        { "name": "LOG", "value": "{{ env `LOG` `info` }}" },
        { "name": "SUBNET", "value": "{{ cfn_output `network` `Subnet` }}" },
        { "name": "ZONE", "value": "{{ tfstatef `aws_subnet.private['%s'].id` (must_env `ZONE`) }}" }
      ],
      "secrets": [{ "name": "KEY", "valueFrom": "{{ ssm `/shop/key-arn` }}" }]
    },
    { "name": "proxy", "image": "public.ecr.aws/nginx/nginx:1.29", "essential": true }
  ]
}
"#;

const SERVICE: &str = r#"{
  "desiredCount": 3,
  "launchType": "FARGATE",
  "deploymentConfiguration": { "minimumHealthyPercent": 100 }
}
"#;

/// The workspace of two services with ecspresso's files in a folder.
fn with_ecspresso() -> Miniature {
    let miniature = Miniature::of("many");
    let folder = miniature.root().join("ops");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, text) in [("ecspresso.yml", CONFIG), ("task.json", TASK), ("service.json", SERVICE)] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
    miniature.commit();
    miniature
}

#[test]
fn what_ecspresso_is_configured_with_is_taken_over_and_its_files_stay() {
    let miniature = with_ecspresso();
    let before = miniature.files();
    let run = miniature.xtask_ecs(&["adopt", "ops/ecspresso.yml"]);
    run.ends(0).says("Created ecs/api.json").says("Extended Cargo.toml");
    let after = miniature.files();
    for (file, old) in before.iter().filter(|(file, _)| *file != "Cargo.toml") {
        assert_eq!(after.get(file), Some(old), "{file} changed");
    }
    let manifest = miniature.read("Cargo.toml");
    for line in [
        "account = \"210987654321\"",
        "region = \"eu-central-1\"",
        "cluster = \"${env:CLUSTER}\"",
        "[workspace.metadata.xtask.images.api]\nrepository = \"shop/api\"\ntag = { package = \"api\" }\ndockerfile = \"services/api/Dockerfile\"\n",
        "task-definition = \"ecs/api.json\"\ncontainers = { api = \"api\" }\ndesired-count = 3\nrollout = { deadline = \"10m\" }\n",
        "[workspace.metadata.xtask.lookups]\ntfstate = \"s3://states/shop/terraform.tfstate\"\n",
    ] {
        assert!(manifest.contains(line), "{line}\n{manifest}");
    }
    let document: Value = serde_json::from_str(&miniature.read("ecs/api.json")).expect("JSON");
    assert_eq!(document["cpu"], "${env:CPU:-256}");
    assert_eq!(document["executionRoleArn"], "${tfstate:aws_iam_role.execution.arn}");
    let api = &document["containerDefinitions"][0];
    assert_eq!(api["environment"][1]["value"], "${cfn:network.Subnet}");
    assert_eq!(api["secrets"][0]["valueFrom"], "${ssm:/shop/key-arn}");
    assert_eq!(api["image"], "210987654321.dkr.ecr.eu-central-1.amazonaws.com/shop/api");
    // The old document and the new one differ in what a deploy puts there, and in nothing else.
    assert_eq!(run.stderr.matches("Differs").count(), 1, "{}", run.stderr);
    run.says("Differs containerDefinitions[0].image: ");
    for todo in [
        "To do ops/ecspresso.yml:12: plugin secretsmanager has no counterpart",
        "To do ops/ecspresso.yml:13: `ignore` has no counterpart",
        "To do ops/task.json:16: `{{ tfstatef `aws_subnet.private['%s'].id` (must_env `ZONE`) }}` is no lookup",
        "Kept ops/service.json:3: `launchType` stays as the service has it in ECS",
    ] {
        run.says(todo);
    }
    let variable = |name: &str| (name == "CLUSTER").then(|| "shop".to_owned());
    let loaded = config::load(&miniature.root(), &variable).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config.services["api"].desired_count, Some(3));
    assert_eq!(loaded.config.services["api"].cluster, "shop");

    miniature.xtask_ecs(&["adopt", "ops/ecspresso.yml"]).ends(0).says("Nothing to add");
    assert_eq!(miniature.files(), after, "the second time did something");
    std::fs::write(miniature.root().join("ecs/api.json"), "{}\n").expect("a file");
    miniature.xtask_ecs(&["adopt", "ops/ecspresso.yml", "--force"]).ends(2).says("ecs/api.json is there already");
}

#[test]
fn with_strict_nothing_is_written_where_something_has_no_counterpart() {
    let miniature = with_ecspresso();
    let before = miniature.files();
    let run = miniature.xtask_ecs(&["adopt", "ops/ecspresso.yml", "--strict"]);
    run.ends(2).says("3 things have no counterpart, and nothing was written").says("ops/task.json:16");
    let dry = miniature.xtask_ecs(&["adopt", "ops/ecspresso.yml", "--dry-run"]);
    dry.ends(0);
    assert!(dry.stdout.contains("+++ b/ecs/api.json\n"), "{}", dry.stdout);
    assert_eq!(miniature.files(), before);
}

#[test]
fn what_cannot_be_read_is_told_with_its_file() {
    let miniature = with_ecspresso();
    let write = |name: &str, text: &str| std::fs::write(miniature.root().join("ops").join(name), text).expect("a file");
    let adopt = || miniature.xtask_ecs(&["adopt", "ops/ecspresso.yml", "--force"]);
    write("task.json", "{\n{{ if eq `a` `b` }}\n\"family\": \"x\"\n}");
    adopt().ends(2).says("ops/task.json:2: with lookups for its templates it is no JSON");
    write("task.json", r#"{ "family": "x", "containerDefinitions": [{ "name": "x", "image": "nginx" }] }"#);
    adopt().ends(2).says("nothing here builds what ops/task.json runs");
    write("ecspresso.yml", "region: x\n");
    adopt().ends(2).says("ops/ecspresso.yml names no `service`");
    write("ecspresso.yml", "region: [\n");
    adopt().ends(2).says("ops/ecspresso.yml is not YAML");
    write("ecspresso.yml", &CONFIG.replace("task.json", "task.jsonnet"));
    adopt().ends(2).says("ops/task.jsonnet is Jsonnet");
    miniature.xtask_ecs(&["adopt", "elsewhere.yml"]).ends(2).says("could not read elsewhere.yml");
}
