//! `cargo xtask verify` of the whole binary.

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, calls, sandbox};

const SECRETS: &str = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret";

/// A workspace whose image is released, in an account that has all that its service leans on.
pub fn sound() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    edit(&workspace, |document| {
        for (member, role) in [("executionRoleArn", "app-execution"), ("taskRoleArn", "app-task")] {
            document[member] = json!(format!("arn:aws:iam::123456789012:role/{role}"));
        }
        let options =
            json!({ "awslogs-group": "/ecs/app", "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "app" });
        let app = &mut document["containerDefinitions"][0];
        app["logConfiguration"] = json!({ "logDriver": "awslogs", "options": options });
        app["secrets"] = json!([{ "name": "HUB", "valueFrom": format!("{SECRETS}:hub") }]);
    });
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let tasks = json!(["ecs-tasks.amazonaws.com"]);
    let reads = json!({ "ssm:GetParameters": "*", "secretsmanager:GetSecretValue": "*" });
    let roles = json!({ "app-execution": { "services": tasks, "allows": reads }, "app-task": { "services": tasks } });
    sandbox.seed(&json!({ "iam": roles, "ssm": { "/app/key": "x" }, "secretsmanager": { "hub": "x" } })).unwrap();
    sandbox.site("123456789012", "ap-northeast-1").write_log("/ecs/app", "first", "hello");
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } });
    let update = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": breaker });
    sandbox.ecs("UpdateService", update).unwrap();
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    (workspace, sandbox)
}

/// Changes the workspace's task definition.
fn edit(workspace: &Workspace, change: impl FnOnce(&mut Value)) {
    let file = workspace.root().join("app/ecs/task-definition.json");
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    change(&mut document);
    std::fs::write(file, document.to_string()).unwrap();
}

/// The line of stdout that says this.
fn line<'a>(run: &'a Run, says: &str) -> &'a str {
    run.stdout.lines().find(|line| line.contains(says)).unwrap_or_else(|| panic!("{says}:\n{}", run.stdout))
}

#[test]
fn a_repository_that_the_first_release_makes_is_told_as_such() {
    let (workspace, sandbox) = sound();
    let gone = json!({ "repositoryName": "sample/app", "force": true });
    sandbox.ecr("DeleteRepository", gone).unwrap();
    let run = workspace.xtask(&sandbox, &["verify"]);
    let told = line(run.ends(1), "repository sample/app");
    assert!(told.starts_with("problem ") && told.contains("RepositoryNotFoundException"), "{told}");
    let template = json!({ "prefix": "sample", "appliedFor": ["CREATE_ON_PUSH"] });
    sandbox.ecr("CreateRepositoryCreationTemplate", template).unwrap();
    let run = workspace.xtask(&sandbox, &["verify"]);
    let why = "was not found; sample/app is not there, and made by the push: the template `sample` says so";
    assert!(line(run.ends(1), why).contains("image app is not in ECR"), "{}", run.stdout);
    assert!(run.stdout.contains("release it first: `cargo xtask release app`"), "{}", run.stdout);
}

#[test]
fn a_cluster_that_is_not_there_is_a_problem_and_no_missing_answer() {
    let (workspace, sandbox) = sound();
    let manifest = workspace.root().join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(manifest, text.replace("cluster = \"sample\"", "cluster = \"elsewhere\"")).unwrap();
    let run = workspace.xtask(&sandbox, &["verify"]);
    let told = line(run.ends(1), "elsewhere");
    assert!(told.starts_with("problem ") && told.contains("ClusterNotFoundException"), "{told}");
}

#[test]
fn where_all_is_well_each_thing_that_was_looked_at_is_told() {
    let (workspace, sandbox) = sound();
    let run = workspace.xtask(&sandbox, &["verify"]);
    run.ends(0).says("Verified");
    for says in [
        "app in cluster sample takes deployments",
        "sample/app:1.4.0 is in ECR, sha256:",
        "keeps the image while it runs",
        "CPU and memory fit each other",
        "role/app-execution exists, and tasks may assume it",
        "role/app-task exists, and tasks may assume it",
        "this identity may pass them to tasks",
        "secrets[HUB]` is there, and the execution role may read it",
        "log group /ecs/app exists",
        "a failed rollout can go back to app:2",
    ] {
        assert!(line(&run, says).starts_with("ok "), "{}", run.stdout);
    }
}

#[test]
fn every_problem_is_found_in_one_run() {
    let (workspace, sandbox) = sound();
    edit(&workspace, |document| {
        document["memory"] = json!("4096");
        document["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/gone");
        let app = &mut document["containerDefinitions"][0];
        app["logConfiguration"]["options"]["awslogs-group"] = json!("/ecs/other");
        app["secrets"] = json!([
            { "name": "KEY", "valueFrom": "/app/key" },
            { "name": "OTHER", "valueFrom": "/app/other" },
            { "name": "DB", "valueFrom": format!("{SECRETS}:db-AbCdEf:password::") },
        ]);
    });
    let rule = json!({ "rules": [{ "rulePriority": 1, "action": { "type": "expire" }, "selection": {
        "tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14 } }] });
    let policy = json!({ "repositoryName": "sample/app", "lifecyclePolicyText": rule.to_string() });
    sandbox.ecr("PutLifecyclePolicy", policy).unwrap();
    sandbox.seed(&json!({ "iam": { "app-execution": { "services": ["lambda.amazonaws.com"] } } })).unwrap();
    let run = workspace.xtask(&sandbox, &["verify"]);
    run.ends(1).says("problems were found");
    for says in [
        "Fargate has no task with 256 CPU units and 4096 MiB",
        "there is no role arn:aws:iam::123456789012:role/gone",
        "role/app-execution exists, and tasks may not assume it",
        "there is no log group /ecs/other",
        "secrets[KEY]`: the execution role may not `ssm:GetParameters`",
        "secrets[OTHER]`: there is no /app/other",
        "secrets[DB]`: there is no arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:db-AbCdEf",
        "rule 1 of its lifecycle policy expires it 14 days after it was pushed, though it runs",
    ] {
        assert!(line(&run, says).starts_with("problem "), "{}", run.stdout);
    }
}

#[test]
fn what_may_not_be_looked_at_is_told_apart_and_is_no_problem() {
    let (workspace, sandbox) = sound();
    for call in ["iam:GetRole", "iam:SimulatePrincipalPolicy", "logs:DescribeLogGroups"] {
        let effect = Effect::Error {
            code: "AccessDenied".to_owned(),
            message: format!("not authorized to perform: {call}"),
            status: 403,
            retry_after: None,
        };
        sandbox.inject(Fault { call: call.to_owned(), which: Which::Every, effect });
    }
    let run = workspace.xtask(&sandbox, &["verify", "--format", "json"]);
    run.ends(0).says("that this identity may not look at");
    let findings: Value = serde_json::from_str(&run.stdout).unwrap();
    let untold: Vec<&str> = findings["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "cannot-tell")
        .map(|finding| finding["about"].as_str().unwrap())
        .collect();
    assert_eq!(untold, ["role", "role", "role", "secret", "log"], "{findings}");
}

const KEY: &str = "alias/evidence";

/// The same, with a key that signs evidence.
pub fn keyed() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = sound();
    crate::evidence::set(&workspace, "evidence-key = \"alias/evidence\"");
    sandbox.seed(&json!({ "kms": { KEY: "ECC_NIST_P256", "alias/other": "ECC_NIST_P256" } })).unwrap();
    (workspace, sandbox)
}

/// Holds the one line about the key against this; of the whole run the exit code.
#[track_caller]
fn key(workspace: &Workspace, sandbox: &Sandbox, code: i32, verdict: &str, says: &[&str]) {
    let run = workspace.xtask(sandbox, &["verify"]);
    let lines: Vec<&str> =
        run.ends(code).stdout.lines().filter(|line| line.contains("  -  ") && line.contains("  key  ")).collect();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    assert!(lines[0].starts_with(verdict) && says.iter().all(|part| lines[0].contains(part)), "{}", run.stdout);
}

#[test]
fn the_key_that_signs_evidence_is_looked_at_by_state_and_by_kind() {
    let (workspace, sandbox) = keyed();
    key(&workspace, &sandbox, 0, "ok ", &["alias/evidence signs, ECC_NIST_P256"]);
    let told = workspace.xtask(&sandbox, &["verify", "--format", "json"]).ends(0).stdout.clone();
    let told: Value = serde_json::from_str(&told).unwrap();
    let of_the_key = told["findings"].as_array().unwrap().iter().find(|finding| finding["about"] == "key").unwrap();
    assert!(of_the_key.get("service").is_none(), "it is no service's: {of_the_key}");
    let p256 = |state: &str| json!({ "spec": "ECC_NIST_P256", "state": state });
    for (seed, says) in [
        (json!({ KEY: p256("Disabled") }), ["DisabledException", "`aws kms enable-key --key-id alias/evidence`"]),
        (json!({ KEY: p256("PendingDeletion") }), ["KMSInvalidStateException", "cancel-key-deletion"]),
        (json!({ KEY: "SYMMETRIC_DEFAULT" }), ["UnsupportedOperationException", "--key-usage SIGN_VERIFY"]),
        (
            json!({ KEY: { "spec": "ECC_NIST_P256", "usage": "KEY_AGREEMENT" } }),
            ["the key alias/evidence is for KEY_AGREEMENT and cannot sign", "--key-spec ECC_NIST_P256"],
        ),
    ] {
        sandbox.seed(&json!({ "kms": seed })).unwrap();
        key(&workspace, &sandbox, 1, "problem ", &says);
    }
    crate::evidence::set(&workspace, "evidence-key = \"alias/gone\"");
    let missing = ["NotFoundException", "check `evidence-key`: its account, its region and its name"];
    key(&workspace, &sandbox, 1, "problem ", &missing);
    let denied = Effect::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "not authorized".to_owned(),
        retry_after: None,
    };
    sandbox.inject(Fault { call: "kms:GetPublicKey".to_owned(), which: Which::Every, effect: denied });
    key(&workspace, &sandbox, 0, "cannot tell", &["kms:GetPublicKey is denied on key alias/gone"]);
}

#[test]
fn the_file_that_has_the_public_half_is_held_against_the_key() {
    let (workspace, sandbox) = keyed();
    crate::evidence::set(&workspace, "evidence-key = { kms = \"alias/evidence\", public-key = \"evidence.pem\" }");
    workspace.write("evidence.pem", &crate::signed::pem(&sandbox, KEY));
    key(&workspace, &sandbox, 0, "ok ", &["signs, ECC_NIST_P256, and ", "evidence.pem is its public half"]);
    workspace.write("evidence.pem", &crate::signed::pem(&sandbox, "alias/other"));
    key(
        &workspace,
        &sandbox,
        1,
        "problem ",
        &["evidence.pem has another public key than alias/evidence", "aws kms get"],
    );
    workspace.write("evidence.pem", "no key");
    key(&workspace, &sandbox, 1, "problem ", &["evidence.pem is no public key of ECC_NIST_P256"]);
    // Whoever may not read the key still has a file that can be read.
    let services = ["ecr:*", "ecs:*", "iam:*", "logs:*", "secretsmanager:*", "sts:*"];
    let statement = json!({ "Effect": "Allow", "Action": services, "Resource": "*" });
    sandbox.restrict(&json!({ "Statement": [statement] })).unwrap();
    let run = workspace.xtask(&sandbox, &["verify"]);
    assert!(line(run.ends(1), "kms:GetPublicKey is denied").starts_with("cannot tell"), "{run}");
    assert!(line(&run, "evidence.pem is no public key").starts_with("problem "), "{run}");
}

#[test]
fn an_image_of_the_revision_that_serves_that_is_gone_leaves_no_way_back() {
    let (workspace, sandbox) = sound();
    let image = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] });
    sandbox.ecr("BatchDeleteImage", image).unwrap();
    let run = workspace.xtask(&sandbox, &["verify"]);
    run.ends(1);
    assert!(line(&run, "is not in ECR").starts_with("problem "), "{}", run.stdout);
    assert!(line(&run, "the image of app:2, which serves, is gone from ECR").starts_with("problem "), "{}", run.stdout);
}

const FUNCTION: &str = "arn:aws:lambda:ap-northeast-1:123456789012:function:smoke-test";

fn hook() -> Value {
    json!({ "hookTargetArn": FUNCTION, "roleArn": "arn:aws:iam::123456789012:role/hook",
        "lifecycleStages": ["POST_SCALE_UP"] })
}

/// The same, whose service definition has a hook that can be called.
pub fn hooked() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = sound();
    let document = json!({ "deploymentConfiguration": { "strategy": "BLUE_GREEN", "lifecycleHooks": [hook()] } });
    let table = "task-definition = \"app/ecs/task-definition.json\"\n";
    workspace.write("app/ecs/service.json", &document.to_string());
    workspace.change(&[(table, &format!("{table}service-definition = \"app/ecs/service.json\"\n"))]);
    hooks_role(&sandbox, "ecs.amazonaws.com", "lambda:InvokeFunction");
    sandbox.seed(&json!({ "lambda": { "smoke-test": "Active" } })).unwrap();
    (workspace, sandbox)
}

fn hooks_role(sandbox: &Sandbox, service: &str, action: &str) {
    sandbox.seed(&json!({ "iam": { "hook": { "services": [service], "allows": { action: FUNCTION } } } })).unwrap();
}

#[test]
fn the_functions_that_hooks_call_are_looked_at_with_the_roles_that_call_them() {
    let (workspace, sandbox) = hooked();
    let found = |says: &str, verdict: &str| {
        let run = workspace.xtask(&sandbox, &["verify"]);
        assert!(line(&run, says).starts_with(verdict), "{}", run.stdout);
        run
    };
    found("function:smoke-test exists", "ok ");
    found("role/hook exists, ECS may assume it, and it may call the function", "ok ");
    sandbox.seed(&json!({ "lambda": { "smoke-test": "Failed" } })).unwrap();
    hooks_role(&sandbox, "ecs.amazonaws.com", "lambda:GetFunction");
    found("function:smoke-test is Failed, so a rollout that calls it fails", "problem ");
    found("role/hook may not `lambda:InvokeFunction` on arn:aws:lambda", "problem ");
    hooks_role(&sandbox, "ecs-tasks.amazonaws.com", "lambda:InvokeFunction");
    found("role/hook exists, and ECS may not assume it", "problem ");
    let denied = Effect::Error {
        status: 403,
        code: "AccessDeniedException".to_owned(),
        message: "not authorized".to_owned(),
        retry_after: None,
    };
    sandbox.inject(Fault { call: "lambda:GetFunction".to_owned(), which: Which::Nth(1), effect: denied });
    found("lambda:GetFunction is denied on function arn:aws:lambda", "cannot tell");
    // What nobody has written is what the service has.
    let (workspace, sandbox) = crate::shift::stage(json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [hook()] }));
    let run = workspace.xtask(&sandbox, &["verify"]);
    assert!(line(&run, "there is no function arn:aws:lambda").starts_with("problem "), "{run}");
    assert!(line(&run, "there is no role arn:aws:iam::123456789012:role/hook").starts_with("problem "), "{run}");
    // What hooks it has and what its document would change is told by one answer.
    let before = calls(&sandbox, "ecs:DescribeServices");
    workspace.write("app/ecs/service.json", "{ \"propagateTags\": \"SERVICE\" }");
    let defined = ("task-definition = ", "service-definition = \"app/ecs/service.json\"\ntask-definition = ");
    workspace.change(&[defined]);
    let run = workspace.xtask(&sandbox, &["verify"]);
    assert!(line(&run, "a deploy changes 1 member of the service").starts_with("ok "), "{run}");
    assert!(line(&run, "there is no function arn:aws:lambda").starts_with("problem "), "{run}");
    assert_eq!(calls(&sandbox, "ecs:DescribeServices") - before, 2, "the live state, and its own members");
}
