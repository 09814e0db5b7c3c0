//! How tasks are to behave, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the tasks of task definition revisions behave, as data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Behaviour {
    /// None matches every family.
    pub family: Option<String>,
    /// Revisions newer than this one; None matches all.
    pub after_revision: Option<u64>,
    /// What becomes of their tasks.
    pub tasks: Tasks,
}

/// What becomes of a task that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tasks {
    /// Starts, passes its checks, runs until it is told to stop.
    Healthy,
    /// The container exits with this code so many seconds after the task is RUNNING. Code 137 reads as killed for its
    /// memory.
    Exits {
        /// The exit code.
        code: i32,
        /// Seconds from RUNNING to the exit.
        after_seconds: u64,
        /// Which container; None: the first essential one.
        container: Option<String>,
    },
    /// No container or target health check ever passes. A task that has neither looks healthy, as on ECS.
    Unhealthy,
    /// Never RUNNING: PENDING for ever.
    NeverStarts,
    /// Running, but health stays UNKNOWN and the service never becomes stable.
    NeverStable,
}

/// What befalls service deployments that begin after it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Lambda functions of lifecycle hooks answer FAILED.
    HookFails,
    /// They never answer.
    HookHangs,
    /// The first of the alarms that watch the deployment goes off, a little after it has begun, or after this lifecycle
    /// stage has.
    Alarm {
        /// Such as `BAKE_TIME`.
        stage: Option<String>,
    },
}

/// What befalls the next RunTask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextRun {
    /// Its tasks exit with this code.
    Exits(i32),
    /// It starts none, for this reason.
    Unplaced(String),
}

/// A behaviour, and what it applies to.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Matching(Behaviour),
    /// Revisions registered after this was said: those newer than the newest of each family then.
    Newer(BTreeMap<String, u64>, Tasks),
}
