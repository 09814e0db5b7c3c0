//! Containers that run in earnest: what somebody outside is asked to do for them, and what is told of them.

use serde_json::Value;

/// What is asked of whoever runs containers.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Start(Box<Launch>),
    /// The task's containers get SIGTERM, and SIGKILL later.
    Stop {
        task: String,
    },
}

/// A container to be started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The id of its task; the containers of one share a network.
    pub(crate) task: String,
    pub(crate) name: String,
    /// The image as it was asked for.
    pub(crate) image: String,
    /// Of the image's manifest.
    pub(crate) digest: String,
    /// Its container definition.
    pub(crate) definition: Value,
    /// The member of `containerOverrides` that is its own.
    pub(crate) overrides: Value,
    /// The task's memory limit, where it has one.
    pub(crate) memory: Option<String>,
}

/// What is told of a container.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// Lines.
    Wrote(Vec<String>),
    /// Its program ended, and why where that was not its own doing.
    Ended { code: i32, reason: Option<String> },
    /// What its health command and its ports say by now.
    Healthy(bool),
    /// It was not started; the reason is ECS's word for it and what was said.
    NotStarted(String),
}
