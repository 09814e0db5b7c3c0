//! What services run on where that is not Fargate. What is not told keeps nobody from deploying.

use serde_json::{Map, Value};

use crate::aws::ecs::{Ecs, Service as Live};
use crate::config::Service;
use crate::gather::Gather as _;
use crate::sorted::SortedMap;

/// The architectures that each service runs on, by its name in the configuration; each cluster's providers are asked for once.
pub(in crate::deploy) fn find<'a>(
    ecs: &Ecs,
    services: impl Iterator<Item = (&'a Service, &'a Live)>,
) -> SortedMap<String, Vec<&'static str>> {
    let mut asked: SortedMap<(String, Vec<String>), Option<Vec<&'static str>>> = SortedMap::new();
    let mut found = SortedMap::new();
    for (service, live) in services {
        let Some(providers) = providers(&live.launch) else { continue };
        let key = (service.cluster.clone(), providers);
        if asked.get(&key).is_none() {
            let told = ecs.architectures(&key.0, &key.1);
            asked.insert(key.clone(), told);
        }
        if let Some(told) = asked.get(&key).cloned().flatten() {
            found.insert(service.name.clone(), told);
        }
    }
    found
}

/// The capacity providers to ask about, none for all instances of the cluster; `None` where Fargate is among them.
fn providers(launch: &Map<String, Value>) -> Option<Vec<String>> {
    let Some(strategy) = launch.get("capacityProviderStrategy").and_then(Value::as_array) else {
        let on_instances = launch.get("launchType").is_some_and(|it| it == "EC2");
        return on_instances.then(Vec::new);
    };
    let names = strategy.iter().filter_map(|item| item["capacityProvider"].as_str().map(str::to_owned));
    let names: Vec<String> = names.gather();
    let is_fargate = |name: &String| ["FARGATE", "FARGATE_SPOT"].contains(&name.as_str());
    (!names.is_empty() && !names.iter().any(is_fargate)).then_some(names)
}
