//! Whether a repository's lifecycle policy takes an image away while it runs.
//! Source: Amazon ECR User Guide, "Lifecycle policy properties".

use serde_json::Value;

/// The rule that will expire an image with these tags by its age alone, as a sentence. Rules that keep the newest so many
/// take one away only when that many came after it.
pub(super) fn takes_away(policy: &Value, tags: &[String]) -> Option<String> {
    let rules = policy["rules"].as_array()?;
    let rule = rules.iter().find(|rule| {
        let (selection, action) = (&rule["selection"], rule["action"]["type"].as_str().unwrap_or("expire"));
        let by_age = selection["countType"].as_str() == Some("sinceImagePushed");
        by_age && ["expire", "transition"].contains(&action) && selects(selection, tags)
    })?;
    let (days, number) = (&rule["selection"]["countNumber"], &rule["rulePriority"]);
    let does = if rule["action"]["type"] == "transition" { "archives" } else { "expires" };
    Some(format!("rule {number} of its lifecycle policy {does} it {days} days after it was pushed, though it runs"))
}

fn selects(selection: &Value, tags: &[String]) -> bool {
    let texts = |name: &str| selection[name].as_array().into_iter().flatten().filter_map(Value::as_str);
    match selection["tagStatus"].as_str() {
        Some("any") => true,
        Some("untagged") => tags.is_empty(),
        // All of a rule's patterns, or prefixes, have to be those of some tag.
        Some("tagged") => {
            let fits = |by: &dyn Fn(&str, &str) -> bool, wanted: &str| tags.iter().any(|tag| by(wanted, tag));
            !tags.is_empty()
                && texts("tagPrefixList").all(|prefix| fits(&|prefix, tag| tag.starts_with(prefix), prefix))
                && texts("tagPatternList").all(|pattern| fits(&matches, pattern))
        }
        _ => false,
    }
}

/// `*` stands for any number of characters.
fn matches(pattern: &str, tag: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == tag,
        Some((before, after)) => tag.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(place, _)| place).chain([rest.len()]).any(|place| matches(after, &rest[place..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(selection: &Value) -> Value {
        json!({ "rules": [{ "rulePriority": 1, "selection": selection, "action": { "type": "expire" } }] })
    }

    #[test]
    fn a_rule_by_age_that_selects_the_image_takes_it_away() {
        let tags = ["1.4.0".to_owned(), "prod-7".to_owned()];
        for selection in [
            json!({ "tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14 }),
            json!({ "tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "sinceImagePushed", "countNumber": 14 }),
            json!({ "tagStatus": "tagged", "tagPatternList": ["*.4.*", "prod*"], "countType": "sinceImagePushed", "countNumber": 14 }),
        ] {
            let told = takes_away(&policy(&selection), &tags).expect("it does");
            assert_eq!(told, "rule 1 of its lifecycle policy expires it 14 days after it was pushed, though it runs");
        }
        for selection in [
            json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30 }),
            json!({ "tagStatus": "untagged", "countType": "sinceImagePushed", "countNumber": 14 }),
            json!({ "tagStatus": "tagged", "tagPatternList": ["*.4.*", "dev*"], "countType": "sinceImagePushed", "countNumber": 14 }),
        ] {
            assert_eq!(takes_away(&policy(&selection), &tags), None, "{selection}");
        }
        assert_eq!(takes_away(&Value::Null, &tags), None);
    }
}
