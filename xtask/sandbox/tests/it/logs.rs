//! What the containers of simulated tasks write, read from CloudWatch Logs.

use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Clock, Effect, Fault, Options, Sandbox, Which, fault_named};

use crate::client::{call, call_in};

const GROUP: &str = "/ecs/app";

fn definition(options: &Value) -> Value {
    json!({"family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
    "memory": "512", "executionRoleArn": "arn:aws:iam::123456789012:role/execution", "containerDefinitions": [
        {"name": "app", "image": "app", "portMappings": [{"containerPort": 8080}],
            "logConfiguration": {"logDriver": "awslogs", "options": options}},
        {"name": "router", "image": "router", "essential": false,
            "logConfiguration": {"logDriver": "awsfirelens"}},
    ]})
}

fn options() -> Value {
    json!({"awslogs-group": GROUP, "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "ecs"})
}

/// A service that runs two tasks.
fn serving(options: &Value) -> Sandbox {
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    sandbox.furnish(&[], &[("sample", "app", definition(options))]).unwrap();
    sandbox
}

fn logs(sandbox: &Sandbox, operation: &str, input: &Value) -> Result<Value, (String, String)> {
    call(sandbox, "logs", operation, input)
}

fn tasks(sandbox: &Sandbox, status: &str) -> Vec<String> {
    let input = json!({"cluster": "sample", "serviceName": "app", "desiredStatus": status});
    let found = sandbox.ecs("ListTasks", input).unwrap();
    let arns = found["taskArns"].as_array().unwrap().iter().filter_map(Value::as_str);
    arns.map(|arn| arn.rsplit('/').next().unwrap().to_owned()).collect()
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

fn read(sandbox: &Sandbox, stream: &str) -> Value {
    logs(sandbox, "GetLogEvents", &json!({"logGroupName": GROUP, "logStreamName": stream})).unwrap()
}

/// Deploys the same once more, and lets it go on for so long.
fn deploy(sandbox: &Sandbox, seconds: u64) {
    call(sandbox, "ecs", "RegisterTaskDefinition", &definition(&options())).unwrap();
    let update = json!({"cluster": "sample", "service": "app", "taskDefinition": "app"});
    call(sandbox, "ecs", "UpdateService", &update).unwrap();
    sandbox.advance(Duration::from_secs(seconds));
}

#[test]
fn each_task_writes_to_a_stream_of_its_own() {
    let sandbox = serving(&options());
    let tasks = tasks(&sandbox, "RUNNING");
    let found = logs(&sandbox, "DescribeLogStreams", &json!({ "logGroupName": GROUP })).unwrap();
    let mut expected: Vec<String> = tasks.iter().map(|task| format!("ecs/app/{task}")).collect();
    expected.sort();
    let names: Vec<_> = found["logStreams"].as_array().unwrap().iter().map(|it| it["logStreamName"].clone()).collect();
    assert_eq!(json!(names), json!(expected), "the container with another driver has none");
    let arn = format!("arn:aws:logs:ap-northeast-1:123456789012:log-group:/ecs/app:log-stream:{}", expected[0]);
    assert_eq!(found["logStreams"][0]["arn"], arn);
    let lines = read(&sandbox, &expected[0]);
    assert_eq!(messages(&lines), ["INFO app: starting", "INFO app: listening on 0.0.0.0:8080"]);
    let group = logs(&sandbox, "DescribeLogGroups", &json!({"logGroupNamePrefix": "/ecs"})).unwrap();
    assert_eq!(group["logGroups"][0]["logGroupName"], GROUP);
}

#[test]
fn a_crash_writes_its_panic_before_the_task_stops() {
    let sandbox = serving(&options());
    fault_named("crash-loop").unwrap().into_iter().for_each(|fault| sandbox.inject(fault));
    deploy(&sandbox, 60);
    let input = json!({"cluster": "sample", "tasks": tasks(&sandbox, "STOPPED")});
    let stopped = sandbox.ecs("DescribeTasks", input).unwrap()["tasks"].clone();
    let crashed = |task: &&Value| task["containers"][0]["exitCode"] == 101;
    let task = stopped.as_array().unwrap().iter().find(crashed).unwrap();
    let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let lines = read(&sandbox, &format!("ecs/app/{id}"));
    let written = messages(&lines);
    assert!(written[2].starts_with("thread 'main' panicked at src/main.rs:"), "{written:?}");
    assert!(written[3].contains("ConnectionRefused") && written[4].starts_with("note: run with"), "{written:?}");
    let (at, stopped) = (lines["events"][4]["timestamp"].as_f64().unwrap(), task["stoppingAt"].as_f64().unwrap());
    assert!((at / 1000.0 - stopped).abs() < 0.01, "{at} {stopped}");
}

#[test]
fn an_unhealthy_and_a_stopped_container_say_so() {
    let sandbox = serving(&options());
    let old = tasks(&sandbox, "RUNNING");
    deploy(&sandbox, 600);
    let lines = read(&sandbox, &format!("ecs/app/{}", old[0]));
    assert_eq!(messages(&lines).last(), Some(&"INFO app: SIGTERM, connections are closed, good-bye"));

    let mut checked = definition(&options());
    checked["containerDefinitions"][0]["healthCheck"] = json!({"command": ["CMD", "check"], "interval": 5});
    fault_named("unhealthy").unwrap().into_iter().for_each(|fault| sandbox.inject(fault));
    call(&sandbox, "ecs", "RegisterTaskDefinition", &checked).unwrap();
    let update = json!({"cluster": "sample", "service": "app", "taskDefinition": "app"});
    call(&sandbox, "ecs", "UpdateService", &update).unwrap();
    sandbox.advance(Duration::from_secs(60));
    let input = json!({"logGroupName": GROUP, "filterPattern": "\"503 for the health check\""});
    let found = logs(&sandbox, "FilterLogEvents", &input).unwrap();
    assert!(!messages(&found).is_empty(), "{found}");
}

#[test]
fn what_a_program_says_beside_is_written_too() {
    let sandbox = serving(&options());
    let lines = vec!["\u{1b}[31mpassword is hunter2\u{1b}[0m".to_owned(), String::new()];
    let call = "ecs:RegisterTaskDefinition".to_owned();
    sandbox.inject(Fault { call, which: Which::Nth(1), effect: Effect::Say { lines: lines.clone() } });
    deploy(&sandbox, 40);
    let found = logs(&sandbox, "FilterLogEvents", &json!({"logGroupName": GROUP, "filterPattern": "hunter2"})).unwrap();
    assert_eq!(messages(&found)[0], lines[0]);
}

#[test]
fn a_stream_is_read_page_by_page_until_a_token_comes_back() {
    let sandbox = serving(&options());
    let stream = format!("ecs/app/{}", tasks(&sandbox, "RUNNING")[0]);
    let lines: Vec<String> = (0..25).map(|n| format!("line {n}")).collect();
    let site = sandbox.site("123456789012", "ap-northeast-1");
    for line in &lines {
        site.write_log(GROUP, &stream, line);
    }
    sandbox.advance(Duration::from_secs(2));
    let page = |more: Value| {
        let mut input = json!({"logGroupName": GROUP, "logStreamName": stream, "limit": 10});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        logs(&sandbox, "GetLogEvents", &input).unwrap()
    };
    let newest = page(json!({}));
    assert_eq!(messages(&newest), lines[15..], "the latest come first");
    let older = page(json!({"nextToken": newest["nextBackwardToken"]}));
    assert_eq!(messages(&older), lines[5..15]);

    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let found = page(json!({"startFromHead": true, "nextToken": token}));
        seen.extend(messages(&found).into_iter().map(str::to_owned));
        if found["nextForwardToken"] == token {
            break;
        }
        token = found["nextForwardToken"].clone();
    }
    assert_eq!(seen[2..], lines, "two of the container's own, and then each once");
    site.write_log(GROUP, &stream, "later");
    assert!(messages(&page(json!({"startFromHead": true, "nextToken": token}))).is_empty(), "it is not ingested yet");
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(messages(&page(json!({"startFromHead": true, "nextToken": token}))), ["later"]);
    let all = json!({"logGroupName": GROUP, "logStreamName": stream, "nextToken": "nonsense"});
    assert_eq!(logs(&sandbox, "GetLogEvents", &all).unwrap_err().0, "InvalidParameterException");
}

#[test]
fn times_bound_what_is_read() {
    let sandbox = serving(&options());
    let site = sandbox.site("123456789012", "ap-northeast-1");
    let moments: Vec<u64> = (0..3)
        .map(|n| {
            sandbox.advance(Duration::from_secs(10));
            site.write_log("other", "stream", &n.to_string());
            sandbox.now().0
        })
        .collect();
    sandbox.advance(Duration::from_secs(2));
    let range = json!({"startTime": moments[1], "endTime": moments[2]});
    let with = |more: Value| {
        let mut input = range.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let one = with(json!({"logGroupName": "other", "logStreamName": "stream"}));
    assert_eq!(messages(&logs(&sandbox, "GetLogEvents", &one).unwrap()), ["1"], "the end is not among them");
    let all = with(json!({"logGroupName": "other"}));
    assert_eq!(messages(&logs(&sandbox, "FilterLogEvents", &all).unwrap()), ["1", "2"], "here it is");
}

#[test]
fn a_page_holds_a_megabyte_at_most() {
    let sandbox = serving(&options());
    let site = sandbox.site("123456789012", "ap-northeast-1");
    (0..5).for_each(|_| site.write_log("other", "stream", &"x".repeat(250_000)));
    sandbox.advance(Duration::from_secs(2));
    let first = logs(&sandbox, "FilterLogEvents", &json!({"logGroupName": "other"})).unwrap();
    assert_eq!(messages(&first).len(), 4);
    let next = json!({"logGroupName": "other", "nextToken": first["nextToken"]});
    let second = logs(&sandbox, "FilterLogEvents", &next).unwrap();
    assert_eq!((messages(&second).len(), &second["nextToken"]), (1, &Value::Null));
    assert_ne!(first["events"][0]["eventId"], first["events"][1]["eventId"]);
}

#[test]
fn streams_are_merged_by_time_and_chosen_by_name() {
    let sandbox = serving(&options());
    let site = sandbox.site("123456789012", "ap-northeast-1");
    for (stream, line) in [("web/1", "a"), ("web/2", "b"), ("worker/1", "c"), ("web/1", "d")] {
        sandbox.advance(Duration::from_secs(1));
        site.write_log("other", stream, line);
    }
    sandbox.advance(Duration::from_secs(2));
    let read = |more: Value| {
        let mut input = json!({"logGroupName": "other"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        messages(&logs(&sandbox, "FilterLogEvents", &input).unwrap()).join("")
    };
    assert_eq!(read(json!({})), "abcd");
    assert_eq!(read(json!({"startFromHead": false})), "dcba");
    assert_eq!(read(json!({"logStreamNamePrefix": "web/"})), "abd");
    assert_eq!(read(json!({"logStreamNames": ["web/2", "worker/1"]})), "bc");
    let streams = |more: Value| {
        let mut input = json!({"logGroupName": "other"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let found = logs(&sandbox, "DescribeLogStreams", &input).unwrap();
        found["logStreams"].as_array().unwrap().iter().map(|it| it["logStreamName"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(streams(json!({"orderBy": "LastEventTime", "descending": true})), ["web/1", "worker/1", "web/2"]);
    assert_eq!(streams(json!({"logStreamNamePrefix": "wo"})), ["worker/1"]);
}

#[test]
fn what_is_not_there_is_refused_in_words() {
    let sandbox = serving(&options());
    let group = "The specified log group does not exist.";
    let stream = "The specified log stream does not exist.";
    for (operation, input, code, sentence) in [
        ("GetLogEvents", json!({"logGroupName": "no", "logStreamName": "x"}), "ResourceNotFoundException", group),
        ("GetLogEvents", json!({"logGroupName": GROUP, "logStreamName": "x"}), "ResourceNotFoundException", stream),
        ("FilterLogEvents", json!({"logGroupName": "no"}), "ResourceNotFoundException", group),
        (
            "FilterLogEvents",
            json!({"logGroupName": GROUP, "logStreamNames": ["x"]}),
            "ResourceNotFoundException",
            stream,
        ),
        ("DescribeLogStreams", json!({"logGroupName": "no"}), "ResourceNotFoundException", group),
    ] {
        assert_eq!(logs(&sandbox, operation, &input), Err((code.to_owned(), sentence.to_owned())));
    }
    for (operation, input) in [
        ("GetLogEvents", json!({"logStreamName": "x"})),
        ("GetLogEvents", json!({"logGroupName": GROUP})),
        ("GetLogEvents", json!({"logGroupName": GROUP, "logStreamName": "x", "limit": 0})),
        ("FilterLogEvents", json!({"logGroupName": GROUP, "logStreamNames": ["a"], "logStreamNamePrefix": "a"})),
        ("DescribeLogStreams", json!({"logGroupName": GROUP, "logStreamNamePrefix": "a", "orderBy": "LastEventTime"})),
    ] {
        assert_eq!(logs(&sandbox, operation, &input).unwrap_err().0, "InvalidParameterException", "{input}");
    }
    let arn = format!("arn:aws:logs:ap-northeast-1:123456789012:log-group:{GROUP}");
    logs(&sandbox, "DescribeLogStreams", &json!({ "logGroupIdentifier": arn })).expect("a group is known by its ARN");
}

#[test]
fn a_group_of_another_region_is_read_there() {
    let mut elsewhere = options();
    elsewhere["awslogs-region"] = json!("us-west-2");
    let sandbox = serving(&elsewhere);
    let input = json!({ "logGroupName": GROUP });
    assert_eq!(logs(&sandbox, "FilterLogEvents", &input).unwrap_err().0, "ResourceNotFoundException");
    let there = call_in(&sandbox, "us-west-2", "logs", "FilterLogEvents", &input).unwrap();
    assert_eq!(messages(&there).len(), 4);
}
