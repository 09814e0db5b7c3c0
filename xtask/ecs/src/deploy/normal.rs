//! The normal form of a task definition: two documents that ECS treats alike have the same one. It is for comparing
//! only and never sent.
//!
//! What ECS fills in is taken out rather than put in, so that a difference shows what somebody wrote.

mod defaults;

use serde_json::Value;

use crate::aws::ecs::strip_read_only;
use crate::gather::Gather;
use crate::sorted::Arrange;

/// What tells the elements of a list apart for people; none where nothing but their place does.
pub(super) fn label(list: &str, element: &Value) -> Option<String> {
    let key = identity(list)?.first()?;
    if list != "portMappings" {
        return Some(text_of(&element[key]));
    }
    let range = &element["containerPortRange"];
    let port = text_of(if range.is_null() { &element[key] } else { range });
    let protocol = element["protocol"].as_str().filter(|protocol| !["", "tcp"].contains(protocol));
    Some(protocol.map_or(port.clone(), |protocol| format!("{port}/{protocol}")))
}

/// The members that tell apart the elements of a list whose order means nothing. Elements that have all of them in
/// common keep their order, since one of them wins: the last variable of a name, the first address of a host.
///
/// Not here, because their order means something: `command` and `entryPoint`, `dnsServers` and `dnsSearchDomains`,
/// which are tried in turn; `environmentFiles`, `volumesFrom` and `mountOptions`, of which a later one takes the place
/// of an earlier one.
fn identity(list: &str) -> Option<&'static [&'static str]> {
    Some(match list {
        "containerDefinitions" | "environment" | "secrets" | "secretOptions" | "properties" | "volumes" | "ulimits" => {
            &["name"]
        }
        "portMappings" => &["containerPort", "containerPortRange", "protocol", "hostPort", "name"],
        "mountPoints" => &["containerPath", "sourceVolume"],
        "tmpfs" => &["containerPath"],
        "dependsOn" => &["containerName", "condition"],
        "systemControls" => &["namespace"],
        "resourceRequirements" => &["type", "value"],
        "tags" => &["key"],
        "devices" => &["hostPath", "containerPath"],
        "inferenceAccelerators" => &["deviceName", "deviceType"],
        "extraHosts" => &["hostname"],
        "placementConstraints" => &["expression", "type"],
        _ => return None,
    })
}

/// Lists of plain values whose order means nothing.
const SETS: [&str; 8] = [
    "requiresCompatibilities",
    "add",
    "drop",
    "permissions",
    "credentialSpecs",
    "dockerSecurityOptions",
    "ignoredExitCodes",
    "links",
];

/// What somebody names and fills, in which an empty string is one.
const MAPS: [&str; 4] = ["dockerLabels", "options", "driverOpts", "labels"];

/// A task definition in its normal form, tags and all; the only thing that is compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Normal(Value);

impl Normal {
    pub(super) fn of(document: &Value) -> Self {
        let mut document = strip_read_only(document.clone());
        tidy("", &mut document);
        defaults::leave_out(&mut document);
        // What held nothing but defaults is empty now.
        tidy("", &mut document);
        Self(document)
    }

    pub(super) fn value(&self) -> &Value {
        &self.0
    }
}

/// Takes out what is empty, and sorts the lists whose order means nothing.
fn tidy(name: &str, value: &mut Value) {
    match value {
        Value::Object(members) if !MAPS.contains(&name) => {
            for (name, member) in members.iter_mut() {
                tidy(name, member);
            }
            members.retain(|_, member| !is_empty(member));
        }
        Value::Array(elements) => {
            for element in elements.iter_mut() {
                tidy("", element);
            }
            if let Some(keys) = identity(name) {
                elements.arrange_by_key(|element| keys.iter().map(|key| text_of(&element[key])).gather::<Vec<_>>());
            } else if SETS.contains(&name) {
                elements.arrange_by_key(text_of);
                elements.dedup();
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A scalar as text, for sorting and for paths.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
pub(super) mod tests;
