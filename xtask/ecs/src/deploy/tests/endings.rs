//! How rollouts end.

use std::time::Duration;

use crate::config::OnInterrupt;
use crate::deploy::Became;
use crate::event::Outcome;
use serde_json::json;

use super::stage::{Stage, document};

#[test]
fn a_new_image_is_deployed_pinned_and_its_running_digest_is_proved() {
    let mut stage = Stage::new();
    stage.deploy().unwrap();
    let done = &stage.report.services[0];
    assert_eq!((done.outcome, stage.outcomes()), (Became::Ended(Outcome::Deployed), vec![Outcome::Deployed]));
    assert_eq!(stage.revision(), "app:2");
    let registered = &stage.inputs("ecs:RegisterTaskDefinition")[0];
    assert_eq!(registered["containerDefinitions"][0]["image"], done.images[0].pinned);
    assert!(done.images[0].pinned.contains("/sample/app@sha256:"), "{}", done.images[0].pinned);
    assert!(done.deployment.contains(":service-deployment/sample/app/"), "{}", done.deployment);
    let proofs = stage.inputs("ecs:DescribeServiceRevisions");
    assert!(!proofs.is_empty());
    assert_eq!(stage.warnings(), [""; 0]);
}

#[test]
fn a_crash_loop_is_rolled_back_and_explained() {
    let mut stage = Stage::new();
    stage.inject("crash-loop");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "{failure}");
    let text = failure.to_string();
    assert!(text.starts_with("the rollout of app:2 on service app failed and ECS rolled it back: "), "{text}");
    assert!(text.ends_with("app:1 (2 tasks) serves now"), "{text}");
    let found = stage.post_mortem();
    assert_eq!(found.causes[0].containers[0].exit_code, Some(101));
    assert!(found.causes[0].tasks >= 3, "{found:?}");
    assert_eq!(found.breaker.map(|(_, threshold)| threshold), Some(3));
    assert_eq!(found.serving, "app:1");
    assert!(found.likely_cause.contains("a Rust program panicked"), "{found:?}");
    assert!(found.next.starts_with("aws logs tail /ecs/app --log-stream-name-prefix ecs/app/"), "{found:?}");
}

#[test]
fn an_image_that_is_gone_at_the_pull_is_explained() {
    let mut stage = Stage::new();
    stage.inject("missing-image");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "{failure}");
    let found = stage.post_mortem();
    assert_eq!(found.causes[0].stop_code, "TaskFailedToStart");
    assert!(found.causes[0].reason.contains("CannotPullContainerError"), "{found:?}");
    assert!(found.likely_cause.contains("is gone now"), "{found:?}");
    assert_eq!(found.next, "cargo xtask release app && cargo xtask deploy");
}

#[test]
fn a_health_check_that_never_passes_is_rolled_back() {
    let mut stage = Stage::new();
    stage.inject("unhealthy");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "{failure}");
    assert!(stage.post_mortem().likely_cause.contains("health check"), "{:?}", stage.post_mortem());
}

#[test]
fn a_rollback_that_fails_too_has_an_exit_code_of_its_own() {
    let mut stage = Stage::new();
    // The old revision's image has to be one that can be lost.
    stage.deploy().unwrap();
    stage.release("2.0");
    stage.retag("2.0");
    stage.inject("rollback-failed");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 5, "{failure}");
    let text = failure.to_string();
    assert!(text.contains("is not on its last good revision") && text.contains("the rollback failed too"), "{text}");
    let codes: Vec<_> = stage.post_mortem().causes.iter().map(|cause| cause.stop_code.as_str()).collect();
    assert_eq!(codes, ["EssentialContainerExited", "TaskFailedToStart"], "the rollback's tasks are told, too");
}

#[test]
fn a_rollout_that_somebody_else_replaces_is_superseded() {
    let mut stage = Stage::new();
    stage.inject("superseded");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 6, "{failure}");
    let text = failure.to_string();
    let by = "a deployment of app:3, registered by arn:aws:iam::123456789012:user/somebody-else";
    assert!(text.starts_with(&format!("the rollout of app:2 on service app was superseded by {by}")), "{text}");
    assert_eq!(stage.outcomes(), [Outcome::Superseded]);
}

#[test]
fn of_two_deploys_at_once_the_first_says_which_revision_replaced_it_and_whose() {
    let mut stage = Stage::new();
    stage.meanwhile(|sandbox, _| {
        let mut theirs = document();
        theirs["memory"] = json!("1024");
        theirs["containerDefinitions"][0]["image"] = json!("public.ecr.aws/docker/library/httpd:2.4");
        sandbox.ecs("RegisterTaskDefinition", theirs).unwrap();
        let input = json!({ "cluster": "sample", "service": "app", "taskDefinition": "app:3" });
        sandbox.ecs("UpdateService", input).unwrap();
    });
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 6, "{failure}");
    let text = failure.to_string();
    assert!(
        text.contains("was superseded by a deployment of app:3, registered by arn:aws:iam::123456789012:root; "),
        "{text}"
    );
}

#[test]
fn a_rollout_that_never_ends_is_given_up_at_the_deadline() {
    let mut stage = Stage::new();
    stage.inject("never-stable");
    stage.service().rollout.deadline = Duration::from_millis(300);
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 7, "{failure}");
    assert!(failure.to_string().contains("still waiting for "), "{failure}");
    assert_eq!(stage.outcomes(), [Outcome::TimedOut]);
}

#[test]
fn throttled_calls_are_tried_again() {
    let mut stage = Stage::new();
    stage.inject("throttled");
    stage.deploy().unwrap();
    assert_eq!(stage.count("ecs:UpdateService"), 3, "two were refused");
}

#[test]
fn an_interrupt_leaves_the_rollout_to_ecs_and_the_next_run_follows_it() {
    let mut stage = Stage::new();
    stage.interrupt_the_rollout();
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 130, "{failure}");
    let text = failure.to_string();
    assert!(text.starts_with("interrupted: app:1 (2 tasks) serves now, and the rollout of app:2"), "{text}");
    assert!(text.ends_with("`cargo xtask deploy app` follows it to its end"), "{text}");

    stage.interrupt = crate::interrupt::Interrupt::default();
    stage.deploy().unwrap();
    assert_eq!(stage.report.services[0].outcome, Became::Ended(Outcome::Deployed));
    assert_eq!(stage.count("ecs:RegisterTaskDefinition"), 1);
    assert_eq!(stage.count("ecs:UpdateService"), 1);
}

#[test]
fn an_interrupt_rolls_back_where_the_configuration_says_so() {
    let mut stage = Stage::new();
    stage.service().rollout.on_interrupt = OnInterrupt::Rollback;
    stage.interrupt_the_rollout();
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 130, "{failure}");
    assert!(failure.to_string().contains("was rolled back, as `on-interrupt` says; app:1"), "{failure}");
    assert_eq!(stage.inputs("ecs:StopServiceDeployment")[0]["stopType"], "ROLLBACK");
    assert_eq!(stage.revision(), "app:1");
}

#[test]
fn an_interrupt_before_the_update_changes_nothing() {
    let mut stage = Stage::new();
    stage.interrupt.set();
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 130, "{failure}");
    assert!(failure.to_string().contains("nothing of it was changed; app:1 (2 tasks) serves now"), "{failure}");
    assert_eq!(stage.count("ecs:RegisterTaskDefinition") + stage.count("ecs:UpdateService"), 0);
}

fn deny(stage: &Stage, action: &str) {
    let denied = format!(
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {action} on resource: \
         arn:aws:ecs:ap-northeast-1:123456789012:service/sample/app because no identity-based policy allows the \
         {action} action"
    );
    stage.refuse(action, "AccessDeniedException", &denied);
}

#[test]
fn the_rollout_that_the_service_names_needs_no_list() {
    let mut stage = Stage::new();
    deny(&stage, "ecs:ListServiceDeployments");
    stage.deploy().unwrap();
    assert_eq!(stage.warnings(), [""; 0]);
    // What rollouts usually take is asked for once, beside it.
    let lists = stage.inputs("ecs:ListServiceDeployments");
    assert!(lists.len() < 2 && lists.iter().all(|list| list["status"] == json!(["SUCCESSFUL"])), "{lists:?}");
    assert!(stage.report.services[0].deployment.contains(":service-deployment/sample/app/"));
}

#[test]
fn without_service_deployments_the_service_itself_tells_after_a_warning() {
    let mut stage = Stage::new();
    deny(&stage, "ecs:ListServiceDeployments");
    deny(&stage, "ecs:DescribeServiceDeployments");
    stage.deploy().unwrap();
    assert_eq!(stage.warnings().len(), 1, "{:?}", stage.warnings());
    assert!(stage.warnings()[0].contains("allow the action `ecs:DescribeServiceDeployments` on arn:aws:ecs:"));

    stage.release("2.0");
    stage.retag("2.0");
    stage.inject("crash-loop");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "a rolled back service is stable, and no success: {failure}");
    assert!(failure.to_string().ends_with("app:2 (2 tasks) serves now"), "{failure}");
}

#[test]
fn a_service_with_a_desired_count_of_zero_is_deployed_at_once() {
    let mut stage = Stage::new();
    stage.sandbox.ecs("UpdateService", json!({ "cluster": "sample", "service": "app", "desiredCount": 0 })).unwrap();
    stage.sandbox.advance(Duration::from_secs(600));
    stage.deploy().unwrap();
    assert_eq!(stage.report.services[0].outcome, Became::Ended(Outcome::Deployed));
    assert_eq!(stage.revision(), "app:2");
    assert!(stage.notes().iter().any(|note| note.contains("a desired count of 0")), "{:?}", stage.notes());
}

#[test]
fn after_one_failure_the_services_that_follow_are_not_attempted() {
    let mut stage = Stage::with(&["app", "cron", "worker"]);
    for name in ["cron", "worker"] {
        stage.config.services.get_mut(name).unwrap().after = vec!["app".to_owned()];
    }
    stage.inject("crash-loop");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "{failure}");
    assert!(failure.to_string().ends_with("; not attempted: cron, worker"), "{failure}");
    let outcomes: Vec<_> = stage.report.services.iter().map(|service| service.outcome).collect();
    assert_eq!(outcomes, [Became::Ended(Outcome::RolledBack), Became::NotAttempted, Became::NotAttempted]);
    assert!(stage.report.services[0].post_mortem.is_some() && stage.report.services[0].failure.is_some());
    assert_eq!(stage.count("ecs:UpdateService"), 1);
}

#[test]
fn a_rollout_that_failed_before_is_tried_again_with_the_revision_it_had() {
    let mut stage = Stage::new();
    stage.inject("crash-loop");
    assert_eq!(stage.deploy().unwrap_err().exit_code(), 4);
    assert_eq!(stage.deploy().unwrap_err().exit_code(), 4);
    assert_eq!(stage.count("ecs:RegisterTaskDefinition"), 1, "an identical revision is not registered again");
    assert_eq!(stage.count("ecs:UpdateService"), 2);
}

#[test]
fn a_failure_without_a_rollback_is_told_each_time_and_not_repeated() {
    let mut stage = Stage::new();
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": false } });
    let input = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": breaker });
    stage.sandbox.ecs("UpdateService", input).unwrap();
    stage.sandbox.advance(Duration::from_secs(600));
    stage.inject("crash-loop");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 5, "{failure}");
    assert!(failure.to_string().contains("and no rollback was made"), "{failure}");
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 5, "{failure}");
    assert!(failure.to_string().contains("set `force-new-deployment = true`"), "{failure}");
    assert_eq!(stage.count("ecs:UpdateService"), 1, "an update that changes nothing begins no rollout");
}

#[test]
fn a_hopeless_rollout_of_an_interrupted_run_is_stopped_by_the_one_that_joins_it() {
    let mut stage = Stage::new();
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": false, "rollback": false } });
    let input = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": breaker });
    stage.sandbox.ecs("UpdateService", input).unwrap();
    stage.inject("crash-loop");
    stage.interrupt_the_rollout();
    assert_eq!(stage.deploy().unwrap_err().exit_code(), 130);
    stage.interrupt = crate::interrupt::Interrupt::default();
    let failure = stage.deploy().unwrap_err();
    assert_eq!(failure.exit_code(), 4, "{failure}");
    assert!(stage.notes().iter().any(|note| note.contains("that is under way")), "{:?}", stage.notes());
    assert_eq!((stage.count("ecs:UpdateService"), stage.count("ecs:StopServiceDeployment")), (1, 1));
}

#[test]
fn a_post_mortem_shows_the_end_of_the_log_with_nothing_of_the_environment_in_it() {
    let mut stage = Stage::new();
    stage.inject("crash-loop");
    assert_eq!(stage.deploy().unwrap_err().exit_code(), 4);
    let logs = &stage.post_mortem().logs;
    assert_eq!(logs.len(), 2, "{logs:?}");
    assert!(!logs[0].lines.is_empty() && logs[0].source.starts_with("/ecs/app ecs/app/"), "{logs:?}");
    assert!(logs[0].note.starts_with("may be incomplete"), "{logs:?}");
    assert!(!format!("{logs:?}").contains("hunter2"));
    assert_eq!(stage.inputs("logs:GetLogEvents")[0]["limit"], 20);
    stage.service().rollout.log_lines = 0;
    assert_eq!(stage.deploy().unwrap_err().exit_code(), 4);
    assert_eq!((stage.post_mortem().logs.len(), stage.count("logs:GetLogEvents")), (0, 2));
}

#[test]
fn a_log_that_may_not_be_read_changes_nothing_else() {
    let mut stage = Stage::new();
    stage.inject("crash-loop");
    stage.refuse("logs:GetLogEvents", "AccessDeniedException", "not authorized");
    assert_eq!(stage.deploy().unwrap_err().exit_code(), 4);
    assert_eq!(stage.post_mortem().logs[0].note, "this identity may not read it: it needs `logs:GetLogEvents`");
    assert!(stage.post_mortem().likely_cause.contains("a Rust program panicked"));
}

#[test]
fn a_post_mortem_says_how_the_target_group_in_use_checks_and_what_it_finds() {
    let mut stage = Stage::new();
    let group = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:targetgroup/blue/0123456789abcdef";
    let balancer = json!({ "targetGroupArn": group, "containerName": "app", "containerPort": 8080 });
    let input = json!({ "cluster": "sample", "service": "app", "loadBalancers": [balancer] });
    let mut first = document();
    first["containerDefinitions"][0]["image"] = json!("public.ecr.aws/sample/app:before");
    let revision = stage.sandbox.ecs("RegisterTaskDefinition", first).unwrap();
    let mut input = input;
    input["taskDefinition"] = revision["taskDefinition"]["taskDefinitionArn"].clone();
    stage.sandbox.ecs("UpdateService", input).unwrap();
    stage.sandbox.advance(Duration::from_secs(1800));
    stage.inject("unhealthy");
    assert_eq!(stage.deploy().unwrap_err().exit_code(), 4);
    let found = stage.post_mortem();
    let [target_group] = found.targets.as_slice() else { panic!("{found:?}") };
    assert!(target_group.sentence().starts_with("target group blue checks HTTP /"), "{}", target_group.sentence());
    assert!(target_group.targets.iter().any(|target| target.port == Some(8080)), "{target_group:?}");
}
