//! Where an image is: registry, repository, and a tag or a digest.

mod named;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::digest::Digest;
pub use named::Named;

/// `REGISTRY/REPOSITORY:TAG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `HOST[:PORT]`.
    pub registry: String,
    /// Its name in the registry.
    pub repository: Repository,
    /// What may be put on other bytes later.
    pub tag: Tag,
}

impl Reference {
    /// The same image, by content.
    pub fn pin(&self, digest: Digest) -> Pinned {
        Pinned { registry: self.registry.clone(), repository: self.repository.clone(), digest }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.registry, self.repository, self.tag)
    }
}

/// A pinned reference: `REGISTRY/REPOSITORY@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// `HOST[:PORT]`.
    pub registry: String,
    /// Its name in the registry.
    pub repository: Repository,
    /// Of the image's manifest or index.
    pub digest: Digest,
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.registry, self.repository, self.digest)
    }
}

impl Serialize for Pinned {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The account and the region of an ECR registry, as its host names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Twelve digits.
    pub account: String,
    /// Such as `ap-northeast-1`.
    pub region: String,
}

impl Home {
    /// Of `ACCOUNT.dkr.ecr.REGION.…` and `ACCOUNT.dkr-ecr.REGION.…`, each also with `-fips`; `None` for a host that is
    /// not one of ECR's. Source: Amazon ECR endpoints and quotas, AWS General Reference.
    pub fn of(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let (account, rest) = host.split_once('.')?;
        let kinds = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."];
        let (region, _) = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        is_account.then(|| Self { account: account.to_owned(), region: region.to_owned() })
    }
}

/// An ECR repository name: 2 to 256 characters of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, segments joined by `/`.
/// Source: ECR API, CreateRepository, repositoryName, as botocore 1.44 has it; OCI distribution specification 1.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Repository(String);

impl Repository {
    /// Such as `sample/app`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let joint = |between: &str| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-');
        let segment = |segment: &str| {
            segment.starts_with(letter) && segment.ends_with(letter) && segment.split(letter).all(joint)
        };
        if (2..=256).contains(&text.len()) && text.split('/').all(segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(
                "a repository name is 2 to 256 lowercase letters and digits, with `.`, `_`, `__`, dashes or `/` between them",
            ))
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image tag: 1 to 128 characters of `[A-Za-z0-9_][A-Za-z0-9._-]*`.
/// Source: OCI distribution specification 1.1, section Pulling manifests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Tag(String);

impl Tag {
    /// Without a colon before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let first_fits = text.bytes().next().is_some_and(word);
        if first_fits && text.len() <= 128 && text.bytes().all(|b| word(b) || b == b'.' || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName("a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"))
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name does not fit the registry's grammar; the message is the rule.
#[derive(Debug)]
pub struct InvalidName(&'static str);

impl std::fmt::Display for InvalidName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_follow_the_grammar_of_ecr() {
        for good in ["app", "sample/app", "a1/b.c_d-e/f", "my__app", "my--app", "a---b/c__d", "0x"] {
            assert!(good.parse::<Repository>().is_ok(), "{good}");
        }
        for bad in [
            "", "a", "App", "a//b", "/a", "a/", "a..b", "a-", "-a", "a b", "a:b", "a___b", "a._b", "a_-b", "a__",
            "--a", "a/-b",
        ] {
            assert!(bad.parse::<Repository>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_registrys_host_names_its_account_and_region_in_each_form_that_ecr_has() {
        for (host, home) in [
            ("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com", Some(("123456789012", "ap-northeast-1"))),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", Some(("123456789012", "us-gov-west-1"))),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", Some(("123456789012", "eu-west-1"))),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", Some(("123456789012", "us-east-1"))),
            ("123456789012.DKR.ECR.cn-north-1.amazonaws.com.cn", Some(("123456789012", "cn-north-1"))),
            ("000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud:4566", Some(("000000000000", "us-east-1"))),
            ("127.0.0.1:5000", None),
            ("registry.example.com", None),
            ("public.ecr.aws", None),
            ("1234.dkr.ecr.us-east-1.amazonaws.com", None),
            ("123456789012.dkr.ecr", None),
        ] {
            let home = home.map(|(account, region)| Home { account: account.into(), region: region.into() });
            assert_eq!(Home::of(host), home, "{host}");
        }
    }

    #[test]
    fn tags_follow_the_grammar_of_the_registry() {
        for good in ["1.4.0", "v1", "_x", "1.0.0-rc.1"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".x", "-x", "1.0+build", "a/b", "a:b", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
