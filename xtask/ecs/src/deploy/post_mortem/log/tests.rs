use serde_json::json;

use super::*;
use crate::aws::ecs::{Container, Task};

fn document() -> Value {
    json!({ "containerDefinitions": [
        { "name": "app", "image": "app", "environment": [
            { "name": "MODE", "value": "hunter2" }, { "name": "LEVEL", "value": "info" } ],
          "secrets": [{ "name": "DATABASE_URL", "valueFrom": "arn:x" }],
          "logConfiguration": { "logDriver": "awslogs", "options": {
            "awslogs-group": "/ecs/app", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs" } } },
        { "name": "proxy", "image": "proxy", "logConfiguration": { "logDriver": "awsfirelens" } },
    ] })
}

fn task(number: u8, container: &str, code: i32) -> Task {
    Task {
        arn: format!("arn:aws:ecs:r:1:task/sample/t{number}"),
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: "Essential container in task exited".into(),
        containers: vec![Container { name: container.into(), exit_code: Some(code), ..Container::default() }],
        ..Task::default()
    }
}

fn wanted_of(tasks: &[Task], document: &Value) -> Vec<Wanted> {
    wanted(&Evidence { region: "ap-northeast-1", tasks, document: Some(document), ..Evidence::default() })
}

#[test]
fn the_blamed_container_of_two_tasks_a_cause_is_looked_into() {
    let tasks = [task(1, "app", 1), task(2, "app", 1), task(3, "app", 1), task(4, "app", 101)];
    let found = wanted_of(&tasks, &document());
    let tasks: Vec<&str> = found.iter().map(|wanted| wanted.task.as_str()).collect();
    assert_eq!(tasks, ["t1", "t2", "t4"]);
    let stream = Stream { group: "/ecs/app".into(), name: "ecs/app/t1".into(), region: "eu-west-1".into() };
    assert_eq!(found[0].from, From::Stream { stream, whole: false });
}

#[test]
fn a_log_that_is_elsewhere_is_named_and_one_that_never_began_is_not() {
    let elsewhere = |document: &Value, container: &str| match &wanted_of(&[task(1, container, 1)], document)[0].from {
        From::Elsewhere(why) => why.clone(),
        stream @ From::Stream { .. } => panic!("{stream:?}"),
    };
    assert!(elsewhere(&document(), "proxy").starts_with("its log driver is awsfirelens"));
    assert_eq!(wanted_of(&[task(1, "proxy", 1), task(2, "proxy", 1)], &document()).len(), 1, "it is said once");
    let mut silent = document();
    silent["containerDefinitions"][0]["logConfiguration"] = Value::Null;
    assert_eq!(elsewhere(&silent, "app"), "it has no log configuration");
    let mut unnamed = document();
    unnamed["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-stream-prefix"] = Value::Null;
    assert!(elsewhere(&unnamed, "app").contains("no `awslogs-stream-prefix`"));
    let mut never = task(1, "app", 1);
    never.containers[0].exit_code = None;
    never.stop_code = "TaskFailedToStart".into();
    never.stopped_reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s)".into();
    assert_eq!(wanted_of(&[never], &document()), []);
}

fn shown_of(document: &Value, lines: &[&str]) -> LogTail {
    let wanted = wanted_of(&[task(1, "app", 1)], document).remove(0);
    shown(wanted, Ok(lines.iter().map(|line| (*line).to_owned()).collect()), &Masks::of(Some(document)))
}

#[test]
fn a_tail_may_be_incomplete_unless_the_document_says_that_it_blocks() {
    assert!(shown_of(&document(), &["one"]).note.starts_with("may be incomplete"));
    let mut blocking = document();
    blocking["containerDefinitions"][0]["logConfiguration"]["options"]["mode"] = json!("blocking");
    assert_eq!(shown_of(&blocking, &["one"]).note, "");
    assert_eq!(shown_of(&blocking, &[]).note, "nothing was written");
}

#[test]
fn what_is_shown_has_no_escape_sequence_no_known_value_and_no_password() {
    let lines = shown_of(
        &document(),
        &[
            "\x1b[31mERROR\x1b[0m mode hunter2 at level info",
            "DATABASE_URL=mysql-secret retry",
            "{\"DATABASE_URL\": \"mysql-secret\", \"LEVEL\":\"warn\"}",
            "cannot reach postgres://app:s3cr3t@db.internal/app",
            "MY_DATABASE_URL is unset, DATABASE_URL is needed",
            "two\nlines",
        ],
    )
    .lines;
    assert_eq!(
        lines,
        [
            "ERROR mode *** at level info",
            "DATABASE_URL=*** retry",
            "{\"DATABASE_URL\": \"***\", \"LEVEL\":\"***\"}",
            "cannot reach postgres://app:***@db.internal/app",
            "MY_DATABASE_URL is unset, DATABASE_URL is needed",
            "two",
            "lines",
        ]
    );
}

#[test]
fn all_tails_together_are_small_and_end_with_their_last_lines() {
    let tail = |count: usize, width: usize| LogTail {
        lines: (1..=count).map(|number| format!("{number} {}", "ä".repeat(width))).collect(),
        ..LogTail::default()
    };
    let mut tails = vec![tail(30, 10), tail(100, 5000), tail(2, 3)];
    fit(&mut tails, 20);
    assert_eq!(tails.iter().map(|tail| tail.lines.len()).collect::<Vec<_>>(), [20, 2, 2]);
    let bytes: usize = tails.iter().flat_map(|tail| &tail.lines).map(|line| line.len() + 1).sum();
    assert!(bytes <= MOST, "{bytes}");
    assert!(tails[0].lines[19].starts_with("30 ") && tails[1].lines[1].starts_with("100 "));
    assert!(tails[1].lines[1].ends_with('…'));
}
