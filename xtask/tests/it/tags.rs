//! Tags of git and of images, the whole binary against the sandbox.

use crate::support::{Workspace, sandbox, tagged};

/// What stands for the tag in the sample.
const TAG: &str = "tag = { package = \"app\" }";

#[test]
fn a_git_tag_whose_version_no_image_has_ends_with_2_before_anything_is_built() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let release = |variables: &[(&str, &str)], args: &[&str]| {
        let environment = sandbox.environment();
        let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        environment.extend(variables);
        workspace.xtask_with(&environment, args)
    };
    let github = |tag: &'static str| [("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", tag)];
    for (variables, args) in [
        (&github("v1.5.0")[..], &["release"][..]),
        (&github("v1.5.0"), &["release", "--plan"]),
        (&[("CI_COMMIT_TAG", "app/v1.5.0")], &["release"]),
        // What a hand or a caller names, whatever their own run is for.
        (&[("GITHUB_REF", "refs/heads/main"), ("XTASK_GIT_TAG", "v1.5.0")], &["release"]),
        (&[("GITHUB_REF", "refs/tags/v1.4.0"), ("XTASK_GIT_TAG", "v1.5.0")], &["release"]),
    ] {
        release(variables, args)
            .ends(2)
            .says(", and no image has that version: app is 1.4.0")
            .says("`tag-must-match = false`");
    }
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);

    // Where tags mean something else it is told and no more.
    let line = "region = \"ap-northeast-1\"\n";
    workspace.change(&[(line, &format!("{line}workflows = {{ tag-must-match = false }}\n"))]);
    release(&github("v1.5.0"), &["release"])
        .ends(0)
        .says("warning: the git tag is v1.5.0, and no image has that version");
    workspace.change(&[]);
    for fits in [
        &github("v1.4.0")[..],
        &github("app-v1.4"),
        &github("deploy-production"),
        &[("GITHUB_REF", "refs/heads/v1.5.0")],
        &[("GITHUB_REF", "refs/tags/v9.0.0"), ("XTASK_GIT_TAG", "v1.4.0")],
        &[("GITHUB_REF", "refs/tags/v1.4.0"), ("XTASK_GIT_TAG", "")],
    ] {
        release(fits, &["release"]).ends(0).does_not_say("no image has that version");
    }
}

#[test]
fn a_tag_that_moves_by_convention_is_warned_of_with_what_to_write() {
    let sandbox = sandbox(vec![]);
    for tag in ["latest", "stable", "Main"] {
        let workspace = Workspace::with(&[(TAG, &format!("tag = \"{tag}\""))]);
        workspace.that_releases();
        for command in [["release", "--plan"], ["config", "--format=json"]] {
            workspace
                .xtask(&sandbox, &command)
                .ends(0)
                .says(&format!("the tag of image `app` is {tag}, which moves by convention"))
                .says("`tag = { workspace-version = true }`");
        }
    }
    let workspace = Workspace::with(&[(TAG, "tag = \"latest-1.4\"")]);
    workspace.xtask(&sandbox, &["config"]).ends(0).does_not_say("by convention");
}
