//! Which tags of a repository can be put again with other content.

use serde_json::{Value, json};

use super::{invalid_parameter, text};
use crate::protocol::ApiError;

/// Source: Amazon ECR User Guide, "Preventing image tags from being overwritten".
const MOST_WILDCARDS: usize = 2;

/// `imageTagMutability` with its exclusion filters.
#[derive(Clone, Debug)]
pub(crate) struct Mutability {
    word: String,
    filters: Vec<String>,
}

impl Mutability {
    /// That of an input; where it has none, every tag can be overwritten.
    pub(super) fn read(input: &Value) -> Result<Self, ApiError> {
        const FILTERS: &str = "imageTagMutabilityExclusionFilters";
        let word = input["imageTagMutability"].as_str().unwrap_or("MUTABLE").to_owned();
        let filters: Vec<String> =
            input[FILTERS].as_array().into_iter().flatten().map(|filter| text(filter, "filter").to_owned()).collect();
        if word.ends_with("_WITH_EXCLUSION") == filters.is_empty() {
            let rule = "exclusion filters are given with IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION alone";
            return Err(invalid_parameter(FILTERS, rule));
        }
        if filters.iter().any(|filter| filter.matches('*').count() > MOST_WILDCARDS) {
            return Err(invalid_parameter(FILTERS, "a filter has at most two wildcards"));
        }
        Ok(Self { word, filters })
    }

    /// Whether this tag, once it is there, stays with its content.
    pub(super) fn protects(&self, tag: &str) -> bool {
        let excluded = self.filters.iter().any(|filter| fits(filter, tag));
        self.word.starts_with("IMMUTABLE") != excluded
    }

    /// As answers have it, beside their other members.
    pub(super) fn describe(&self, answer: &mut Value) {
        answer["imageTagMutability"] = json!(self.word);
        if !self.filters.is_empty() {
            let filters = self.filters.iter().map(|filter| json!({"filterType": "WILDCARD", "filter": filter}));
            answer["imageTagMutabilityExclusionFilters"] = filters.collect();
        }
    }
}

/// Whether a filter, in which `*` stands for any characters or none, is the whole tag.
pub(crate) fn fits(filter: &str, tag: &str) -> bool {
    match filter.split_once('*') {
        None => filter == tag,
        Some((before, after)) => tag.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| fits(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_any_characters_or_none() {
        for (filter, tag, expected) in [
            ("latest", "latest", true),
            ("latest", "latest-1", false),
            ("dev-*", "dev-", true),
            ("dev-*", "dev-1.2", true),
            ("*-rc", "1.0-rc", true),
            ("*-rc", "1.0-rc1", false),
            ("a*b*", "a-b-c", true),
            ("a*b", "ba", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(filter, tag), expected, "{filter} {tag}");
        }
    }

    #[test]
    fn an_exclusion_turns_the_setting_around() {
        let of = |word: &str, filters: Value| {
            Mutability::read(&json!({"imageTagMutability": word, "imageTagMutabilityExclusionFilters": filters}))
        };
        let dev = json!([{"filterType": "WILDCARD", "filter": "dev*"}]);
        for (word, filters, dev, other) in [
            ("MUTABLE", Value::Null, false, false),
            ("IMMUTABLE", Value::Null, true, true),
            ("IMMUTABLE_WITH_EXCLUSION", dev.clone(), false, true),
            ("MUTABLE_WITH_EXCLUSION", dev.clone(), true, false),
        ] {
            let mutability = of(word, filters).expect("a setting");
            assert_eq!((mutability.protects("dev-1"), mutability.protects("1.0")), (dev, other), "{word}");
        }
        assert!(of("IMMUTABLE", dev).is_err());
        assert!(of("MUTABLE_WITH_EXCLUSION", Value::Null).is_err());
        assert!(of("MUTABLE_WITH_EXCLUSION", json!([{"filter": "*a*b*"}])).is_err());
    }
}
