//! The task definition's file: read, and everything wrong with it at its place.

pub(super) mod doubts;
mod json;

use std::path::Path;

use serde_json::Value;

use crate::aws::ecs::{Document, Flaw, Oddity, OddityKind};
use crate::failure::{Ending, Failure, Fault, Place, Result};

/// A document from a file, and what is odd about it without being wrong.
#[derive(Debug)]
pub(super) struct Loaded {
    pub document: Document,
    /// Members that this tool does not know and ECS may, and empty ones that are left out.
    pub warnings: Vec<Fault>,
}

/// Reads a task definition file. `name` is the path that messages say, relative to the workspace.
pub(super) fn load(file: &Path, name: &str) -> Result<Loaded> {
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::usage(format_args!("could not read the task definition {name}: {error}")))?;
    parse(&json::text(bytes).map_err(|flaw| unreadable(flaw, name))?, name)
}

/// Every problem of the file in one [`Ending::Usage`], each with file, line and column where it has one.
fn parse(text: &str, name: &str) -> Result<Loaded> {
    let document = unwrap_description(json::parse(text).map_err(|flaw| unreadable(flaw, name))?);
    let mut faults: Vec<Fault> = doubts::twice(&document).into_iter().map(|problem| at(name, None, problem)).collect();
    let (document, odd) = match Document::written(document) {
        Ok(written) if faults.is_empty() => written,
        written => {
            faults.extend(written.err().into_iter().flatten().map(|flaw| fault(text, name, flaw)));
            return Err(invalid(faults, name));
        }
    };
    let warning = |Oddity { path, member, kind }: &Oddity| {
        let message = if *kind == OddityKind::LeftOut {
            format!("`{path}` is empty, which says as much as leaving it out; it is left out")
        } else {
            format!("this tool does not know the member `{path}`; it is sent to ECS as it is written")
        };
        at(name, place_of(text, member), message)
    };
    Ok(Loaded { document, warnings: odd.iter().map(warning).collect() })
}

fn fault(text: &str, name: &str, flaw: Flaw) -> Fault {
    match flaw {
        Flaw::NoObject => at(name, Some((1, 1)), "a task definition is a JSON object".to_owned()),
        Flaw::NoFamily => at(name, None, "the task definition has no `family`".to_owned()),
        Flaw::NoContainers => {
            let message = "the task definition has no `containerDefinitions` with a `name` each";
            at(name, None, message.to_owned())
        }
        Flaw::Odd(Oddity { path, member, kind }) => {
            let at = |message| at(name, place_of(text, &member), message);
            match kind {
                OddityKind::Typo { nearest } => Fault {
                    help: vec![format!("`{nearest}` is the nearest that ECS knows")],
                    ..at(format!("unknown member `{path}`"))
                },
                OddityKind::Type { wanted, found } => at(format!("`{path}` is {found}; ECS takes {wanted} there")),
                OddityKind::Empty | OddityKind::LeftOut => Fault {
                    help: vec!["write what it is to be, or leave out what it belongs to".to_owned()],
                    ..at(format!("`{path}` is empty; ECS wants something there"))
                },
                OddityKind::Unknown => at(format!("unknown member `{path}`")),
            }
        }
    }
}

fn unreadable(flaw: json::Flaw, name: &str) -> Failure {
    invalid(vec![at(name, Some(flaw.place), flaw.message)], name)
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

/// Line and column, from 1, of a member's name where the text holds it once.
fn place_of(text: &str, member: &str) -> Option<(usize, usize)> {
    let quoted = serde_json::to_string(member).ok()?;
    let mut places =
        text.match_indices(&quoted).filter(|(at, _)| text[at + quoted.len()..].trim_start().starts_with(':'));
    let (at, _) = places.next()?;
    if places.next().is_some() {
        return None;
    }
    Some(json::place(text, at))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

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
        assert_eq!(loaded.document.value()["futureField"], 1);
        assert_eq!(
            loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["td.json:1:65: this tool does not know the member `futureField`; it is sent to ECS as it is written"]
        );
    }

    #[test]
    fn what_is_empty_and_means_nothing_is_left_out_with_a_warning() {
        let text = r#"{ "family": "app", "pidMode": "", "containerDefinitions": [{ "name": "app", "user": "",
            "portMappings": [{ "containerPort": 80, "protocol": "" }], "command": ["sh", ""],
            "environment": [{ "name": "A", "value": "" }], "dockerLabels": { "user": "" } }],
            "volumes": [{ "name": "v", "host": { "sourcePath": "" } }] }"#;
        let loaded = parse(text, "td.json").unwrap();
        assert_eq!(
            *loaded.document.value(),
            json!({ "family": "app", "containerDefinitions": [{ "name": "app",
                    "portMappings": [{ "containerPort": 80 }], "command": ["sh", ""],
                    "environment": [{ "name": "A", "value": "" }], "dockerLabels": { "user": "" } }],
                    "volumes": [{ "name": "v", "host": {} }] })
        );
        let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings[0],
            "td.json:1:20: `pidMode` is empty, which says as much as leaving it out; it is left out"
        );
        let rest: Vec<_> = warnings[1..].iter().map(|it| it.split('`').nth(1).unwrap()).collect();
        assert_eq!(
            rest,
            [
                "containerDefinitions[app].user",
                "containerDefinitions[app].portMappings[0].protocol",
                "volumes[v].host.sourcePath"
            ]
        );
    }

    #[test]
    fn what_is_empty_and_ought_not_to_be_is_a_fault_at_its_place() {
        let text = message(
            "{ \"family\": \"app\", \"containerDefinitions\": [{ \"name\": \"app\",\n  \"image\": \"\",\n  \
             \"repositoryCredentials\": { \"credentialsParameter\": \"\" } }] }",
        );
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[1].ends_with(":2:3: `containerDefinitions[app].image` is empty; ECS wants something there"),
            "{text}"
        );
        assert!(
            lines[3].contains("`containerDefinitions[app].repositoryCredentials.credentialsParameter` is empty"),
            "{text}"
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
            *loaded.document.value(),
            json!({ "family": "app", "containerDefinitions": [{ "name": "app" }],
                    "tags": [{ "key": "team", "value": "a" }] })
        );
        assert_eq!(loaded.warnings, []);
    }
}
