//! The git tag that started this run, beside the versions that the workspace has.

use crate::config::Config;
use crate::event::Events;
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::text::version;

/// The tag that was checked out, where a run is not for that tag: the generated workflows say it where a hand or a caller names
/// one, for then the run is for whatever that hand or that caller's run was on.
pub(crate) const VARIABLE: &str = "XTASK_GIT_TAG";

/// Where each CI service says which tag it runs for; what stands behind the variable is taken off the value's front.
/// Sources: the services' own lists of variables.
const VARIABLES: [(&str, &str); 11] = [
    ("GITHUB_REF", "refs/tags/"),
    ("CI_COMMIT_TAG", ""),
    ("CIRCLE_TAG", ""),
    ("BUILDKITE_TAG", ""),
    ("BUILD_SOURCEBRANCH", "refs/tags/"),
    ("BITBUCKET_TAG", ""),
    ("CODEBUILD_WEBHOOK_TRIGGER", "tag/"),
    ("DRONE_TAG", ""),
    ("TRAVIS_TAG", ""),
    ("SEMAPHORE_GIT_TAG_NAME", ""),
    ("TAG_NAME", ""),
];

/// Refuses a release for a tag whose version no image has; warns of it where `tag-must-match` is false.
pub(super) fn check(config: &Config, environment: &dyn Fn(&str) -> Option<String>, events: &Events) -> Result<()> {
    let Some(tag) = of_run(environment).filter(|tag| version::is_version(tag)) else { return Ok(()) };
    let versions = config.images.values().filter(|image| version::is_version(image.tag().as_str()));
    let has_it = versions.clone().any(|image| version::same(&tag, image.tag().as_str()));
    let listed: Vec<String> = versions.map(|image| format!("{} is {}", image.name, image.tag())).gather();
    if has_it || listed.is_empty() {
        return Ok(());
    }
    let message = format!("the git tag is {tag}, and no image has that version: {}", listed.join(", "));
    if !config.workflows.tag_must_match {
        events.warn(message);
        return Ok(());
    }
    Err(Failure::new(Ending::Usage, message)
        .help("set the version in Cargo.toml, commit that, and put the tag on that commit")
        .help(
            "where git tags mean something else, `tag-must-match = false` under [workspace.metadata.xtask.workflows]",
        ))
}

/// The tag that is released for: the one that somebody named, else the one that a CI service runs for.
fn of_run(environment: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    // Some set GITHUB_REF_TYPE and GITHUB_REF_NAME alone.
    let named =
        environment("GITHUB_REF_TYPE").filter(|kind| kind == "tag").and_then(|_| environment("GITHUB_REF_NAME"));
    let tags =
        VARIABLES.iter().filter_map(|(variable, front)| environment(variable)?.strip_prefix(front).map(str::to_owned));
    environment(VARIABLE).into_iter().chain(named).chain(tags).find(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_a_run_is_where_each_service_says_it() {
        let of = |variables: &[(&str, &str)]| {
            of_run(&|name| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned()))
        };
        let tag = Some("v1.5.0".to_owned());
        assert_eq!(of(&[("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", "v1.5.0")]), tag);
        assert_eq!(of(&[("GITHUB_REF", "refs/tags/v1.5.0")]), tag);
        assert_eq!(of(&[("CI_COMMIT_TAG", "v1.5.0")]), tag);
        assert_eq!(of(&[("BUILD_SOURCEBRANCH", "refs/tags/v1.5.0")]), tag);
        assert_eq!(of(&[("CODEBUILD_WEBHOOK_TRIGGER", "tag/v1.5.0")]), tag);
        assert_eq!(
            of(&[("GITHUB_REF_TYPE", "branch"), ("GITHUB_REF_NAME", "v1.5.0"), ("GITHUB_REF", "refs/heads/v1.5.0")]),
            None
        );
        assert_eq!(of(&[("CI_COMMIT_TAG", "")]), None);
        // Of a call the service knows the caller's run alone.
        assert_eq!(of(&[(VARIABLE, "v1.5.0"), ("GITHUB_REF", "refs/tags/v9")]), tag);
        assert_eq!(of(&[(VARIABLE, "v1.5.0"), ("GITHUB_REF", "refs/heads/main")]), tag);
        assert_eq!(of(&[(VARIABLE, ""), ("GITHUB_REF", "refs/tags/v1.5.0")]), tag);
    }
}
