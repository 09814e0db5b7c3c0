//! Tags that move by convention, which no release here would ever move.

use super::Config;
use crate::gather::Gather;

/// Names that others push again and again.
const MOVING: [&str; 18] = [
    "latest",
    "stable",
    "main",
    "master",
    "trunk",
    "dev",
    "develop",
    "development",
    "edge",
    "nightly",
    "snapshot",
    "current",
    "prod",
    "production",
    "staging",
    "test",
    "live",
    "release",
];

/// Whether a tag is one that others push again and again.
pub fn is_moving_tag(tag: &str) -> bool {
    MOVING.iter().any(|moving| tag.eq_ignore_ascii_case(moving))
}

/// A sentence for each image whose tag is one of them.
pub fn moving_tags(config: &Config) -> Vec<String> {
    let images = config.images.values().filter(|image| is_moving_tag(image.tag().as_str()));
    images
        .map(|image| {
            format!(
                "the tag of image `{}` is {}, which moves by convention and not here: once it is in ECR, it is never \
                 built again; write `tag = {{ workspace-version = true }}`, or the version",
                image.name,
                image.tag()
            )
        })
        .gather()
}
