//! Service deployments: a rollout as clients follow it.

use serde_json::Value;

use super::behaviour::Trouble;
use super::shift::Shift;
use crate::clock::Instant;
use crate::ecs::json::texts;

/// The status of a service deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    Pending,
    Ongoing,
    StopRequested,
    RollbackRequested,
    RollingBack,
    Successful,
    Stopped,
    RollbackSuccessful,
    RollbackFailed,
}

impl Progress {
    pub(crate) const FINAL: [Self; 4] =
        [Self::Successful, Self::Stopped, Self::RollbackSuccessful, Self::RollbackFailed];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ongoing => "IN_PROGRESS",
            Self::StopRequested => "STOP_REQUESTED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollingBack => "ROLLBACK_IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    pub(crate) fn is_final(self) -> bool {
        Self::FINAL.contains(&self)
    }
}

/// A rollback within a service deployment.
#[derive(Clone, Debug)]
pub(crate) struct Rollback {
    pub(crate) reason: String,
    pub(crate) started_at: Instant,
    /// Index into the service's revisions.
    pub(crate) revision: usize,
}

/// What the revisions of a rollout had when it ended.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) sources: Vec<Value>,
    pub(crate) target: Value,
}

/// A service deployment.
#[derive(Clone, Debug)]
pub(crate) struct Rollout {
    pub(crate) arn: String,
    pub(crate) progress: Progress,
    pub(crate) reason: Option<String>,
    pub(crate) sources: Vec<usize>,
    pub(crate) target: usize,
    pub(crate) rollback: Option<Rollback>,
    pub(crate) configuration: Value,
    /// The breaker: whether it is on, failed tasks so far, how many trip it, whether they did.
    pub(crate) breaker: bool,
    pub(crate) failures: u64,
    pub(crate) threshold: u64,
    pub(crate) tripped: bool,
    /// Where the traffic is; None where none is shifted.
    pub(crate) shift: Option<Shift>,
    pub(crate) troubles: Vec<Trouble>,
    /// Alarms that went off.
    pub(crate) triggered: Vec<String>,
    /// The task counts of its revisions when it was successful before it had settled.
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) created_at: Instant,
    pub(crate) started_at: Option<Instant>,
    pub(crate) finished_at: Option<Instant>,
    pub(crate) stopped_at: Option<Instant>,
    pub(crate) updated_at: Instant,
}

impl Rollout {
    /// The alarms that watch it, and whether one of them takes it back; None where none do.
    pub(crate) fn alarms(&self) -> Option<(Vec<&str>, bool)> {
        let alarms = &self.configuration["alarms"];
        (alarms["enable"] == true).then(|| (texts(alarms, "alarmNames"), alarms["rollback"] == true))
    }

    /// Milliseconds that a rolling deployment is watched by its alarms once it has what it wants.
    pub(crate) fn watched(&self) -> u64 {
        let minutes = self.configuration["bakeTimeInMinutes"].as_u64().unwrap_or(0);
        if self.alarms().is_some() { minutes * 60_000 } else { 0 }
    }

    /// Ends it, unless it has ended.
    pub(crate) fn finish(&mut self, progress: Progress, reason: Option<&str>, at: Instant) {
        if self.progress.is_final() {
            return;
        }
        self.progress = progress;
        if let Some(reason) = reason {
            self.reason = Some(reason.to_owned());
        }
        self.finished_at = Some(at);
        if progress == Progress::Stopped {
            self.stopped_at = Some(at);
        }
        self.updated_at = at;
    }
}
