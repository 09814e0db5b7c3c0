//! Task definitions: registering, describing, deregistering.

use serde_json::{Value, json};

use super::{Caller, normal, rule};
use crate::clock::Instant;
use crate::ecs::json::{client, page, required, seconds, short, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::definition::Definition;
use crate::ecs::state::key::DAEMON;
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn register_task_definition(&mut self, input: &Value, caller: &Caller, now: Instant) -> ApiResult {
        rule::check(input)?;
        let family = required(input, "family")?.to_owned();
        let mut document = normal::fill(input);
        let tags = document.as_object_mut().and_then(|members| members.shift_remove("tags"));
        let definition = self.next_revision(family, document, caller, now);
        if let Some(Value::Array(tags)) = tags.clone() {
            self.tags.insert(self.definition_arn(&definition), tags);
        }
        let mut answer = json!({ "taskDefinition": self.definition_answer(&definition) });
        if let Some(tags) = tags {
            answer["tags"] = tags;
        }
        self.families.entry(definition.family.clone()).or_default().push(definition);
        Ok(answer)
    }

    /// What the next revision of a family is; it is not kept yet.
    pub(crate) fn next_revision(&self, family: String, document: Value, caller: &Caller, now: Instant) -> Definition {
        Definition {
            revision: self.families.get(&family).map_or(0, |all| all.len() as u64) + 1,
            family,
            document,
            active: true,
            registered_at: now,
            deregistered_at: None,
            registered_by: caller.arn.clone(),
        }
    }

    pub(crate) fn describe_task_definition(&self, input: &Value) -> ApiResult {
        let definition = self
            .definition(required(input, "taskDefinition")?)
            .ok_or_else(|| client("Unable to describe task definition."))?;
        let mut answer = json!({ "taskDefinition": self.definition_answer(definition) });
        if texts(input, "include").contains(&"TAGS") {
            answer["tags"] = json!(self.tags.get(&self.definition_arn(definition)).cloned().unwrap_or_default());
        }
        Ok(answer)
    }

    pub(crate) fn deregister_task_definition(&mut self, input: &Value, now: Instant) -> ApiResult {
        let name = short(required(input, "taskDefinition")?);
        let Some((family, revision)) = name.split_once(':') else {
            return Err(client("Missing revision in task definition."));
        };
        let found = revision.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let definition = self
            .families
            .get_mut(family)
            .and_then(|all| all.get_mut(found?))
            .ok_or_else(|| client("The specified task definition does not exist."))?;
        definition.active = false;
        definition.deregistered_at.get_or_insert(now);
        let (family, revision) = (definition.family.clone(), definition.revision);
        let answer = self.definition(&format!("{family}:{revision}")).map(|it| self.definition_answer(it));
        Ok(json!({ "taskDefinition": answer }))
    }

    pub(crate) fn list_task_definitions(&self, input: &Value) -> ApiResult {
        let inactive = text(input, "status") == Some("INACTIVE");
        let family = text(input, "familyPrefix");
        let mut arns: Vec<Value> = self
            .families
            .values()
            .flatten()
            .filter(|it| it.active != inactive && !it.family.starts_with(DAEMON))
            .filter(|it| family.is_none_or(|family| it.family == family))
            .map(|it| json!(self.definition_arn(it)))
            .collect();
        if text(input, "sort") == Some("DESC") {
            arns.reverse();
        }
        page(input, "taskDefinitionArns", arns, 100)
    }

    /// The active revision that a service or RunTask names.
    pub(crate) fn usable_definition(&self, name: &str) -> Result<&Definition, ApiError> {
        let definition = self.definition(name).ok_or_else(|| client("TaskDefinition not found."))?;
        if definition.active { Ok(definition) } else { Err(client("TaskDefinition is inactive")) }
    }

    /// The document as DescribeTaskDefinition shows it: with the read-only members among the registered ones.
    fn definition_answer(&self, definition: &Definition) -> Value {
        let mut answer = definition.document.clone();
        if let Some(members) = answer.as_object_mut() {
            members.shift_insert(0, "taskDefinitionArn".to_owned(), json!(self.definition_arn(definition)));
            members.insert("revision".to_owned(), json!(definition.revision));
            members.insert("status".to_owned(), json!(if definition.active { "ACTIVE" } else { "INACTIVE" }));
            members.insert("requiresAttributes".to_owned(), normal::attributes(&definition.document));
            members.insert("compatibilities".to_owned(), normal::compatibilities(&definition.document));
            members.insert("registeredAt".to_owned(), seconds(definition.registered_at));
            if let Some(at) = definition.deregistered_at {
                members.insert("deregisteredAt".to_owned(), seconds(at));
            }
            members.insert("registeredBy".to_owned(), json!(definition.registered_by));
        }
        answer
    }
}
