//! Images and services by the names on the command line.

use super::diagnostic::suggestion;
use super::model::{Config, Image, Service, Task};
use crate::failure::{Ending, Failure, Fault, Result};
use crate::gather::Gather;
use std::collections::BTreeMap;

/// The images of these names, in the order asked for and each once; all of them for no name.
/// [`Ending::Usage`] where a name is unknown or no image is configured.
pub fn images_named<'a>(config: &'a Config, names: &[String]) -> Result<Vec<&'a Image>> {
    named(&config.images, names, "image")
}

/// The services of these names, in the order asked for and each once; all of them for no name.
/// [`Ending::Usage`] where a name is unknown or no service is configured.
pub fn services_named<'a>(config: &'a Config, names: &[String]) -> Result<Vec<&'a Service>> {
    named(&config.services, names, "service")
}

/// The task of this name. [`Ending::Usage`] where there is none.
pub fn task_named<'a>(config: &'a Config, name: &str) -> Result<&'a Task> {
    Ok(named(&config.tasks, &[name.to_owned()], "task")?[0])
}

fn named<'a, T>(known: &'a BTreeMap<String, T>, names: &[String], what: &str) -> Result<Vec<&'a T>> {
    if known.is_empty() {
        return Err(Failure::new(Ending::Usage, format_args!("no {what} is configured"))
            .help(format!("describe one in Cargo.toml, under `[workspace.metadata.xtask.{what}s.NAME]`")));
    }
    if names.is_empty() {
        return Ok(known.values().gather());
    }
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for (position, name) in names.iter().enumerate() {
        if let Some(value) = known.get(name) {
            if !names[..position].contains(name) {
                found.push(value);
            }
        } else {
            let hint = suggestion(name, known.keys().map(String::as_str), &format!("the {what}s"));
            let message = format!("no {what} is named `{}`", name.escape_debug());
            unknown.push(Fault { message, help: vec![hint], ..Fault::default() });
        }
    }
    if !unknown.is_empty() {
        return Err(Failure::of_faults(Ending::Usage, unknown, |count| format!("{count} {what}s are unknown")));
    }
    Ok(found)
}
