//! Where an image is: registry, repository, and a tag or a digest.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::digest::Digest;

/// `REGISTRY/REPOSITORY:TAG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub registry: String,
    pub repository: Repository,
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
    pub registry: String,
    pub repository: Repository,
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

/// An ECR repository name: 2 to 256 characters of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, segments joined by `/`.
/// Source: ECR API, CreateRepository, repositoryName, as botocore 1.44 has it; OCI distribution specification 1.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Repository(String);

impl Repository {
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
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(&'static str);

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
    fn tags_follow_the_grammar_of_the_registry() {
        for good in ["1.4.0", "v1", "_x", "1.0.0-rc.1"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".x", "-x", "1.0+build", "a/b", "a:b", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
