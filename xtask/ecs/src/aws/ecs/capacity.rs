//! The architectures of what a cluster's tasks run on, as far as whoever asks may look.
//! Sources: Amazon ECS API Reference, DescribeCapacityProviders, ListContainerInstances and DescribeContainerInstances;
//! Amazon ECS Developer Guide, "Container instance attributes".

use serde_json::{Value, json};

use super::{Ecs, short};
use crate::aws::calls;
use crate::gather::Gather;
use crate::sorted::SortedSet;

/// Instances on one page, at most.
const PAGE: usize = 100;
/// Pages that are read; what has more is not told.
const PAGES: usize = 5;

impl Ecs {
    /// The architectures (`amd64`, `arm64`) of these capacity providers, or for none of all of the cluster's instances.
    /// `None` where that cannot be told: it is denied, nothing is there to be looked at, or a provider takes any.
    pub(crate) fn architectures(&self, cluster: &str, providers: &[String]) -> Option<Vec<&'static str>> {
        let mut found = SortedSet::new();
        let mut by_instances: Vec<&str> = Vec::new();
        if !providers.is_empty() {
            let input = json!({ "capacityProviders": providers });
            let answer = self.signed(&calls::DESCRIBE_CAPACITY_PROVIDERS, cluster, &input).ok()?;
            for name in providers {
                let mut described = answer["capacityProviders"].as_array()?.iter();
                let provider = described.find(|it| it["name"].as_str() == Some(short(name)))?;
                let managed = &provider["managedInstancesProvider"];
                if managed.is_object() {
                    for architecture in managed_by(managed)? {
                        found.insert(architecture);
                    }
                } else {
                    by_instances.push(short(name));
                }
            }
        }
        if providers.is_empty() || !by_instances.is_empty() {
            let instances = self.instances(cluster)?;
            let of = |name: Option<&str>| {
                let mine = instances.iter().filter(move |(provider, _)| name.is_none_or(|name| provider == name));
                mine.map(|(_, architecture)| *architecture).gather::<Vec<_>>()
            };
            let each =
                if providers.is_empty() { vec![of(None)] } else { by_instances.iter().map(|it| of(Some(it))).gather() };
            for architectures in each {
                // Scaled to zero, it may become anything.
                architectures.first()?;
                for architecture in architectures {
                    found.insert(architecture);
                }
            }
        }
        Some(found.into_iter().gather())
    }

    /// The capacity provider and the architecture of each instance that takes tasks.
    fn instances(&self, cluster: &str) -> Option<Vec<(String, &'static str)>> {
        let mut instances = Vec::new();
        let mut input = json!({ "cluster": cluster, "status": "ACTIVE", "maxResults": PAGE });
        for _ in 0..PAGES {
            let answer = self.signed(&calls::LIST_CONTAINER_INSTANCES, cluster, &input).ok()?;
            let arns = &answer["containerInstanceArns"];
            if arns.as_array()?.is_empty() {
                return Some(instances);
            }
            let asked = json!({ "cluster": cluster, "containerInstances": arns });
            let described = self.signed(&calls::DESCRIBE_CONTAINER_INSTANCES, cluster, &asked).ok()?;
            for instance in described["containerInstances"].as_array()? {
                let mut attributes = instance["attributes"].as_array()?.iter();
                let is = attributes.find(|it| it["name"] == "ecs.cpu-architecture")?;
                let architecture = match is["value"].as_str()? {
                    "x86_64" => "amd64",
                    "arm64" => "arm64",
                    _ => return None,
                };
                instances
                    .push((instance["capacityProviderName"].as_str().unwrap_or_default().to_owned(), architecture));
            }
            match answer["nextToken"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => input["nextToken"] = json!(token),
                None => return Some(instances),
            }
        }
        None
    }
}

/// Of instances that ECS manages, which it starts as tasks want them: those whose makers are named.
fn managed_by(managed: &Value) -> Option<Vec<&'static str>> {
    let wanted = &managed["instanceLaunchTemplate"]["instanceRequirements"]["cpuManufacturers"];
    let makers = wanted.as_array().filter(|makers| !makers.is_empty())?;
    let of = |maker: &Value| match maker.as_str()? {
        "amazon-web-services" => Some("arm64"),
        "intel" | "amd" => Some("amd64"),
        _ => None,
    };
    makers.iter().map(of).collect()
}
