//! Lookups in the whole binary, answered by the sandbox.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::sample::{manifest, task_definition};
use crate::support::{Workspace, calls, sandbox, serve};

const STATE: &str = include_str!("../../ecs/src/lookup/tfstate/tests/terraform.tfstate");

const IMAGES: &str = "[workspace.metadata.xtask.images.app]";

fn table(tfstate: &str) -> String {
    format!("[workspace.metadata.xtask.lookups]\ntfstate = \"{tfstate}\"\n\n{IMAGES}")
}

/// The sample's cluster is a stack's output, and its document is made of every source.
fn workspace(tfstate: &str) -> Workspace {
    let workspace = Workspace::of(&manifest(&[
        (IMAGES, &table(tfstate)),
        ("cluster = \"sample\"", "cluster = \"${cfn:base.Cluster}\"\ndesired-count = \"${ssm:/app/count}\""),
    ]));
    let mut document = task_definition();
    let port = "${tfstate:terraform_data.counted[0].output.port}";
    document["containerDefinitions"][0]["portMappings"][0]["containerPort"] = json!(port);
    document["containerDefinitions"][0]["environment"] = json!([
        { "name": "VPC", "value": "${tfstate:output.id}" },
        { "name": "SUBNET", "value": "${tfstate:module.service[\"web\"].terraform_data.this.input}" },
        { "name": "URL", "value": format!("https://${{ssm:/app/host}}:{port}/") },
        { "name": "REGION", "value": "${region}" },
        { "name": "FROM", "value": "${env:FROM:-nobody}" },
        { "name": "SHELL", "value": "$${HOME}" },
    ]);
    workspace.write("app/ecs/task-definition.json", &serde_json::to_string_pretty(&document).expect("JSON"));
    workspace
}

fn seeded() -> Sandbox {
    let sandbox = sandbox(vec![]);
    let seed = json!({
        "ssm": { "/app/count": "1", "/app/host": "app.example", "/app/zones": ["a", "b"],
                 "/app/key": { "type": "SecureString", "value": "hunter2" } },
        "cloudformation": { "base": { "Cluster": "sample", "Other": "x" } },
        "s3": { "states": { "app/terraform.tfstate": STATE } },
    });
    sandbox.seed(&seed).expect("it is a seed");
    sandbox
}

fn registered(sandbox: &Sandbox) -> Value {
    let answer = sandbox.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "app" }));
    answer.unwrap_or_else(|error| panic!("{}", error.message))["taskDefinition"].clone()
}

#[test]
fn what_is_looked_up_is_what_is_deployed() {
    let (workspace, sandbox) = (workspace("s3://states/app/terraform.tfstate"), seeded());
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let before = calls(&sandbox, "ssm:GetParameters");
    let plan = workspace.xtask(&sandbox, &["deploy", "--plan"]);
    plan.ends(0)
        .says("${tfstate:output.id} at app/ecs/task-definition.json:")
        .says("\"vpc-1\"")
        .does_not_say("${env:FROM");
    assert_eq!(calls(&sandbox, "ssm:GetParameters") - before, 2, "the configuration's and the document's");
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    let app = &registered(&sandbox)["containerDefinitions"][0];
    let variable = |name: &str| {
        let all = app["environment"].as_array().expect("a list");
        all.iter().find(|it| it["name"] == name).map(|it| it["value"].clone()).unwrap_or_default()
    };
    assert_eq!(app["portMappings"][0]["containerPort"], 8080);
    assert_eq!((variable("VPC"), variable("SUBNET")), (json!("vpc-1"), json!("web")));
    assert_eq!(variable("URL"), "https://app.example:8080/");
    assert_eq!((variable("REGION"), variable("FROM")), (json!("ap-northeast-1"), json!("nobody")));
    assert_eq!(variable("SHELL"), "${HOME}");
}

#[test]
fn config_and_render_show_what_was_looked_up_and_by_what() {
    let (workspace, sandbox) = (workspace("infra/terraform.tfstate"), seeded());
    workspace.write("infra/terraform.tfstate", STATE);
    let config = workspace.xtask(&sandbox, &["config"]);
    let stdout = &config.ends(0).stdout;
    for line in ["\"sample\"", "# ${cfn:base.Cluster} at Cargo.toml:17", "# ${ssm:/app/count} at Cargo.toml:18"] {
        assert!(stdout.contains(line), "{stdout}");
    }
    let rendered = workspace.xtask(&sandbox, &["render"]);
    let document: Value = serde_json::from_str(&rendered.ends(0).stdout).expect("JSON");
    assert_eq!(document["containerDefinitions"][0]["portMappings"][0]["containerPort"], 8080);
}

#[test]
fn a_state_is_read_from_an_http_server_too() {
    let server = serve(|_| (200, "application/json", STATE.as_bytes().to_vec()));
    let (workspace, sandbox) = (workspace(&format!("http://{server}/state")), seeded());
    let rendered = workspace.xtask(&sandbox, &["render"]);
    assert!(rendered.ends(0).stdout.contains("vpc-1"), "{}", rendered.stdout);
}

#[test]
fn every_lookup_that_fails_is_told_with_its_place_and_nothing_is_done() {
    let (workspace, sandbox) = (workspace("s3://states/app/terraform.tfstate"), seeded());
    let faulty = "cluster = \"${cfn:base.Clutser}\"\nservice = \"${ssm:/app/key}\"\n\
                  desired-count = \"${ssm:/app/none}\"\nforce-new-deployment = \"${vault:x}\"";
    workspace.change(&[("cluster = \"sample\"", faulty)]);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(2)
        .says("Cargo.toml:14:12")
        .says("the stack `base` has no output `Clutser`")
        .says("did you mean `Cluster`?")
        .says("Cargo.toml:15:12")
        .says("${ssm:/app/key} is a SecureString")
        .says("parameter/app/key")
        .says("Cargo.toml:16:18")
        .says("there is no such parameter in ap-northeast-1 of 123456789012")
        .says("Cargo.toml:17:25")
        .says("there is no source `vault`")
        .does_not_say("hunter2");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 0);

    let mut document = task_definition();
    document["family"] = json!("${tfstate:output.password}");
    document["cpu"] = json!("${tfstate:output.idd}");
    document["memory"] = json!("${cfn:none.X}");
    document["containerDefinitions"][0]["environment"] = json!([
        { "name": "A", "value": "${ssm:/aws/reference/secretsmanager/app/password}" },
        { "name": "B", "value": "${secretsmanager:app/password}" },
        { "name": "C", "value": "zones: ${ssm:/app/zones}" },
    ]);
    workspace
        .change(&[(IMAGES, &table("s3://states/app/terraform.tfstate"))])
        .write("app/ecs/task-definition.json", &serde_json::to_string_pretty(&document).expect("JSON"));
    let run = workspace.xtask(&sandbox, &["deploy", "--plan"]);
    run.says("app/ecs/task-definition.json:2:3")
        .says("the output `password` is sensitive")
        .says("with `secrets` in the task definition")
        .says("the state has no output `idd`")
        .says("there is no stack `none`")
        .says("is a secret of Secrets Manager")
        .says("there is no source `secretsmanager`")
        .does_not_say("hunter2");

    // What is wrong in the configuration and in a document comes in one run.
    let table = table("s3://states/app/terraform.tfstate");
    workspace.change(&[(IMAGES, &table), ("cluster = \"sample\"", "cluster = \"${cfn:base.Clutser}\"")]);
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(2)
        .says("the stack `base` has no output `Clutser`")
        .says("the state has no output `idd`");
}

#[test]
fn without_credentials_that_is_told_once_and_is_no_mistake_of_the_configurations() {
    let workspace = workspace("terraform.tfstate");
    let run = workspace.xtask_with(&[], &["config"]);
    run.ends(1).says("could not load AWS credentials").does_not_say("Cargo.toml:17");
}

#[test]
fn commands_that_ask_nobody_need_nobody() {
    let workspace = workspace("s3://states/app/terraform.tfstate");
    workspace.xtask_with(&[], &["workflows"]).ends(0);
    for command in [&["deploy"][..], &["rollback"], &["status"], &["verify"], &["lock", "--reason", "x"], &["run"]] {
        workspace.xtask_with(&[], &[command, &["ap"]].concat()).ends(2).does_not_say("credentials");
    }
}
