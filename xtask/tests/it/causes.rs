//! Why a command failed, as the whole binary says it.

use crate::support::{Run, Workspace, calls, editing, sandbox, tagged};
use serde_json::json;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

fn answer(call: &str, which: Which, status: u16, code: &str, message: &str) -> Vec<Fault> {
    let (code, message) = (code.to_owned(), message.to_owned());
    vec![Fault { call: call.to_owned(), which, effect: Effect::Error { status, code, message, retry_after: None } }]
}

fn released(faults: Vec<Fault>) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    for fault in faults {
        sandbox.inject(fault);
    }
    (workspace, sandbox)
}

#[test]
fn two_registrations_at_once_are_tried_again() {
    let race = "Too many concurrent attempts to create a new revision of the specified family.";
    let call = "ecs:RegisterTaskDefinition";
    let (workspace, sandbox) = released(answer(call, Which::First(1), 400, "ClientException", race));
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("Deployed app");
    assert_eq!(calls(&sandbox, call), 2);
}

#[test]
fn a_429_is_tried_again_whatever_its_code_and_the_hint_is_to_wait() {
    let call = "ecs:DescribeServices";
    let (workspace, sandbox) = released(answer(call, Which::Nth(2), 429, "SomethingThatIsNew", "no more now"));
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    let (workspace, sandbox) =
        released(answer("ecr:BatchGetImage", Which::Every, 429, "SomethingThatIsNew", "no more"));
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(1).says("run it again in a minute").does_not_say("check the network");
}

#[test]
fn a_clock_a_region_and_a_policy_are_each_told_from_credentials() {
    for (code, message, says) in [
        (
            "InvalidSignatureException",
            "Signature expired: 20261127T050000Z is now earlier than 20261127T052500Z (20261127T053000Z - 5 min.)",
            "set this machine's clock: it says 2026-11-27 05:00:00 UTC, and AWS's 2026-11-27 05:30:00 UTC",
        ),
        ("OptInRequired", "The AWS Access Key Id needs a subscription for the service", "enable the region"),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", "another partition"),
        (
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:BatchGetImage on resource: \
             arn:aws:ecr:ap-northeast-1:123456789012:repository/sample/app because no resource-based policy allows the \
             ecr:BatchGetImage action",
            "in the policy of arn:aws:ecr:ap-northeast-1:123456789012:repository/sample/app itself",
        ),
    ] {
        let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
        workspace.that_releases();
        for fault in answer("ecr:BatchGetImage", Which::Every, 400, code, message) {
            sandbox.inject(fault);
        }
        workspace.xtask(&sandbox, &["release"]).ends(1).says(says);
    }
}

#[test]
fn a_profile_that_needs_what_is_not_built_in_is_told_by_what_it_needs_and_not_by_its_name() {
    let workspace = Workspace::sample();
    workspace.write(
        "aws/config",
        "[profile sso-team]\nregion = us-east-1\n[profile console]\nlogin_session = arn:aws:sts::1:x\n",
    );
    let run = |profile: &str| -> Run {
        let config = workspace.root().join("aws/config").display().to_string();
        let environment =
            [("AWS_CONFIG_FILE", &*config), ("AWS_PROFILE", profile), ("AWS_EC2_METADATA_DISABLED", "true")];
        workspace.xtask_with(&environment, &["release", "--plan"])
    };
    run("console").ends(1).says("this profile's way to credentials is not built in").says("export-credentials");
    run("sso-team").ends(1).says("set AWS_ACCESS_KEY_ID").does_not_say("aws sso login");
}

const RUNNING: &[&str] = &["DescribeServiceRevisions", "DescribeTasks"];
const OTHER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn through(workspace: &Workspace, sandbox: &Sandbox, url: &str, args: &[&str]) -> Run {
    let mut environment = sandbox.environment();
    for (name, value) in &mut environment {
        if *name == "AWS_ENDPOINT_URL" {
            url.clone_into(value);
        }
    }
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    workspace.xtask_with(&environment, args)
}

#[test]
fn other_bytes_than_the_released_ones_are_the_cause_and_health_is_not() {
    let (workspace, sandbox) = released(vec![]);
    let released = tagged(&sandbox, "sample/app", "1.4.0").expect("it was released");
    let url = editing(&sandbox, RUNNING, &released, OTHER);
    through(&workspace, &sandbox, &url, &["deploy"])
        .ends(5)
        .says(&format!("likely cause: the rollout on service app finished, but container app runs {OTHER}"))
        .does_not_say("does not find them healthy");
}

#[test]
fn the_image_that_ecs_took_from_a_released_index_is_what_was_released() {
    let (workspace, sandbox) = released(vec![]);
    let child = tagged(&sandbox, "sample/app", "1.4.0").expect("it was released");
    let image = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageDigest": child }] });
    let manifest = sandbox.ecr("BatchGetImage", image).expect("it is there")["images"][0]["imageManifest"].clone();
    let size = manifest.as_str().expect("a text").len();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child, "size": size,
        "platform": { "os": "linux", "architecture": "amd64" },
    }] });
    let deleted = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] });
    sandbox.ecr("BatchDeleteImage", deleted).expect("untagged");
    let untagged = json!({ "repositoryName": "sample/app", "imageManifest": manifest });
    sandbox.ecr("PutImage", untagged).expect("the child is there without a tag");
    let put = json!({ "repositoryName": "sample/app", "imageTag": "1.4.0", "imageManifest": index.to_string(),
        "imageManifestMediaType": media_type });
    sandbox.ecr("PutImage", put).expect("an index is taken");
    let index = tagged(&sandbox, "sample/app", "1.4.0").expect("it is tagged");
    assert_ne!(index, child);
    let url = editing(&sandbox, RUNNING, &index, &child);
    through(&workspace, &sandbox, &url, &["deploy"]).ends(0).says("Deployed app");
    let again = editing(&sandbox, RUNNING, &index, OTHER);
    workspace
        .write("app/ecs/task-definition.json", &crate::support::task_definition().to_string().replace("512", "1024"));
    through(&workspace, &sandbox, &again, &["deploy"]).ends(5);
}
