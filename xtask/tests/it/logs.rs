//! `cargo xtask logs` of the whole binary.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Clock, Effect, Fault, Options, Sandbox, Which};

use crate::support::{Workspace, calls, send};

const GROUP: &str = "/ecs/app";

/// A service of two tasks whose container `app` writes to CloudWatch, and whose other one does not.
pub fn serving() -> (Workspace, Sandbox) {
    let mut document = crate::sample::task_definition();
    let options = json!({ "awslogs-group": GROUP, "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "ecs" });
    document["containerDefinitions"][0]["image"] = json!("public.ecr.aws/docker/library/app:before");
    document["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs", "options": options });
    let router = json!({ "name": "router", "image": "router", "essential": false,
        "logConfiguration": { "logDriver": "awsfirelens" } });
    document["containerDefinitions"].as_array_mut().unwrap().push(router);
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    sandbox.furnish(&["sample/app"], &[("sample", "app", document)]).unwrap();
    (Workspace::sample(), sandbox)
}

fn tasks(sandbox: &Sandbox) -> Vec<String> {
    let found = sandbox.ecs("ListTasks", json!({ "cluster": "sample", "serviceName": "app" })).unwrap();
    let arns = found["taskArns"].as_array().unwrap().iter().filter_map(Value::as_str);
    arns.map(|arn| arn.rsplit('/').next().unwrap().to_owned()).collect()
}

/// Writes a line, and lets the clock go on so far that it can be read.
fn write(sandbox: &Sandbox, task: &str, line: &str) {
    sandbox.site("123456789012", "ap-northeast-1").write_log(GROUP, &format!("ecs/app/{task}"), line);
    sandbox.advance(Duration::from_secs(2));
}

fn throttle(which: Which) -> Fault {
    let effect = Effect::Error {
        status: 400,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        retry_after: None,
    };
    Fault { call: "logs:FilterLogEvents".to_owned(), which, effect }
}

#[test]
fn logs_of_all_tasks_are_one_in_the_order_of_time_and_a_throttle_leaves_nothing_out() {
    let (workspace, sandbox) = serving();
    let tasks = tasks(&sandbox);
    assert_eq!(tasks.len(), 2);
    for n in 0..6 {
        write(&sandbox, &tasks[n % 2], &format!("line {n}"));
    }
    sandbox.inject(throttle(Which::Nth(1)));
    let run = workspace.xtask(&sandbox, &["logs", "app", "--since", "1h", "--grep", "line"]);
    run.ends(0)
        .says("Leaving out container router of app: its log driver is awsfirelens")
        .says("Read 6 lines of 2 tasks");
    let seen: Vec<(&str, &str)> = run.stdout.lines().map(|line| line.split_once(" app line ").unwrap()).collect();
    for (n, (head, number)) in seen.iter().enumerate() {
        assert_eq!(*number, n.to_string(), "{}", run.stdout);
        assert!(head.ends_with(&format!("Z {}", &tasks[n % 2][..8])), "{}", run.stdout);
    }
    assert_eq!(seen.len(), 6);
    assert_eq!(calls(&sandbox, "logs:FilterLogEvents"), 2, "the one that was refused is asked again");
}

#[test]
fn one_task_one_container_and_a_text_that_cloudwatch_cannot_look_for_narrow_it_down() {
    let (workspace, sandbox) = serving();
    let tasks = tasks(&sandbox);
    write(&sandbox, &tasks[0], "out of memory");
    write(&sandbox, &tasks[1], "out of memory");
    write(&sandbox, &tasks[0], "out of the blue");
    let arguments = ["logs", "--task", &tasks[0][..8], "--container", "app", "--grep", "out of m", "--format", "json"];
    let run = workspace.xtask(&sandbox, &arguments);
    let lines: Vec<Value> = run.ends(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    assert_eq!((&lines[0]["message"], &lines[0]["task"]), (&json!("out of memory"), &json!(tasks[0])));
    assert_eq!((&lines[0]["service"], &lines[0]["container"]), (&json!("app"), &json!("app")));
    assert!(lines[0]["time"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24), "{}", run.stdout);
    workspace.xtask(&sandbox, &["logs", "--task", "nobody"]).ends(0).says("Read 0 lines of 0 tasks");
}

#[test]
fn what_cannot_be_read_is_said_with_what_to_do() {
    let (workspace, sandbox) = serving();
    let wrong = workspace.xtask(&sandbox, &["logs", "--container", "ap"]);
    wrong.ends(2).says("no container is named `ap`").says("did you mean `app`?");
    let elsewhere = workspace.xtask(&sandbox, &["logs", "--container", "router"]);
    elsewhere.ends(2).says("no container writes where its log can be read from here").says("awsfirelens");
    workspace.xtask(&sandbox, &["logs", "--since", "soon"]).ends(2).says("a duration is whole numbers");
    workspace.xtask(&sandbox, &["logs", "ap"]).ends(2).says("no service is named `ap`");
    assert_eq!(calls(&sandbox, "logs:FilterLogEvents"), 0);
    let denied = Effect::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: logs:FilterLogEvents"
            .to_owned(),
        retry_after: None,
    };
    sandbox.inject(Fault { call: "logs:FilterLogEvents".to_owned(), which: Which::Every, effect: denied });
    workspace.xtask(&sandbox, &["logs"]).ends(1).says("allow the action `logs:FilterLogEvents`");
}

#[test]
fn what_is_still_to_be_written_is_shown_once_until_somebody_ends_it() {
    let (workspace, sandbox) = serving();
    let tasks = tasks(&sandbox);
    write(&sandbox, &tasks[0], "line 0");
    let environment = sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut child = workspace
        .command(&environment, &["logs", "-f", "--grep", "line"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("is piped")).lines();
    let mut next = || stdout.next().expect("it goes on").expect("it is text");
    assert!(next().ends_with(" app line 0"));
    for n in 1..5 {
        if n == 3 {
            sandbox.inject(throttle(Which::Nth(1)));
        }
        write(&sandbox, &tasks[n % 2], &format!("line {n}"));
        let line = next();
        assert!(line.ends_with(&format!("{} app line {n}", &tasks[n % 2][..8])), "{line}");
    }
    send("-INT", &child);
    assert!(stdout.next().is_none(), "nothing comes twice");
    let mut stderr = String::new();
    child.stderr.take().expect("is piped").read_to_string(&mut stderr).expect("stderr can be read");
    assert_eq!(child.wait().expect("the binary ends").code(), Some(0), "{stderr}");
    assert!(stderr.contains("Read 5 lines of 2 tasks"), "{stderr}");
}
