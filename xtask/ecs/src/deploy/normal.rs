//! The normal form of a task definition: two documents that ECS treats alike have the same one. It is for comparing
//! only and never sent.
//!
//! What ECS fills in is taken out rather than put in, so that a difference shows what somebody wrote.

use serde_json::{Map, Value};

use crate::aws::ecs::strip_read_only;

/// The member that tells the elements of a list apart, by the list's name; ECS keeps these lists in an order of its
/// own, or in one that means nothing.
pub(super) fn identity(list: &str) -> Option<&'static str> {
    Some(match list {
        "containerDefinitions" | "environment" | "secrets" | "secretOptions" | "volumes" | "ulimits" => "name",
        "mountPoints" | "tmpfs" => "containerPath",
        "portMappings" => "containerPort",
        "dependsOn" => "containerName",
        "systemControls" => "namespace",
        "resourceRequirements" => "type",
        "tags" => "key",
        "volumesFrom" => "sourceContainer",
        "devices" => "hostPath",
        "inferenceAccelerators" => "deviceName",
        "extraHosts" => "hostname",
        _ => return None,
    })
}

/// Lists of names whose order means nothing.
const SETS: [&str; 4] = ["requiresCompatibilities", "add", "drop", "credentialSpecs"];

/// A task definition in its normal form, tags and all; the only thing that is compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Normal(Value);

impl Normal {
    pub(super) fn of(document: &Value) -> Self {
        let mut document = strip_read_only(document.clone());
        defaults_of_task(&mut document);
        tidy("", &mut document);
        Self(document)
    }

    pub(super) fn value(&self) -> &Value {
        &self.0
    }
}

/// Takes out nulls, empty lists and empty objects, and sorts the lists whose order means nothing.
fn tidy(name: &str, value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                tidy(name, member);
            }
            members.retain(|_, member| !is_empty(member));
        }
        Value::Array(elements) => {
            for element in elements.iter_mut() {
                tidy("", element);
            }
            if let Some(key) = identity(name) {
                elements.sort_by_cached_key(|element| text_of(&element[key]));
            } else if SETS.contains(&name) {
                elements.sort_by_cached_key(text_of);
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A scalar as text, for sorting and for paths.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Source of the defaults: Amazon ECS API Reference, the pages of each data type.
fn defaults_of_task(document: &mut Value) {
    let mode = document["networkMode"].as_str().unwrap_or("bridge").to_owned();
    let Some(task) = document.as_object_mut() else { return };
    drop_default(task, "networkMode", &"bridge".into());
    drop_default(task, "enableFaultInjection", &false.into());
    for (name, unit) in [("cpu", "vcpu"), ("memory", "gb")] {
        if let Some(amount) = task.get(name).and_then(Value::as_str).and_then(|text| in_units(text, unit)) {
            task.insert(name.to_owned(), Value::String(amount));
        }
    }
    for volume in list(task, "volumes") {
        if let Some(efs) = volume.get_mut("efsVolumeConfiguration").and_then(Value::as_object_mut) {
            drop_default(efs, "rootDirectory", &"/".into());
        }
        drop_default(volume, "configuredAtLaunch", &false.into());
    }
    for container in list(task, "containerDefinitions") {
        defaults_of_container(container, &mode);
    }
}

fn defaults_of_container(container: &mut Map<String, Value>, mode: &str) {
    drop_default(container, "cpu", &0.into());
    drop_default(container, "essential", &true.into());
    drop_default(container, "versionConsistency", &"enabled".into());
    for name in ["privileged", "readonlyRootFilesystem", "disableNetworking", "interactive", "pseudoTerminal"] {
        drop_default(container, name, &false.into());
    }
    for name in ["mountPoints", "volumesFrom"] {
        for mount in list(container, name) {
            drop_default(mount, "readOnly", &false.into());
        }
    }
    for mapping in list(container, "portMappings") {
        drop_default(mapping, "protocol", &"tcp".into());
        // Without a network of its own the port is the host's; with bridge 0 asks for any.
        let host_default = if mode == "bridge" { Some(Value::from(0)) } else { mapping.get("containerPort").cloned() };
        if let Some(default) = host_default {
            drop_default(mapping, "hostPort", &default);
        }
    }
    if let Some(check) = container.get_mut("healthCheck").and_then(Value::as_object_mut) {
        for (name, default) in [("interval", 30), ("timeout", 5), ("retries", 3), ("startPeriod", 0)] {
            drop_default(check, name, &default.into());
        }
    }
}

fn list<'a>(parent: &'a mut Map<String, Value>, name: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let elements = parent.get_mut(name).and_then(Value::as_array_mut);
    elements.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn drop_default(parent: &mut Map<String, Value>, name: &str, default: &Value) {
    if parent.get(name) == Some(default) {
        parent.remove(name);
    }
}

/// ECS stores `.5 vCPU` as `512` and `1 GB` as `1024`; both in thousandths that count 1,024.
fn in_units(text: &str, unit: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let amount: f64 = text.trim().strip_suffix(unit)?.trim().parse().ok()?;
    Some(format!("{}", (amount * 1024.0).round()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_ecs_fills_in_and_reorders_makes_no_difference() {
        let written = json!({
            "family": "app", "networkMode": "awsvpc", "cpu": ".25 vCPU", "memory": "1GB",
            "requiresCompatibilities": ["FARGATE", "EC2"],
            "containerDefinitions": [{
                "name": "app", "image": "x",
                "portMappings": [{ "containerPort": 8080 }],
                "environment": [{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }],
                "secrets": [{ "name": "Z", "valueFrom": "z" }, { "name": "Y", "valueFrom": "y" }],
                "healthCheck": { "command": ["CMD", "true"] },
                "mountPoints": [{ "sourceVolume": "v", "containerPath": "/v" }],
                "user": null,
            }],
            "volumes": [{ "name": "v", "efsVolumeConfiguration": { "fileSystemId": "fs" } }],
        });
        let described = json!({
            "taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/app:3", "revision": 3, "status": "ACTIVE",
            "registeredAt": 1_700_000_000.5, "registeredBy": "arn:x", "compatibilities": ["EC2", "FARGATE"],
            "requiresAttributes": [{ "name": "y" }],
            "placementConstraints": [],
            "family": "app", "networkMode": "awsvpc", "cpu": "256", "memory": "1024",
            "requiresCompatibilities": ["EC2", "FARGATE"],
            "volumes": [{ "name": "v", "host": {},
                          "efsVolumeConfiguration": { "fileSystemId": "fs", "rootDirectory": "/" } }],
            "containerDefinitions": [{
                "cpu": 0, "essential": true, "name": "app", "image": "x", "volumesFrom": [], "systemControls": [],
                "portMappings": [{ "containerPort": 8080, "hostPort": 8080, "protocol": "tcp" }],
                "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
                "secrets": [{ "name": "Y", "valueFrom": "y" }, { "name": "Z", "valueFrom": "z" }],
                "healthCheck": { "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 },
                "mountPoints": [{ "sourceVolume": "v", "containerPath": "/v", "readOnly": false }],
            }],
        });
        assert_eq!(Normal::of(&written), Normal::of(&described));
    }

    #[test]
    fn what_means_something_is_kept() {
        let base = json!({ "family": "app", "containerDefinitions": [
            { "name": "app", "command": ["a", "b"], "portMappings": [{ "containerPort": 80, "hostPort": 8080 }] }] });
        for (pointer, other) in [
            ("/family", json!("other")),
            ("/containerDefinitions/0/command", json!(["b", "a"])),
            ("/containerDefinitions/0/portMappings/0/hostPort", json!(0)),
        ] {
            let mut changed = base.clone();
            *changed.pointer_mut(pointer).expect("it is there") = other;
            assert_ne!(Normal::of(&base), Normal::of(&changed), "{pointer}");
        }
    }
}
