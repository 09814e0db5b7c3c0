//! What `iam` prints, held against a sandbox that enforces it: it is enough, and no statement of it is too much.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::support::{Run, Workspace, layout, sandbox};

type World = fn() -> (Workspace, Sandbox);

/// A run of a command that goes as it does without a policy.
struct Scenario {
    world: World,
    arguments: &'static [&'static str],
    code: i32,
}

const fn scenario(world: World, arguments: &'static [&'static str], code: i32) -> Scenario {
    Scenario { world, arguments, code }
}

/// What a command does without and says nothing of, for it then only tells less; and what only an interrupt, a rollout that
/// cannot succeed, bounds, or a service that names no rollout leads to.
const UNSEEN: [(&str, &str); 19] = [
    ("deploy", "application-autoscaling:DescribeScalableTargets"),
    ("deploy --plan", "application-autoscaling:DescribeScalableTargets"),
    ("continue", "ecr:BatchGetImage"),
    ("continue", "ecs:DescribeServiceRevisions"),
    ("continue", "ecs:ListServiceDeployments"),
    ("status", "ecr:BatchGetImage"),
    ("status", "ecr:DescribeImages"),
    ("status", "ecs:DescribeTaskDefinition"),
    ("history", "ecr:BatchGetImage"),
    ("history", "ecr:DescribeImages"),
    ("history", "ecs:DescribeTaskDefinition"),
    ("history", "ecs:ListServiceDeployments"),
    ("deploy", "ecs:ListServiceDeployments"),
    ("deploy", "ecs:StopServiceDeployment"),
    ("deploy", "elasticloadbalancing:DescribeTargetGroups"),
    ("deploy", "elasticloadbalancing:DescribeTargetHealth"),
    ("deploy", "ecs:StopTask"),
    ("run", "ecs:StopTask"),
    ("scale", "application-autoscaling:RegisterScalableTarget"),
];

fn printed(workspace: &Workspace, sandbox: &Sandbox, commands: &[&str]) -> Value {
    let mut statements = Vec::new();
    for command in commands {
        let (environment, command) = command.split_once('@').unwrap_or(("", command));
        let (command, flag) = command.split_once('+').map_or((command, None), |(command, flag)| (command, Some(flag)));
        let mut words = vec!["iam", "--command", command];
        words.extend(flag);
        if !environment.is_empty() {
            words.extend(["-e", environment]);
        }
        let run = workspace.xtask(sandbox, &words);
        run.ends(0);
        let policy: Value = serde_json::from_str(&run.stdout).expect("a policy is JSON");
        for statement in policy["Statement"].as_array().expect("it has statements") {
            let is_in = |other: &Value| {
                ["Resource", "Condition"].iter().all(|it| other[it] == statement[it])
                    && actions(statement).iter().all(|action| actions(other).contains(action))
            };
            if !statements.iter().any(is_in) {
                statements.push(statement.clone());
            }
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn actions(statement: &Value) -> Vec<&str> {
    statement["Action"].as_array().expect("actions").iter().filter_map(Value::as_str).collect()
}

/// Each scenario goes well with what is printed for it; without any one statement one of them names an action of that.
fn is_exact(commands: &[&str], scenarios: &[Scenario]) {
    let mut never_named: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut named: BTreeSet<Vec<String>> = BTreeSet::new();
    for Scenario { world, arguments, code } in scenarios {
        let (workspace, sandbox) = world();
        let policy = printed(&workspace, &sandbox, commands);
        sandbox.restrict(&policy).expect("the sandbox understands it");
        let whole = workspace.xtask(&sandbox, arguments);
        whole.ends(*code).does_not_say("is not authorized").does_not_say("is denied");
        let statements = policy["Statement"].as_array().expect("statements").clone();
        let decided = sandbox.decided();
        for place in 0..statements.len() {
            let mut less = statements.clone();
            let taken = less.remove(place);
            let key: Vec<String> = actions(&taken).into_iter().map(str::to_owned).collect();
            if named.contains(&key) {
                continue;
            }
            // Without what nothing hung on, everything would go as it went.
            if !decided.contains(&place) {
                never_named.insert(key);
                continue;
            }
            let (workspace, sandbox) = world();
            sandbox.restrict(&json!({ "Statement": less })).expect("the sandbox understands it");
            let run = workspace.xtask(&sandbox, arguments);
            if names_one_of(&run, &key) {
                named.insert(key);
            } else {
                assert_eq!(run.code, *code, "without {key:?}, and nothing said of it:\n{run}");
                never_named.insert(key);
            }
        }
    }
    let unseen = |key: &&Vec<String>| {
        key.iter().all(|action| commands.iter().any(|command| UNSEEN.contains(&(command, action))))
    };
    let too_much: Vec<_> = never_named.iter().filter(|key| !named.contains(*key)).filter(|key| !unseen(key)).collect();
    assert!(too_much.is_empty(), "{commands:?} asks for what it does not need: {too_much:#?}");
}

fn names_one_of(run: &Run, actions: &[String]) -> bool {
    actions.iter().any(|action| run.stderr.contains(action.as_str()) || run.stdout.contains(action.as_str()))
}

fn fresh() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    (workspace, sandbox)
}

/// Released, and given roles to pass and a log group to read.
fn released() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = crate::verify::sound();
    workspace.change(&[("tag = { package = \"app\" }", "tag = \"1.5.0\"")]);
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

fn that_fails() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = released();
    crate::lock::that_fails(&sandbox);
    (workspace, sandbox)
}

fn locking() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = released();
    let region = "region = \"ap-northeast-1\"\n";
    workspace.change(&[(region, &format!("{region}lock = true\n"))]);
    (workspace, sandbox)
}

fn paused() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = crate::shift::paused();
    workspace.xtask(&sandbox, &["deploy", "--until", "paused"]).ends(10);
    (workspace, sandbox)
}

fn locked() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = released();
    workspace.xtask(&sandbox, &["lock", "--reason", "x"]).ends(0);
    (workspace, sandbox)
}

fn with_a_plugin() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = crate::exec::open();
    workspace.tool("session-manager-plugin", "#!/bin/sh\necho 1.2.707.0\n");
    (workspace, sandbox)
}

#[test]
fn a_release_needs_what_is_printed_for_it_and_nothing_else() {
    is_exact(&["release --plan"], &[scenario(fresh, &["release", "--plan"], 0)]);
    is_exact(&["release"], &[scenario(fresh, &["release"], 0)]);
    is_exact(&["release --plan"], &[scenario(crate::signed::p256, &["release", "--plan"], 0)]);
    is_exact(&["release"], &[crate::signed::p256, crate::signed::by_arn].map(|world| scenario(world, &["release"], 0)));
}

#[test]
fn a_deploy_needs_what_is_printed_for_it_and_nothing_else() {
    is_exact(&["deploy --plan"], &[scenario(released, &["deploy", "--plan"], 0)]);
    let scenarios = [
        scenario(that_fails, &["deploy"], 4),
        scenario(released, &["deploy"], 0),
        scenario(crate::evidence::signed, &["deploy"], 0),
        scenario(crate::signed::released, &["deploy"], 0),
        scenario(locking, &["deploy"], 0),
        scenario(crate::tasks::migrating, &["deploy"], 0),
        scenario(crate::express::express, &["deploy"], 0),
        scenario(crate::daemon::daemon, &["deploy"], 0),
        scenario(crate::daemon::released, &["deploy", "--create"], 0),
        scenario(crate::schedules::none, &["deploy", "--create"], 0),
        scenario(crate::schedules::both, &["deploy"], 0),
        scenario(crate::service_definition::absent, &["deploy", "--create"], 0),
    ];
    is_exact(&["deploy"], &scenarios);
}

#[test]
fn what_comes_after_a_deploy_needs_what_is_printed_for_it_and_nothing_else() {
    is_exact(&["continue"], &[scenario(paused, &["continue", "app"], 0)]);
    let ways_back =
        [crate::back::three, paused, crate::daemon::deployed].map(|world| scenario(world, &["rollback"], 0));
    is_exact(&["rollback"], &ways_back);
    is_exact(&["history"], &[scenario(crate::back::three, &["history"], 0)]);
    let looks = [released, paused, crate::daemon::deployed].map(|world| scenario(world, &["status"], 0));
    is_exact(&["status"], &looks);
    let looked_at = [crate::verify::hooked, crate::verify::keyed].map(|world| scenario(world, &["verify"], 0));
    is_exact(&["verify"], &looked_at);
}

#[test]
fn what_is_done_to_tasks_needs_what_is_printed_for_it_and_nothing_else() {
    is_exact(&["run"], &[scenario(crate::tasks::migrating, &["run", "migrate"], 0)]);
    is_exact(&["logs"], &[scenario(crate::verify::sound, &["logs"], 0)]);
    is_exact(&["exec"], &[scenario(with_a_plugin, &["exec", "app"], 0)]);
    is_exact(&["forward"], &[scenario(with_a_plugin, &["forward", "app", "80:80"], 0)]);
    is_exact(&["scale"], &[scenario(released, &["scale", "app", "3"], 0)]);
    is_exact(&["lock"], &[scenario(released, &["lock", "--reason", "x"], 0)]);
    is_exact(&["unlock"], &[scenario(locked, &["unlock"], 0)]);
}

#[test]
fn a_promotion_needs_what_is_printed_for_its_two_ends_and_nothing_else() {
    is_exact(
        &["staging@promote --from", "production@promote --to"],
        &[scenario(crate::promote::two, &crate::promote::PROMOTE, 0)],
    );
}

/// Pushes make the repositories of an account that has none.
fn created_on_push() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), Sandbox::start(xtask_sandbox::Options::default()).unwrap());
    workspace.that_releases();
    let template = json!({ "prefix": "ROOT", "appliedFor": ["CREATE_ON_PUSH"] });
    sandbox.ecr("CreateRepositoryCreationTemplate", template).unwrap();
    (workspace, sandbox)
}

#[test]
fn what_a_push_needs_that_makes_its_repository_is_printed_where_it_is_asked_for() {
    is_exact(&["release --plan+--create-on-push"], &[scenario(created_on_push, &["release", "--plan"], 0)]);
    is_exact(&["release+--create-on-push"], &[scenario(created_on_push, &["release"], 0)]);
    is_exact(
        &["production@promote --to+--create-on-push", "staging@promote --from"],
        &[scenario(crate::promote::created_on_push, &crate::promote::PROMOTE, 0)],
    );
    let (workspace, sandbox) = created_on_push();
    let printed = workspace.xtask(&sandbox, &["iam", "--command", "release", "--create-on-push"]);
    let without = printed.ends(0).stdout.replace("\"ecr:CreateRepository\",", "");
    assert_ne!(without, printed.stdout);
    sandbox.restrict(&serde_json::from_str(&without).expect("it is still JSON")).unwrap();
    workspace.xtask(&sandbox, &["release"]).ends(1).says("ecr:CreateRepository on resource");
    assert!(sandbox.ecr("DescribeRepositories", json!({})).unwrap()["repositories"].as_array().unwrap().is_empty());
}

#[test]
fn a_policy_is_printed_for_the_workflows_as_json_and_for_terraform() {
    let (workspace, sandbox) = crate::verify::sound();
    let run = workspace.xtask(&sandbox, &["iam"]);
    run.ends(0).looks_like("iam/policy");
    let run = workspace.xtask(&sandbox, &["iam", "--command", "deploy", "--format", "terraform"]);
    run.ends(0).looks_like("iam/terraform");
    workspace.xtask(&sandbox, &["iam", "--command", "deplyo"]).ends(2).says("did you mean `deploy`?");
}

#[test]
fn a_role_is_compared_with_what_is_needed() {
    let (workspace, sandbox) = crate::verify::sound();
    let all = json!({ "iam": { "ship": { "services": [], "allows": { "ecr:*": "*", "ecs:*": "*", "iam:PassRole": "*", "logs:*": "*", "elasticloadbalancing:*": "*" } } } });
    sandbox.seed(&all).unwrap();
    workspace.xtask(&sandbox, &["iam", "--check", "ship"]).ends(0).says("Checked arn:aws:iam::123456789012:role/ship");
    let less = json!({ "iam": { "ship": { "services": [], "allows": { "ecr:*": "*", "ecs:*": "*", "logs:*": "*", "elasticloadbalancing:*": "*" } } } });
    sandbox.seed(&less).unwrap();
    let run = workspace.xtask(&sandbox, &["iam", "--check", "ship"]);
    run.ends(1).says("iam:PassRole on arn:aws:iam::123456789012:role/app-task").looks_like("iam/check");
    workspace.xtask(&sandbox, &["iam", "--check", "nobody"]).ends(2).says("there is no role nobody");
}

#[test]
fn the_workflows_of_a_repository_on_github_are_trusted_and_nobody_else() {
    let (workspace, sandbox) = fresh();
    workspace.xtask(&sandbox, &["iam", "--trust"]).ends(2).says("is no repository on github.com");
    workspace.git(&["init", "--quiet"]);
    workspace.git(&["remote", "add", "origin", "git@github.com:sample/shop.git"]);
    let run = workspace.xtask(&sandbox, &["iam", "--trust"]);
    run.ends(0).looks_like("iam/trust");
    assert!(run.stdout.contains("repo:sample/shop:ref:refs/tags/v*"), "{}", run.stdout);
}
