//! Service deployments: a rollout as clients follow it.

use serde_json::Value;

use crate::clock::Instant;

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
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
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
    pub(crate) created_at: Instant,
    pub(crate) started_at: Option<Instant>,
    pub(crate) finished_at: Option<Instant>,
    pub(crate) stopped_at: Option<Instant>,
    pub(crate) updated_at: Instant,
}

impl Rollout {
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
