//! What a Dockerfile says about its bases.

use std::collections::BTreeSet;

/// A FROM whose base can change under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpinned {
    /// The base as written.
    pub base: String,
    /// From 1.
    pub line: usize,
}

/// The FROM lines that name neither `scratch`, nor an earlier stage, nor a named context, nor a digest.
/// Source: Dockerfile reference, FROM.
pub fn unpinned(text: &str, contexts: &BTreeSet<&str>) -> Vec<Unpinned> {
    let mut stages = BTreeSet::new();
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace().filter(|word| !word.starts_with("--"));
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
            continue;
        }
        let Some(base) = words.next() else { continue };
        let known = base == "scratch" || stages.contains(&base.to_lowercase()) || contexts.contains(base);
        if !known && !base.contains("@sha256:") {
            found.push(Unpinned { base: base.to_owned(), line: number + 1 });
        }
        if words.next().is_some_and(|word| word.eq_ignore_ascii_case("as")) {
            stages.extend(words.next().map(str::to_lowercase));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bases_that_can_move_are_reported() {
        let text = "# syntax=docker/dockerfile:1\n\
                    FROM --platform=linux/amd64 rust:1.95 AS Build\n\
                    RUN true\n\
                    FROM debian@sha256:0000000000000000000000000000000000000000000000000000000000000000 AS base\n\
                    from build as again\n\
                    FROM handed\n\
                    FROM ${BASE}\n\
                    FROM scratch\n";
        let found = unpinned(text, &BTreeSet::from(["handed"]));
        assert_eq!(
            found,
            [Unpinned { base: "rust:1.95".to_owned(), line: 2 }, Unpinned { base: "${BASE}".to_owned(), line: 7 },]
        );
    }
}
