//! How a command can end other than well, and the exit code each ending has.

use std::fmt;

/// Why a command did not end with 0. Each variant's documentation states its exit code, which is part of
/// the interface: scripts and workflows branch on it.
///
/// Messages are lowercase fragments; the terminal puts `error: ` before them and the cause chain below.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// **1**: the world failed: network, permission, a tool that is missing or crashed.
    #[error("{0:#}")]
    World(anyhow::Error),
    /// **2**: the command line or the configuration is wrong; nothing was done.
    #[error("{0}")]
    Usage(String),
    /// **3**: the scan gate refused an image; no tag was put.
    #[error("{0}")]
    Refused(String),
    /// **4**: the rollout failed and ECS rolled the service back.
    #[error("{0}")]
    RolledBack(String),
    /// **5**: the rollout failed and the service is not on its last good revision.
    #[error("{0}")]
    RollbackFailed(String),
    /// **6**: another deployment took this one's place.
    #[error("{0}")]
    Superseded(String),
    /// **7**: the deadline passed first.
    #[error("{0}")]
    TimedOut(String),
    /// **8**: the tag is in ECR with other content, or the image to deploy is not in ECR.
    #[error("{0}")]
    Conflict(String),
    /// **130**: interrupted; the message says what is serving now.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    /// The process exit code of this failure, 1 to 130; see the variants.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::World(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::RolledBack(_) => 4,
            Self::RollbackFailed(_) => 5,
            Self::Superseded(_) => 6,
            Self::TimedOut(_) => 7,
            Self::Conflict(_) => 8,
            Self::Interrupted(_) => 130,
        }
    }

    /// A [`Failure::World`] from a plain sentence.
    pub fn world(message: impl fmt::Display) -> Self {
        Self::World(anyhow::anyhow!("{message}"))
    }
}

impl From<anyhow::Error> for Failure {
    /// A failure that was wrapped in context on its way up keeps its exit code; anything else is the world's.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::World(error),
        }
    }
}

/// What a stage or a command returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
