//! What differs between two task definitions, member by member.

use serde::Serialize;
use serde_json::Value;

use super::normal::{Normal, label, text_of};
use crate::gather::Gather;

/// What stands for the value of an environment variable or a secret.
const HIDDEN: &str = "(not shown)";

/// The longest value shown, in characters.
const LONGEST: usize = 120;

/// One member that differs. `before` is absent for one that is new, `after` for one that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Such as `containerDefinitions[app].environment[RUST_LOG]`.
    pub path: String,
    /// Text as it is, all else as JSON, cut to 120 characters; `(not shown)` for a value that may be a secret.
    pub before: Option<String>,
    /// As `before`.
    pub after: Option<String>,
}

impl Change {
    /// Before and after for people; nothing at all of a value that is not shown and only changed.
    pub fn shown(&self) -> (Option<String>, Option<String>) {
        let hidden = |value: &Option<String>| value.as_deref() == Some(HIDDEN);
        if hidden(&self.before) && hidden(&self.after) {
            return (None, None);
        }
        (self.before.clone(), self.after.clone())
    }
}

/// What changes from `before` to `after`; nothing where ECS would treat them alike. Tags that `after` does not write
/// are not its business.
pub(super) fn changes(before: Option<&Normal>, after: &Normal) -> Vec<Change> {
    let mut before = before.map(|before| before.value().clone());
    let after = after.value();
    if let Some(before) = before.as_mut().and_then(Value::as_object_mut)
        && after.get("tags").is_none()
    {
        before.remove("tags");
    }
    let mut found = Vec::new();
    compare(&Place::default(), before.as_ref(), Some(after), &mut found);
    found
}

/// Where the comparison is: the path so far, the member's own name, and whether values here are nobody's business.
#[derive(Clone, Default)]
struct Place {
    path: String,
    name: String,
    hidden: bool,
}

impl Place {
    fn member(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, name: name.to_owned(), hidden: self.hidden || hides(name) }
    }

    fn element(&self, label: &str) -> Self {
        Self { path: format!("{}[{label}]", self.path), name: String::new(), hidden: self.hidden }
    }
}

/// Members whose values are left out: environment and secrets, and options of log drivers that carry a token.
fn hides(name: &str) -> bool {
    let lower = name.to_lowercase();
    matches!(name, "environment" | "secrets" | "secretOptions")
        || ["token", "password", "secret", "apikey", "api-key", "api_key"].iter().any(|word| lower.contains(word))
}

fn compare(place: &Place, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let either = after.or(before);
    // A named element of a hidden list is one line: that it is there, gone or changed, and no more.
    let whole = place.hidden && place.name.is_empty();
    match either {
        Some(Value::Object(_)) if !whole && both(before, after, Value::is_object) => {
            for name in union(names(before), names(after)) {
                let member = |value: Option<&'_ Value>| value.and_then(|value| value.get(&name)).cloned();
                compare(&place.member(&name), member(before).as_ref(), member(after).as_ref(), found);
            }
        }
        Some(Value::Array(_)) if both(before, after, Value::is_array) => {
            let named = (labels(&place.name, before), labels(&place.name, after));
            if let (Some(ours), Some(theirs)) = named {
                for label in union(ours.clone(), theirs.clone()) {
                    let of = |value: Option<&'_ Value>, labels: &[String]| {
                        let at = labels.iter().position(|it| *it == label)?;
                        value.and_then(|value| value.get(at)).cloned()
                    };
                    compare(&place.element(&label), of(before, &ours).as_ref(), of(after, &theirs).as_ref(), found);
                }
            } else if both(before, after, holds_objects) {
                let length = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
                for index in 0..length(before).max(length(after)) {
                    let element = |value: Option<&Value>| value.and_then(|value| value.get(index)).cloned();
                    let place = place.element(&index.to_string());
                    compare(&place, element(before).as_ref(), element(after).as_ref(), found);
                }
            } else {
                found.push(change(place, before, after));
            }
        }
        _ => found.push(change(place, before, after)),
    }
}

fn change(place: &Place, before: Option<&Value>, after: Option<&Value>) -> Change {
    let show = |value: &Value| {
        if place.hidden {
            return HIDDEN.to_owned();
        }
        let text = text_of(value);
        if text.chars().count() <= LONGEST {
            return text;
        }
        text.chars().take(LONGEST - 1).chain(['…']).collect()
    };
    Change { path: place.path.clone(), before: before.map(show), after: after.map(show) }
}

fn both(before: Option<&Value>, after: Option<&Value>, test: fn(&Value) -> bool) -> bool {
    before.is_none_or(test) && after.is_none_or(test)
}

fn holds_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|elements| elements.iter().all(Value::is_object))
}

fn names(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_object).map(|members| members.keys().cloned().gather()).unwrap_or_default()
}

/// What tells the elements apart, in their order; none where two are alike by it, or where nothing does.
fn labels(list: &str, value: Option<&Value>) -> Option<Vec<String>> {
    let elements = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let labels: Vec<String> = elements.iter().map(|element| label(list, element)).collect::<Option<_>>()?;
    let distinct = labels.iter().enumerate().all(|(at, label)| !labels[..at].contains(label));
    distinct.then_some(labels)
}

/// Those of `first` in their order, then the new ones of `second`.
fn union(first: Vec<String>, second: Vec<String>) -> Vec<String> {
    let mut all = first;
    for name in second {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let show = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        changes(Some(&Normal::of(before)), &Normal::of(after))
            .into_iter()
            .map(|Change { path, before, after }| format!("{path}: {} -> {}", show(before), show(after)))
            .collect()
    }

    #[test]
    fn each_member_that_differs_is_one_line_with_its_path() {
        let before = json!({ "family": "app", "cpu": "256", "containerDefinitions": [
            { "name": "app", "image": "a@1", "command": ["run"], "portMappings": [{ "containerPort": 80 }] }] });
        let after = json!({ "family": "app", "cpu": "512", "memory": "1024", "containerDefinitions": [
            { "name": "app", "image": "a@2", "command": ["run", "fast"],
              "portMappings": [{ "containerPort": 80, "name": "http" }, { "containerPort": 81 }] }] });
        assert_eq!(
            lines(&before, &after),
            [
                "cpu: 256 -> 512",
                "containerDefinitions[app].image: a@1 -> a@2",
                r#"containerDefinitions[app].command: ["run"] -> ["run","fast"]"#,
                "containerDefinitions[app].portMappings[80].name: - -> http",
                "containerDefinitions[app].portMappings[81].containerPort: - -> 81",
                "memory: - -> 1024",
            ]
        );
    }

    #[test]
    fn a_port_is_told_by_its_number_and_protocol() {
        let of = |mappings: Value| json!({ "containerDefinitions": [{ "name": "dns", "portMappings": mappings }] });
        let before = of(json!([{ "containerPort": 53, "protocol": "udp" }, { "containerPort": 53 },
                               { "containerPortRange": "8000-8010" }]));
        let after = of(json!([{ "containerPortRange": "8000-8010" }, { "containerPort": 53, "protocol": "tcp" },
                              { "containerPort": 53, "protocol": "udp", "name": "dns" },
                              { "containerPortRange": "9000-9010", "protocol": "udp" }]));
        assert_eq!(
            lines(&before, &after),
            [
                "containerDefinitions[dns].portMappings[53/udp].name: - -> dns",
                "containerDefinitions[dns].portMappings[9000-9010/udp].containerPortRange: - -> 9000-9010",
                "containerDefinitions[dns].portMappings[9000-9010/udp].protocol: - -> udp",
            ]
        );
    }

    #[test]
    fn values_of_environment_and_secrets_are_never_shown() {
        let before = json!({ "containerDefinitions": [{ "name": "app",
            "environment": [{ "name": "KEPT", "value": "k" }, { "name": "GONE", "value": "hunter2" },
                            { "name": "OTHER", "value": "hunter3" }],
            "secrets": [{ "name": "DB", "valueFrom": "arn:hunter4" }] }] });
        let after = json!({ "containerDefinitions": [{ "name": "app",
            "environment": [{ "name": "OTHER", "value": "hunter5" }, { "name": "KEPT", "value": "k" },
                            { "name": "NEW", "value": "hunter6" }],
            "secrets": [{ "name": "DB", "valueFrom": "arn:hunter7" }],
            "logConfiguration": { "logDriver": "splunk", "options": { "splunk-token": "hunter8" } } }] });
        let lines = lines(&before, &after);
        assert_eq!(
            lines,
            [
                "containerDefinitions[app].environment[GONE]: (not shown) -> -",
                "containerDefinitions[app].environment[OTHER]: (not shown) -> (not shown)",
                "containerDefinitions[app].environment[NEW]: - -> (not shown)",
                "containerDefinitions[app].secrets[DB]: (not shown) -> (not shown)",
                "containerDefinitions[app].logConfiguration.logDriver: - -> splunk",
                "containerDefinitions[app].logConfiguration.options.splunk-token: - -> (not shown)",
            ]
        );
    }

    #[test]
    fn a_whole_new_container_shows_no_secret_either() {
        let before = json!({ "containerDefinitions": [{ "name": "app" }] });
        let after = json!({ "containerDefinitions": [{ "name": "app" },
            { "name": "extra", "image": "x", "environment": [{ "name": "PASS", "value": "hunter2" },
                                                             { "name": "PASS", "value": "hunter3" }] }] });
        let lines = lines(&before, &after);
        assert!(!lines.concat().contains("hunter"), "{lines:?}");
        assert_eq!(lines[0], "containerDefinitions[extra].name: - -> extra");
    }

    #[test]
    fn tags_that_the_document_does_not_write_are_left_alone() {
        let live = json!({ "family": "app", "tags": [{ "key": "team", "value": "a" }] });
        assert_eq!(lines(&live, &json!({ "family": "app" })), [""; 0]);
        assert_eq!(
            lines(&live, &json!({ "family": "app", "tags": [{ "key": "team", "value": "b" }] })),
            ["tags[team].value: a -> b"]
        );
    }

    #[test]
    fn a_list_that_came_or_went_under_a_hidden_name_is_hidden_too() {
        let before = json!({ "environment": "hunter1" });
        let after = json!({ "environment": [{ "name": "A", "value": "hunter2" }] });
        assert!(!lines(&before, &after).concat().contains("hunter"));
    }
}
