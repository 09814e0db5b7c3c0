//! One account in one region of a sandbox, asked without the network.

use std::sync::MutexGuard;

use serde_json::Value;

use crate::Sandbox;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::sts::Principal;
use crate::world::State;

/// An account in a region. It is there from the first question on.
#[derive(Debug)]
pub struct Site<'a> {
    sandbox: &'a Sandbox,
    pub(crate) home: Home,
}

impl<'a> Site<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, home: Home) -> Self {
        Self { sandbox, home }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'a, State> {
        self.sandbox.world.lock()
    }

    /// As [`Sandbox::ecr`], here.
    pub fn ecr(&self, operation: &str, input: Value) -> ApiResult {
        self.lock().ecr(&self.home, operation, input)
    }

    /// As [`Sandbox::ecs`], here.
    pub fn ecs(&self, operation: &str, input: Value) -> ApiResult {
        self.call("ecs", operation, input)
    }

    /// An operation of any service, as [`Sandbox::ecr`], here; the service is called as IAM calls it.
    pub fn call(&self, service: &str, operation: &str, input: Value) -> ApiResult {
        let root = Principal::root(&self.home.account);
        self.lock().call(&self.home, (service, operation), input, Some(&root))
    }

    /// An instance of this architecture (`x86_64`, `arm64`) joins a cluster, of a capacity provider or of none.
    pub fn join(&self, cluster: &str, architecture: &str, provider: Option<&str>) {
        self.lock().ecs_of(&self.home).join(cluster, architecture, provider);
    }

    /// The bytes of a layer that a repository has, whether or not an image names it yet.
    pub fn layer(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let ecr = state.ecr_of(&self.home);
        ecr.repository(repository).ok()?.layers.get(digest)?;
        std::fs::read(ecr.layer_path(digest)).ok()
    }

    /// Has a repository hold a layer of these bytes; its digest.
    pub fn store(&self, repository: &str, bytes: &[u8]) -> Result<String, ApiError> {
        self.lock().ecr_of(&self.home).store_layer(repository, bytes)
    }

    /// Writes a line to a log stream, now; both are made where they are not there.
    pub fn write_log(&self, group: &str, stream: &str, line: &str) {
        self.lock().write_log(&self.home, group, stream, line);
    }
}
