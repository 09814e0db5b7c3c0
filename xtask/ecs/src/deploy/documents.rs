//! The documents of the services that are files, and what is looked up for them.

use super::{service_definition, task_definition};
use crate::aws::ecs::Document;
use crate::config::{Answers, Config, Service, TaskDefinitionSource};
use crate::event::{Event, Events};
use crate::failure::{Failure, Fault, Result};
use crate::gather::Gather as _;
use crate::lookup::Lookup;
use crate::sorted::{SortedMap, SortedSet};

/// What they look up.
pub(super) fn lookups(services: &[&Service]) -> SortedSet<Lookup> {
    let files = services.iter().flat_map(|service| task_definition::lookups_of(&service.task_definition));
    let definitions = services.iter().filter_map(|service| service.definition.as_ref());
    files.chain(definitions.flat_map(service_definition::lookups)).gather()
}

/// Tells what was looked up, and for which line. What is in a variable may be what its owner shows nobody.
fn announce(loaded: &task_definition::Loaded, answers: &Answers, events: &Events) {
    for filled in &loaded.filled {
        for lookup in filled.lookups.iter().filter(|lookup| lookup.source != "env") {
            let Some(Ok(value)) = answers.get(lookup) else { continue };
            let place =
                filled.place.as_ref().map_or_else(String::new, |place| format!(" at {}:{}", place.file, place.line));
            events.note("Looked up", format!("{lookup}{place}: {value}"));
        }
    }
}

/// The documents that are files, by service.
pub(super) fn read(
    (config, answers, stand_in): (&Config, &Answers, bool),
    services: &[&Service],
    events: &Events,
    problems: &mut Vec<Failure>,
) -> SortedMap<String, Document> {
    let mut documents = SortedMap::new();
    for service in services {
        let TaskDefinitionSource::File { file, overlay, kind } = &service.task_definition else { continue };
        let (overlay, root) = (overlay.as_deref(), &config.root);
        let read = if stand_in {
            task_definition::load_with_stand_ins((file, overlay), *kind, root)
        } else {
            task_definition::load((file, overlay), *kind, root, Some(answers))
        };
        match read {
            Ok(loaded) => {
                announce(&loaded, answers, events);
                for Fault { message, place, .. } in loaded.warnings {
                    events.emit(Event::Warning { message, place });
                }
                documents.insert(service.name.clone(), loaded.document);
            }
            Err(failure) => problems.push(failure),
        }
    }
    documents
}

/// What is wrong with the documents by what `ask` says of their lookups, for a configuration whose own have failed already.
pub(crate) fn unanswered(config: &Config, ask: &dyn Fn(&SortedSet<Lookup>) -> Result<Answers>) -> Vec<Failure> {
    let services: Vec<&Service> = config.services.values().gather();
    let Ok(answers) = ask(&lookups(&services)) else { return Vec::new() };
    let mut wrong = Vec::new();
    for service in services {
        // A file whose name is looked up is none yet.
        if let TaskDefinitionSource::File { file, overlay, kind } = &service.task_definition
            && file.exists()
        {
            wrong.extend(task_definition::load((file, overlay.as_deref()), *kind, &config.root, Some(&answers)).err());
        }
        if let Some(definition) = service.definition.as_ref().filter(|definition| definition.file.exists()) {
            wrong.extend(service_definition::read(config, definition, Some(&answers), false).err());
        }
    }
    wrong
}
