//! Capacity providers, and the container instances of clusters. Nothing is placed by them.
//! Source: Amazon ECS API Reference, CreateCapacityProvider, DescribeCapacityProviders, ListContainerInstances and
//! DescribeContainerInstances.

use serde_json::{Value, json};

use crate::ecs::json::{invalid, missing, page, short, text, texts};
use crate::ecs::state::Ecs;
use crate::protocol::ApiResult;

impl Ecs {
    pub(crate) fn create_capacity_provider(&mut self, input: &Value) -> Value {
        let name = text(input, "name").unwrap_or_default();
        let mut provider = json!({ "name": name, "status": "ACTIVE" });
        provider["capacityProviderArn"] = json!(self.arn(&format!("capacity-provider/{name}")));
        for member in ["cluster", "autoScalingGroupProvider", "managedInstancesProvider"] {
            if let Some(given) = input.get(member) {
                provider[member] = given.clone();
            }
        }
        self.providers.insert(name.to_owned(), provider.clone());
        json!({ "capacityProvider": provider })
    }

    pub(crate) fn describe_capacity_providers(&self, input: &Value) -> Value {
        let names = texts(input, "capacityProviders");
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in names {
            match self.providers.get(short(name)) {
                Some(provider) => found.push(provider.clone()),
                None => failures.push(missing(&self.arn(&format!("capacity-provider/{}", short(name))))),
            }
        }
        json!({ "capacityProviders": found, "failures": failures })
    }

    /// An instance of this architecture (`x86_64`, `arm64`) joins a cluster, of a capacity provider or of none.
    pub fn join(&mut self, cluster: &str, architecture: &str, provider: Option<&str>) {
        let number = self.instances.values().map(Vec::len).sum::<usize>();
        let arn = self.arn(&format!("container-instance/{cluster}/{number:032x}"));
        let mut instance = json!({
            "containerInstanceArn": arn,
            "status": "ACTIVE",
            "agentConnected": true,
            "attributes": [{ "name": "ecs.cpu-architecture", "value": architecture }],
        });
        if let Some(provider) = provider {
            instance["capacityProviderName"] = json!(provider);
        }
        self.instances.entry(cluster.to_owned()).or_default().push(instance);
    }

    pub(crate) fn list_container_instances(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        if input.get("filter").is_some() {
            return Err(invalid("A filter is not understood here."));
        }
        let is_wanted = |instance: &&Value| text(input, "status").is_none_or(|status| instance["status"] == status);
        let instances = self.instances.get(&cluster).into_iter().flatten().filter(is_wanted);
        let arns = instances.map(|instance| instance["containerInstanceArn"].clone()).collect();
        page(input, "containerInstanceArns", arns, 100)
    }

    pub(crate) fn describe_container_instances(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in texts(input, "containerInstances") {
            let mut instances = self.instances.get(&cluster).into_iter().flatten();
            let is = |instance: &&Value| instance["containerInstanceArn"].as_str().map(short) == Some(short(name));
            match instances.find(is) {
                Some(instance) => found.push(instance.clone()),
                None => failures.push(missing(&self.arn(&format!("container-instance/{cluster}/{}", short(name))))),
            }
        }
        Ok(json!({ "containerInstances": found, "failures": failures }))
    }
}
