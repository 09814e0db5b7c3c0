//! `[workspace.metadata.xtask.tasks.NAME]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::{Keys, derived, optional, or, required};
use super::model::{Abandoned, Network, OwnDefinition, Service, Task};
use super::origin::{Effective, Origin};
use super::services::{self, is_name};
use super::table::Table;
use super::value::Value;
use crate::gather::Gather;

pub(super) const TASK: Keys = Keys {
    table: "tasks.NAME",
    note: "What `cargo xtask run NAME` and a deploy run once to its end. It has a `service`, a `task-definition`, or both.",
    list: &[
        optional(
            "service",
            "a service",
            "the service whose network, capacity provider strategy or launch type, and platform version it takes, and whose \
             task definition, with its images by digest as a deploy would have them",
        ),
        optional("task-definition", "a JSON file, or a table", "its own task definition, as that of a service"),
        optional("containers", "an image by container", "which container of its own task definition runs which image"),
        derived("cluster", "a name or an ARN", "the service's, or `cluster` at the top", "the cluster"),
        derived(
            "container",
            "a name",
            "the one that is given an image",
            "the container that is watched: its exit code decides how the task ended",
        ),
        or("command", "an array", "[]", "what it runs in the place of its own command; arguments of `run` are added"),
        or("env", "a table of strings", "{}", "variables of its environment, beside those of its task definition"),
        or("count", "1 to 10", "1", "how many tasks at once"),
        or("timeout", "a duration", "\"15m\"", "how long they may take"),
        derived("network", "a table", "the service's", "where its network interface is"),
        or(
            "once-per-digest",
            "true or false",
            "false",
            "whether it is left out where ECS remembers that it ended well for the container's image, arguments and variables; \
             ECS remembers a task for about an hour",
        ),
        or("on-interrupt", "`leave` or `stop`", "\"leave\"", "what becomes of it at Ctrl-C, and when its time is over"),
    ],
};

pub(super) const NETWORK: Keys = Keys {
    table: "tasks.NAME.network",
    note: "",
    list: &[
        required("subnets", "an array", "the subnets"),
        or("security-groups", "an array", "[]", "the security groups; none is the VPC's own"),
        or("assign-public-ip", "true or false", "false", "whether it has a public address"),
    ],
};

/// Every task that is valid by itself.
pub(super) fn read(
    table: &mut Table<'_>,
    default_cluster: Option<&(String, Origin)>,
    services: &BTreeMap<String, Service>,
) -> BTreeMap<String, Task> {
    let images = table.names("images");
    let names = table.names("services");
    let mut tasks = BTreeMap::new();
    for (name, mut table) in table.children("tasks", &[&TASK]) {
        let service = table.optional("service", |value| {
            let name = value.known("service", &names)?;
            if services.get(&name).is_some_and(Service::is_daemon) {
                value.error(format!("`{name}` is a daemon, which lends no task its network"), "name a service");
            }
            Some(name)
        });
        let source = table.optional("task-definition", services::task_definition);
        let containers = table.optional("containers", |value| services::containers(value, &images));
        let lends = service.as_ref().and_then(|service| services.get(service));
        if !table.has("service") && !table.has("task-definition") {
            table.error(
                format!("{} has neither `service` nor `task-definition`", table.name()),
                "add `service = \"app\"` to run a service's own task definition",
            );
        }
        if table.has("containers") && !table.has("task-definition") {
            let hint = "leave it out: the service says which container runs which image";
            table.error("`containers` is of a `task-definition` of its own, and there is none", hint);
        }
        let cluster = cluster(&mut table, lends, default_cluster);
        let own = source.map(|source| OwnDefinition { source, containers: containers.unwrap_or_default() });
        let images = own.as_ref().map(|own| &own.containers).or(lends.map(|lends| &lends.containers));
        let container = container(&mut table, images);
        let count = table.or("count", count, 1);
        let task = Task {
            name: name.clone(),
            cluster: cluster.clone().unwrap_or_default(),
            service,
            own,
            container: container.clone().unwrap_or_default(),
            command: table.or("command", Value::strings, Vec::new()),
            env: table.or("env", Value::string_map, BTreeMap::new()),
            count,
            timeout: table.or("timeout", Value::duration, Duration::from_secs(15 * 60)),
            network: table.optional("network", network),
            once_per_digest: table.or("once-per-digest", Value::boolean, false),
            on_interrupt: table.or("on-interrupt", on_interrupt, Abandoned::default()),
        };
        table.finish();
        if cluster.is_some() && container.is_some() {
            tasks.insert(name, task);
        }
    }
    tasks
}

fn cluster(
    table: &mut Table<'_>,
    lends: Option<&Service>,
    default_cluster: Option<&(String, Origin)>,
) -> Option<String> {
    if table.has("cluster") {
        return table.optional("cluster", services::cluster);
    }
    drop(table.take("cluster"));
    let inherited = lends.map(|lends| lends.cluster.clone());
    let found = inherited.or_else(|| default_cluster.map(|(cluster, _)| cluster.clone()));
    // A service that is wrong itself has been told of.
    if found.is_none() && !table.has("service") {
        table.missing("cluster", "add `cluster = \"sample\"`");
    }
    found
}

fn container(table: &mut Table<'_>, images: Option<&BTreeMap<String, String>>) -> Option<String> {
    if table.has("container") {
        return table.optional("container", |value| value.check(is_name));
    }
    drop(table.take("container"));
    let names: Vec<&String> = images.into_iter().flat_map(BTreeMap::keys).gather();
    match (names.as_slice(), images) {
        ([only], _) => Some((*only).clone()),
        (_, None) if table.has("service") => None,
        (names, _) => {
            let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).gather();
            let hint = match known.as_slice() {
                [] => "add `container = \"app\"`".to_owned(),
                known => format!("name one of {}", known.join(", ")),
            };
            table.missing("container", hint);
            None
        }
    }
}

/// Source: Amazon ECS API Reference, RunTask, `count`.
fn count(value: &Value<'_>) -> Option<u32> {
    let count = value.count()?;
    if !(1..=10).contains(&count) {
        value.error("`count` should be from 1 to 10", "ECS starts no more tasks at once");
        return None;
    }
    Some(count)
}

fn on_interrupt(value: &Value<'_>) -> Option<Abandoned> {
    value.one_of(&[("leave", Abandoned::Leave), ("stop", Abandoned::Stop)])
}

fn network(value: &Value<'_>) -> Option<Network> {
    let mut table = value.table(&[&NETWORK])?;
    let subnets = table.need("subnets", "add `subnets = [\"subnet-…\"]`", Value::strings);
    let security_groups = table.take("security-groups").map(|value| value.strings());
    let assign_public_ip = table.take("assign-public-ip").map(|value| value.boolean());
    table.finish();
    Some(Network {
        subnets: subnets?,
        security_groups: security_groups.unwrap_or(Some(Vec::new()))?,
        assign_public_ip: assign_public_ip.unwrap_or(Some(false))?,
    })
}

impl Effective for Network {
    fn effective(&self, _: &std::path::Path) -> serde_json::Value {
        serde_json::json!({ "subnets": self.subnets, "security-groups": self.security_groups,
            "assign-public-ip": self.assign_public_ip })
    }
}
