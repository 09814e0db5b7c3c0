//! What a plan says of a service, apart from its task definition.

use std::cmp::Ordering;

use super::{DesiredCount, Direction, VersionChange};
use crate::text::version;

impl VersionChange {
    /// From one of the tags that what runs has, the latest of them where that can be told.
    pub fn new(image: &str, running: &[String], after: &str) -> Self {
        let later = |one: &&String, other: &&String| version::order(one, other).unwrap_or(Ordering::Equal);
        let versions = running.iter().filter(|tag| version::order(tag, after).is_some()).max_by(later);
        let before = versions.or(running.first()).cloned();
        let direction = match before.as_deref().and_then(|before| version::order(before, after)) {
            Some(Ordering::Greater) => Direction::Back,
            Some(_) => Direction::Forward,
            None => Direction::Unknown,
        };
        Self { image: image.to_owned(), before, after: after.to_owned(), direction }
    }

    /// For people: `app goes back from 2.0.0 to 1.9.1`.
    pub fn sentence(&self) -> String {
        let Self { image, before, after, direction } = self;
        match (before, direction) {
            (Some(before), Direction::Back) => format!("{image} goes back from {before} to {after}"),
            (Some(before), Direction::Forward) => format!("{image}: {before} → {after}"),
            (Some(before), Direction::Unknown) => {
                format!("{image}: {before} → {after}, which of them is newer is unknown")
            }
            (None, _) => format!("{image}: a version that is not known → {after}"),
        }
    }
}

/// What is worth repeating at a rollout's end: what scales, and what goes back.
pub fn remarks(desired: DesiredCount, versions: &[VersionChange]) -> Vec<String> {
    let back = versions.iter().filter(|change| change.direction == Direction::Back).map(VersionChange::sentence);
    let DesiredCount { before, after } = desired;
    let scaled = (before != after).then(|| format!("desired count {before} → {after}"));
    back.chain(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_that_is_compared_is_the_latest_version_among_those_that_the_running_image_has() {
        let change = |running: &[&str], after| {
            let running: Vec<String> = running.iter().map(|tag| (*tag).to_owned()).collect();
            VersionChange::new("app", &running, after).sentence()
        };
        assert_eq!(change(&["1.9.0", "stable", "2.0.0"], "1.9.1"), "app goes back from 2.0.0 to 1.9.1");
        assert_eq!(change(&["stable", "1.9.0"], "1.9.1"), "app: 1.9.0 → 1.9.1");
        assert_eq!(change(&["1.9.1"], "1.9.1"), "app: 1.9.1 → 1.9.1");
        let unknown = "which of them is newer is unknown";
        assert_eq!(change(&["stable"], "1.9.1"), format!("app: stable → 1.9.1, {unknown}"));
        assert_eq!(change(&[], "1.9.1"), "app: a version that is not known → 1.9.1");
    }
}
