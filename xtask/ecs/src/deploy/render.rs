//! A service's task definition as it would be registered, with its images by their tags, and where each member is from.

use serde::Serialize;
use serde_json::Value;

pub(crate) use super::diff::Change;
use super::diff::changes;
use super::normal::{Normal, label, text_of};
use super::task_definition::places::Places;
use super::{service_definition, task_definition};
use crate::config::{Config, DAEMON_FAMILY, Loaded, Service, TaskDefinitionSource};
use crate::failure::{Failure, Fault, Result};
use crate::gather::Gather;
use crate::sources::LookUps;

/// The document, and its members one by one.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub document: Value,
    pub members: Vec<Member>,
    /// What this tool does not know and ECS may.
    pub warnings: Vec<Fault>,
}

/// A value of the document; a list of plain values is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Member {
    /// Such as `containerDefinitions[app].environment[LOG].value`.
    pub path: String,
    pub value: Value,
    /// `FILE:LINE`; empty where nobody knows.
    pub origin: String,
}

/// Renders a service's own file. What a tag stands for is known to `deploy --plan`; lookups are asked for, or stay as
/// they are written where nobody is given to ask.
///
/// Fails (exit 2) where the file has mistakes, or where the task definition is a family of somebody else's.
pub(crate) fn render(loaded: &Loaded, service: &Service, look_up: Option<&dyn LookUps>) -> Result<Rendered> {
    let task_definition::Loaded { document, places, warnings, .. } = written(&loaded.config, service, look_up)?;
    let mut document = document.value().clone();
    let mut tagged = Vec::new();
    for container in document["containerDefinitions"].as_array_mut().into_iter().flatten() {
        let name = text_of(&container["name"]);
        let Some(image) = service.containers.get(&name) else { continue };
        let Some(reference) = loaded.config.images.get(image).map(|image| image.reference.to_string()) else {
            continue;
        };
        container["image"] = Value::String(reference);
        let origin = loaded.origins.of(&format!("images.{image}.tag")).map(ToString::to_string);
        tagged.push((format!("containerDefinitions[{name}].image"), origin.unwrap_or_default()));
    }
    let mut members = Vec::new();
    walk(&document, &Way::default(), &places, &mut members);
    for (path, origin) in tagged {
        if let Some(member) = members.iter_mut().find(|member| member.path == path) {
            member.origin = origin;
        }
    }
    Ok(Rendered { document, members, warnings })
}

/// A service's own document, where it has one.
pub(crate) fn render_service(config: &Config, service: &Service, look_up: &dyn LookUps) -> Result<Option<Value>> {
    let Some(definition) = &service.definition else { return Ok(None) };
    let answers = look_up.look_up(&service_definition::lookups(definition))?;
    Ok(Some(service_definition::read(config, definition, Some(&answers), false)?.document.value()))
}

/// What one service's own document has otherwise than another, as both are written; what only the other has comes last.
pub(crate) fn service_differences(before: (&Config, &Service), after: (&Config, &Service)) -> Result<Vec<Change>> {
    let members = |(config, service): (&Config, &Service)| -> Result<Vec<Member>> {
        let mut members = Vec::new();
        if let Some(definition) = &service.definition {
            let document = service_definition::read(config, definition, None, false)?.document.value();
            walk(&document, &Way::default(), &Places::default(), &mut members);
        }
        Ok(members)
    };
    let (before, after) = (members(before)?, members(after)?);
    let find = |all: &[Member], path: &str| all.iter().find(|it| it.path == path).map(|it| text_of(&it.value));
    let mut found = Vec::new();
    for member in after.iter().chain(&before) {
        let (before, after) = (find(&before, &member.path), find(&after, &member.path));
        if before != after && found.iter().all(|change: &Change| change.path != member.path) {
            found.push(Change { path: member.path.clone(), before, after });
        }
    }
    Ok(found)
}

/// What changes from one rendered document to another.
pub(crate) fn differences(before: &Rendered, after: &Rendered) -> Vec<Change> {
    changes(Some(&Normal::of(&before.document)), &Normal::of(&after.document))
}

/// The document that a configuration has a file of; `None` where the family is somebody else's.
pub(crate) fn document(config: &Config, source: &TaskDefinitionSource, look_up: &dyn LookUps) -> Result<Option<Value>> {
    let TaskDefinitionSource::File { file, overlay, kind } = source else { return Ok(None) };
    let answers = look_up.look_up(&task_definition::lookups_of(source))?;
    let loaded = task_definition::load((file, overlay.as_deref()), *kind, &config.root, Some(&answers))?;
    Ok(Some(loaded.document.value().clone()))
}

fn written(config: &Config, service: &Service, look_up: Option<&dyn LookUps>) -> Result<task_definition::Loaded> {
    match &service.task_definition {
        TaskDefinitionSource::File { file, overlay, kind } => {
            let overlay = overlay.as_deref();
            let answers = look_up.map(|it| it.look_up(&task_definition::lookups(file, overlay))).transpose()?;
            task_definition::load((file, overlay), *kind, &config.root, answers.as_ref())
        }
        TaskDefinitionSource::Family(family) => {
            let (option, family) = family
                .strip_prefix(DAEMON_FAMILY)
                .map_or(("task-definition", family.as_str()), |own| ("daemon-task-definition", own));
            Err(Failure::usage(format_args!(
                "the task definition of service {} is the family {family} in ECS, and no file of this workspace",
                service.name
            ))
            .help(format!("`aws ecs describe-{option} --{option} {family}` shows it")))
        }
    }
}

/// How a member is reached: its path, and the names and labels in it.
#[derive(Clone, Default)]
struct Way {
    path: String,
    steps: Vec<String>,
}

impl Way {
    fn member(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.to(path, name)
    }

    fn element(&self, label: &str) -> Self {
        self.to(format!("{}[{label}]", self.path), label)
    }

    fn to(&self, path: String, step: &str) -> Self {
        Self { path, steps: self.steps.iter().cloned().chain([step.to_owned()]).gather() }
    }
}

fn walk(value: &Value, way: &Way, places: &Places, members: &mut Vec<Member>) {
    match value {
        Value::Object(inside) if !inside.is_empty() => {
            for (name, value) in inside {
                walk(value, &way.member(name), places, members);
            }
        }
        Value::Array(elements) if elements.iter().any(Value::is_object) => {
            for (index, element) in elements.iter().enumerate() {
                let told = way.steps.last().and_then(|name| label(name, element));
                walk(element, &way.element(&told.unwrap_or_else(|| index.to_string())), places, members);
            }
        }
        value => {
            let origin = places.find(&way.steps).map(|place| format!("{}:{}", place.file, place.line));
            let origin = origin.unwrap_or_default();
            members.push(Member { path: way.path.clone(), value: value.clone(), origin });
        }
    }
}
