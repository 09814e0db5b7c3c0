//! The task definition document: read, checked, and its images pinned. Always plain JSON, so that a member newer
//! than this tool is kept.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::aws::ecs::{Oddity, OddityKind, oddities};
use crate::failure::{Ending, Failure, Fault, Place, Result};
use crate::reference::Pinned;

/// What DescribeTaskDefinition adds and RegisterTaskDefinition does not take.
/// Source: Amazon ECS API Reference, TaskDefinition beside RegisterTaskDefinition.
const READ_ONLY: [&str; 8] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "deregisteredAt",
    "registeredBy",
];

/// A document from a file, and what is odd about it without being wrong.
#[derive(Debug)]
pub struct Loaded {
    pub document: Value,
    /// Members that this tool does not know and ECS may.
    pub warnings: Vec<Fault>,
}

/// Reads a task definition file. `name` is the path that messages say, relative to the workspace.
pub fn load(file: &Path, name: &str) -> Result<Loaded> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format_args!("could not read the task definition {name}: {error}")))?;
    parse(&text, name)
}

/// Every problem of the file in one [`Ending::Usage`], each with file, line and column where it has one.
fn parse(text: &str, name: &str) -> Result<Loaded> {
    let document: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or_default();
        invalid(vec![at(name, Some((line, column)), format!("not valid JSON: {what}"))], name)
    })?;
    let document = strip_read_only(unwrap_description(document));
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    if !document.is_object() {
        return Err(invalid(vec![at(name, Some((1, 1)), "a task definition is a JSON object".to_owned())], name));
    }
    if family(&document).is_empty() {
        problems.push(at(name, None, "the task definition has no `family`".to_owned()));
    }
    if containers(&document).is_empty() {
        let message = "the task definition has no `containerDefinitions` with a `name` each";
        problems.push(at(name, None, message.to_owned()));
    }
    for Oddity { path, member, kind } in oddities(&document) {
        let place = place_of(text, &member);
        match kind {
            OddityKind::Typo { nearest } => {
                let fault = at(name, place, format!("unknown member `{path}`"));
                problems.push(Fault { help: vec![format!("`{nearest}` is the nearest that ECS knows")], ..fault });
            }
            OddityKind::Type { wanted, found } => {
                problems.push(at(name, place, format!("`{path}` is {found}; ECS takes {wanted} there")));
            }
            OddityKind::Unknown => warnings.push(at(
                name,
                place,
                format!("this tool does not know the member `{path}`; it is sent to ECS as it is written"),
            )),
        }
    }
    if problems.is_empty() { Ok(Loaded { document, warnings }) } else { Err(invalid(problems, name)) }
}

fn invalid(faults: Vec<Fault>, name: &str) -> Failure {
    Failure::of_faults(Ending::Usage, faults, |count| format!("{name} has {count} faults"))
}

/// A fault at line and column, or where in the file is not known.
fn at(name: &str, place: Option<(usize, usize)>, message: String) -> Fault {
    let message = if place.is_some() { message } else { format!("{name}: {message}") };
    let place = place.map(|(line, column)| Place { file: name.to_owned(), line, column });
    Fault { message, place, ..Fault::default() }
}

/// `aws ecs describe-task-definition` wraps what people save as their file.
fn unwrap_description(mut document: Value) -> Value {
    let Some(object) = document.as_object_mut() else { return document };
    if object.contains_key("containerDefinitions") || !object.get("taskDefinition").is_some_and(Value::is_object) {
        return document;
    }
    let tags = object.remove("tags").filter(|tags| tags.as_array().is_some_and(|tags| !tags.is_empty()));
    let mut inner = object.remove("taskDefinition").unwrap_or_default();
    if let (Some(inner), Some(tags)) = (inner.as_object_mut(), tags) {
        inner.insert("tags".to_owned(), tags);
    }
    inner
}

/// The document without the members that only ECS writes, nor the tags that only AWS may.
pub fn strip_read_only(mut document: Value) -> Value {
    if let Some(object) = document.as_object_mut() {
        object.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        if let Some(tags) = object.get_mut("tags").and_then(Value::as_array_mut) {
            tags.retain(|tag| !tag["key"].as_str().is_some_and(|key| key.to_lowercase().starts_with("aws:")));
            if tags.is_empty() {
                object.remove("tags");
            }
        }
    }
    document
}

/// The document's `family`; empty where it has none.
pub fn family(document: &Value) -> &str {
    document["family"].as_str().unwrap_or_default()
}

/// The names of the document's containers.
pub fn containers(document: &Value) -> Vec<&str> {
    let definitions = document["containerDefinitions"].as_array();
    definitions.into_iter().flatten().filter_map(|container| container["name"].as_str()).collect()
}

/// Puts the pinned reference of each named container in the place of its image. The error names the containers
/// that are not in the document, and those that are.
pub fn pin(document: &mut Value, images: &BTreeMap<String, Pinned>) -> Result<(), String> {
    let there = containers(document).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let missing: Vec<_> = images.keys().filter(|container| !there.contains(container)).cloned().collect();
    if !missing.is_empty() {
        return Err(missing_containers(&missing, &there));
    }
    for definition in document["containerDefinitions"].as_array_mut().into_iter().flatten() {
        let pinned = definition["name"].as_str().and_then(|name| images.get(name)).map(ToString::to_string);
        if let (Some(pinned), Some(definition)) = (pinned, definition.as_object_mut()) {
            definition.insert("image".to_owned(), Value::String(pinned));
        }
    }
    Ok(())
}

fn missing_containers(missing: &[String], there: &[String]) -> String {
    let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (noun, verb) = if missing.len() == 1 { ("container", "is") } else { ("containers", "are") };
    format!("the {noun} {} {verb} not in the task definition; it has {}", quoted(missing), quoted(there))
}

/// Line and column, from 1, of a member's name where the text holds it once.
fn place_of(text: &str, member: &str) -> Option<(usize, usize)> {
    let quoted = serde_json::to_string(member).ok()?;
    let mut places =
        text.match_indices(&quoted).filter(|(at, _)| text[at + quoted.len()..].trim_start().starts_with(':'));
    let (at, _) = places.next()?;
    if places.next().is_some() {
        return None;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::digest::Digest;

    fn pinned() -> Pinned {
        Pinned {
            registry: "registry.example".into(),
            repository: "sample/app".parse().unwrap(),
            digest: Digest::of(b"manifest"),
        }
    }

    fn message(text: &str) -> String {
        parse(text, "app/ecs/task-definition.json").unwrap_err().to_string()
    }

    #[test]
    fn a_syntax_error_says_file_line_and_column() {
        let text = message("{\n  \"family\": \"app\",\n  \"cpu\": oops\n}");
        assert_eq!(text, "app/ecs/task-definition.json:3:10: not valid JSON: expected value");
    }

    #[test]
    fn every_problem_is_in_one_failure_with_its_place() {
        let text = message(
            "{\n  \"cpu\": 256,\n  \"containerDefinitions\": [\n    { \"name\": \"app\", \"enviroment\": [] }\n  ]\n}",
        );
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "app/ecs/task-definition.json has 3 faults:",
                "- app/ecs/task-definition.json: the task definition has no `family`",
                "- app/ecs/task-definition.json:2:3: `cpu` is a number; ECS takes a string there",
                "- app/ecs/task-definition.json:4:22: unknown member `containerDefinitions[app].enviroment`",
                "  `environment` is the nearest that ECS knows",
            ]
        );
    }

    #[test]
    fn a_member_of_the_future_is_kept_with_a_warning() {
        let text = r#"{ "family": "app", "containerDefinitions": [{ "name": "app" }], "futureField": 1 }"#;
        let loaded = parse(text, "td.json").unwrap();
        assert_eq!(loaded.document["futureField"], 1);
        assert_eq!(
            loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["td.json:1:65: this tool does not know the member `futureField`; it is sent to ECS as it is written"]
        );
    }

    #[test]
    fn what_describe_task_definition_printed_is_a_good_file() {
        let text = r#"{ "taskDefinition": { "taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/app:7", "revision": 7,
            "status": "ACTIVE", "registeredBy": "arn:x", "registeredAt": 1.5, "compatibilities": ["EC2"],
            "requiresAttributes": [{ "name": "x" }], "family": "app", "containerDefinitions": [{ "name": "app" }] },
            "tags": [{ "key": "team", "value": "a" }, { "key": "aws:cloudformation:stack-name", "value": "s" }] }"#;
        let loaded = parse(text, "td.json").unwrap();
        assert_eq!(
            loaded.document,
            json!({ "family": "app", "containerDefinitions": [{ "name": "app" }],
                    "tags": [{ "key": "team", "value": "a" }] })
        );
        assert_eq!(loaded.warnings, []);
    }

    #[test]
    fn only_the_named_containers_get_a_pinned_image() {
        let mut document = json!({ "containerDefinitions": [
            { "name": "app", "image": "app:old" }, { "name": "sidecar", "image": "envoy:v1" }] });
        pin(&mut document, &BTreeMap::from([("app".to_owned(), pinned())])).unwrap();
        assert_eq!(document["containerDefinitions"][0]["image"], pinned().to_string());
        assert_eq!(document["containerDefinitions"][1]["image"], "envoy:v1");
    }

    #[test]
    fn a_container_that_is_not_there_is_named_beside_those_that_are() {
        let mut document = json!({ "containerDefinitions": [{ "name": "web" }, { "name": "sidecar" }] });
        let error = pin(&mut document, &BTreeMap::from([("app".to_owned(), pinned())])).unwrap_err();
        assert_eq!(error, "the container `app` is not in the task definition; it has `web`, `sidecar`");
        assert_eq!(document["containerDefinitions"][0].get("image"), None);
    }
}
