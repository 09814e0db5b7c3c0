//! Clusters, and the tags of every resource.

use serde_json::{Value, json};

use super::names::is_name;
use crate::ecs::json::{invalid, missing, page, set, short, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::cluster::Cluster;
use crate::ecs::state::task::Phase;
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn create_cluster(&mut self, input: &Value) -> ApiResult {
        let name = text(input, "clusterName").unwrap_or("default").to_owned();
        if !is_name(&name) {
            return Err(invalid("Invalid identifier: The identifier must match the pattern [a-zA-Z0-9\\-_]{1,255}."));
        }
        let arn = self.arn(&format!("cluster/{name}"));
        if let Some(tags) = input.get("tags").and_then(Value::as_array) {
            self.tags.insert(arn, tags.clone());
        }
        // Creating a cluster that exists answers with the one there is.
        self.clusters.entry(name.clone()).or_insert_with(|| Cluster { name: name.clone(), given: input.clone() });
        Ok(json!({ "cluster": self.cluster_answer(&name) }))
    }

    pub(crate) fn describe_clusters(&self, input: &Value) -> Value {
        let mut names = texts(input, "clusters");
        if names.is_empty() {
            names.push("default");
        }
        let (found, lost): (Vec<&str>, Vec<&str>) =
            names.into_iter().partition(|name| self.clusters.contains_key(short(name)));
        let lost: Vec<Value> =
            lost.iter().map(|name| missing(&self.arn(&format!("cluster/{}", short(name))))).collect();
        let found: Vec<Value> = found.iter().map(|name| self.cluster_answer(short(name))).collect();
        json!({ "clusters": found, "failures": lost })
    }

    pub(crate) fn list_clusters(&self, input: &Value) -> ApiResult {
        let arns = self.clusters.keys().map(|name| json!(self.arn(&format!("cluster/{name}")))).collect();
        page(input, "clusterArns", arns, 100)
    }

    fn cluster_answer(&self, name: &str) -> Value {
        let Some(cluster) = self.clusters.get(name) else { return Value::Null };
        let arn = self.arn(&format!("cluster/{}", cluster.name));
        let tasks = || self.tasks.values().filter(|task| task.cluster == name);
        let services = self.services.values().filter(|service| service.key.cluster == name && service.is_active());
        set(json!({
            "clusterArn": arn,
            "clusterName": name,
            "configuration": cluster.given.get("configuration"),
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": tasks().filter(|task| task.phase == Phase::Running).count(),
            "pendingTasksCount": tasks().filter(|task| task.phase < Phase::Running).count(),
            "activeServicesCount": services.count(),
            "statistics": [],
            "tags": self.tags.get(&arn).cloned().unwrap_or_default(),
            "settings": cluster.given.get("settings").cloned().unwrap_or_else(|| json!([])),
            "capacityProviders": cluster.given.get("capacityProviders").cloned().unwrap_or_else(|| json!([])),
            "defaultCapacityProviderStrategy":
                cluster.given.get("defaultCapacityProviderStrategy").cloned().unwrap_or_else(|| json!([])),
        }))
    }

    /// The name of the cluster that an input means, if there is one.
    pub(crate) fn cluster_of(&self, input: &Value) -> Result<String, ApiError> {
        let name = short(text(input, "cluster").unwrap_or("default"));
        if self.clusters.contains_key(name) {
            return Ok(name.to_owned());
        }
        Err(ApiError::new("ClusterNotFoundException", "Cluster not found."))
    }
}
