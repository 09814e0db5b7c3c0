//! What starts tasks by the clock follows a deploy that ended well, in the whole binary.

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, calls, manifest, sandbox};

const ROLE: &str = "arn:aws:iam::123456789012:role/clock";
const REVISION: &str = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/app:";

/// A workspace whose image is released, with these lines under each of `schedules`, and a task of the service.
fn released(schedules: &[(&str, &str)]) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    configure(&workspace, schedules);
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

pub fn configure(workspace: &Workspace, schedules: &[(&str, &str)]) {
    let mut text = manifest(&[]);
    text += "\n[workspace.metadata.xtask.tasks.clean]\nservice = \"app\"\ncommand = [\"/app\", \"clean\"]\n";
    for (name, lines) in schedules {
        let head = ["\n[workspace.metadata.xtask.schedules.", name, "]\ntask = \"clean\"\n"].concat();
        text = [text, head, (*lines).to_owned(), "\n".to_owned()].concat();
    }
    workspace.write("Cargo.toml", &text);
}

pub const BOTH: [(&str, &str); 2] = [
    ("nightly", "expression = \"cron(0 3 * * ? *)\"\ntimezone = \"Asia/Tokyo\""),
    ("hourly", "expression = \"rate(1 hour)\"\ntarget = \"rule\""),
];

fn call(sandbox: &Sandbox, service: &str, operation: &str, input: Value) -> Value {
    let site = sandbox.site("123456789012", "ap-northeast-1");
    site.call(service, operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

/// Somebody's schedule and rule, with more members than this tool has words for.
fn made(sandbox: &Sandbox) {
    let ecs = json!({ "TaskDefinitionArn": format!("{REVISION}1"), "TaskCount": 1, "LaunchType": "FARGATE",
        "NetworkConfiguration": { "awsvpcConfiguration": { "Subnets": ["subnet-1"], "AssignPublicIp": "DISABLED" } },
        "PropagateTags": "TASK_DEFINITION" });
    let cluster = "arn:aws:ecs:ap-northeast-1:123456789012:cluster/sample";
    let schedule = json!({ "Name": "nightly", "ScheduleExpression": "cron(0 3 * * ? *)", "State": "DISABLED",
        "ScheduleExpressionTimezone": "Asia/Tokyo", "Description": "by hand", "StartDate": 1_700_000_000.5,
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 },
        "Target": { "Arn": cluster, "RoleArn": ROLE, "EcsParameters": ecs, "Input": "{}",
            "RetryPolicy": { "MaximumRetryAttempts": 3 } } });
    call(sandbox, "scheduler", "CreateSchedule", schedule);
    call(sandbox, "events", "PutRule", json!({ "Name": "hourly", "ScheduleExpression": "rate(1 hour)" }));
    let targets = json!([
        { "Id": "queue", "Arn": "arn:aws:sqs:ap-northeast-1:123456789012:seen" },
        { "Id": "task", "Arn": cluster, "RoleArn": ROLE, "EcsParameters": ecs, "Input": "{\"a\":1}" },
    ]);
    call(sandbox, "events", "PutTargets", json!({ "Rule": "hourly", "Targets": targets }));
}

fn schedule(sandbox: &Sandbox) -> Value {
    call(sandbox, "scheduler", "GetSchedule", json!({ "Name": "nightly" }))
}

fn targets(sandbox: &Sandbox) -> Value {
    call(sandbox, "events", "ListTargetsByRule", json!({ "Rule": "hourly" }))["Targets"].clone()
}

/// What the schedule and the rule start.
fn started(sandbox: &Sandbox) -> [String; 2] {
    let rule = targets(sandbox);
    let task = rule.as_array().unwrap().iter().find(|target| target["Id"] == "task").unwrap().clone();
    [&schedule(sandbox)["Target"], &task].map(|target| {
        let arn = target["EcsParameters"]["TaskDefinitionArn"].as_str().unwrap();
        arn.rsplit('/').next().unwrap().to_owned()
    })
}

fn deploy(workspace: &Workspace, sandbox: &Sandbox, more: &[&str]) -> Run {
    workspace.xtask(sandbox, &[&["deploy"], more].concat())
}

/// A deploy has something to move.
pub fn both() -> (Workspace, Sandbox) {
    let roles: Vec<String> = BOTH.iter().map(|(_, lines)| format!("{lines}\nrole = \"{ROLE}\"")).collect();
    let (workspace, sandbox) = released(&[("nightly", &roles[0]), ("hourly", &roles[1])]);
    made(&sandbox);
    (workspace, sandbox)
}

/// And something to make.
pub fn none() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = both();
    call(&sandbox, "scheduler", "DeleteSchedule", json!({ "Name": "nightly" }));
    configure(
        &workspace,
        &[
            ("nightly", &format!("{}\nrole = \"{ROLE}\"", BOTH[0].1)),
            ("daily", &format!("{}\nrole = \"{ROLE}\"", BOTH[1].1)),
        ],
    );
    (workspace, sandbox)
}

#[test]
fn a_schedule_and_a_rule_move_to_the_pinned_revision_and_nothing_else_of_them_changes() {
    let (workspace, sandbox) = both();
    let (mut before, mut rule) = (schedule(&sandbox), targets(&sandbox));
    deploy(&workspace, &sandbox, &["--plan"]).ends(0).says("nightly starts app:1 cron(0 3 * * ? *)");
    assert_eq!(started(&sandbox), ["app:1", "app:1"]);
    let run = deploy(&workspace, &sandbox, &["--format", "json"]);
    run.ends(0).says("Scheduled nightly: app:2 in the place of app:1").looks_like("schedules/moved");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["schedules"][1]["revision"], format!("{REVISION}2"), "{report}");
    let mut after = schedule(&sandbox);
    before["Target"]["EcsParameters"]["TaskDefinitionArn"] = json!(format!("{REVISION}2"));
    for moment in [&mut before, &mut after] {
        moment.as_object_mut().unwrap().remove("LastModificationDate");
    }
    assert_eq!(after, before);
    rule[1]["EcsParameters"]["TaskDefinitionArn"] = json!(format!("{REVISION}2"));
    assert_eq!(targets(&sandbox), rule);
    // A second time there is nothing to move.
    deploy(&workspace, &sandbox, &[]).ends(0).says("nothing to do").does_not_say("Scheduled");
    assert_eq!((calls(&sandbox, "scheduler:UpdateSchedule"), calls(&sandbox, "events:PutTargets")), (1, 1));
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Scheduled hourly: app:1 in the place of app:2");
    assert_eq!(started(&sandbox), ["app:1", "app:1"]);
}

#[test]
fn a_schedule_that_does_not_move_is_told_with_what_it_still_runs_and_moves_when_it_is_run_again() {
    let (workspace, sandbox) = both();
    for call in ["scheduler:UpdateSchedule", "events:PutTargets"] {
        let effect = Effect::Error {
            status: 400,
            code: "ConflictException".to_owned(),
            message: "somebody else is at it".to_owned(),
            retry_after: None,
        };
        sandbox.inject(Fault { call: call.to_owned(), which: Which::Nth(1), effect });
    }
    let run = deploy(&workspace, &sandbox, &["--format", "json"]);
    run.ends(1).says("service app is deployed; schedule nightly still runs app:1");
    run.says("service app is deployed; rule hourly still runs app:1").says("somebody else is at it");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["services"][0]["outcome"], "deployed");
    assert!(report["schedules"][0]["failure"].as_str().unwrap().contains("still runs app:1"), "{report}");
    assert_eq!(started(&sandbox), ["app:1", "app:1"]);
    deploy(&workspace, &sandbox, &[]).ends(0).says("nothing to do").says("Scheduled nightly: app:2");
    assert_eq!(started(&sandbox), ["app:2", "app:2"]);
}

#[test]
fn a_rollout_that_fails_leaves_every_schedule_where_it_is() {
    let (workspace, sandbox) = both();
    crate::lock::that_fails(&sandbox);
    deploy(&workspace, &sandbox, &[]).ends(4);
    assert_eq!(started(&sandbox), ["app:1", "app:1"]);
}

#[test]
fn a_schedule_that_is_not_there_is_made_only_when_that_is_asked_for() {
    let (workspace, sandbox) = released(&BOTH);
    let run = deploy(&workspace, &sandbox, &[]);
    run.ends(1).says("there is no schedule nightly in EventBridge Scheduler").says("`deploy --create` makes it");
    run.says("there is no rule hourly in EventBridge");
    deploy(&workspace, &sandbox, &["--create"]).ends(2).says("cannot be created without the role");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 0);

    let (workspace, sandbox) = none();
    deploy(&workspace, &sandbox, &["--create", "--plan"]).ends(0).says("nightly is created: cron(0 3 * * ? *)");
    assert_eq!(calls(&sandbox, "scheduler:CreateSchedule"), 0);
    deploy(&workspace, &sandbox, &["--create"]).ends(0).says("Scheduled daily: app:2 rate(1 hour)");
    let made = schedule(&sandbox);
    let ecs = json!({ "TaskDefinitionArn": format!("{REVISION}2"), "TaskCount": 1, "LaunchType": "FARGATE",
        "NetworkConfiguration": { "awsvpcConfiguration": { "Subnets": ["subnet-0123456789abcdef0"],
            "AssignPublicIp": "DISABLED", "SecurityGroups": ["sg-0123456789abcdef0"] } } });
    assert_eq!(made["Target"]["EcsParameters"], ecs);
    assert_eq!((&made["Target"]["RoleArn"], &made["ScheduleExpressionTimezone"]), (&json!(ROLE), &json!("Asia/Tokyo")));
    let input: Value = serde_json::from_str(made["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input, json!({ "containerOverrides": [{ "name": "app", "command": ["/app", "clean"] }] }));
    deploy(&workspace, &sandbox, &["--create"]).ends(0).says("nothing to do");
    assert_eq!((calls(&sandbox, "scheduler:CreateSchedule"), calls(&sandbox, "events:PutRule")), (1, 1));
}

#[test]
fn what_starts_no_one_task_is_refused_before_anything_is_done() {
    let (workspace, sandbox) = both();
    let ecs = targets(&sandbox)[1].clone();
    let mut other = ecs.clone();
    other["Id"] = json!("other");
    call(&sandbox, "events", "PutTargets", json!({ "Rule": "hourly", "Targets": [other] }));
    let mut lambda = schedule(&sandbox);
    for member in ["Arn", "CreationDate", "LastModificationDate"] {
        lambda.as_object_mut().unwrap().remove(member);
    }
    lambda["Target"] = json!({ "Arn": "arn:aws:lambda:ap-northeast-1:123456789012:function:x", "RoleArn": ROLE });
    call(&sandbox, "scheduler", "UpdateSchedule", lambda);
    let run = deploy(&workspace, &sandbox, &[]);
    run.ends(1).says("rule hourly starts 2 ECS tasks").says("schedule nightly starts no ECS task");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition"), 0);
}

#[test]
fn what_is_wrong_with_a_schedule_is_said_at_its_place() {
    let workspace = Workspace::sample();
    let rule = "expression = \"at(2026-12-31T23:00:00)\"\ntarget = \"rule\"\ntimezone = \"Asia/Tokyo\"";
    configure(&workspace, &[("a", "expression = \"daily\""), ("b", rule)]);
    let text = std::fs::read_to_string(workspace.root().join("Cargo.toml")).unwrap();
    workspace.write("Cargo.toml", &text.replacen("task = \"clean\"", "task = \"clear\"", 1));
    let run = workspace.xtask_with(&[], &["config"]);
    run.ends(2)
        .says("there is no task `clear`")
        .says("did you mean `clean`?")
        .says("`daily` is no schedule's expression");
    run.says("a rule has no `at(…)`").says("a rule's expression is meant in UTC");
}
