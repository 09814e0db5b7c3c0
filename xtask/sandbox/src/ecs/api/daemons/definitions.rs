//! Daemon task definitions, which have families of their own.

use serde_json::{Value, json};

use super::super::{Caller, normal, rule};
use super::DAEMON;
use crate::clock::Instant;
use crate::ecs::json::{client, page, required, seconds, text};
use crate::ecs::state::Ecs;
use crate::ecs::state::definition::Definition;
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn register_daemon_definition(&mut self, input: &Value, caller: &Caller, now: Instant) -> ApiResult {
        rule::check(input)?;
        let family = format!("{DAEMON}{}", required(input, "family")?);
        let mut document = normal::fill(input);
        document["family"] = input["family"].clone();
        let tags = document.as_object_mut().and_then(|members| {
            // What other task definitions have, and daemons have not.
            members.shift_remove("placementConstraints");
            members.shift_remove("tags")
        });
        for container in document["containerDefinitions"].as_array_mut().into_iter().flatten() {
            if let Some(members) = container.as_object_mut() {
                members.retain(|name, _| !["portMappings", "volumesFrom"].contains(&name.as_str()));
            }
        }
        let definition = self.next_revision(family, document, caller, now);
        let arn = self.definition_arn(&definition);
        if let Some(Value::Array(tags)) = tags {
            self.tags.insert(arn.clone(), tags);
        }
        self.families.entry(definition.family.clone()).or_default().push(definition);
        Ok(json!({ "daemonTaskDefinitionArn": arn }))
    }

    pub(crate) fn describe_daemon_definition(&self, input: &Value) -> ApiResult {
        let definition = self.daemon_definition(required(input, "daemonTaskDefinition")?)?;
        let mut answer = definition.document.clone();
        answer["daemonTaskDefinitionArn"] = json!(self.definition_arn(definition));
        answer["revision"] = json!(definition.revision);
        answer["status"] = json!(status(definition));
        answer["registeredAt"] = seconds(definition.registered_at);
        answer["registeredBy"] = json!(definition.registered_by);
        if let Some(at) = definition.deregistered_at {
            answer["deleteRequestedAt"] = seconds(at);
        }
        Ok(json!({ "daemonTaskDefinition": answer }))
    }

    pub(crate) fn delete_daemon_definition(&mut self, input: &Value, now: Instant) -> ApiResult {
        let found = self.daemon_definition(required(input, "daemonTaskDefinition")?)?;
        let (family, revision, arn) = (found.family.clone(), found.revision, self.definition_arn(found));
        let all = self.families.get_mut(&family).into_iter().flatten();
        for definition in all.filter(|it| it.revision == revision) {
            definition.active = false;
            definition.deregistered_at.get_or_insert(now);
        }
        Ok(json!({ "daemonTaskDefinitionArn": arn }))
    }

    pub(crate) fn list_daemon_definitions(&self, input: &Value) -> ApiResult {
        let (family, prefix, wanted) = (text(input, "family"), text(input, "familyPrefix"), text(input, "status"));
        let newest = text(input, "revision").is_some();
        let mut listed = Vec::new();
        for (name, all) in &self.families {
            let Some(name) = name.strip_prefix(DAEMON) else { continue };
            if family.is_some_and(|family| family != name) || prefix.is_some_and(|prefix| !name.starts_with(prefix)) {
                continue;
            }
            let fits = |it: &&Definition| match wanted {
                None => it.active,
                Some(wanted) => wanted == "ALL" || wanted == status(it),
            };
            let fitting: Vec<&Definition> = all.iter().filter(fits).collect();
            let from = if newest { fitting.len().saturating_sub(1) } else { 0 };
            listed.extend(fitting[from..].iter().map(|definition| {
                json!({ "arn": self.definition_arn(definition), "registeredAt": seconds(definition.registered_at),
                    "registeredBy": definition.registered_by, "status": status(definition) })
            }));
        }
        if text(input, "sort") == Some("DESC") {
            listed.reverse();
        }
        page(input, "daemonTaskDefinitions", listed, 100)
    }

    /// The revision that a family, `family:revision` or an ARN means.
    fn daemon_definition(&self, name: &str) -> Result<&Definition, ApiError> {
        let own = if name.starts_with("arn:") { name.to_owned() } else { format!("{DAEMON}{name}") };
        let found = self.definition(&own).filter(|it| it.family.starts_with(DAEMON));
        found.ok_or_else(|| client("Unable to describe daemon task definition."))
    }
}

fn status(definition: &Definition) -> &'static str {
    if definition.active { "ACTIVE" } else { "DELETE_IN_PROGRESS" }
}
