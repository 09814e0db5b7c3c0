//! Step outputs, which later steps read as `steps.ID.outputs.NAME`.

use std::fmt::Write;

use crate::reader::record::Record;

/// All outputs of a command, in the order they are written; where two have a name in common, GitHub keeps the last.
///
/// `outcome`; for each image `NAME-outcome`, `NAME-digest`, `NAME-reference` (pinned); for each service
/// `NAME-outcome`, `NAME-revision`, `NAME-digest` (the one digest that runs); and `digest` and `reference` where
/// there is exactly one image, or no image and one digest.
pub(super) fn outputs(record: &Record) -> Vec<(String, String)> {
    let mut outputs = vec![("outcome".to_owned(), record.outcome().to_owned())];
    let mut push = |name: &str, suffix: &str, value: String| outputs.push((output_name(name, suffix), value));
    for image in &record.images {
        push(&image.name, "outcome", image.outcome().to_owned());
        if let (Some(digest), Some(pinned)) = (&image.digest, image.pinned()) {
            push(&image.name, "digest", digest.to_string());
            push(&image.name, "reference", pinned);
        }
    }
    for service in &record.services {
        push(&service.name, "outcome", service.outcome().to_owned());
        if !service.revision.is_empty() {
            push(&service.name, "revision", service.revision.clone());
        }
        if let [digest] = service.digests.as_slice() {
            push(&service.name, "digest", digest.to_string());
        }
    }
    if let [image] = record.images.as_slice() {
        if let (Some(digest), Some(pinned)) = (&image.digest, image.pinned()) {
            push("", "digest", digest.to_string());
            push("", "reference", pinned);
        }
    } else if let ([], [service]) = (record.images.as_slice(), record.services.as_slice())
        && let [digest] = service.digests.as_slice()
    {
        push("", "digest", digest.to_string());
    }
    outputs
}

/// The names of what [`outputs`] can give for these images, or for these services, of those that a workflow can give
/// on: such a name begins with a letter or `_`.
pub(crate) fn names(images: &[&str], services: &[&str]) -> Vec<String> {
    let mut names = vec!["outcome".to_owned()];
    for (all, suffixes) in [(images, ["outcome", "digest", "reference"]), (services, ["outcome", "revision", "digest"])]
    {
        names.extend(all.iter().flat_map(|name| suffixes.map(|suffix| output_name(name, suffix))));
    }
    match (images, services) {
        ([_], _) => names.extend(["digest", "reference"].map(str::to_owned)),
        ([], [_]) => names.push("digest".to_owned()),
        _ => {}
    }
    names.retain(|name| name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'));
    names
}

/// The lines for the file `GITHUB_OUTPUT`. `delimiter` must be new and random: a value that held it could add
/// outputs of its own.
pub(super) fn render(outputs: &[(String, String)], delimiter: &str) -> String {
    let mut text = String::new();
    for (name, value) in outputs {
        writeln!(text, "{name}<<{delimiter}\n{value}\n{delimiter}").expect("writing to a String cannot fail");
    }
    text
}

/// Letters, digits, `-` and `_` alone: what an expression can name and the file format cannot mistake.
fn output_name(name: &str, suffix: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let separator = if name.is_empty() { "" } else { "-" };
    name.chars().map(safe).chain(separator.chars()).chain(suffix.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::record::samples::{self, Random};

    fn value(outputs: &[(String, String)], name: &str) -> Option<String> {
        outputs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn what_is_given_has_a_name_that_a_workflow_knows_beforehand() {
        let released = outputs(&samples::record(&samples::released()));
        let deployed = outputs(&samples::record(&samples::deployed()));
        for (given, known) in [(released, names(&["app"], &[])), (deployed, names(&[], &["app"]))] {
            let unknown: Vec<&(String, String)> = given.iter().filter(|(name, _)| !known.contains(name)).collect();
            assert!(unknown.is_empty() && given.len() > 3, "{unknown:?}");
        }
        let several = names(&["app", "2048", "web.ui"], &[]);
        assert!(
            !several.contains(&"digest".to_owned()) && several.contains(&"web-ui-digest".to_owned()),
            "{several:?}"
        );
        assert!(!several.iter().any(|name| name.starts_with('2')), "no expression can name it");
    }

    #[test]
    fn a_released_image_has_its_digest_and_its_pinned_reference() {
        let outputs = outputs(&samples::record(&samples::released()));
        let digest = samples::digest().to_string();
        assert_eq!(value(&outputs, "outcome").as_deref(), Some("released"));
        assert_eq!(value(&outputs, "digest"), Some(digest.clone()));
        assert_eq!(value(&outputs, "app-reference"), Some(format!("127.0.0.1:5000/sample/app@{digest}")));
    }

    #[test]
    fn a_refused_image_has_an_outcome_and_no_reference() {
        let outputs = outputs(&samples::record(&samples::refused(2)));
        assert_eq!(value(&outputs, "app-outcome").as_deref(), Some("refused"));
        assert_eq!(value(&outputs, "reference"), None);
    }

    #[test]
    fn a_deployed_service_has_its_revision_and_its_digest() {
        let outputs = outputs(&samples::record(&samples::deployed()));
        assert_eq!(value(&outputs, "app-outcome").as_deref(), Some("deployed"));
        assert_eq!(value(&outputs, "app-revision").as_deref(), Some("app:7"));
        assert_eq!(value(&outputs, "digest"), Some(samples::digest().to_string()));
    }

    /// The file as the runner reads it.
    fn parse(text: &str) -> Vec<(String, String)> {
        let mut lines = text.split('\n');
        let mut outputs = Vec::new();
        while let Some((name, delimiter)) = lines.next().and_then(|line| line.split_once("<<")) {
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            outputs.push((name.to_owned(), value.join("\n")));
        }
        outputs
    }

    #[test]
    fn whatever_stands_in_a_value_comes_back_as_one_value() {
        let mut random = Random(3);
        for _ in 0..2000 {
            let outputs: Vec<(String, String)> =
                (0..3).map(|_| (output_name(&random.text(5), "digest"), random.text(20))).collect();
            assert_eq!(parse(&render(&outputs, "EOF-5f0c")), outputs);
        }
    }
}
