//! Clusters.

use serde_json::Value;

/// Container instances that every cluster is taken to have for what does not run on Fargate: a DAEMON service runs one
/// task on each.
pub(crate) const INSTANCES: u64 = 2;

/// A cluster: a name to put services and tasks under.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    /// Members of CreateCluster that come back as they went in.
    pub(crate) given: Value,
    /// One that was deleted can be described for a while.
    pub(crate) active: bool,
}
