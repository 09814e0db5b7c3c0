use serde_json::json;

use super::*;
use crate::event::{Breaker, Hook};

const ID: &str = "0123456789abcdef0123456789abcde";

fn task(number: u8, stop_code: &str, reason: &str, exit_code: Option<i32>, container_reason: &str) -> Task {
    Task {
        arn: format!("arn:aws:ecs:r:1:task/sample/{ID}{number}"),
        stop_code: stop_code.into(),
        stopped_reason: reason.into(),
        containers: vec![Container {
            name: "app".into(),
            exit_code,
            reason: container_reason.into(),
            ..Container::default()
        }],
        ..Task::default()
    }
}

fn ours() -> Vec<Pinned> {
    let reference = "registry.example/sample/app@sha256:aa".into();
    vec![Pinned { container: "app".into(), image: "web".into(), reference, ..Pinned::default() }]
}

fn evidence(tasks: &[Task]) -> Evidence<'_> {
    Evidence { cluster: "sample", service: "app", region: "eu-west-1", tasks, ..Evidence::default() }
}

#[test]
fn tasks_that_stopped_alike_are_one_group_and_the_largest_comes_first() {
    let unhealthy = |n: u8| {
        let reason =
            format!("Task failed ELB health checks in (target-group arn:x) (task {ID}{n}) (instance 10.0.1.{n})");
        task(n, "ServiceSchedulerInitiated", &reason, Some(143), "")
    };
    let crashed = |n| task(n, "EssentialContainerExited", "Essential container in task exited", Some(101), "");
    let tasks = [unhealthy(1), crashed(2), crashed(3), unhealthy(4), crashed(5)];
    let causes = causes(&tasks);
    let summary: Vec<_> = causes.iter().map(|cause| (cause.tasks, cause.reason.as_str())).collect();
    assert_eq!(
        summary,
        [
            (3, "Essential container in task exited"),
            (2, "Task failed ELB health checks in (target-group arn:x) (task …) (instance …)")
        ]
    );
    assert_eq!(causes[0].containers[0].exit_code, Some(101));
}

#[test]
fn another_exit_code_is_another_cause() {
    let crashed = |n, code| task(n, "EssentialContainerExited", "Essential container in task exited", Some(code), "");
    assert_eq!(causes(&[crashed(1, 1), crashed(2, 101)]).len(), 2);
}

#[test]
fn only_what_differs_from_task_to_task_is_taken_out_of_a_reason() {
    for (text, kept) in [
        (format!("(task {ID}1) failed"), "(task …) failed"),
        (format!("arn:aws:ecs:r:1:task/sample/{ID}1: gone"), "…: gone"),
        ("dial tcp 10.0.12.7:443: i/o timeout".to_owned(), "dial tcp …: i/o timeout"),
        ("request id: 6f1c7a9e-0d7e-4a52-9c2f-2f6f1f6a0b11.".to_owned(), "request id: …."),
        ("(instance i-0abc1234def567890)".to_owned(), "(instance …)"),
        ("10.0.0.1:5000/app@sha256:aa: not found".to_owned(), "10.0.0.1:5000/app@sha256:aa: not found"),
        ("port 8080, code 137, app:4, 1.4.0".to_owned(), "port 8080, code 137, app:4, 1.4.0"),
        ("arn:aws:secretsmanager:r:1:secret:db not found".to_owned(), "arn:aws:secretsmanager:r:1:secret:db not found"),
    ] {
        assert_eq!(without_names(&text), kept);
    }
}

#[test]
fn each_kind_of_stop_has_its_likely_cause() {
    let exited = "Essential container in task exited";
    for (stop_code, reason, exit, container_reason, says) in [
        ("EssentialContainerExited", exited, Some(101), "", "a Rust program panicked"),
        ("EssentialContainerExited", exited, Some(127), "", "was not found in the image"),
        ("EssentialContainerExited", exited, Some(0), "", "has to keep running"),
        ("EssentialContainerExited", exited, Some(3), "", "exits with 3; its log says why"),
        (
            "EssentialContainerExited",
            exited,
            Some(137),
            "OutOfMemoryError: Container killed due to memory usage",
            "raise `memory`",
        ),
        (
            "TaskFailedToStart",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found",
            None,
            "",
            "is gone now",
        ),
        (
            "TaskFailedToStart",
            "CannotPullContainerError: AccessDeniedException: not authorized to perform: ecr:BatchGetImage",
            None,
            "",
            "ecr:GetAuthorizationToken",
        ),
        (
            "TaskFailedToStart",
            "CannotPullContainerError: dial tcp 10.0.0.1:443: i/o timeout",
            None,
            "",
            "no way to the registry",
        ),
        (
            "TaskFailedToStart",
            "ResourceInitializationError: unable to pull secrets or registry auth",
            None,
            "",
            "ECS does not say which",
        ),
        (
            "TaskFailedToStart",
            "CannotStartContainerError: exec /app: exec format error",
            None,
            "",
            "another CPU architecture",
        ),
        (
            "ServiceSchedulerInitiated",
            "Task failed ELB health checks in (target-group x)",
            Some(143),
            "",
            "the load balancer's health check failed",
        ),
        (
            "ServiceSchedulerInitiated",
            "Task failed container health checks",
            Some(143),
            "",
            "container app's own health check failed",
        ),
        ("SpotInterruption", "Your Spot Task was interrupted.", Some(143), "", "took the capacity back"),
    ] {
        let tasks = [task(1, stop_code, reason, exit, container_reason)];
        let found = post_mortem(&Evidence { pinned: &ours(), ..evidence(&tasks) });
        let said = format!("{}; {}", found.likely_cause, found.fix);
        assert!(said.contains(says), "{reason}: {said}");
    }
}

#[test]
fn the_next_command_is_the_log_where_there_is_one() {
    let tasks = [task(1, "EssentialContainerExited", "Essential container in task exited", Some(1), "")];
    let document = json!({ "containerDefinitions": [{ "name": "app", "logConfiguration": { "logDriver": "awslogs",
        "options": { "awslogs-group": "/ecs/app", "awslogs-stream-prefix": "ecs" } } }] });
    let with_log = post_mortem(&Evidence { document: Some(&document), ..evidence(&tasks) });
    assert_eq!(
        with_log.next,
        "aws logs tail /ecs/app --log-stream-name-prefix ecs/app/ --since 30m --region eu-west-1"
    );
    let without = post_mortem(&evidence(&tasks));
    assert_eq!(without.next, format!("aws ecs describe-tasks --cluster sample --tasks {ID}1 --region eu-west-1"));
}

#[test]
fn an_image_that_is_gone_is_to_be_released_again() {
    let reason = "CannotPullContainerError: registry.example/sample/app@sha256:aa: not found";
    let tasks = [task(1, "TaskFailedToStart", reason, None, "")];
    let found = post_mortem(&Evidence { pinned: &ours(), ..evidence(&tasks) });
    assert_eq!(found.next, "cargo xtask release web && cargo xtask deploy");
}

#[test]
fn without_a_stopped_task_ecs_has_the_word() {
    let messages =
        ["(service app) was unable to place a task because no container instance met all requirements.".into()];
    let breaker = Some(Breaker { count: 3, threshold: 3, resets: true });
    let rollout = ServiceDeployment { breaker, ..ServiceDeployment::default() };
    let found = post_mortem(&Evidence { messages: &messages, rollout: Some(&rollout), ..evidence(&[]) });
    assert!(found.likely_cause.contains("no container instance met"), "{}", found.likely_cause);
    assert!(found.next.starts_with("aws ecs describe-services"), "{}", found.next);
    assert_eq!(found.breaker, Some((3, 3)));
}

#[test]
fn tasks_that_only_went_down_with_the_rollout_are_no_cause() {
    let scaled_in =
        |n| task(n, "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/9)", Some(143), "");
    let crashed = task(1, "EssentialContainerExited", "Essential container in task exited", Some(101), "");
    let tasks = [scaled_in(2), scaled_in(3), crashed];
    let found = post_mortem(&evidence(&tasks));
    assert_eq!(found.causes[0].containers[0].exit_code, Some(101));
    assert!(found.likely_cause.contains("panicked"), "{}", found.likely_cause);
}

#[test]
fn tasks_that_run_and_are_never_called_healthy_are_told_from_those_that_never_run() {
    let with = |running| post_mortem(&Evidence { running, ..evidence(&[]) }).likely_cause;
    assert!(with((2, 2)).starts_with("all tasks run, but"), "{}", with((2, 2)));
    assert!(with((0, 2)).contains("not all have started"), "{}", with((0, 2)));
}

/// The log command of the container that is blamed, with these options of its log driver.
fn log_of(container: &str, options: &serde_json::Value) -> String {
    let definition = |name: &str, essential: bool| {
        let log = if name == container { options.clone() } else { json!({ "awslogs-group": "/ecs/other" }) };
        json!({ "name": name, "essential": essential, "logConfiguration": { "logDriver": "awslogs", "options": log } })
    };
    let document = json!({ "containerDefinitions": [definition("agent", false), definition("web", true)] });
    let container = |name: &str, code| Container { name: name.into(), exit_code: Some(code), ..Container::default() };
    let crashed = Task {
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: "Essential container in task exited".into(),
        containers: vec![container("agent", 143), container("web", 101)],
        ..Task::default()
    };
    post_mortem(&Evidence { document: Some(&document), ..evidence(&[crashed]) }).next
}

#[test]
fn the_log_is_that_of_the_container_that_is_blamed_in_its_own_region_and_quoted_for_a_shell() {
    for (options, command) in [
        (
            json!({ "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs" }),
            "aws logs tail /ecs/web --log-stream-name-prefix ecs/web/ --since 30m --region us-east-1",
        ),
        (
            json!({ "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1" }),
            "aws logs tail /ecs/web --since 30m --region us-east-1",
        ),
        (json!({ "awslogs-group": "/ecs/web" }), "aws logs tail /ecs/web --since 30m --region eu-west-1"),
        (
            json!({ "awslogs-group": "/ecs/my group (prod)", "awslogs-stream-prefix": "it's $HOME" }),
            "aws logs tail '/ecs/my group (prod)' --log-stream-name-prefix 'it'\\''s $HOME/web/' --since 30m \
             --region eu-west-1",
        ),
    ] {
        assert_eq!(log_of("web", &options), command);
    }
}

#[test]
fn bytes_that_are_not_the_released_ones_are_the_cause_and_health_is_not() {
    let mismatch = "container app runs sha256:bb and not sha256:aa";
    let found = post_mortem(&Evidence { running: (2, 2), mismatch: Some(mismatch), ..evidence(&[]) });
    assert_eq!(found.likely_cause, mismatch);
    assert!(found.fix.contains("force-new-deployment"), "{}", found.fix);
    assert!(found.next.starts_with("aws ecs describe-services"), "{}", found.next);
}

#[test]
fn the_image_of_a_sidecar_is_not_ours_and_is_not_released_again() {
    let document = json!({ "containerDefinitions": [
        { "name": "app", "image": "registry.example/sample/app@sha256:aa" },
        { "name": "xray", "image": "docker.io/amazon/aws-xray-daemon:3.x", "essential": false },
    ] });
    let reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                  docker.io/amazon/aws-xray-daemon:3.x: not found";
    let tasks = [task(1, "TaskFailedToStart", reason, None, "")];
    let found = post_mortem(&Evidence { document: Some(&document), pinned: &ours(), ..evidence(&tasks) });
    let says = "image docker.io/amazon/aws-xray-daemon:3.x of container xray is not at docker.io";
    assert_eq!(found.likely_cause, says);
    assert!(found.next.starts_with("aws ecs describe-tasks"), "{}", found.next);
}

#[test]
fn a_hook_or_an_alarm_that_found_it_bad_is_the_cause_and_not_the_tasks_that_were_stopped_then() {
    let hook = |target: &str, status: &str| Hook {
        id: "ecs-pause-1".into(),
        target: target.into(),
        status: status.into(),
        ..Hook::default()
    };
    let lambda = "arn:aws:lambda:eu-west-1:123456789012:function:smoke-test:live";
    for (hooks, alarms, cause, next) in [
        (
            vec![],
            vec!["app 5xx".to_owned()],
            "on an alarm: app 5xx",
            "describe-alarms --alarm-names 'app 5xx' --region",
        ),
        (vec![hook(lambda, "FAILED")], vec![], "hook smoke-test found", "aws logs tail /aws/lambda/smoke-test --since"),
        (vec![hook(lambda, "TIMED_OUT")], vec![], "smoke-test did not answer", "/aws/lambda/smoke-test"),
        (vec![hook("", "FAILED")], vec![], "refused at the pause ecs-pause-1", "describe-services"),
        (vec![hook("", "SUCCEEDED"), hook("", "TIMED_OUT")], vec![], "nobody decided", "describe-services"),
    ] {
        let rollout = ServiceDeployment { alarms, hooks, ..ServiceDeployment::default() };
        let found = post_mortem(&Evidence { rollout: Some(&rollout), ..evidence(&[]) });
        assert!(found.likely_cause.contains(cause), "{}", found.likely_cause);
        assert!(found.next.contains(next), "{}", found.next);
    }
}

#[test]
fn a_hook_whose_time_was_over_and_that_let_the_rollout_go_on_is_no_cause() {
    let hook = |on_timeout: &str| Hook {
        id: "ecs-pause-1".into(),
        status: "TIMED_OUT".into(),
        on_timeout: on_timeout.into(),
        ..Hook::default()
    };
    let cause = |hooks: Vec<Hook>| {
        let rollout = ServiceDeployment { hooks, ..ServiceDeployment::default() };
        let tasks = [task(1, "EssentialContainerExited", "Essential container in task exited", Some(101), "")];
        post_mortem(&Evidence { rollout: Some(&rollout), ..evidence(&tasks) }).likely_cause
    };
    assert_eq!(cause(vec![hook("CONTINUE")]), cause(Vec::new()));
    assert!(cause(vec![hook("CONTINUE"), hook("ROLLBACK")]).contains("nobody decided"));
}

#[test]
fn of_tasks_that_were_only_stopped_with_the_rollout_it_is_said_that_they_were() {
    let scaled_in =
        |n| task(n, "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/9)", None, "");
    let found = post_mortem(&Evidence { running: (0, 2), ..evidence(&[scaled_in(1), scaled_in(2)]) });
    assert!(found.likely_cause.starts_with("ECS stopped the tasks of this rollout with it"), "{}", found.likely_cause);
    assert_eq!(found.causes.len(), 1);
}

#[test]
fn tasks_that_failed_and_are_forgotten_are_counted_and_nothing_is_made_up() {
    let breaker = Some(Breaker { count: 4, threshold: 3, resets: false });
    let rollout = ServiceDeployment { breaker, ..ServiceDeployment::default() };
    let found = post_mortem(&Evidence { rollout: Some(&rollout), running: (0, 2), ..evidence(&[]) });
    assert!(found.likely_cause.starts_with("4 tasks failed before this was looked at"), "{}", found.likely_cause);
    let found = post_mortem(&Evidence { running: (0, 2), ..evidence(&[]) });
    assert!(found.likely_cause.starts_with("no task of this rollout has stopped"), "{}", found.likely_cause);
}
