//! `cargo xtask exec` and `cargo xtask forward` of the whole binary, with a stand-in for the Session Manager plugin.

use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, calls};

/// Prints its arguments and what the variable holds, a line each, and ends with 7.
const PLUGIN: &str = "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.2.707.0 && exit 0\n\
                      printf '%s\\n' \"$@\" \"$AWS_SSM_START_SESSION_RESPONSE\"\nexit 7\n";

/// A service of two tasks, of two containers each, in which commands can be executed.
pub fn open() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = crate::logs::serving();
    let update =
        json!({ "cluster": "sample", "service": "app", "enableExecuteCommand": true, "forceNewDeployment": true });
    sandbox.ecs("UpdateService", update).unwrap();
    sandbox.advance(Duration::from_secs(900));
    workspace.tool("session-manager-plugin", PLUGIN);
    (workspace, sandbox)
}

/// The arguments that the plugin got, and the session.
fn handed(run: &Run) -> (Vec<&str>, Value) {
    let mut lines: Vec<&str> = run.ends(7).stdout.lines().collect();
    let session = lines.pop().expect("it prints the session");
    (lines, serde_json::from_str(session).expect("the session is JSON"))
}

fn running(sandbox: &Sandbox) -> Vec<Value> {
    let arns = sandbox.ecs("ListTasks", json!({ "cluster": "sample", "serviceName": "app" })).unwrap();
    let input = json!({ "cluster": "sample", "tasks": arns["taskArns"] });
    sandbox.ecs("DescribeTasks", input).unwrap()["tasks"].as_array().unwrap().clone()
}

#[test]
fn a_command_is_executed_in_the_container_of_ours_by_the_plugin_which_ends_the_run() {
    let (workspace, sandbox) = open();
    let run = workspace.xtask(&sandbox, &["exec", "app", "--", "sh", "-c", "echo $HOME"]);
    let (arguments, session) = handed(&run);
    run.says("Executing sh -c 'echo $HOME' in container app of task ");
    let [variable, region, operation, profile, request, endpoint] = arguments[..] else { panic!("{arguments:?}") };
    assert_eq!((variable, region, operation), ("AWS_SSM_START_SESSION_RESPONSE", "ap-northeast-1", "StartSession"));
    assert_eq!((profile, endpoint), ("", ""));
    let request: Value = serde_json::from_str(request).unwrap();
    let target = request["Target"].as_str().unwrap();
    let tasks = running(&sandbox);
    let of = |task: &Value| {
        let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let container = task["containers"].as_array().unwrap().iter().find(|it| it["name"] == "app").unwrap();
        format!("ecs:sample_{id}_{}", container["runtimeId"].as_str().unwrap())
    };
    assert!(tasks.iter().any(|task| of(task) == target), "{target}");
    let token = session["TokenValue"].as_str().unwrap();
    assert!(!token.is_empty() && !arguments.iter().any(|it| it.contains(token)) && !run.stderr.contains(token));
    assert!(session["StreamUrl"].as_str().is_some_and(|url| url.starts_with("wss://")), "{session}");
    let asked = sandbox.calls().into_iter().find(|call| call.operation == "ecs:ExecuteCommand").unwrap().input;
    assert_eq!((&asked["command"], &asked["container"]), (&json!("sh -c 'echo $HOME'"), &json!("app")));
}

#[test]
fn a_task_and_a_container_can_be_named_and_what_is_not_there_is_said() {
    let (workspace, sandbox) = open();
    for task in running(&sandbox) {
        let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let run = workspace.xtask(&sandbox, &["exec", "app", "--task", &id[..8], "--container", "router"]);
        assert!(handed(&run).0[4].contains(&id), "{}", run.stdout);
        run.says("Executing /bin/sh in container router");
    }
    let asked = calls(&sandbox, "ecs:ExecuteCommand");
    workspace.xtask(&sandbox, &["exec", "app", "--task", "nobody"]).ends(2).says("begins with `nobody`");
    let wrong = workspace.xtask(&sandbox, &["exec", "app", "--container", "ap"]);
    wrong.ends(2).says("is named `ap`").says("did you mean `app`?");
    assert_eq!(calls(&sandbox, "ecs:ExecuteCommand"), asked);
    let gone = Effect::Error {
        status: 400,
        code: "TargetNotConnectedException".to_owned(),
        message: "The execute command agent is not connected.".to_owned(),
        retry_after: None,
    };
    sandbox.inject(Fault { call: "ecs:ExecuteCommand".to_owned(), which: Which::Every, effect: gone });
    workspace.xtask(&sandbox, &["exec", "app"]).ends(1).says("TargetNotConnectedException").says("ssmmessages");
}

#[test]
fn where_it_is_switched_off_the_setting_is_named_and_that_it_needs_new_tasks() {
    let (workspace, sandbox) = crate::logs::serving();
    workspace.tool("session-manager-plugin", PLUGIN);
    let run = workspace.xtask(&sandbox, &["exec", "app"]);
    run.ends(2).says("service app has `enableExecuteCommand` off");
    run.says("aws ecs update-service --cluster sample --service app --enable-execute-command --force-new-deployment");
    run.says("ssmmessages:CreateControlChannel");
    let on = json!({ "cluster": "sample", "service": "app", "enableExecuteCommand": true });
    sandbox.ecs("UpdateService", on).unwrap();
    let run = workspace.xtask(&sandbox, &["exec", "app"]);
    run.ends(2).says("its tasks started before that").says("--force-new-deployment");
    assert_eq!(calls(&sandbox, "ecs:ExecuteCommand"), 0);
}

#[test]
fn without_the_plugin_and_with_an_old_one_nothing_is_asked_and_what_to_install_is_said() {
    let (workspace, sandbox) = open();
    let asked = sandbox.calls().len();
    workspace.tool("session-manager-plugin", "#!/bin/sh\necho 1.2.497.0\n");
    let old = workspace.xtask(&sandbox, &["exec", "app"]);
    old.ends(1).says("is version 1.2.497.0").says("a version after 1.2.497.0 is needed");
    let environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    environment.push(("PATH", "/nowhere"));
    for arguments in [&["exec", "app"][..], &["forward", "app", "8080:80"]] {
        let none = workspace.xtask_with(&environment, arguments);
        none.ends(1).says("`session-manager-plugin` was not found in PATH").says("install it");
    }
    assert_eq!(sandbox.calls().len(), asked);
}

#[test]
fn a_port_of_a_container_or_of_a_host_that_it_reaches_is_brought_here() {
    let (workspace, sandbox) = open();
    let run = workspace.xtask(&sandbox, &["forward", "app", "8080:80"]);
    let request: Value = serde_json::from_str(handed(&run).0[4]).unwrap();
    run.says("Forwarding 127.0.0.1:8080 to port 80 of container app of task ");
    assert_eq!(request["DocumentName"], "AWS-StartPortForwardingSession");
    assert_eq!(request["Parameters"], json!({ "portNumber": ["80"], "localPortNumber": ["8080"] }));
    let run = workspace.xtask(&sandbox, &["forward", "app", "5432:db.internal:5433"]);
    let request: Value = serde_json::from_str(handed(&run).0[4]).unwrap();
    run.says("to port 5433 of db.internal by way of container app");
    assert_eq!(request["DocumentName"], "AWS-StartPortForwardingSessionToRemoteHost");
    assert_eq!(request["Parameters"]["host"], json!(["db.internal"]));
    workspace.xtask(&sandbox, &["forward", "app", "80"]).ends(2).says("it is LOCAL:REMOTE or LOCAL:HOST:REMOTE");
}

/// The command's own event in its JSON log, as docs/OPERATING.md shows it: without a time, and with `TASK` for the task's id.
fn own_event(run: &Run, name: &str) -> String {
    let lines = run.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own: Vec<Value> = lines.filter(|line| line["event"] == name).collect();
    let [event] = own.as_slice() else { panic!("{} events {name}\n{run}", own.len()) };
    let mut event = event.clone();
    let members = event.as_object_mut().unwrap();
    assert!(members.shift_remove("time").is_some(), "{members:?}");
    if let Some(task) = members.get_mut("task") {
        assert_eq!(task.as_str().map(str::len), Some(32), "{task}");
        *task = json!("TASK");
    }
    event.to_string()
}

#[test]
fn each_look_and_each_session_has_an_event_of_its_own_that_the_page_shows() {
    let (workspace, sandbox) = open();
    let page = include_str!("../../../docs/OPERATING.md");
    let mut events = String::new();
    for (name, code, arguments) in [
        ("status-shown", 0, &["status"][..]),
        ("verified", 1, &["verify"]),
        ("logs-read", 0, &["logs"]),
        ("session-started", 7, &["exec", "app", "--", "ls"]),
        ("session-started", 7, &["forward", "app", "8081:8080"]),
        ("service-scaled", 0, &["scale", "app", "3"]),
    ] {
        let run = workspace
            .xtask(&sandbox, &[arguments[..1].to_vec(), vec!["--log", "json"], arguments[1..].to_vec()].concat());
        events += &(own_event(run.ends(code), name) + "\n");
    }
    assert!(page.contains(&events), "{events}");
}
