//! Bad input: all of it in one failure, before anything is done.

use crate::config::TaskDefinitionSource;
use serde_json::json;

use super::stage::{Stage, document};

fn refused(stage: &mut Stage) -> (u8, String) {
    let failure = stage.deploy().unwrap_err();
    let changing = ["ecs:RegisterTaskDefinition", "ecs:UpdateService"];
    assert!(changing.iter().all(|call| stage.count(call) == 0), "nothing is done before the plan is whole");
    (failure.exit_code(), failure.to_string())
}

#[test]
fn an_image_that_is_not_in_ecr_names_the_command_that_releases_it() {
    let mut stage = Stage::new();
    stage.retag("9.9");
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 8, "{text}");
    assert!(text.contains("/sample/app:9.9 was not found"), "{text}");
    assert!(text.ends_with("release it first: `cargo xtask release app`"), "{text}");
}

#[test]
fn a_missing_service_says_where_its_name_is_written() {
    let mut stage = Stage::new();
    stage.service().service = "ghost".into();
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("service ghost is not in cluster sample"), "{text}");
    assert!(text.contains("[workspace.metadata.xtask.services.app]"), "{text}");
}

#[test]
fn a_missing_cluster_is_named() {
    let mut stage = Stage::new();
    stage.service().cluster = "nowhere".into();
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("in cluster nowhere failed: ClusterNotFoundException"), "{text}");
}

#[test]
fn a_container_that_the_document_does_not_have_is_named_beside_those_it_has() {
    let mut stage = Stage::new();
    stage.service().containers.insert("web".into(), "app".into());
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("the container `web` is not in the task definition; it has `app`"), "{text}");
}

#[test]
fn a_document_that_is_no_json_is_shown_by_line_and_column() {
    let mut stage = Stage::new();
    std::fs::write(stage.folder.path().join("task-definition.json"), "{\n  \"family\": app\n}").unwrap();
    let (code, text) = refused(&mut stage);
    assert_eq!((code, text.as_str()), (2, "task-definition.json:2:13: not valid JSON: expected value"));
}

#[test]
fn a_missing_document_is_named() {
    let mut stage = Stage::new();
    std::fs::remove_file(stage.folder.path().join("task-definition.json")).unwrap();
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 2, "{text}");
    assert!(text.starts_with("could not read the task definition task-definition.json: "), "{text}");
}

#[test]
fn a_typo_is_refused_with_the_name_that_was_meant() {
    let mut stage = Stage::new();
    let mut document = document();
    document["containerDefinitions"][0]["enviroment"] = json!([]);
    document["containerDefinitions"][0].as_object_mut().unwrap().remove("environment");
    stage.write(&document);
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("`containerDefinitions[app].enviroment`\n`environment` is the nearest"), "{text}");
}

#[test]
fn a_family_without_a_revision_is_named() {
    let mut stage = Stage::new();
    stage.service().task_definition = TaskDefinitionSource::Family("nobody".into());
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("the task definition family nobody has no active revision"), "{text}");
}

#[test]
fn a_deleted_service_takes_no_deployment() {
    let mut stage = Stage::new();
    stage.sandbox.ecs("DeleteService", json!({ "cluster": "sample", "service": "app", "force": true })).unwrap();
    stage.sandbox.advance(std::time::Duration::from_secs(3600));
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("is INACTIVE, so ECS takes no deployment of it"), "{text}");
}

#[test]
fn every_problem_of_every_service_is_in_one_failure() {
    let mut stage = Stage::with(&["app", "worker"]);
    stage.retag("9.9");
    stage.service().service = "ghost".into();
    stage.config.services.get_mut("worker").unwrap().cluster = "nowhere".into();
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("3 problems, and nothing was done:\n- "), "{text}");
    for part in ["service ghost is not in", "ClusterNotFoundException", "release it first"] {
        assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
    }
}

#[test]
fn a_denied_action_is_named_with_its_resource() {
    let mut stage = Stage::new();
    let sentence = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecs:DescribeServices on \
                    resource: arn:aws:ecs:ap-northeast-1:123456789012:service/sample/app because no identity-based \
                    policy allows the ecs:DescribeServices action";
    stage.refuse("ecs:DescribeServices", "AccessDeniedException", sentence);
    let (code, text) = refused(&mut stage);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains(
            "allow the action `ecs:DescribeServices` on arn:aws:ecs:ap-northeast-1:123456789012:service/sample/app"
        ),
        "{text}"
    );
}
