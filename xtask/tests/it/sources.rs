//! Where the images in ECR come from, the whole binary against the sandbox.

use crate::support::{Run, Workspace, sandbox};
use serde_json::json;
use xtask_sandbox::Sandbox;

/// Commits everything and says what the commit is called in messages.
fn commit(workspace: &Workspace, message: &str) -> String {
    workspace.commit(message, &["Cargo.toml"])[..12].to_owned()
}

fn deploy(workspace: &Workspace, sandbox: &Sandbox, args: &[&str]) -> Run {
    workspace.xtask(sandbox, &[&["deploy"], args].concat())
}

#[test]
fn an_image_of_another_commit_than_the_one_that_is_checked_out_is_told_in_plan_end_and_report() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let one = commit(&workspace, "one");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    deploy(&workspace, &sandbox, &["--plan"]).ends(0).does_not_say("is of commit");
    let two = commit(&workspace, "two");
    let told = format!("app 1.4.0 is of commit {one}, and {two} is checked out");
    workspace.xtask(&sandbox, &["release"]).ends(0).says("is already released").says(&told);
    deploy(&workspace, &sandbox, &["--plan"]).ends(0).says(&told);
    let run = deploy(&workspace, &sandbox, &["--format", "json"]);
    run.ends(0).says("Deployed app: app:2").says(&format!("; {told}"));
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("stdout is JSON");
    let source = &report["services"][0]["sources"][0];
    assert_eq!((&source["released"], source["commit"].as_str().map(|it| &it[..12])), (&json!(true), Some(&*one)));
}

#[test]
fn an_image_that_no_release_made_is_told_and_deployed() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    commit(&workspace, "one");
    // As another client pushes it: a manifest that says nothing of where it comes from.
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [] });
    let input = json!({ "repositoryName": "sample/app", "imageTag": "1.4.0", "imageManifest": manifest.to_string() });
    sandbox.ecr("PutImage", input).unwrap_or_else(|error| panic!("{}", error.message));
    let told = "app 1.4.0 does not say that `cargo xtask release` made it: whether it passed a scan is not known";
    workspace.xtask(&sandbox, &["release"]).ends(0).says("is already released").says(told);
    deploy(&workspace, &sandbox, &["--plan"]).ends(0).says(told);
    deploy(&workspace, &sandbox, &[]).ends(0).says("Deployed app: app:2").says(told);
}
