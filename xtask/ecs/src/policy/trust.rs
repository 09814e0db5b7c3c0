//! Whom a role has to trust for the workflows of this repository to assume it.

use serde_json::{Value, json};

use crate::config::{Config, Partition};
use crate::failure::{Failure, Result};
use crate::gather::Gather;

/// GitHub's provider of tokens. Source: GitHub Docs, "Configuring OpenID Connect in Amazon Web Services".
const PROVIDER: &str = "token.actions.githubusercontent.com";

/// The trust policy for GitHub's OIDC: the tags that start Build Stage, and the environment of Deploy Stage or, without
/// one, the default branch.
///
/// Fails (exit 2) where the repository is none of GitHub's.
pub(crate) fn trust(config: &Config, remote: Option<&str>, branch: &str) -> Result<Value> {
    let repository = remote.and_then(of_github).ok_or_else(|| {
        Failure::usage("git's remote `origin` is no repository on github.com, so there is nobody to be trusted")
            .help("docs/GITHUB.md says what other CI needs")
    })?;
    let tags = config.workflows.tags.iter().map(|tag| format!("ref:refs/tags/{}", pattern(tag)));
    let releases = config.promoted_from.is_none();
    let protected = config.workflows.environment.as_ref().or(config.environment.as_ref());
    let deploys = protected.map_or_else(|| format!("ref:refs/heads/{branch}"), |name| format!("environment:{name}"));
    let subjects = tags.filter(|_| releases).chain([deploys]).map(|subject| format!("repo:{repository}:{subject}"));
    let partition = Partition::of(&config.region).name;
    Ok(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": format!("arn:{partition}:iam::{}:oidc-provider/{PROVIDER}", config.account) },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": { format!("{PROVIDER}:aud"): "sts.amazonaws.com" },
                "StringLike": { format!("{PROVIDER}:sub"): subjects.gather::<Vec<_>>() },
            },
        }],
    }))
}

/// `OWNER/NAME` of `https://github.com/OWNER/NAME`.
fn of_github(remote: &str) -> Option<&str> {
    let path = remote.strip_prefix("https://github.com/")?.trim_end_matches('/').trim_end_matches(".git");
    (path.split('/').count() == 2).then_some(path)
}

/// What IAM's patterns do not know is any number of letters to them, and never less than was meant.
fn pattern(tag: &str) -> String {
    let mut pattern = String::new();
    let mut rest = tag.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '[' => {
                pattern.push('?');
                while rest.next().is_some_and(|inner| inner != ']') {}
            }
            '+' | '*' | '?' => pattern.push('*'),
            '!' if pattern.is_empty() => {}
            letter => pattern.push(letter),
        }
    }
    while pattern.contains("**") {
        pattern = pattern.replace("**", "*");
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::{of_github, pattern};

    #[test]
    fn a_pattern_of_githubs_is_one_of_iams_that_fits_no_less() {
        for (tag, expected) in
            [("v*", "v*"), ("v**", "v*"), ("v[0-9]+.[0-9]+.*", "v?*.?*.*"), ("release-1.2", "release-1.2")]
        {
            assert_eq!(pattern(tag), expected);
        }
    }

    #[test]
    fn a_repository_on_github_is_known_by_its_address() {
        assert_eq!(of_github("https://github.com/owner/name"), Some("owner/name"));
        assert_eq!(of_github("https://gitlab.com/owner/name"), None);
        assert_eq!(of_github("https://github.com/owner"), None);
    }
}
