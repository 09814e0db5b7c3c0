//! Clusters.

use serde_json::Value;

/// A cluster: a name to put services and tasks under.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    /// Members of CreateCluster that come back as they went in.
    pub(crate) given: Value,
}
