//! The ECS simulation: a pure state machine.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// Clusters, task definitions, services and their rollouts.
#[derive(Debug)]
pub struct Ecs {}

impl Ecs {
    /// An empty account.
    pub fn new(_account: &str, _region: &str) -> Self {
        Self {}
    }

    /// One API call at simulated time `now`. The world has been advanced to `now` before.
    pub fn call(
        &mut self,
        operation: &str,
        _input: Value,
        _caller: &Caller,
        _now: Instant,
        _images: &dyn Images,
    ) -> ApiResult {
        Err(ApiError::new("UnknownOperationException", format!("the operation {operation} is not simulated")))
    }

    /// Lets every discrete event up to `now` happen.
    pub fn advance(&mut self, _now: Instant, _images: &dyn Images) {}

    /// When the next discrete event is due. None: nothing is planned.
    pub fn next_event(&self) -> Option<Instant> {
        None
    }

    /// From now on tasks behave like this; see [`crate::fault`].
    pub fn behave(&mut self, _behaviour: Behaviour) {}
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub arn: String,
}

/// What ECS asks ECR at pull time.
pub trait Images {
    /// `REGISTRY/REPOSITORY:TAG` or `…@sha256:…` to its digest. `Err` is the `CannotPullContainerError` text that ECS
    /// would show. Another registry's image is taken to exist: `Ok(None)`.
    fn resolve(&self, image: &str) -> Result<Option<String>, String>;
}

/// How the tasks of task definition revisions behave, as data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Behaviour {
    /// None matches every family.
    pub family: Option<String>,
    /// Revisions newer than this one; None matches all.
    pub after_revision: Option<u64>,
    pub tasks: Tasks,
}

/// What becomes of a task that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tasks {
    Healthy,
    /// The (essential) container exits with this code after so long.
    Exits {
        code: i32,
        after_seconds: u64,
        container: Option<String>,
    },
    /// The container's or the target's health check never passes.
    Unhealthy,
    /// Never RUNNING: PROVISIONING or PENDING for ever.
    NeverStarts,
    /// Running, but health stays UNKNOWN and the service never becomes stable.
    NeverStable,
}
