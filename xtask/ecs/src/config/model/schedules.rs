//! A task that somebody else's clock starts.

/// An entry under `schedules`.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The key under `schedules`, which is the name in EventBridge.
    pub name: String,
    /// The task, a key of `tasks`.
    pub task: String,
    /// Such as `rate(1 hour)`.
    pub expression: String,
    /// In which the expression is meant; UTC by default.
    pub timezone: Option<String>,
    /// Who watches the clock; EventBridge Scheduler by default.
    pub target: Clockwork,
    /// The role that starts the task, where the schedule is made.
    pub role: Option<String>,
}

/// What starts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clockwork {
    /// A schedule of EventBridge Scheduler.
    #[default]
    Scheduler,
    /// A rule of EventBridge.
    Rule,
}

impl Clockwork {
    /// As people call one of its kind.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Scheduler => "schedule",
            Self::Rule => "rule",
        }
    }
}
