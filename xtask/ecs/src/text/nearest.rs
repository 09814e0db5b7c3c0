//! The name that was meant, asked in two ways: a suggestion beside an error that stands anyway may be a bold guess
//! ([`nearest`]), but what is an error only because of the guess ([`misspelt`]) must not be a name that is merely new.

/// The name in `known` that was probably meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

/// The name in `known` that this one is surely a misspelling of: a quarter of its letters may be wrong, three at most.
pub(crate) fn misspelt<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = |known: &&str| strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase());
    known.into_iter().min_by_key(wrong).filter(|best| wrong(best) <= (name.len() / 4).min(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_suggested_boldly_is_not_refused() {
        let known = ["environment", "environmentFiles", "image"];
        assert_eq!(
            (nearest("enviroment", known), misspelt("enviroment", known)),
            (Some("environment"), Some("environment"))
        );
        // A member that ECS learnt after the SDK was written.
        assert_eq!((nearest("imageDigest", known), misspelt("imageDigest", known)), (Some("image"), None));
    }
}
