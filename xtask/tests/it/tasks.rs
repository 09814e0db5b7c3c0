//! One-off tasks of the whole binary: `run`, and what a deploy runs before and after a rollout.

mod output;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{
    Run, Workspace, calls, changing, layout, manifest, sandbox, sandbox_with_looks_of, send, task_definition,
};

const SERVICE: &str = "rollout = { deadline = \"20s\", poll = \"10ms\" }\n";

/// A workspace whose image is released, with these tasks, and this in the service's table.
fn stage(tasks: &str, service: &str) -> (Workspace, Sandbox) {
    stage_in(sandbox(vec![]), tasks, service)
}

fn stage_in(sandbox: Sandbox, tasks: &str, service: &str) -> (Workspace, Sandbox) {
    let workspace = Workspace::sample();
    workspace.write("Cargo.toml", &with(tasks, service)).that_releases();
    workspace.write("app/ecs/task-definition.json", &logging().to_string());
    workspace.xtask(&sandbox, &["release"]).ends(0);
    (workspace, sandbox)
}

/// The sample's task definition with a log in CloudWatch.
fn logging() -> Value {
    let mut document = task_definition();
    document["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/app", "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "ecs" } });
    document
}

fn with(tasks: &str, service: &str) -> String {
    manifest(&[(SERVICE, &format!("{SERVICE}{service}\n{tasks}"))])
}

/// A migration that does this.
fn migrate(command: &str) -> String {
    format!("[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"\ncommand = [\"sh\", \"-c\", \"{command}\"]\n")
}

/// A service with a migration that goes well.
pub fn migrating() -> (Workspace, Sandbox) {
    stage(&migrate("exit 0"), BEFORE)
}

/// The Cargo.toml of [`migrating`] with another tag of the image.
pub fn of_tag(tag: &str) -> String {
    with(&migrate("exit 0"), BEFORE).replace("{ package = \"app\" }", &format!("\"{tag}\""))
}

const BEFORE: &str = "before-deploy = [\"migrate\"]";

fn serving(sandbox: &Sandbox) -> String {
    let described = sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] })).unwrap();
    described["services"][0]["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// The inputs of each RunTask.
fn asked(sandbox: &Sandbox) -> Vec<Value> {
    let calls = sandbox.calls().into_iter().filter(|call| call.operation == "ecs:RunTask");
    calls.map(|call| call.input).collect()
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}\n{}", run.stdout))
}

#[test]
fn a_task_runs_the_released_digest_with_the_network_of_its_service_and_its_log_is_shown() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), "");
    let run = workspace.xtask(&sandbox, &["run", "migrate", "--format", "json"]);
    run.ends(0).says("[migrate] INFO app: done").says("Ended migrate").looks_like("tasks/run");
    let request = &asked(&sandbox)[0];
    assert_eq!(request["launchType"], "FARGATE");
    assert_eq!(
        request["networkConfiguration"]["awsvpcConfiguration"],
        json!({ "subnets": ["subnet-0123456789abcdef0"], "securityGroups": ["sg-0123456789abcdef0"],
            "assignPublicIp": "DISABLED" })
    );
    let report = report(&run);
    assert!(report["image"].as_str().unwrap().contains("/sample/app@sha256:"), "{report}");
    assert_eq!((&report["outcome"], &report["runs"][0]["exit-code"]), (&json!("succeeded"), &json!(0)));
    assert_eq!(serving(&sandbox), "app:1", "the service is left alone");
}

#[test]
fn a_migration_that_fails_leaves_the_service_untouched() {
    let (workspace, sandbox) = stage(&migrate("exit 3"), BEFORE);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(9).says("nothing of service app was changed").says("[migrate] ERROR app: DATABASE_URL is not set");
    run.looks_like("tasks/fails-before");
    assert_eq!((serving(&sandbox).as_str(), calls(&sandbox, "ecs:UpdateService")), ("app:1", 0));
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(9).says("container app ended with exit code 3");
}

#[test]
fn a_migration_that_goes_well_runs_between_the_registration_and_the_update() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), BEFORE);
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0).says("run migrate before the update");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 0);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("Deployed app: app:2").looks_like("tasks/before");
    let order: Vec<String> = sandbox
        .calls()
        .into_iter()
        .map(|call| call.operation)
        .filter(|name| ["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:UpdateService"].contains(&name.as_str()))
        .collect();
    assert_eq!(order, ["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:UpdateService"]);
    assert!(asked(&sandbox)[0]["taskDefinition"].as_str().unwrap().ends_with("/app:2"));
    // Nothing to do: nothing to run, unless it is asked for.
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("nothing to do").does_not_say("before the update");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 1);
    workspace.xtask(&sandbox, &["deploy", "--run-tasks"]).ends(0).says("Ended migrate");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 2);
}

#[test]
fn a_task_after_the_rollout_that_fails_says_that_the_service_is_deployed() {
    let (workspace, sandbox) = stage(&migrate("exit 1"), "after-deploy = [\"migrate\"]");
    let run = workspace.xtask(&sandbox, &["deploy", "--format", "json"]);
    run.ends(9).says("Deployed app: app:2").says("service app is deployed all the same, and runs app:2");
    assert_eq!(serving(&sandbox), "app:2");
    let service = &report(&run)["services"][0];
    assert_eq!((&service["outcome"], &service["tasks"][0]["outcome"]), (&json!("deployed"), &json!("failed")));
}

#[test]
fn where_all_goes_back_so_does_a_service_whose_task_failed_behind_its_rollout() {
    let all = format!("[workspace.metadata.xtask.deploy]\non-failure = \"roll-back-all\"\n{}", migrate("exit 1"));
    let (workspace, sandbox) = stage(&all, "after-deploy = [\"migrate\"]");
    let run = workspace.xtask(&sandbox, &["deploy", "--format", "json"]);
    run.ends(9).says("Deployed app: app:2").says("back on what it ran before: app").does_not_say("all the same");
    assert_eq!(serving(&sandbox), "app:1");
    assert_eq!(report(&run)["services"][0]["outcome"], json!("rolled-back"));
}

#[test]
fn a_rollback_and_a_change_of_the_count_run_nothing() {
    let (workspace, sandbox) = migrating();
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    workspace.write("Cargo.toml", &of_tag("1.5.0"));
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 2);
    workspace.write("Cargo.toml", &of_tag("1.5.0").replace(BEFORE, &format!("{BEFORE}\ndesired-count = 3")));
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("starts no rollout").does_not_say("before the update");
    workspace.xtask(&sandbox, &["rollback"]).ends(0).says("Deployed app: app:2");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 2);
}

/// The run of a GitHub job, the first time or again.
fn in_job(workspace: &Workspace, sandbox: &Sandbox, job: &str, args: &[&str]) -> Run {
    let mut environment = sandbox.environment();
    environment.push(("GITHUB_RUN_ID".to_owned(), job.to_owned()));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    workspace.xtask_with(&environment, args)
}

/// How many tasks were ever started for `migrate`.
fn started(sandbox: &Sandbox) -> usize {
    let list = |status: &str| {
        let input = json!({ "cluster": "sample", "family": "app", "desiredStatus": status });
        let arns = sandbox.ecs("ListTasks", input).unwrap()["taskArns"].clone();
        let described = sandbox.ecs("DescribeTasks", json!({ "cluster": "sample", "tasks": arns }));
        described.map_or(Vec::new(), |described| described["tasks"].as_array().unwrap().clone())
    };
    let all = list("RUNNING").into_iter().chain(list("STOPPED"));
    all.filter(|task| task["startedBy"].as_str().is_some_and(|by| by.starts_with("xtask/migrate/"))).count()
}

#[test]
fn a_re_run_of_a_job_takes_the_task_that_ended_well_and_starts_one_that_failed_again() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), "");
    in_job(&workspace, &sandbox, "7", &["run", "migrate"]).ends(0).says("Running migrate");
    in_job(&workspace, &sandbox, "7", &["run", "migrate"]).ends(0).says("Joining migrate").says("Ended migrate");
    assert_eq!(started(&sandbox), 1);
    in_job(&workspace, &sandbox, "8", &["run", "migrate"]).ends(0).says("Running migrate");
    assert_eq!(started(&sandbox), 2, "another job runs it");
    in_job(&workspace, &sandbox, "8", &["run", "migrate", "--again"]).ends(0).says("Running migrate");
    assert_eq!(started(&sandbox), 3);

    let (workspace, sandbox) = stage(&migrate("exit 1"), "");
    for times in [1, 2, 3] {
        in_job(&workspace, &sandbox, "7", &["run", "migrate"]).ends(9).says("Running migrate");
        assert_eq!(started(&sandbox), times);
    }
}

/// Starts this command, and sends it a signal once it has said this.
fn interrupted(workspace: &Workspace, sandbox: &Sandbox, args: &[&str], once: &str) -> Run {
    interrupted_in(workspace, &sandbox.environment(), args, once)
}

fn interrupted_in(workspace: &Workspace, environment: &[(String, String)], args: &[&str], once: &str) -> Run {
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut child = workspace.command(&environment, args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains(once) {
        assert_ne!(stderr.read_line(&mut text).unwrap(), 0, "ended early:\n{text}");
    }
    send("-INT", &child);
    for line in stderr.lines() {
        text.push_str(&line.unwrap());
        text.push('\n');
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    Run { args: args.iter().map(|arg| (*arg).to_owned()).collect(), code, stdout: String::new(), stderr: text }
}

#[test]
fn ctrl_c_leaves_the_task_says_its_arn_and_the_next_run_joins_it() {
    let (workspace, sandbox) = stage(&migrate("sleep 20000"), BEFORE);
    let run = interrupted(&workspace, &sandbox, &["deploy"], "[migrate]");
    run.ends(130).says("task/sample/").says("it goes on in ECS").says("nothing of service app was changed");
    assert_eq!((calls(&sandbox, "ecs:StopTask"), serving(&sandbox).as_str()), (0, "app:1"));
    sandbox.advance(Duration::from_secs(19_800));
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(0).says("Joining migrate");
    assert_eq!(started(&sandbox), 1);
}

#[test]
fn ctrl_c_and_the_end_of_its_time_stop_the_task_where_the_configuration_says_so() {
    let stopping =
        |timeout: &str| format!("{}on-interrupt = \"stop\"\ntimeout = \"{timeout}\"\n", migrate("sleep 900000"));
    let (workspace, sandbox) = stage(&stopping("5m"), "");
    let run = interrupted(&workspace, &sandbox, &["run", "migrate"], "[migrate]");
    run.ends(130).says("ECS was told to stop it, as `on-interrupt` says");
    assert_eq!(calls(&sandbox, "ecs:StopTask"), 1);
    let (workspace, sandbox) = stage(&stopping("1s"), BEFORE);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(7).says("still RUNNING after 1.0 s; ECS was told to stop it").says("nothing of service app was changed");
    assert_eq!((calls(&sandbox, "ecs:StopTask"), serving(&sandbox).as_str()), (1, "app:1"));
}

#[test]
fn a_task_that_takes_too_long_is_left_and_can_be_joined() {
    let (workspace, sandbox) = stage(&format!("{}timeout = \"1s\"\n", migrate("sleep 900000")), "");
    let run = workspace.xtask(&sandbox, &["run", "migrate", "--format", "json"]);
    run.ends(7).says("still RUNNING").says("it goes on in ECS").says("`cargo xtask run migrate` joins it");
    assert_eq!((&report(&run)["outcome"], calls(&sandbox, "ecs:StopTask")), (&json!("timed-out"), 0));
}

#[test]
fn a_task_that_ended_before_the_first_look_is_as_good_as_any() {
    let (workspace, sandbox) = stage_in(sandbox_with_looks_of(300, vec![]), &migrate("exit 0"), "");
    let run = workspace.xtask(&sandbox, &["run", "migrate"]);
    run.ends(0).says("[migrate] INFO app: done").says("Ended migrate");
    assert_eq!(calls(&sandbox, "ecs:DescribeTasks"), 1, "RUNNING is not waited for");
}

#[test]
fn a_task_without_an_exit_code_failed_and_ecs_says_why() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), BEFORE);
    let call = "ecs:RunTask".to_owned();
    sandbox.inject(Fault { call, which: Which::Every, effect: Effect::ForgetImages });
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(9).says("container app has no exit code").says("TaskFailedToStart: CannotPullContainerError");
    run.says("nothing of service app was changed").looks_like("tasks/no-exit-code");
    assert_eq!(serving(&sandbox), "app:1");
}

#[test]
fn only_the_watched_container_decides_and_what_it_leaves_behind_is_stopped() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), "");
    let mut document = logging();
    let sidecar =
        json!({ "name": "router", "image": "public.ecr.aws/router:1", "command": ["exit", "1"], "essential": false });
    document["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    let run = workspace.xtask(&sandbox, &["run", "migrate"]);
    run.ends(0).says("container app: exit code 0").says("container router: exit code 1");
    assert_eq!(calls(&sandbox, "ecs:StopTask"), 0);

    document["containerDefinitions"][0]["essential"] = json!(false);
    document["containerDefinitions"][1] = json!({ "name": "router", "image": "public.ecr.aws/router:1",
        "portMappings": [{ "containerPort": 9000 }] });
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(0).says("container app: exit code 0");
    assert_eq!(calls(&sandbox, "ecs:StopTask"), 1, "the router would have served on");
    workspace.write("Cargo.toml", &with(&migrate("exit 4"), ""));
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(9).says("container app ended with exit code 4");
}

#[test]
fn what_has_no_room_for_a_moment_is_tried_again_and_what_has_no_place_is_told() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), BEFORE);
    for fault in xtask_sandbox::fault_named("no-room").unwrap() {
        sandbox.inject(fault);
    }
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(0).says("was not placed: RESOURCE:MEMORY; trying again");
    assert_eq!((asked(&sandbox).len(), started(&sandbox)), (3, 1));

    let (workspace, sandbox) = stage(&migrate("exit 0"), BEFORE);
    let effect = Effect::Unplaced { reason: "ATTRIBUTE".to_owned() };
    sandbox.inject(Fault { call: "ecs:RunTask".to_owned(), which: Which::Every, effect });
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(1).says("task migrate could not be placed in cluster sample").says("nothing of service app was changed");
    run.looks_like("tasks/no-place");
    assert_eq!((asked(&sandbox).len(), serving(&sandbox).as_str()), (1, "app:1"));
}

#[test]
fn of_several_tasks_those_that_were_not_placed_are_asked_for_again_and_one_that_fails_is_enough() {
    let (workspace, sandbox) = stage(&format!("{}count = 3\n", migrate("exit 2")), "");
    let times = Arc::new(AtomicUsize::new(0));
    let url = changing(&sandbox, &["RunTask"], move |answer| {
        if times.fetch_add(1, Ordering::SeqCst) == 0 {
            answer["tasks"].as_array_mut().unwrap().truncate(2);
            answer["failures"] = json!([{ "arn": "arn:aws:ecs:r:1:container-instance/x", "reason": "RESOURCE:CPU" }]);
        }
    });
    let mut environment = sandbox.environment();
    environment.push(("AWS_ENDPOINT_URL_ECS".to_owned(), url));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let run = workspace.xtask_with(&environment, &["run", "migrate", "--format", "json"]);
    run.ends(9).says("RESOURCE:CPU; trying again").says("3 of 3 did not end well");
    let counts: Vec<Value> = asked(&sandbox).iter().map(|input| input["count"].clone()).collect();
    assert_eq!(counts, [json!(3), json!(1)]);
    assert_eq!(report(&run)["runs"].as_array().unwrap().len(), 3);
}

#[test]
fn once_per_digest_asks_what_ecs_remembers_and_says_where_it_does_not_know() {
    let once = format!("{}once-per-digest = true\n", migrate("exit 0"));
    let (workspace, sandbox) = stage(&once, BEFORE);
    let run = |args: &[&str]| workspace.xtask(&sandbox, args);
    run(&["run", "migrate"]).ends(0).says("is more than ECS remembers").says("Running migrate");
    run(&["run", "migrate"]).ends(0).says("ran for sha256:").says("already").looks_like("tasks/ran-before");
    run(&["deploy"]).ends(0).says("ran for sha256:").says("Deployed app: app:2");
    assert_eq!(started(&sandbox), 1);
    run(&["run", "migrate", "--", "--other"]).ends(0).says("Running migrate");
    assert_eq!(started(&sandbox), 2, "other arguments do other work");
    run(&["run", "migrate", "--again"]).ends(0).says("Running migrate");
    sandbox.advance(Duration::from_secs(2 * 3600));
    run(&["run", "migrate"]).ends(0).says("is more than ECS remembers").says("Running migrate");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 4);
}

#[test]
fn arguments_come_after_the_command_and_variables_beside_those_of_the_document() {
    let task = "[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"\ncommand = [\"/app\", \"migrate\"]\nenv = { STEP = \"2\" }\n";
    let (workspace, sandbox) = stage(task, "");
    workspace.xtask(&sandbox, &["run", "migrate", "--", "--to", "41"]).ends(0).says("running /app migrate --to 41");
    let container = asked(&sandbox)[0]["overrides"]["containerOverrides"][0].clone();
    assert_eq!(container["command"], json!(["/app", "migrate", "--to", "41"]));
    assert_eq!(container["environment"], json!([{ "name": "STEP", "value": "2" }]));
    workspace.xtask(&sandbox, &["run", "migrat"]).ends(2).says("did you mean `migrate`?");
    workspace
        .xtask(&sandbox, &["run", "migrate", "--plan"])
        .ends(0)
        .says("Planned migrate in sample: run app of app:2");
    assert_eq!(calls(&sandbox, "ecs:RunTask"), 1);
}

#[test]
fn a_capacity_provider_strategy_takes_the_place_of_a_launch_type() {
    let (workspace, sandbox) = stage(&migrate("exit 0"), "");
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0 }]);
    let update = json!({ "cluster": "sample", "service": "app", "capacityProviderStrategy": strategy, "forceNewDeployment": true });
    sandbox.ecs("UpdateService", update).unwrap();
    sandbox.advance(Duration::from_secs(600));
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(0);
    let request = &asked(&sandbox)[0];
    assert_eq!((&request["capacityProviderStrategy"], request.get("launchType")), (&strategy, None));
}

#[test]
fn a_task_of_its_own_definition_is_registered_pinned_and_run_where_it_says() {
    let own = "[workspace.metadata.xtask.tasks.seed]\ncluster = \"sample\"\ntask-definition = \"app/ecs/seed.json\"\n\
        containers = { seed = \"app\" }\n";
    let (workspace, sandbox) = stage("", "");
    let mut document = task_definition();
    document["family"] = json!("seed");
    document["containerDefinitions"] = json!([{ "name": "seed", "image": "replaced", "command": ["/seed"] }]);
    workspace.write("app/ecs/seed.json", &document.to_string()).write("Cargo.toml", &with(own, ""));
    workspace.xtask(&sandbox, &["run", "seed"]).ends(2).says("no network for it").says("subnets");
    let network = format!("{own}network = {{ subnets = [\"subnet-1\"], security-groups = [\"sg-1\"] }}\n");
    workspace.write("Cargo.toml", &with(&network, "before-deploy = [\"seed\"]"));
    workspace.xtask(&sandbox, &["run", "seed"]).ends(0).says("Registered seed:1").says("Ended seed");
    let request = &asked(&sandbox)[0];
    assert_eq!((request["launchType"].as_str(), request["overrides"].as_object()), (Some("FARGATE"), None));
    let vpc = json!({ "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED" });
    assert_eq!(request["networkConfiguration"]["awsvpcConfiguration"], vpc);
    let registered = sandbox.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "seed:1" })).unwrap();
    let image = registered["taskDefinition"]["containerDefinitions"][0]["image"].clone();
    assert!(image.as_str().unwrap().contains("/sample/app@sha256:"), "{image}");
    // Beside a service it is planned with it, and every problem comes before the first effect.
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("Ended seed").says("Deployed app: app:2");
    workspace.write(
        "Cargo.toml",
        &with(&network.replace("seed = \"app\" }", "sed = \"app\" }"), "before-deploy = [\"seed\"]"),
    );
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(2)
        .says("the container `sed` is not in the task definition; it has `seed`");
}

#[test]
fn a_rehearsal_runs_the_tasks_and_their_faults() {
    let (workspace, _sandbox) = stage(&migrate("exit 0"), BEFORE);
    workspace.xtask_with(&[], &["rehearse"]).ends(0).says("Ended migrate").says("Deployed app");
    workspace
        .xtask_with(&[], &["rehearse", "--fault", "task-fails"])
        .ends(9)
        .says("nothing of service app was changed");
    workspace.xtask_with(&[], &["rehearse", "--fault", "crash-loop"]).ends(4).says("Ended migrate");
}

#[test]
fn a_task_that_two_services_name_is_run_once_in_a_deploy() {
    let own = "[workspace.metadata.xtask.tasks.seed]\ncluster = \"sample\"\ntask-definition = \"app/ecs/seed.json\"\n\
        containers = { seed = \"app\" }\nnetwork = { subnets = [\"subnet-1\"] }\n\
        [workspace.metadata.xtask.services.api]\ncluster = \"sample\"\ntask-definition = \"app/ecs/api.json\"\n\
        containers = { app = \"app\" }\nbefore-deploy = [\"seed\"]\nafter = [\"app\"]\n\
        rollout = { deadline = \"20s\", poll = \"10ms\" }\n";
    let (workspace, sandbox) = stage("", "");
    let family = |name: &str| {
        let mut document = task_definition();
        document["family"] = json!(name);
        document
    };
    let mut seed = family("seed");
    seed["containerDefinitions"] = json!([{ "name": "seed", "image": "replaced" }]);
    sandbox.furnish(&[], &[("sample", "api", family("api"))]).unwrap();
    workspace.write("app/ecs/seed.json", &seed.to_string()).write("app/ecs/api.json", &family("api").to_string());
    workspace.write("Cargo.toml", &with(own, "before-deploy = [\"seed\"]"));
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("Running seed").says("Joining seed").says("2 deployed");
    let input = json!({ "cluster": "sample", "family": "seed", "desiredStatus": "STOPPED" });
    assert_eq!(sandbox.ecs("ListTasks", input).unwrap()["taskArns"].as_array().unwrap().len(), 1);
}
