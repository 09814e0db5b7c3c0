//! What a plan says of a service, apart from its task definition.

use std::cmp::Ordering;

use super::{DesiredCount, Direction, ImageSource, VersionChange};
use crate::gather::Gather;
use crate::text::{program, version};

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
        Self { image: image.to_owned(), before, after: after.to_owned(), direction, by_push: false }
    }

    /// For people: `app goes back from 2.0.0 to 1.9.1`.
    pub fn sentence(&self) -> String {
        let Self { image, before, after, direction, by_push } = self;
        let pushed = |order: &str| if *by_push { format!(", which was pushed {order} it") } else { String::new() };
        match (before, direction) {
            (Some(before), Direction::Back) => {
                format!("{image} goes back from {before} to {after}{}", pushed("before"))
            }
            (Some(before), Direction::Forward) => format!("{image}: {before} → {after}{}", pushed("after")),
            (Some(before), Direction::Unknown) => {
                format!("{image}: {before} → {after}, which of them is newer is unknown")
            }
            (None, _) => format!("{image}: a version that is not known → {after}"),
        }
    }
}

impl ImageSource {
    /// For people, where there is something to know: that its digest was named and not its tag, that no release is known to
    /// have made the image, or that it is of another commit than the one that is checked out.
    pub fn sentence(&self) -> Option<String> {
        let sentences = [self.named(), self.origin()].into_iter().flatten().gather::<Vec<_>>();
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    fn named(&self) -> Option<String> {
        let (Self { image, tag, .. }, digest) = (self, self.digest.as_ref()?);
        let known = if tag == digest.as_str() { "under no tag" } else { tag };
        Some(format!("{image} is {digest} by `--digest`, which is {known}"))
    }

    fn origin(&self) -> Option<String> {
        let Self { image, tag, released, commit, here, .. } = self;
        if !released {
            return Some(format!(
                "{image} {tag} does not say that `{} release` made it: whether it passed a scan is not known",
                program()
            ));
        }
        // Files that differ here make no other image of it; those that differed there did.
        let parts = |commit: &str| {
            let (hash, dirty) = commit.strip_suffix("-dirty").map_or((commit, false), |hash| (hash, true));
            (hash.get(..12).unwrap_or(hash).to_owned(), dirty)
        };
        let (hash, dirty) = parts(commit.as_deref()?);
        let changed = if dirty { " with changes that were not committed" } else { "" };
        let other = here.as_deref().map(parts).filter(|(here, _)| *here != hash);
        let other = other.map_or(String::new(), |(here, _)| format!(", and {here} is checked out"));
        (dirty || !other.is_empty()).then(|| format!("{image} {tag} is of commit {hash}{changed}{other}"))
    }
}

/// What is worth repeating at a rollout's end: what scales, what goes back, and what comes from elsewhere.
pub fn remarks(desired: DesiredCount, versions: &[VersionChange], sources: &[ImageSource]) -> Vec<String> {
    let back = versions.iter().filter(|change| change.direction == Direction::Back).map(VersionChange::sentence);
    let DesiredCount { before, after } = desired;
    let scaled = (before != after).then(|| format!("desired count {before} → {after}"));
    back.chain(scaled).chain(sources.iter().filter_map(ImageSource::sentence)).gather()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_another_commit_or_of_no_known_release_is_told_and_what_is_not_known_is_no_alarm() {
        let source = |released, commit: Option<&str>, here: Option<&str>| {
            let (commit, here) = (commit.map(str::to_owned), here.map(str::to_owned));
            let (image, tag) = ("app".to_owned(), "1.4.0".to_owned());
            ImageSource { image, tag, digest: None, released, commit, here }.sentence()
        };
        let (one, two) = ("81f3be78a3a1c0ffee", "fc32a1d00b7e1c0ffee");
        assert_eq!(source(true, Some(one), Some(one)), None);
        assert_eq!(source(true, Some(one), None), None);
        assert_eq!(source(true, None, Some(two)), None);
        assert_eq!(source(true, None, None), None);
        let other = source(true, Some(one), Some(two));
        assert_eq!(other.as_deref(), Some("app 1.4.0 is of commit 81f3be78a3a1, and fc32a1d00b7e is checked out"));
        let dirty = format!("{one}-dirty");
        for here in [Some(one), Some(dirty.as_str()), None] {
            assert_eq!(source(true, Some(one), here), None);
            let said = source(true, Some(&dirty), here);
            let expected = "app 1.4.0 is of commit 81f3be78a3a1 with changes that were not committed";
            assert_eq!(said.as_deref(), Some(expected));
        }
        let unknown =
            "app 1.4.0 does not say that `cargo xtask release` made it: whether it passed a scan is not known";
        for commit in [None, Some(one)] {
            assert_eq!(source(false, commit, Some(one)).as_deref(), Some(unknown));
        }
    }

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
