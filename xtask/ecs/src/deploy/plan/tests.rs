#![expect(clippy::unwrap_used, reason = "a test may end there")]

use serde_json::json;

use super::*;
use crate::aws::ecs::Deployment;

const LIVE: &str = "arn:aws:ecs:r:1:task-definition/app:3";
const NEWEST: &str = "arn:aws:ecs:r:1:task-definition/app:4";

fn live(state: &str) -> Live {
    let primary = Deployment { status: "PRIMARY".into(), rollout_state: state.into(), ..Deployment::default() };
    Live {
        status: "ACTIVE".into(),
        controller: "ECS".into(),
        task_definition: LIVE.into(),
        desired: 2,
        deployments: vec![primary],
        ..Live::default()
    }
}

fn revision(arn: &str, image: &str) -> TaskDefinition {
    let document = json!({ "taskDefinitionArn": arn, "revision": 3, "family": "app", "volumes": [],
        "containerDefinitions": [{ "name": "app", "image": image, "cpu": 0, "essential": true }] });
    TaskDefinition { arn: arn.into(), document, registered_by: String::new() }
}

fn wanted(image: &str) -> PinnedDocument {
    let document = json!({ "family": "app", "containerDefinitions": [{ "name": "app", "image": image }] });
    Document::written(document, crate::config::Kind::Service).unwrap().0.pin(&SortedMap::new()).unwrap()
}

fn action(service: &Service, live: &Live, image: &str) -> Action {
    let (running, newest) = (revision(LIVE, "app@1"), revision(NEWEST, "app@2"));
    decide((service, &Settings::default()), live, &wanted(image), Some(&running), Some(&newest)).0
}

#[test]
fn what_is_done_follows_from_what_runs() {
    let at = |arn: &str| arn.to_owned();
    let force = Service { force_new_deployment: true, ..Service::of_family("app") };
    let scaled = |count| Service { desired_count: Some(count), ..Service::of_family("app") };
    let (resting, moving, failed) = (live("COMPLETED"), live("IN_PROGRESS"), live("FAILED"));
    for (story, found, expected) in [
        ("a new image", action(&Service::of_family("app"), &resting, "app@9"), Action::Register),
        (
            "nothing new",
            action(&Service::of_family("app"), &resting, "app@1"),
            Action::NothingToDo { revision: at(LIVE) },
        ),
        (
            "registered by an earlier run",
            action(&Service::of_family("app"), &resting, "app@2"),
            Action::Update { revision: at(NEWEST) },
        ),
        (
            "on its way already",
            action(&Service::of_family("app"), &moving, "app@1"),
            Action::Follow { revision: at(LIVE) },
        ),
        (
            "failed and left there",
            action(&Service::of_family("app"), &failed, "app@1"),
            Action::Follow { revision: at(LIVE) },
        ),
        ("forced", action(&force, &resting, "app@1"), Action::Update { revision: at(LIVE) }),
        ("forced, on its way already", action(&force, &moving, "app@1"), Action::Follow { revision: at(LIVE) }),
        ("forced after a failure", action(&force, &failed, "app@1"), Action::Update { revision: at(LIVE) }),
        ("another desired count", action(&scaled(5), &resting, "app@1"), Action::Update { revision: at(LIVE) }),
        ("the same desired count", action(&scaled(2), &resting, "app@1"), Action::NothingToDo { revision: at(LIVE) }),
    ] {
        assert_eq!(found, expected, "{story}");
    }
}

#[test]
fn a_service_whose_revision_is_gone_gets_a_new_one() {
    let (action, changes) =
        decide((&Service::of_family("app"), &Settings::default()), &live("COMPLETED"), &wanted("app@1"), None, None);
    assert_eq!(action, Action::Register);
    assert!(changes.iter().any(|change| change.path == "family" && change.before.is_none()));
}

#[test]
fn a_service_that_cannot_be_deployed_to_is_said_why() {
    let problem = |found| support::usable(&Service::of_family("app"), "sample", found).unwrap_err().to_string();
    assert!(problem(None).starts_with("service app is not in cluster sample\n"));
    let inactive = Live { status: "INACTIVE".into(), ..live("COMPLETED") };
    assert!(problem(Some(inactive)).contains("is INACTIVE"));
    for (found, said) in [
        (
            Live { controller: "CODE_DEPLOY".into(), ..live("") },
            "the deployment controller CODE_DEPLOY, which is not supported",
        ),
        (
            Live { controller: "EXTERNAL".into(), ..live("") },
            "the deployment controller EXTERNAL, which is not supported",
        ),
        (Live { scheduling: "DAEMON".into(), ..live("") }, "the scheduling strategy DAEMON, which is not supported"),
        (Live { express: true, ..live("") }, "is an Express service"),
    ] {
        assert!(problem(Some(found)).contains(said), "{said}");
    }
    let usual = Live { scheduling: "REPLICA".into(), ..live("") };
    assert_eq!(support::usable(&Service::of_family("app"), "sample", Some(usual.clone())).unwrap(), usual);
}

#[test]
fn a_running_revision_that_was_deregistered_is_registered_again_where_the_service_is_updated() {
    let mut running = revision(LIVE, "app@1");
    running.document["status"] = json!("INACTIVE");
    let action = |service: &Service| {
        decide((service, &Settings::default()), &live("COMPLETED"), &wanted("app@1"), Some(&running), None).0
    };
    assert_eq!(action(&Service::of_family("app")), Action::NothingToDo { revision: LIVE.into() });
    assert_eq!(action(&Service { desired_count: Some(3), ..Service::of_family("app") }), Action::Register);
    assert_eq!(action(&Service { force_new_deployment: true, ..Service::of_family("app") }), Action::Register);
    // An equal one that is active is enough.
    let newest = revision(NEWEST, "app@1");
    let force = Service { force_new_deployment: true, ..Service::of_family("app") };
    let (action, _) =
        decide((&force, &Settings::default()), &live("COMPLETED"), &wanted("app@1"), Some(&running), Some(&newest));
    assert_eq!(action, Action::Update { revision: NEWEST.into() });
}
