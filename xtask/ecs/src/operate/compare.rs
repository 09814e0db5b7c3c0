//! `cargo xtask diff --against ENVIRONMENT`: two environments side by side.

use serde::Serialize;

use crate::config::{Service, Setting, TaskDefinitionSource, services_named, toml_value};
use crate::context::{Context, environment};
use crate::deploy::render::{differences, render};
use crate::failure::Result;
use crate::gather::Gather as _;
use crate::sorted::{SortedMap, SortedSet};

/// A value that is not the same in both; absent where one of them has no such thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// A table of the configuration, or `task definition of SERVICE`.
    pub of: String,
    pub path: String,
    pub theirs: Option<String>,
    pub ours: Option<String>,
}

/// What the chosen environment has otherwise than `against`, for these services or all of them.
///
/// Fails (exit 2) where there is no such environment, and with the mistakes of either.
pub(crate) fn compare(context: &Context, against: &str, names: &[String]) -> Result<Vec<Difference>> {
    let ours = context.drafted()?;
    let theirs = environment(against)?;
    let mut found = settings(&theirs.origins.settings, &ours.origins.settings);
    for service in services_named(&ours.config, names)? {
        // What is somebody else's family is no document of this workspace.
        let is_file = |service: &Service| matches!(service.task_definition, TaskDefinitionSource::File { .. });
        let other = theirs.config.services.get(&service.name).filter(|other| is_file(other) && is_file(service));
        let Some(other) = other else { continue };
        let (before, after) = (render(&theirs, other, None)?, render(ours, service, None)?);
        let of = format!("task definition of {}", service.name);
        found.extend(differences(&before, &after).into_iter().map(|change| Difference {
            of: of.clone(),
            path: change.path,
            theirs: change.before,
            ours: change.after,
        }));
    }
    Ok(found)
}

fn settings(theirs: &[Setting], ours: &[Setting]) -> Vec<Difference> {
    let by_name = |all: &[Setting]| -> SortedMap<(String, String), String> {
        all.iter().map(|it| ((it.table.clone(), it.key.clone()), toml_value(&it.value))).gather()
    };
    let (before, after) = (by_name(theirs), by_name(ours));
    let mut names: Vec<_> = ours.iter().chain(theirs).map(|it| (it.table.clone(), it.key.clone())).gather();
    let mut seen = SortedSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let differ = names.into_iter().filter(|name| before.get(name) != after.get(name));
    differ
        .map(|name| Difference {
            theirs: before.get(&name).cloned(),
            ours: after.get(&name).cloned(),
            of: name.0,
            path: name.1,
        })
        .gather()
}
