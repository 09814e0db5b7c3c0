//! A lock on a service, as it is told of.

use serde::Serialize;

/// Who keeps others from deploying to a service. Times are `YYYY-MM-DDThh:mm:ssZ`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lock {
    /// How it came to be.
    pub kind: LockKind,
    /// The person or the CI job.
    pub by: String,
    /// May be empty.
    pub reason: String,
    /// Empty where it does not say.
    pub since: String,
    /// When it ends by itself; empty where it does not.
    pub until: String,
}

/// What a lock is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockKind {
    /// `cargo xtask lock`: nothing is to be changed.
    Hand,
    /// A deploy is under way.
    Deploy,
    /// A deploy ended otherwise than well, and somebody has to look.
    Failed,
}

impl LockKind {
    /// As JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Deploy => "deploy",
            Self::Failed => "failed",
        }
    }
}

impl Lock {
    /// For people: `locked by alice since 2026-11-27T12:00:00Z, until 2026-11-27T13:00:00Z: the database is moved`.
    pub fn sentence(&self) -> String {
        let Self { kind, by, reason, since, until } = self;
        let what = match kind {
            LockKind::Hand => format!("locked by {by}"),
            LockKind::Deploy => format!("locked by a deploy of {by}"),
            LockKind::Failed => format!("locked since a deploy of {by} failed"),
        };
        let since = if since.is_empty() { String::new() } else { format!(" since {since}") };
        let until = if until.is_empty() { String::new() } else { format!(", until {until}") };
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        match kind {
            LockKind::Failed => format!("{what}{}{until}{reason}", since.replacen(" since", " at", 1)),
            _ => format!("{what}{since}{until}{reason}"),
        }
    }
}
