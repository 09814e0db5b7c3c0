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

    /// The problems that stand before any effect, as one failure, each said once: a denied action answers the same for
    /// every repository. The exit code is that of a mistake in the configuration, if one is among them, else 1, else
    /// what all of them have.
    pub fn together(mut problems: Vec<Self>) -> Self {
        problems.sort_by_key(|failure| match failure {
            Self::Usage(_) => 0,
            Self::World(_) => 1,
            _ => 2,
        });
        let mut texts: Vec<String> = Vec::new();
        for text in problems.iter().map(ToString::to_string) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let listed: Vec<String> = texts.iter().map(|text| format!("- {}", text.replace('\n', "\n  "))).collect();
        let several = format!("{} problems, and nothing was done:\n{}", texts.len(), listed.join("\n"));
        match problems.into_iter().next() {
            Some(only) if texts.len() == 1 => only,
            Some(Self::Usage(_)) => Self::Usage(several),
            Some(Self::Conflict(_)) => Self::Conflict(several),
            _ => Self::world(several),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_one_failure_and_each_is_said_once() {
        let world = || Failure::world("no cluster");
        let missing = || Failure::Conflict("no image\nrelease it".into());
        let together = Failure::together;
        assert_eq!(together(vec![missing()]).exit_code(), 8);
        assert_eq!(together(vec![missing(), missing()]).to_string(), "no image\nrelease it");
        let all = together(vec![missing(), world(), world(), Failure::Usage("bad file".into())]);
        assert_eq!(all.exit_code(), 2);
        assert_eq!(
            all.to_string(),
            "3 problems, and nothing was done:\n- bad file\n- no cluster\n- no image\n  release it"
        );
        assert_eq!(together(vec![missing(), world()]).exit_code(), 1);
    }
}
