//! `cargo xtask diff --against ENVIRONMENT`: two environments side by side.

use serde::Serialize;

use crate::config::{Service, Setting, TaskDefinitionSource, services_named, toml_value};
use crate::context::{Context, environment};
use crate::deploy::render::{Change, differences, render, service_differences};
use crate::failure::Result;
use crate::gather::Gather as _;
use crate::sorted::{SortedMap, SortedSet};

/// A value that is not the same in both; absent where one of them has no such thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// A table of the configuration, `service definition of SERVICE` or `task definition of SERVICE`.
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
        let Some(other) = theirs.config.services.get(&service.name) else { continue };
        let changes = service_differences((&theirs.config, other), (&ours.config, service))?;
        told(&mut found, &format!("service definition of {}", service.name), changes);
        // What is somebody else's family is no document of this workspace.
        let is_file = |service: &Service| matches!(service.task_definition, TaskDefinitionSource::File { .. });
        if !is_file(other) || !is_file(service) {
            continue;
        }
        let (before, after) = (render(&theirs, other, None)?, render(ours, service, None)?);
        told(&mut found, &format!("task definition of {}", service.name), differences(&before, &after));
    }
    Ok(found)
}

fn told(found: &mut Vec<Difference>, of: &str, changes: Vec<Change>) {
    for Change { path, before, after } in changes {
        found.push(Difference { of: of.to_owned(), path, theirs: before, ours: after });
    }
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
