//! The one way in which words are recognised: a whole clause against a pattern, anchored at both ends.

/// How much of a clause must be left for one that was cut off to be recognised by its beginning.
const ENOUGH: usize = 10;

/// Whether the clause is the pattern, whole and in any case; `…` in the pattern stands for anything but nothing.
/// A clause that was cut off, and ends in three dots, is the pattern's beginning.
pub(super) fn matches(pattern: &str, clause: &str) -> bool {
    let (pattern, clause) = (pattern.to_ascii_lowercase(), clause.to_ascii_lowercase());
    fits(&pattern, &clause)
        || clause.strip_suffix("...").is_some_and(|beginning| begins(&pattern, beginning.trim_end()))
}

fn fits(pattern: &str, clause: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| clause.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        let Some(hole) = rest.chars().next() else { return false };
        let after = &rest[hole.len_utf8()..];
        if parts.peek().is_none() {
            return after.ends_with(part);
        }
        let Some(at) = after.find(part) else { return false };
        rest = &after[at + part.len()..];
    }
    false
}

fn begins(pattern: &str, beginning: &str) -> bool {
    beginning.len() >= ENOUGH && pattern.starts_with(beginning)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_pattern_is_the_whole_clause_and_never_a_part_of_it() {
        for (pattern, clause) in [
            ("i/o timeout", "i/o timeout"),
            ("exec format error", "Exec format error"),
            ("failed to resolve ref …", "failed to resolve ref a.example/b:1"),
            ("error mounting … to rootfs at …", "error mounting \"/srv\" to rootfs at \"/data\""),
            ("… is not authorized to perform", "arn:aws:iam::1:user/ci is not authorized to perform"),
        ] {
            assert!(matches(pattern, clause), "{pattern}: {clause}");
        }
        for (pattern, clause) in [
            ("not found", "executable file not found in $PATH"),
            ("i/o timeout", "no i/o timeout"),
            ("failed to resolve ref …", "failed to resolve ref "),
            ("error mounting … to rootfs", "error mounting to rootfs"),
            ("a…b…c", "ab"),
        ] {
            assert!(!matches(pattern, clause), "{pattern}: {clause}");
        }
    }

    #[test]
    fn a_clause_that_was_cut_off_is_known_by_its_beginning_where_enough_of_it_is_left() {
        assert!(matches("context deadline exceeded", "context deadli..."));
        assert!(!matches("context deadline exceeded", "context d..."));
        assert!(!matches("context deadline exceeded", "context canceled..."));
    }
}
