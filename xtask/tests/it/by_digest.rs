//! `deploy --digest`: bytes that are named in the place of a tag's, in the whole binary.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::back::three;
use crate::support::{calls, manifest, tagged};

const NOBODYS: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The digest that the service's container is pinned to.
fn running(sandbox: &Sandbox) -> String {
    let service = sandbox.ecs("DescribeServices", json!({ "cluster": "sample", "services": ["app"] })).unwrap();
    let revision = json!({ "taskDefinition": service["services"][0]["taskDefinition"] });
    let revision = sandbox.ecs("DescribeTaskDefinition", revision).unwrap();
    let image = revision["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap();
    image.split_once('@').unwrap().1.to_owned()
}

#[test]
fn a_digest_is_deployed_in_the_place_of_the_tags_and_the_plan_the_events_and_the_end_say_so() {
    let (workspace, sandbox) = three();
    let older = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    let newer = tagged(&sandbox, "sample/app", "1.5.0").unwrap();
    // What is named by its digest takes the place of a newer version no more than a tag does.
    let refused = workspace.xtask(&sandbox, &["deploy", "--digest", &older]);
    refused.ends(6).says("~ app goes back from 1.5.0 to 1.4.0").says("--allow-older");
    assert_eq!(running(&sandbox), newer);

    let by_digest = format!("app={older}");
    let named = ["deploy", "app", "--allow-older", "--digest", &by_digest];
    let plan = workspace.xtask(&sandbox, &[&named[..], &["--plan", "--format", "json"]].concat());
    let said = format!("app is {older} by `--digest`, which is 1.4.0");
    plan.ends(0).says(&said);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let service = &plan["services"][0];
    assert_eq!((&service["images"][0]["digest"], &service["sources"][0]["digest"]), (&json!(older), &json!(older)));
    assert_eq!(service["versions"][0]["direction"], "back");

    let run = workspace.xtask(&sandbox, &[&named[..], &["--log", "json"]].concat());
    let planned = run.ends(0).stderr.lines().find(|line| line.contains("\"service-planned\"")).unwrap();
    let planned: Value = serde_json::from_str(planned).unwrap();
    let source = &planned["sources"][0];
    assert_eq!((&source["image"], &source["tag"], &source["digest"]), (&json!("app"), &json!("1.4.0"), &json!(older)));
    assert_eq!(running(&sandbox), older);
    workspace.xtask(&sandbox, &named).ends(0).says("nothing to do").says(&said);

    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("~ app: 1.4.0 → 1.5.0").does_not_say("--digest");
    assert_eq!(running(&sandbox), newer);
    let run = workspace.xtask(&sandbox, &named);
    let end = run.ends(0).stderr.lines().find(|line| line.trim_start().starts_with("Deployed")).unwrap();
    assert!(end.contains(&said), "{end}");
}

#[test]
fn an_image_under_no_tag_is_deployed_by_its_digest_and_called_by_it() {
    let (workspace, sandbox) = three();
    let digest = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    let image = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageDigest": digest }] });
    let bytes = sandbox.ecr("BatchGetImage", image).unwrap()["images"][0]["imageManifest"].clone();
    let untagged = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] });
    sandbox.ecr("BatchDeleteImage", untagged).unwrap();
    sandbox.ecr("PutImage", json!({ "repositoryName": "sample/app", "imageManifest": bytes })).unwrap();
    workspace
        .xtask(&sandbox, &["deploy", "--digest", &digest])
        .ends(0)
        .says("which is under no tag")
        .says("which was pushed after it");
    assert_eq!(running(&sandbox), digest);
}

#[test]
fn a_digest_that_is_not_in_ecr_ends_with_8_and_one_that_names_no_image_with_2() {
    let (workspace, sandbox) = three();
    let updates = calls(&sandbox, "ecs:UpdateService");
    let deploy = |digest: &str| workspace.xtask(&sandbox, &["deploy", "--digest", digest]);
    deploy(NOBODYS).ends(8).says(&format!("sample/app@{NOBODYS} was not found")).says("`cargo xtask history`");
    deploy("1.4.0").ends(2).says("--digest");
    deploy(&format!("ap={NOBODYS}")).ends(2).says("no image is named `ap`").says("did you mean `app`?");
    let (one, other) = (tagged(&sandbox, "sample/app", "1.4.0").unwrap(), format!("app={NOBODYS}"));
    workspace
        .xtask(&sandbox, &["deploy", "--digest", &one, "--digest", &other])
        .ends(2)
        .says("image `app` is named by two digests");

    let second = manifest(&[(
        "[workspace.metadata.xtask.services.app]",
        "[workspace.metadata.xtask.images.other]\nrepository = \"sample/other\"\ntag = \"1\"\ndockerfile = \
         \"app/Dockerfile\"\n[workspace.metadata.xtask.services.app]",
    )]);
    workspace.write("Cargo.toml", &second);
    deploy(&format!("other={NOBODYS}")).ends(2).says("none of the services to deploy runs the image `other`");
    workspace.write("Cargo.toml", &second.replace("{ app = \"app\" }", "{ app = \"app\", side = \"other\" }"));
    deploy(&one).ends(2).says("names no image, and there are several").says("one of `app`, `other`");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), updates);
}

#[test]
fn what_follows_a_rollout_that_goes_on_names_the_digest_again() {
    let (workspace, sandbox) = crate::shift::paused();
    let digest = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    workspace
        .xtask(&sandbox, &["deploy", "--digest", &digest, "--until", "post_scale_up"])
        .ends(0)
        .says(&format!("`cargo xtask deploy app --digest app={digest}`"));
}

#[test]
fn what_goes_on_after_a_decision_is_followed_by_the_same_digest() {
    let (workspace, sandbox) = three();
    let pauses = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [
        { "targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"] } ] });
    let update = json!({ "cluster": "sample", "service": "app", "deploymentConfiguration": pauses });
    sandbox.ecs("UpdateService", update).unwrap();
    let older = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    let named = ["deploy", "--allow-older", "--until", "paused", "--digest", &older];
    workspace.xtask(&sandbox, &named).ends(10).says("`cargo xtask continue app` lets it go on");
    let follows = format!("`cargo xtask deploy app --digest app={older}` follows it to its end");
    workspace.xtask(&sandbox, &["continue", "app"]).ends(0).says(&follows);
    workspace.xtask(&sandbox, &["deploy", "app", "--allow-older", "--digest", &older]).ends(0);
    assert_eq!(running(&sandbox), older);
}
