//! Task definitions.

use serde_json::Value;

use crate::clock::Instant;
use crate::ecs::json::{list, text};

/// One revision of a task definition.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) family: String,
    pub(crate) revision: u64,
    /// The registered members, as ECS fills them in.
    pub(crate) document: Value,
    pub(crate) active: bool,
    pub(crate) registered_at: Instant,
    pub(crate) deregistered_at: Option<Instant>,
    pub(crate) registered_by: String,
}

impl Definition {
    /// The containers, in the order they were registered.
    pub(crate) fn containers(&self) -> &[Value] {
        list(&self.document, "containerDefinitions")
    }

    /// The container of this name.
    pub(crate) fn container(&self, name: &str) -> Option<&Value> {
        self.containers().iter().find(|container| text(container, "name") == Some(name))
    }

    /// Whether its tasks have a network interface of their own.
    pub(crate) fn is_awsvpc(&self) -> bool {
        text(&self.document, "networkMode") == Some("awsvpc")
    }
}
