use serde_json::json;

use super::*;
use crate::aws::ecs::Container;

const PINNED: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sample/app@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";

fn document() -> Value {
    json!({ "containerDefinitions": [
        { "name": "app", "image": PINNED },
        { "name": "proxy", "image": "docker.io/envoy:1", "essential": false },
    ] })
}

fn ended(number: u8, codes: &[(&str, i32)]) -> Task {
    let container =
        |(name, code): &(&str, i32)| Container { name: (*name).into(), exit_code: Some(*code), ..Container::default() };
    Task {
        arn: format!("arn:aws:ecs:r:1:task/sample/{number}"),
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: "Essential container in task exited".into(),
        containers: codes.iter().map(container).collect(),
        ..Task::default()
    }
}

fn failed_to_start(reason: &str) -> Task {
    Task { stop_code: "TaskFailedToStart".into(), stopped_reason: reason.into(), ..ended(1, &[]) }
}

fn decide(tasks: &[Task], messages: &[&str], exits: Option<u32>) -> Option<String> {
    let messages: Vec<String> = messages.iter().map(|text| (*text).to_owned()).collect();
    let pinned = [Pinned {
        container: "app".into(),
        image: "app".into(),
        platform: "linux/amd64".into(),
        reference: PINNED.into(),
    }];
    hopeless(&Signs { tasks, messages: &messages, document: &document(), pinned: &pinned, exits }, (0, 0))
}

#[test]
fn one_task_with_a_cause_that_does_not_pass_is_enough() {
    let gone = format!(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {PINNED}: {PINNED}: \
         not found"
    );
    let secret = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                  failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch \
                  secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:db from secrets manager: \
                  ResourceNotFoundException: Secrets Manager can't find the specified secret.";
    for reason in [gone.as_str(), secret] {
        let why = decide(&[failed_to_start(reason)], &[], None).expect("no further task does better");
        assert!(why.contains(", and "), "it says why that is decisive: {why}");
    }
}

#[test]
fn what_may_pass_is_waited_for_however_often_it_comes() {
    for reason in [
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from \
         Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration.",
        "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit.",
        "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/app/1)",
        "something that nobody has ever seen, with 403 and a platform in it",
    ] {
        let tasks: Vec<Task> = (0..9).map(|_| failed_to_start(reason)).collect();
        assert_eq!(decide(&tasks, &[], Some(3)), None, "{reason}");
    }
}

#[test]
fn three_tasks_that_end_alike_are_enough_and_two_are_not() {
    let tasks: Vec<Task> = (1..=3).map(|number| ended(number, &[("app", 1), ("proxy", 143)])).collect();
    assert_eq!(decide(&tasks[..2], &[], Some(3)), None);
    let why = decide(&tasks, &[], Some(3)).expect("three are enough");
    assert!(why.starts_with("container app exited with 1") && why.contains("on 3 tasks"), "{why}");
    assert_eq!(decide(&tasks, &[], None), None, "exits are not weighed");
    assert!(decide(&tasks[..1], &[], Some(1)).is_some());
}

#[test]
fn other_codes_other_containers_and_tasks_that_were_healthy_do_not_add_up() {
    let codes = [1, 2, 3].map(|code| ended(1, &[("app", code)]));
    assert_eq!(decide(&codes, &[], Some(3)), None);
    let told = [137, 143, 137, 143, 137].map(|code| ended(1, &[("app", code)]));
    assert_eq!(decide(&told, &[], Some(2)), None, "they were told to stop");
    let well = [0, 0, 0].map(|code| ended(1, &[("app", code)]));
    assert_eq!(decide(&well, &[], Some(3)), None, "a 0 is no failure by itself");
    for (health, minutes) in [("HEALTHY", 1), ("UNKNOWN", 10)] {
        let (health, ran) = (health.to_owned(), Duration::from_secs(60 * minutes));
        let healthy = vec![Task { health, ran, ..ended(1, &[("app", 1)]) }; 9];
        assert_eq!(decide(&healthy, &[], Some(3)), None);
    }
}

#[test]
fn a_command_that_is_not_there_is_decisive_by_its_code_too() {
    let why = decide(&[ended(1, &[("app", 127)])], &[], None).expect("the same image has the same files");
    assert!(why.contains("was not found in the image"), "{why}");
}

#[test]
fn what_ecs_says_of_the_service_counts_where_no_task_came() {
    let event = "(service app) was unable to place a task because no container instance met all of its requirements.";
    assert_eq!(decide(&[], &[event], Some(3)), None, "an instance may come");
}
