//! Whom a role has to trust for the workflows of this repository to assume it.

use serde_json::{Value, json};

use crate::config::{Config, Partition};
use crate::failure::{Failure, Result};
use crate::gather::Gather;

/// What gives out tokens. Source: GitHub Docs, "Configuring OpenID Connect in Amazon Web Services"; of GitHub Enterprise
/// Server, "About security hardening with OpenID Connect"; of GHE.com, "Network details for GHE.com".
fn provider(host: &str, server: Option<&str>) -> Option<String> {
    if host == "github.com" {
        return Some("token.actions.githubusercontent.com".to_owned());
    }
    if let Some(tenant) = host.strip_suffix(".ghe.com") {
        return Some(format!("token.actions.{tenant}.ghe.com"));
    }
    let server = server?.trim_start_matches("https://").trim_end_matches('/');
    (server == host).then(|| format!("{host}/_services/token"))
}

/// The trust policy for GitHub's OIDC: the tags that start Build Stage, and the environment of Deploy Stage or, without
/// one, the default branch.
///
/// `server` is where a GitHub of one's own is. Fails (exit 2) where the repository is none of GitHub's.
pub(crate) fn trust(config: &Config, remote: Option<&str>, server: Option<&str>, branch: &str) -> Result<Value> {
    let (provider, repository) = remote.and_then(|remote| of_github(remote, server)).ok_or_else(|| {
        Failure::usage("git's remote `origin` is no repository on github.com, so there is nobody to be trusted")
            .help("GITHUB_SERVER_URL says where a GitHub of your own is; docs/GITHUB.md what other CI needs")
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
            "Principal": { "Federated": format!("arn:{partition}:iam::{}:oidc-provider/{provider}", config.account) },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": { format!("{provider}:aud"): "sts.amazonaws.com" },
                "StringLike": { format!("{provider}:sub"): subjects.gather::<Vec<_>>() },
            },
        }],
    }))
}

/// Who gives out the tokens, and `OWNER/NAME`, of `https://github.com/OWNER/NAME`.
fn of_github<'a>(remote: &'a str, server: Option<&str>) -> Option<(String, &'a str)> {
    let (host, path) = remote.strip_prefix("https://")?.split_once('/')?;
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    Some((provider(host, server)?, path)).filter(|(_, path)| path.split('/').count() == 2)
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
        let of = |remote| of_github(remote, Some("https://git.example.com"));
        let found = |provider: &str| Some((provider.to_owned(), "owner/name"));
        assert_eq!(of("https://github.com/owner/name"), found("token.actions.githubusercontent.com"));
        assert_eq!(of("https://git.example.com/owner/name.git"), found("git.example.com/_services/token"));
        assert_eq!(of("https://shop.ghe.com/owner/name"), found("token.actions.shop.ghe.com"));
        assert_eq!(of("https://gitlab.com/owner/name"), None);
        assert_eq!(of("https://github.com/owner"), None);
        assert_eq!(of_github("https://git.example.com/owner/name", None), None);
    }
}
