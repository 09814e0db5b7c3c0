//! Where a container writes, and what was written.

use serde_json::Value;

use crate::clock::Instant;
use crate::ecs::json::text;

/// The log stream of a container whose driver is awslogs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    pub(crate) region: String,
    pub(crate) group: String,
    pub(crate) stream: String,
}

/// A line on its way to CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) sink: Sink,
    pub(crate) at: Instant,
    pub(crate) message: String,
}

impl Sink {
    /// Of a container definition; `region` is the task's own, `id` the container's runtime id.
    /// Source: Amazon ECS Developer Guide, "Send Amazon ECS logs to CloudWatch", awslogs log driver options.
    pub(crate) fn of(container: &Value, region: &str, task: &str, id: &str) -> Option<Self> {
        let configuration = &container["logConfiguration"];
        if configuration["logDriver"] != "awslogs" {
            return None;
        }
        let options = &configuration["options"];
        let stream = match text(options, "awslogs-stream-prefix") {
            Some(prefix) => format!("{prefix}/{}/{task}", text(container, "name").unwrap_or_default()),
            None => id.to_owned(),
        };
        Some(Self {
            region: text(options, "awslogs-region").unwrap_or(region).to_owned(),
            group: text(options, "awslogs-group")?.to_owned(),
            stream,
        })
    }
}
