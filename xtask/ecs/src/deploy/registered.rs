//! What one deploy has registered: a document is a revision once, however many services run it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::aws::ecs::PinnedDocument;
use crate::failure::Result;
use crate::sorted::SortedMap;

/// Documents that this deploy has registered, and the ARNs of their revisions, by family: services may share one, and ECS
/// takes one new revision of a family at a time.
#[derive(Default)]
pub(super) struct Registered(Mutex<SortedMap<String, Arc<Family>>>);

type Family = Mutex<Vec<(PinnedDocument, String)>>;

impl Registered {
    /// The revision of this document, and whether it was registered now.
    pub(super) fn revision(
        &self,
        document: &PinnedDocument,
        register: impl FnOnce() -> Result<String>,
    ) -> Result<(String, bool)> {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family = Arc::clone(families.or_default(document.asked_by()));
        drop(families);
        let mut known = family.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, revision)) = known.iter().find(|(known, _)| known == document) {
            return Ok((revision.clone(), false));
        }
        let revision = register()?;
        known.push((document.clone(), revision.clone()));
        Ok((revision, true))
    }
}
