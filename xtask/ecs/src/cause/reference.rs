//! The image that a text names.

use super::Message;
use super::names::bare;
use crate::gather::Gather;
use crate::reference::Named;

/// The image's reference as the text has it: after the words that lead up to one, or in the address that was asked.
pub(super) fn named(message: &Message) -> Option<String> {
    message.words().find_map(of_address).or_else(|| message.words().find_map(of_word))
}

/// Whether two references lead to the same image: by digest where both have one, else by tag.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (first, second) = (Parts::of(one), Parts::of(other));
    let version = match (first.digest, second.digest) {
        (Some(one), Some(other)) => one == other,
        (None, None) => first.tag == second.tag,
        _ => first.tag.is_some() && first.tag == second.tag,
    };
    version && same_repository(one, other)
}

/// Whether two references lead to the same repository.
pub(super) fn same_repository(one: &str, other: &str) -> bool {
    let (one, other) = (Parts::of(one), Parts::of(other));
    (one.host, &one.repository) == (other.host, &other.repository)
}

/// The registry's host.
pub(super) fn host(reference: &str) -> &str {
    Parts::of(reference).host
}

/// Whether it is a private registry of Amazon ECR: `ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com[.cn]`.
pub(super) fn is_ecr(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').gather();
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(labels.as_slice(), [id, "dkr", "ecr" | "ecr-fips", _, ..] if account(id))
}

struct Parts<'a> {
    host: &'a str,
    repository: String,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(reference: &'a str) -> Self {
        let named = Named::of(reference);
        let (host, repository) = named.full();
        let tag = named.tag.or(named.digest.is_none().then_some("latest"));
        Self { host, repository, tag, digest: named.digest }
    }
}

/// `https://HOST/v2/REPOSITORY/manifests/TAG`.
/// Source: OCI distribution specification 1.1, Pulling manifests.
fn of_address(word: &str) -> Option<String> {
    let rest = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"))?;
    let (host, path) = rest.split_once("/v2/")?;
    let (repository, version) = path.rsplit_once("/manifests/")?;
    let separator = if version.starts_with("sha256:") { '@' } else { ':' };
    Some(format!("{host}/{repository}{separator}{version}"))
}

/// A word that is built like a reference and like nothing else: with a digest, or a host and a path.
fn of_word(word: &str) -> Option<String> {
    let word = bare(word);
    if word.contains("://")
        || word.starts_with("arn:")
        || word.starts_with('/')
        || word.contains("starport-layer-bucket")
    {
        return None;
    }
    let (first, path) = word.split_once('/')?;
    let host = first.split_once('.').is_some_and(|(_, rest)| rest.contains(|c: char| c.is_ascii_alphabetic()))
        || first.split_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let is_repository = |path: &str| {
        !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte))
    };
    let tagged = path.contains(':') || path.contains('@');
    (is_repository(path) && (host || tagged)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_its_image_as_a_reference_or_by_the_address_that_was_asked() {
        for (text, image) in [
            (
                "failed to resolve ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b@sha256:aa: not found",
                Some("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b@sha256:aa"),
            ),
            (
                "failed to resolve reference \"docker.io/amazon/aws-xray-daemon:3.x\": not found",
                Some("docker.io/amazon/aws-xray-daemon:3.x"),
            ),
            (
                "Head \"https://registry-1.docker.io/v2/library/nginx/manifests/latest\": i/o timeout",
                Some("registry-1.docker.io/library/nginx:latest"),
            ),
            (
                "unexpected status from HEAD request to https://r.example/v2/a/manifests/sha256:aa: 403 Forbidden",
                Some("r.example/a@sha256:aa"),
            ),
            ("pull access denied for some/nonsense:1, repository does not exist", Some("some/nonsense:1")),
            ("Get https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/: request canceled", None),
            ("dial tcp 10.0.0.1:443: i/o timeout", None),
            ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", None),
            ("on resource: arn:aws:ecr:eu-west-1:123456789012:repository/sample/app because", None),
        ] {
            assert_eq!(named(&Message::parse(text)).as_deref(), image, "{text}");
        }
    }

    #[test]
    fn references_are_the_same_where_docker_would_pull_the_same() {
        for (one, other) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("amazon/aws-xray-daemon:3.x", "registry-1.docker.io/amazon/aws-xray-daemon:3.x"),
            ("r.example/a:1@sha256:aa", "r.example/a@sha256:aa"),
            ("r.example/a:1@sha256:aa", "r.example/a:1"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("nginx", "docker.io/library/nginx:1"),
            ("r.example/a@sha256:aa", "r.example/a@sha256:bb"),
            ("r.example/a@sha256:aa", "r.example/a:1"),
            ("r.example/a:1", "other.example/a:1"),
            ("r.example/a:1", "r.example/a/b:1"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
