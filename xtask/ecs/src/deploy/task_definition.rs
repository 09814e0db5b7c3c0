//! The task definition's file: read, and everything wrong with it at its place.

pub(super) mod doubts;
pub(super) mod fill;
mod json;
pub(super) mod overlay;
pub(super) mod places;

use std::path::Path;

use serde_json::Value;

use fill::Filled;
use places::Places;

use crate::aws::ecs::{Document, Flaw, Oddity, OddityKind};
use crate::config::{Answers, Kind, TaskDefinitionSource};
use crate::failure::{Ending, Failure, Fault, Place, Result};
use crate::gather::Gather as _;
use crate::lookup::Lookup;
use crate::sorted::SortedSet;
use crate::sources::{LookUps, StandIns};

/// A document from a file, and what is odd about it without being wrong.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub document: Document,
    /// Members that this tool does not know and ECS may, and empty ones that are left out.
    pub warnings: Vec<Fault>,
    /// Where each member is written.
    pub places: Places,
    /// What was looked up.
    pub filled: Vec<Filled>,
}

/// The lookups of a task definition that is a file; a family of somebody else's has none.
pub(crate) fn lookups_of(source: &TaskDefinitionSource) -> SortedSet<Lookup> {
    match source {
        TaskDefinitionSource::File { file, overlay, .. } => lookups(file, overlay.as_deref()),
        TaskDefinitionSource::Family(_) => SortedSet::new(),
    }
}

/// The lookups of a document's file and of what an environment lays over it; none of a file that cannot be read,
/// which [`load`] tells of.
pub(crate) fn lookups(file: &Path, overlay: Option<&Path>) -> SortedSet<Lookup> {
    let files = [Some(file), overlay].into_iter().flatten();
    let texts = files.filter_map(|file| Text::read(file, String::new(), "").ok());
    texts.flat_map(|text| fill::lookups(&text.document)).gather()
}

/// Reads a task definition file and what an environment lays over it, with these values for its lookups; without any,
/// they stay as they are written. Messages say paths relative to `root`.
///
/// Every problem is in one failure, with file, line and column where it has one.
pub(crate) fn load(
    (file, overlay): (&Path, Option<&Path>),
    kind: Kind,
    root: &Path,
    answers: Option<&Answers>,
) -> Result<Loaded> {
    read((file, overlay), kind, root, answers.map(|answers| (answers, false)))
}

/// The same where names stand in for what was looked up.
pub(crate) fn load_with_stand_ins((file, overlay): (&Path, Option<&Path>), kind: Kind, root: &Path) -> Result<Loaded> {
    let answers = StandIns.look_up(&lookups(file, overlay))?;
    read((file, overlay), kind, root, Some((&answers, true)))
}

fn read(
    (file, overlay): (&Path, Option<&Path>),
    kind: Kind,
    root: &Path,
    answers: Option<(&Answers, bool)>,
) -> Result<Loaded> {
    let name = |file: &Path| file.strip_prefix(root).unwrap_or(file).display().to_string();
    let base = Text::read(file, name(file), "task definition")?;
    let over = overlay.map(|file| Text::read(file, name(file), "overlay")).transpose()?;
    parse(base, over, kind, answers)
}

/// A file's text, what it holds, and where.
pub(super) struct Text {
    pub name: String,
    pub document: Value,
    pub places: Places,
}

impl Text {
    pub(super) fn read(file: &Path, name: String, what: &str) -> Result<Self> {
        let bytes = std::fs::read(file)
            .map_err(|error| Failure::usage(format_args!("could not read the {what} {name}: {error}")))?;
        let text = json::text(bytes).map_err(|flaw| unreadable(flaw, &name))?;
        Self::of(&text, name)
    }

    fn of(text: &str, name: String) -> Result<Self> {
        let document = json::parse(text).map_err(|flaw| unreadable(flaw, &name))?;
        let places = Places::of(text, &name, &document);
        let (document, places) = unwrap_description(document, places);
        Ok(Self { name, document, places })
    }
}

fn parse(base: Text, over: Option<Text>, kind: Kind, answers: Option<(&Answers, bool)>) -> Result<Loaded> {
    let Text { name, mut document, mut places } = base;
    let name = &name;
    if let Some(over) = over {
        let wrong = overlay::lay_over(&mut document, &over.document).err().unwrap_or_default();
        let wrong = wrong.into_iter().map(|(path, what)| at(&over.name, over.places.get(&path), what));
        let misspelt = Document::misspelt_in(&over.document, kind).into_iter().map(Flaw::Odd);
        let faults: Vec<_> = wrong.chain(misspelt.map(|flaw| fault(&over.places, &over.name, flaw))).gather();
        if !faults.is_empty() {
            return Err(invalid(faults, &over.name));
        }
        places.lay_over(over.places);
    }
    let filled = answers.map_or(Ok(Vec::new()), |(answers, _)| fill::fill(&mut document, &places, answers));
    let filled = filled.map_err(Failure::together)?;
    let stand_in = answers.is_some_and(|(_, stand_in)| stand_in);
    if stand_in {
        fill::size(&mut document, &filled);
    }
    if let (false, Err(flaws)) = (filled.is_empty(), Document::written(document.clone(), kind)) {
        fill::fit(&mut document, &filled, &flaws, stand_in);
    }
    let mut faults: Vec<Fault> = doubts::twice(&document).into_iter().map(|problem| at(name, None, problem)).gather();
    let (document, odd) = match Document::written(document, kind) {
        Ok(written) if faults.is_empty() => written,
        written => {
            faults.extend(written.err().into_iter().flatten().map(|flaw| fault(&places, name, flaw)));
            return Err(invalid(faults, name));
        }
    };
    let warning = |Oddity { path, kind, .. }: &Oddity| {
        let message = if *kind == OddityKind::LeftOut {
            format!("`{path}` is empty, which says as much as leaving it out; it is left out")
        } else {
            format!("this tool does not know the member `{path}`; it is sent to ECS as it is written")
        };
        at(name, places.get(path), message)
    };
    Ok(Loaded { document, warnings: odd.iter().map(warning).gather(), places, filled })
}

pub(super) fn fault(places: &Places, name: &str, flaw: Flaw) -> Fault {
    match flaw {
        Flaw::NoObject => {
            let start = Place { file: name.to_owned(), line: 1, column: 1 };
            at(name, Some(start), "a definition is a JSON object".to_owned())
        }
        Flaw::NoFamily => at(name, None, "the task definition has no `family`".to_owned()),
        Flaw::NoContainers => {
            let message = "the task definition has no `containerDefinitions` with a `name` each";
            at(name, None, message.to_owned())
        }
        Flaw::Ours(member) => Fault {
            help: vec!["leave it out: the configuration says it, or what is deployed".to_owned()],
            ..at(name, places.get(&member), format!("`{member}` is no setting of the service's own"))
        },
        Flaw::NotOfDaemons(path) => Fault {
            help: vec!["leave it out".to_owned()],
            ..at(name, places.get(&path), format!("ECS takes no `{path}` in the task definition of a daemon"))
        },
        Flaw::Odd(Oddity { path, kind, .. }) => {
            let at = |message| at(name, places.get(&path), message);
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
    let (line, column) = flaw.place;
    invalid(vec![at(name, Some(Place { file: name.to_owned(), line, column }), flaw.message)], name)
}

pub(super) fn invalid(faults: Vec<Fault>, name: &str) -> Failure {
    Failure::of_faults(Ending::Usage, faults, |count| format!("{name} has {count} faults"))
}

/// A fault at line and column, or where in the file is not known.
pub(super) fn at(name: &str, place: Option<Place>, message: String) -> Fault {
    let message = if place.is_some() { message } else { format!("{name}: {message}") };
    Fault { message, place, ..Fault::default() }
}

/// `aws ecs describe-task-definition` wraps what people save as their file.
fn unwrap_description(mut document: Value, places: Places) -> (Value, Places) {
    let Some(object) = document.as_object_mut() else { return (document, places) };
    if object.contains_key("containerDefinitions") || !object.get("taskDefinition").is_some_and(Value::is_object) {
        return (document, places);
    }
    let tags = object.remove("tags").filter(|tags| tags.as_array().is_some_and(|tags| !tags.is_empty()));
    let mut inner = object.remove("taskDefinition").unwrap_or_default();
    if let (Some(inner), Some(tags)) = (inner.as_object_mut(), tags) {
        inner.insert("tags".to_owned(), tags);
    }
    (inner, places.within("taskDefinition"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn read(text: &str, name: &str) -> Result<Loaded> {
        parse(Text::of(text, name.to_owned())?, None, Kind::Service, None)
    }

    fn message(text: &str) -> String {
        read(text, "app/ecs/task-definition.json").unwrap_err().to_string()
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
        let loaded = read(text, "td.json").unwrap();
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
        let loaded = read(text, "td.json").unwrap();
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
        let loaded = read(text, "td.json").unwrap();
        assert_eq!(
            *loaded.document.value(),
            json!({ "family": "app", "containerDefinitions": [{ "name": "app" }],
                    "tags": [{ "key": "team", "value": "a" }] })
        );
        assert_eq!(loaded.warnings, []);
    }
}
