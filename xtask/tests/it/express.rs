//! Express services, whose load balancer and scaling ECS makes, deployed by the whole binary.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;
use xtask_sandbox::ecs::{Tasks, Trouble};

use crate::support::{Run, Workspace, calls, changing, sandbox_with_looks_of, task_definition};

/// A workspace whose image is released, for an Express service that ECS made of another image.
pub fn express() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox_with_looks_of(20, vec![]));
    let created = json!({ "cluster": "sample", "serviceName": "web",
        "infrastructureRoleArn": "arn:aws:iam::123456789012:role/express",
        "executionRoleArn": "arn:aws:iam::123456789012:role/app-execution",
        "primaryContainer": { "image": "public.ecr.aws/docker/library/httpd:2.4", "containerPort": 8080 } });
    sandbox.ecs("CreateExpressGatewayService", created).unwrap();
    sandbox.advance(std::time::Duration::from_secs(1800));
    write(&workspace, |main| main["name"] = json!("Main"));
    configure(&workspace, "service = \"web\"\nexpress = true\n");
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

/// The service's table with these lines.
fn configure(workspace: &Workspace, lines: &str) {
    let table = format!("{lines}containers = {{ Main = \"app\" }}");
    workspace.change(&[("containers = { app = \"app\" }", &table), ("deadline = \"20s\"", "deadline = \"5m\"")]);
}

/// The task definition with its container changed like this.
fn write(workspace: &Workspace, change: impl Fn(&mut Value)) {
    let mut document = task_definition();
    document["requiresCompatibilities"] = json!(["FARGATE"]);
    let main = &mut document["containerDefinitions"][0];
    main["portMappings"] = json!([{ "name": "http", "containerPort": 8080, "protocol": "tcp" }]);
    change(main);
    workspace.write("app/ecs/task-definition.json", &serde_json::to_string_pretty(&document).unwrap());
}

fn deploy(workspace: &Workspace, sandbox: &Sandbox, more: &[&str]) -> Run {
    workspace.xtask(sandbox, &[&["deploy"], more].concat())
}

/// The inputs of UpdateExpressGatewayService.
fn updates(sandbox: &Sandbox) -> Vec<Value> {
    let made = sandbox.calls().into_iter().filter(|call| call.operation == "ecs:UpdateExpressGatewayService");
    made.map(|call| call.input).collect()
}

#[test]
fn an_express_service_takes_the_pinned_revision_and_its_endpoint_is_told() {
    let (workspace, sandbox) = express();
    let run = deploy(&workspace, &sandbox, &["--format", "json"]);
    run.ends(0).says("Registered app:2").says("Deployed app: app:2").says("BAKE_TIME");
    run.says("Endpoint app: https://web.ecs.ap-northeast-1.on.aws/");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["services"][0]["endpoints"], json!(["https://web.ecs.ap-northeast-1.on.aws/"]));
    let service = "arn:aws:ecs:ap-northeast-1:123456789012:service/sample/web";
    let revision = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/app:2";
    assert_eq!(updates(&sandbox), [json!({ "serviceArn": service, "taskDefinitionArn": revision })]);
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
    deploy(&workspace, &sandbox, &[]).ends(0).says("nothing to do").says("Endpoint app: https://web");
    assert_eq!((updates(&sandbox).len(), calls(&sandbox, "ecs:RegisterTaskDefinition")), (1, 1));
    let status = workspace.xtask(&sandbox, &["status"]);
    assert!(status.ends(0).stdout.contains("app:2"), "{status}");
    workspace.xtask(&sandbox, &["history"]).ends(0);
}

#[test]
fn an_express_service_that_goes_back_is_a_failure() {
    let (workspace, sandbox) = express();
    sandbox.troubles(vec![Trouble::Alarm { stage: Some("BAKE_TIME".to_owned()) }]);
    deploy(&workspace, &sandbox, &[]).ends(4).says("failed and ECS rolled it back").does_not_say("Endpoint");
    let (workspace, sandbox) = express();
    sandbox.behave_newer(Tasks::Exits { code: 101, after_seconds: 1, container: None });
    deploy(&workspace, &sandbox, &[]).ends(4).says("101");
}

#[test]
fn a_rollback_of_an_express_service_is_a_call_of_its_own_too() {
    let (workspace, sandbox) = express();
    deploy(&workspace, &sandbox, &[]).ends(0);
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Back app from app:2 to default-web:1");
    let back = updates(&sandbox).pop().unwrap();
    assert!(back["taskDefinitionArn"].as_str().unwrap().ends_with("/default-web:1"), "{back}");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
}

#[test]
fn an_express_service_that_names_no_deployments_is_followed_all_the_same() {
    let (workspace, sandbox) = express();
    let address = changing(&sandbox, &["DescribeServices"], |answer| {
        for service in answer["services"].as_array_mut().unwrap() {
            service.as_object_mut().unwrap().remove("deployments");
        }
    });
    let mut environment = sandbox.environment();
    environment[0].1 = address;
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    workspace.xtask_with(&environment, &["deploy"]).ends(0).says("Deployed app: app:2").says("Endpoint");
    workspace.xtask_with(&environment, &["deploy"]).ends(0).says("nothing to do");
    assert_eq!(updates(&sandbox).len(), 1);
}

#[test]
fn what_is_no_express_service_s_is_refused_before_anything_is_done() {
    let (workspace, sandbox) = express();
    write(&workspace, |_| {});
    deploy(&workspace, &sandbox, &[]).ends(2).says("container");
    for (change, says) in [
        (json!([{ "containerPort": 8080 }]), "the port of its container `Main` has no `name`"),
        (json!([]), "its container `Main` has not exactly one TCP port"),
        (
            json!([{ "name": "a", "containerPort": 1 }, { "name": "b", "containerPort": 2 }]),
            "its container `Main` has not exactly one TCP port",
        ),
    ] {
        write(&workspace, |main| {
            main["name"] = json!("Main");
            main["portMappings"] = change.clone();
        });
        deploy(&workspace, &sandbox, &["--plan"]).ends(2).says(says);
    }
    write(&workspace, |main| main["name"] = json!("Main"));
    configure(&workspace, "service = \"web\"\n");
    deploy(&workspace, &sandbox, &[]).ends(1).says("is an Express service").says("write `express = true`");
    configure(&workspace, "express = true\n");
    deploy(&workspace, &sandbox, &[]).ends(1).says("is no Express service");
    configure(&workspace, "express = true\ndesired-count = 2\n");
    deploy(&workspace, &sandbox, &[]).ends(2).says("`desired-count` is for services that ECS does not manage itself");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 0);
}
