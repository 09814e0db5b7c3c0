//! What docs/REFERENCE.md says of IAM, held against the calls that the sandbox was asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Workspace, layout, sandbox};
use xtask_sandbox::Sandbox;

/// What AWS asks for beside the calls that are made, what environments, lookups, locks and schedules lead to, and what only an interrupt, a rollout that cannot succeed, a service that names no
/// rollout, or a missing repository leads to.
const BESIDES: [&str; 41] = [
    "kms:GetPublicKey",
    "kms:Sign",
    "scheduler:GetSchedule",
    "scheduler:UpdateSchedule",
    "scheduler:CreateSchedule",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "events:PutTargets",
    "events:PutRule",
    "ecr:ListImageReferrers",
    "ecr:DescribeRepositoryCreationTemplates",
    "ecr:DescribeImageSigningStatus",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:RegisterScalableTarget",
    "ssm:StartSession",
    "ecs:StopTask",
    "ecs:DescribeCapacityProviders",
    "ecs:ListContainerInstances",
    "ecs:DescribeContainerInstances",
    "logs:FilterLogEvents",
    "ecs:ContinueServiceDeployment",
    "logs:GetLogEvents",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "sts:GetCallerIdentity",
    "sts:AssumeRole",
    "ssm:GetParameters",
    "s3:GetObject",
    "cloudformation:DescribeStacks",
    "ecs:ListServiceDeployments",
    "ecs:ListDaemonDeployments",
    "ecr:GetDownloadUrlForLayer",
    "ecr:CreateRepository",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "iam:PassRole",
    "ecs:TagResource",
    "ecs:UntagResource",
    "ecs:StopServiceDeployment",
];

/// The actions that the table marks for a command.
fn documented(command: &str) -> BTreeSet<String> {
    let reference = include_str!("../../../docs/REFERENCE.md");
    let (_, table) = reference.split_once("## IAM actions").expect("there is such a table");
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let needs = |by: &str| by == "every command" || by.split(", ").any(|name| name == format!("`{command}`"));
    rows.map(|line| line.split('|').map(str::trim).collect())
        .filter(|row: &Vec<&str>| needs(row[3]))
        .map(|row| row[1].trim_matches('`').to_owned())
        .filter(|action| !BESIDES.contains(&action.as_str()))
        .collect()
}

/// The operations that a command asks AWS for.
fn called(workspace: &Workspace, sandbox: &Sandbox, arguments: &[&str], code: i32) -> BTreeSet<String> {
    let before = sandbox.calls().len();
    workspace.xtask(sandbox, arguments).ends(code);
    let operations = sandbox.calls().into_iter().skip(before).map(|call| call.operation);
    operations
        .filter(|operation| {
            ["ecr:", "ecs:", "iam:", "lambda:", "logs:", "secretsmanager:"].iter().any(|of| operation.starts_with(of))
        })
        .filter(|operation| !BESIDES.contains(&operation.as_str()))
        .collect()
}

/// What each command asks about a daemon.
fn of_a_daemon() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut asked = BTreeMap::new();
    let (workspace, sandbox) = crate::daemon::released();
    let created = called(&workspace, &sandbox, &["deploy", "--create"], 0);
    let (workspace, sandbox) = crate::daemon::daemon();
    workspace.tool("session-manager-plugin", "#!/bin/sh\necho 1.2.707.0\n");
    let mut ask = |command: &'static str, arguments: &[&str], code| {
        asked.insert(command, called(&workspace, &sandbox, arguments, code));
    };
    ask("deploy --plan", &["deploy", "--plan"], 0);
    ask("deploy", &["deploy"], 0);
    ask("status", &["status"], 0);
    ask("verify", &["verify"], 1);
    ask("logs", &["logs"], 0);
    ask("exec", &["exec", "app"], 0);
    ask("forward", &["forward", "app", "80:80"], 0);
    ask("history", &["history"], 0);
    ask("rollback", &["rollback"], 0);
    asked.entry("deploy").or_default().extend(created);
    asked
}

#[test]
fn each_command_asks_for_the_actions_that_the_reference_marks_and_for_no_other() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let holds = |command: &str| {
        let arguments: Vec<&str> = command.split(' ').collect();
        assert_eq!(called(&workspace, &sandbox, &arguments, 0), documented(command), "{command}");
    };
    holds("release --plan");
    holds("release");
    // Which version runs is asked where another one does.
    called(&workspace, &sandbox, &["deploy"], 0);
    workspace.change(&[("tag = { package = \"app\" }", "tag = \"1.5.0\"")]);
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
    called(&workspace, &sandbox, &["release"], 0);
    let of_daemon = of_a_daemon();
    let and = |command: &str, mut asked: BTreeSet<String>| {
        asked.extend(of_daemon[command].iter().cloned());
        assert_eq!(asked, documented(command), "{command}");
    };
    and("deploy --plan", called(&workspace, &sandbox, &["deploy", "--plan"], 0));
    // One that goes well, after a migration, and one that does not: only then are tasks looked at.
    let mut asked = called(&workspace, &sandbox, &["deploy"], 0);
    let (workspace, sandbox) = (Workspace::sample(), crate::support::sandbox(vec![]));
    called(workspace.that_releases(), &sandbox, &["release"], 0);
    crate::lock::that_fails(&sandbox);
    asked.append(&mut called(&workspace, &sandbox, &["deploy"], 4));
    let (workspace, sandbox) = crate::tasks::migrating();
    asked.append(&mut called(&workspace, &sandbox, &["deploy"], 0));
    {
        let (workspace, sandbox) = crate::service_definition::absent();
        asked.append(&mut called(&workspace, &sandbox, &["deploy", "--create"], 0));
    }
    let (express, managed) = crate::express::express();
    asked.append(&mut called(&express, &managed, &["deploy"], 0));
    and("deploy", asked);
    workspace.write("Cargo.toml", &crate::tasks::of_tag("1.5.0"));
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
    called(&workspace, &sandbox, &["release"], 0);
    assert_eq!(called(&workspace, &sandbox, &["run", "migrate"], 0), documented("run"), "run");
    let (workspace, sandbox) = crate::shift::paused();
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    assert_eq!(called(&workspace, &sandbox, &["continue", "app"], 0), documented("continue"), "continue");
    let (workspace, sandbox) = crate::back::three();
    and("history", called(&workspace, &sandbox, &["history"], 0));
    for (command, arguments) in [("lock", &["lock", "--reason", "x"][..]), ("unlock", &["unlock"])] {
        assert_eq!(called(&workspace, &sandbox, arguments, 0), documented(command), "{command}");
    }
    // What is not under a tag of the configuration is asked for, and where a rollout that shifts traffic stands.
    workspace.change(&[("tag = { package = \"app\" }", "tag = \"1.4.0\"")]);
    let mut looked = called(&workspace, &sandbox, &["status"], 0);
    let mut asked = called(&workspace, &sandbox, &["rollback"], 0);
    let (workspace, sandbox) = crate::shift::paused();
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    looked.append(&mut called(&workspace, &sandbox, &["status"], 0));
    asked.append(&mut called(&workspace, &sandbox, &["rollback"], 0));
    asked.append(&mut called(&express, &managed, &["rollback"], 0));
    // Tasks are looked at where the way back fails, as a deploy's are.
    asked.extend(["ecs:ListTasks", "ecs:DescribeTasks"].map(str::to_owned));
    and("rollback", asked);
    looked.insert("ecs:DescribeTaskDefinition".to_owned());
    and("status", looked);
    let (workspace, sandbox) = crate::verify::hooked();
    and("verify", called(&workspace, &sandbox, &["verify"], 0));
    let (workspace, sandbox) = crate::logs::serving();
    and("logs", called(&workspace, &sandbox, &["logs"], 0));
    let (workspace, sandbox) = crate::exec::open();
    workspace.tool("session-manager-plugin", "#!/bin/sh\necho 1.2.707.0\n");
    and("exec", called(&workspace, &sandbox, &["exec", "app"], 0));
    and("forward", called(&workspace, &sandbox, &["forward", "app", "80:80"], 0));
    assert_eq!(called(&workspace, &sandbox, &["scale", "app", "3"], 0), documented("scale"), "scale");
    let (workspace, sandbox) = crate::evidence::all();
    let mut asked = called(&workspace, &sandbox, &["rescan"], 0);
    // By the registry, which asks for the same.
    asked.extend(["ecr:BatchCheckLayerAvailability", "ecr:PutImage"].map(str::to_owned));
    assert_eq!(asked, documented("rescan"), "rescan");
    assert_eq!(called(&workspace, &sandbox, &["evidence", "app"], 0), documented("evidence"), "evidence");
    let mut asked = called(&workspace, &sandbox, &["sbom", "app"], 0);
    // One that is too large for its manifest is fetched.
    asked.insert("ecr:GetAuthorizationToken".to_owned());
    assert_eq!(asked, documented("sbom"), "sbom");
    let (workspace, sandbox) = crate::promote::two();
    let both: BTreeSet<String> = ["promote --from", "promote --to"].into_iter().flat_map(documented).collect();
    assert_eq!(called(&workspace, &sandbox, &crate::promote::PROMOTE, 0), both, "promote");
}
