//! Task definitions on their way to ECS. Only a [`PinnedDocument`] can be registered, and only [`Document::pin`] makes one.

use serde_json::{Map, Value};

use super::{Oddity, OddityKind, TaskDefinition, oddities};
use crate::config::{DAEMON_FAMILY, Kind};
use crate::gather::Gather;
use crate::reference::Pinned;
use crate::sorted::SortedMap;

/// What DescribeTaskDefinition adds and RegisterTaskDefinition does not take.
/// Source: Amazon ECS API Reference, TaskDefinition beside RegisterTaskDefinition.
const READ_ONLY: [&str; 10] = [
    "daemonTaskDefinitionArn",
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "deregisteredAt",
    "deleteRequestedAt",
    "registeredBy",
];

/// Members whose empty string says what leaving them out says. ECS drops some of them and refuses the others.
/// Source: Amazon ECS API Reference, RegisterTaskDefinition: what is not required there and is no free text.
const EMPTY_MEANS_NOTHING: [&str; 29] = [
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "runtimePlatform.cpuArchitecture",
    "runtimePlatform.operatingSystemFamily",
    "proxyConfiguration.type",
    "trustedExecutionConfiguration.attestationPolicy",
    "containerDefinitions.hostname",
    "containerDefinitions.user",
    "containerDefinitions.workingDirectory",
    "containerDefinitions.versionConsistency",
    "containerDefinitions.portMappings.name",
    "containerDefinitions.portMappings.protocol",
    "containerDefinitions.portMappings.appProtocol",
    "containerDefinitions.portMappings.containerPortRange",
    "containerDefinitions.linuxParameters.devices.containerPath",
    "volumes.host.sourcePath",
    "volumes.dockerVolumeConfiguration.scope",
    "volumes.dockerVolumeConfiguration.driver",
    "volumes.efsVolumeConfiguration.rootDirectory",
    "volumes.efsVolumeConfiguration.transitEncryption",
    "volumes.efsVolumeConfiguration.authorizationConfig.accessPointId",
    "volumes.efsVolumeConfiguration.authorizationConfig.iam",
    "volumes.s3filesVolumeConfiguration.rootDirectory",
    "volumes.s3filesVolumeConfiguration.accessPointArn",
];

/// A task definition without the members that only ECS writes, and without a fault that can be seen before ECS is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document(Value, Whose);

/// Which of ECS's two kinds of task definitions it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Services,
    Daemons,
}

/// A [`Document`] in which every container that the configuration names has its image by digest.
///
/// ECS takes no other. A document that nobody has looked at is not registered:
///
/// ```compile_fail,E0308
/// fn register(ecs: &xtask_ecs::aws::ecs::Ecs, document: &serde_json::Value) {
///     let _ = ecs.register_task_definition(document);
/// }
/// ```
///
/// nor is one whose images are still tags:
///
/// ```compile_fail,E0308
/// fn register(ecs: &xtask_ecs::aws::ecs::Ecs, document: &xtask_ecs::aws::ecs::Document) {
///     let _ = ecs.register_task_definition(document);
/// }
/// ```
///
/// and nobody can call one pinned that is not:
///
/// ```compile_fail,E0423
/// fn pin(document: serde_json::Value) -> xtask_ecs::aws::ecs::PinnedDocument {
///     xtask_ecs::aws::ecs::PinnedDocument(document)
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PinnedDocument(Value, Whose);

/// Why something is no [`Document`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    NoObject,
    NoFamily,
    /// No `containerDefinitions` with a `name` each.
    NoContainers,
    /// A member of a service's document that this tool says itself.
    Ours(String),
    Odd(Oddity),
    /// A member that task definitions of services have, and those of daemons have not; its path.
    NotOfDaemons(String),
}

impl Document {
    /// What somebody wrote, with what is odd about it: members that the SDK does not know and ECS may, and empty ones
    /// that are left out; or everything that is wrong with it.
    pub(crate) fn written(value: Value, kind: Kind) -> Result<(Self, Vec<Oddity>), Vec<Flaw>> {
        if !value.is_object() {
            return Err(vec![Flaw::NoObject]);
        }
        let whose = if kind == Kind::Daemon { Whose::Daemons } else { Whose::Services };
        let mut document = Self(strip_read_only(value), whose);
        let mut odd = leave_out_empty(&mut document.0);
        let mut flaws = Vec::new();
        if document.family().is_empty() {
            flaws.push(Flaw::NoFamily);
        }
        if document.containers().is_empty() {
            flaws.push(Flaw::NoContainers);
        }
        let (unknown, wrong): (Vec<_>, Vec<_>) =
            oddities(&document.0, kind).into_iter().partition(|oddity| oddity.kind == OddityKind::Unknown);
        // What services' task definitions have and daemons' have not is nothing newer than the SDK.
        let of_services = if whose == Whose::Daemons { oddities(&document.0, Kind::Service) } else { unknown.clone() };
        let is_newer = |oddity: &Oddity| of_services.iter().any(|other| other.path == oddity.path);
        let (newer, foreign): (Vec<_>, Vec<_>) = unknown.into_iter().partition(is_newer);
        odd.extend(newer);
        flaws.extend(foreign.into_iter().map(|oddity| Flaw::NotOfDaemons(oddity.path)));
        flaws.extend(wrong.into_iter().map(Flaw::Odd));
        if flaws.is_empty() { Ok((document, odd)) } else { Err(flaws) }
    }

    /// What ECS has.
    pub(crate) fn registered(revision: &TaskDefinition) -> Self {
        let daemons = revision.arn.contains(DAEMON_FAMILY);
        Self(strip_read_only(revision.document.clone()), if daemons { Whose::Daemons } else { Whose::Services })
    }

    /// Empty where it has none.
    pub(crate) fn family(&self) -> &str {
        self.0["family"].as_str().unwrap_or_default()
    }

    /// What ECS is asked by for the family's newest revision.
    pub(crate) fn asked_by(&self) -> String {
        asked_by(&self.0, self.1)
    }

    /// The members of a part of a document that are near to one that ECS knows. In the whole they might stand beside
    /// the very member that was meant.
    pub(crate) fn misspelt_in(part: &Value, kind: Kind) -> Vec<Oddity> {
        let mut found = oddities(part, kind);
        found.retain(|oddity| matches!(oddity.kind, OddityKind::Typo { .. }));
        found
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    fn containers(&self) -> Vec<&str> {
        let definitions = self.0["containerDefinitions"].as_array();
        definitions.into_iter().flatten().filter_map(|container| container["name"].as_str()).gather()
    }

    /// With the pinned reference of each named container in the place of its image. The error names the containers
    /// that are not in the document, and those that are.
    pub(crate) fn pin(mut self, images: &SortedMap<String, Pinned>) -> Result<PinnedDocument, String> {
        let there = self.containers();
        let missing: Vec<_> = images.keys().map(String::as_str).filter(|container| !there.contains(container)).gather();
        if !missing.is_empty() {
            return Err(missing_containers(&missing, &there));
        }
        for definition in self.0["containerDefinitions"].as_array_mut().into_iter().flatten() {
            let pinned = definition["name"].as_str().and_then(|name| images.get(name)).map(ToString::to_string);
            if let (Some(pinned), Some(definition)) = (pinned, definition.as_object_mut()) {
                definition.insert("image".to_owned(), Value::String(pinned));
            }
        }
        Ok(PinnedDocument(self.0, self.1))
    }
}

impl PinnedDocument {
    /// Empty where it has none.
    pub(crate) fn family(&self) -> &str {
        self.0["family"].as_str().unwrap_or_default()
    }

    /// What ECS is asked by for the family's newest revision.
    pub(crate) fn asked_by(&self) -> String {
        asked_by(&self.0, self.1)
    }

    /// Whether it is a daemon's.
    pub(super) fn is_daemons(&self) -> bool {
        self.1 == Whose::Daemons
    }

    /// As far as ECS tells of it again: which tags a daemon's task definition has, it does not.
    pub(crate) fn told_again(&self) -> Value {
        let mut value = self.0.clone();
        if let (Whose::Daemons, Some(members)) = (self.1, value.as_object_mut()) {
            members.retain(|name, _| name != "tags");
        }
        value
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

fn asked_by(document: &Value, whose: Whose) -> String {
    let family = document["family"].as_str().unwrap_or_default();
    if whose == Whose::Daemons { format!("{DAEMON_FAMILY}{family}") } else { family.to_owned() }
}

/// The document without the members that only ECS writes, nor the tags that only AWS may.
pub(crate) fn strip_read_only(mut document: Value) -> Value {
    if let Some(object) = document.as_object_mut() {
        object.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        if let Some(tags) = object.get_mut("tags").and_then(Value::as_array_mut) {
            tags.retain(|tag| !tag["key"].as_str().is_some_and(|key| key.to_lowercase().starts_with("aws:")));
            if tags.is_empty() {
                object.remove("tags");
            }
        }
    }
    document
}

fn leave_out_empty(document: &mut Value) -> Vec<Oddity> {
    let mut left_out = Vec::new();
    for path in EMPTY_MEANS_NOTHING {
        each_holder(document, path, "", &mut |holder, member, path| {
            if holder.get(member).is_some_and(|value| value == "") {
                holder.retain(|name, _| name != member);
                left_out.push(Oddity { path, member: member.to_owned(), kind: OddityKind::LeftOut });
            }
        });
    }
    left_out
}

/// What is done with an object that may hold a member, the member's name, and where that is.
pub(crate) type Look<'a> = dyn FnMut(&mut Map<String, Value>, &str, String) + 'a;

/// Calls `look` with every object that may hold the member at this path, the member's own name, and where it is, such as
/// `containerDefinitions[app].user`. Lists on the way are looked through.
pub(crate) fn each_holder(value: &mut Value, path: &str, place: &str, look: &mut Look<'_>) {
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let label = element["name"].as_str().map_or_else(|| index.to_string(), str::to_owned);
                each_holder(element, path, &format!("{place}[{label}]"), look);
            }
        }
        Value::Object(members) => {
            let (member, rest) = path.split_once('.').unwrap_or((path, ""));
            let place = if place.is_empty() { member.to_owned() } else { format!("{place}.{member}") };
            if rest.is_empty() {
                look(members, member, place);
            } else if let Some(value) = members.get_mut(member) {
                each_holder(value, rest, &place, look);
            }
        }
        _ => {}
    }
}

fn missing_containers(missing: &[&str], there: &[&str]) -> String {
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).gather::<Vec<_>>().join(", ");
    let (noun, verb) = if missing.len() == 1 { ("container", "is") } else { ("containers", "are") };
    format!("the {noun} {} {verb} not in the task definition; it has {}", quoted(missing), quoted(there))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::digest::Digest;

    fn document(value: Value) -> Document {
        Document::registered(&TaskDefinition { document: value, ..TaskDefinition::default() })
    }

    fn app() -> SortedMap<String, Pinned> {
        let (registry, repository) = ("registry.example".into(), "sample/app".parse().unwrap());
        SortedMap::from([("app".to_owned(), Pinned { registry, repository, digest: Digest::of(b"manifest") })])
    }

    #[test]
    fn only_the_named_containers_get_a_pinned_image() {
        let document = document(json!({ "containerDefinitions": [
            { "name": "app", "image": "app:old" }, { "name": "sidecar", "image": "envoy:v1" }] }));
        let pinned = document.pin(&app()).unwrap();
        assert_eq!(pinned.value()["containerDefinitions"][0]["image"], app()["app"].to_string());
        assert_eq!(pinned.value()["containerDefinitions"][1]["image"], "envoy:v1");
    }

    #[test]
    fn a_container_that_is_not_there_is_named_beside_those_that_are() {
        let document = document(json!({ "containerDefinitions": [{ "name": "web" }, { "name": "sidecar" }] }));
        let error = document.pin(&app()).unwrap_err();
        assert_eq!(error, "the container `app` is not in the task definition; it has `web`, `sidecar`");
    }

    #[test]
    fn what_is_no_object_or_lacks_what_every_one_has_is_no_document() {
        assert_eq!(Document::written(json!([]), Kind::Service), Err(vec![Flaw::NoObject]));
        assert_eq!(Document::written(json!({}), Kind::Service), Err(vec![Flaw::NoFamily, Flaw::NoContainers]));
    }
}
