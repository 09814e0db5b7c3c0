//! Which of two versions is the later one.

use std::cmp::Ordering;

use crate::gather::Gather;

/// What stands behind a version that is not out yet, the earliest first.
const BEFORE_RELEASE: [&str; 8] = ["dev", "snapshot", "a", "alpha", "b", "beta", "pre", "rc"];

/// How `left` stands to `right`, two tags that hold versions: `1.4.0`, `v1.4.0`, `app-1.4`, `1.5.0-rc.2`. `None` where
/// nobody can tell, as of `nightly`, of a commit's hash or of `1.4.0-alpine` beside `1.4.0`.
/// Source: Semantic Versioning 2.0.0, item 11; what the words mean that may follow, by convention.
pub(crate) fn order(left: &str, right: &str) -> Option<Ordering> {
    if left == right {
        return Some(Ordering::Equal);
    }
    let (left, right) = (Version::of(left)?, Version::of(right)?);
    if left.prefix != right.prefix {
        return None;
    }
    match left.numbers.cmp(&right.numbers) {
        Ordering::Equal => before_release(left.rest)?.partial_cmp(&before_release(right.rest)?),
        order => Some(order),
    }
}

/// Whether a text holds a version at all.
pub(crate) fn is_version(text: &str) -> bool {
    Version::of(text).is_some()
}

/// Whether two texts hold one version, whatever stands before it: `app/v1.4.0` and `1.4.0` do.
pub(crate) fn same(left: &str, right: &str) -> bool {
    let (left, right) = (Version::of(left), Version::of(right));
    left.zip(right).is_some_and(|(left, right)| left.numbers == right.numbers && left.rest == right.rest)
}

struct Version<'a> {
    /// What stands before the numbers, without a last `v`.
    prefix: &'a str,
    /// At least two, without zeros at the end.
    numbers: Vec<u64>,
    /// What stands behind them.
    rest: &'a str,
}

impl<'a> Version<'a> {
    fn of(tag: &'a str) -> Option<Self> {
        let start = tag.find(|letter: char| letter.is_ascii_digit())?;
        let (prefix, version) = tag.split_at(start);
        let prefix = prefix.strip_suffix(['v', 'V']).unwrap_or(prefix);
        let end = version.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(version.len());
        let (numbers, rest) = version.split_at(end);
        let mut numbers = numbers.split('.').map(str::parse).try_gather::<Vec<u64>, _, _>().ok()?;
        let is_version = numbers.len() >= 2 && (rest.is_empty() || rest.starts_with(['-', '_', '+']));
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        is_version.then(|| Self { prefix, numbers, rest: rest.get(1..).unwrap_or_default() })
    }
}

/// Where a version stands among those with its numbers; the release itself is the last.
fn before_release(rest: &str) -> Option<(usize, Vec<u64>)> {
    if rest.is_empty() {
        return Some((BEFORE_RELEASE.len(), Vec::new()));
    }
    let end = rest.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (word, number) = rest.split_at(end);
    let place = BEFORE_RELEASE.iter().position(|known| word.eq_ignore_ascii_case(known))?;
    let number = number.strip_prefix(['.', '-']).unwrap_or(number);
    let numbers =
        if number.is_empty() { Some(Vec::new()) } else { number.split('.').map(|n| n.parse().ok()).collect() };
    Some((place, numbers?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_tag_and_an_image_tag_hold_one_version_whatever_stands_before_it() {
        for (git, image) in
            [("v1.4.0", "1.4.0"), ("app/v1.4.0", "1.4.0"), ("app-1.4", "v1.4.0"), ("v1.0.0+b.1", "1.0.0-b.1")]
        {
            assert!(same(git, image), "{git} {image}");
        }
        for (git, image) in
            [("v1.5.0", "1.4.0"), ("v1.4.0-rc.1", "1.4.0"), ("v1.4.0", "latest"), ("nightly", "nightly")]
        {
            assert!(!same(git, image), "{git} {image}");
        }
        assert!(is_version("v1.4") && !is_version("nightly") && !is_version("v1"));
    }

    #[test]
    fn of_two_versions_the_later_is_known_and_what_is_no_version_is_in_no_order() {
        use Ordering::{Equal, Greater, Less};
        for (left, right, expected) in [
            ("1.9.1", "2.0.0", Some(Less)),
            ("1.10.0", "1.9.9", Some(Greater)),
            ("v1.4.0", "1.4.1", Some(Less)),
            ("1.4", "1.4.0", Some(Equal)),
            ("app-1.4.0", "app-1.3.9", Some(Greater)),
            ("app-v1.4.0", "app-1.3.9", Some(Greater)),
            ("2026.11.27", "2026.9.30", Some(Greater)),
            ("1.4.0.2", "1.4.0.10", Some(Less)),
            ("1.5.0-rc.2", "1.5.0", Some(Less)),
            ("1.5.0-rc.2", "1.5.0-rc.10", Some(Less)),
            ("1.5.0-rc1", "1.5.0-rc2", Some(Less)),
            ("1.5.0-beta", "1.5.0-alpha.7", Some(Greater)),
            ("1.5.0-rc.1", "1.4.9", Some(Greater)),
            ("1.4.0-alpine", "1.5.0-alpine", Some(Less)),
            ("nightly", "nightly", Some(Equal)),
            // Whoever claimed an order of these would guess.
            ("1.4.0-alpine", "1.4.0", None),
            ("1.4.0-5-gabc1234", "1.4.0-10-gdef5678", None),
            ("app-1.4.0", "web-1.3.0", None),
            ("nightly", "1.4.0", None),
            ("1234567", "7654321", None),
            ("3f2a91c", "1.4.0", None),
            ("1.4.x", "1.4.0", None),
            ("1..4", "1.4.0", None),
            ("99999999999999999999.1", "1.4.0", None),
        ] {
            assert_eq!(order(left, right), expected, "{left} {right}");
            assert_eq!(order(right, left), expected.map(Ordering::reverse), "{right} {left}");
        }
    }
}
