//! Clusters.

use serde_json::{Value, json};

use super::names::is_name;
use crate::ecs::json::{invalid, missing, page, set, short, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::cluster::{Cluster, INSTANCES};
use crate::ecs::state::service::Service;
use crate::ecs::state::task::Phase;
use crate::protocol::{ApiError, ApiResult};

/// What a cluster is told about itself, and answers with.
const KEPT: [&str; 5] =
    ["settings", "configuration", "serviceConnectDefaults", "capacityProviders", "defaultCapacityProviderStrategy"];

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
        if self.clusters.get(&name).is_none_or(|cluster| !cluster.active) {
            let cluster = Cluster { name: name.clone(), given: input.clone(), active: true };
            self.clusters.insert(name.clone(), cluster);
        }
        Ok(json!({ "cluster": self.cluster_answer(&name) }))
    }

    /// UpdateCluster, UpdateClusterSettings and PutClusterCapacityProviders: the members of the input take their place.
    pub(crate) fn update_cluster(&mut self, input: &Value) -> ApiResult {
        let name = self.active_cluster(input)?;
        if let Some(cluster) = self.clusters.get_mut(&name) {
            for member in KEPT {
                if let Some(value) = input.get(member) {
                    cluster.given[member] = value.clone();
                }
            }
        }
        Ok(json!({ "cluster": self.cluster_answer(&name) }))
    }

    pub(crate) fn delete_cluster(&mut self, input: &Value) -> ApiResult {
        let name = self.active_cluster(input)?;
        if self.services.values().any(|service| service.key.cluster == name && service.is_active()) {
            let message = "The Cluster cannot be deleted while Services are active.";
            return Err(ApiError::new("ClusterContainsServicesException", message));
        }
        if self.alive().any(|(_, task)| task.cluster == name && task.phase != Phase::Stopped) {
            let message = "The Cluster cannot be deleted while Tasks are active.";
            return Err(ApiError::new("ClusterContainsTasksException", message));
        }
        if let Some(cluster) = self.clusters.get_mut(&name) {
            cluster.active = false;
        }
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
        let active = self.clusters.values().filter(|cluster| cluster.active);
        let arns = active.map(|cluster| json!(self.arn(&format!("cluster/{}", cluster.name)))).collect();
        page(input, "clusterArns", arns, 100)
    }

    fn cluster_answer(&self, name: &str) -> Value {
        let Some(cluster) = self.clusters.get(name) else { return Value::Null };
        let arn = self.arn(&format!("cluster/{}", cluster.name));
        let tasks = || self.alive().map(|(_, task)| task).filter(|task| task.cluster == name);
        let services = || self.services.values().filter(|service| service.key.cluster == name && service.is_active());
        let on_instances = |service: &Service| service.given["launchType"] == "EC2";
        set(json!({
            "clusterArn": arn,
            "clusterName": name,
            "configuration": cluster.given.get("configuration"),
            "serviceConnectDefaults": cluster.given.get("serviceConnectDefaults"),
            "status": if cluster.active { "ACTIVE" } else { "INACTIVE" },
            "registeredContainerInstancesCount": if services().any(on_instances) { INSTANCES } else { 0 },
            "runningTasksCount": tasks().filter(|task| task.phase == Phase::Running).count(),
            "pendingTasksCount": tasks().filter(|task| task.phase < Phase::Running).count(),
            "activeServicesCount": services().count(),
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

    /// The same, for what only a cluster that was not deleted can have.
    pub(crate) fn active_cluster(&self, input: &Value) -> Result<String, ApiError> {
        let name = self.cluster_of(input)?;
        if self.clusters[&name].active {
            return Ok(name);
        }
        Err(ApiError::new("ClusterNotFoundException", "The referenced cluster was inactive."))
    }
}
