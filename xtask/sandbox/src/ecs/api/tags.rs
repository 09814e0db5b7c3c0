//! The tags of every resource.

use serde_json::{Value, json};

use crate::ecs::json::{client, invalid, list, required, text, texts};
use crate::ecs::state::Ecs;
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn tag_resource(&mut self, input: &Value) -> ApiResult {
        let arn = self.resource(input)?;
        list(input, "tags").iter().try_for_each(takes)?;
        let tags = self.tags.entry(arn).or_default();
        for tag in list(input, "tags") {
            tags.retain(|old| old.get("key") != tag.get("key"));
            tags.push(tag.clone());
        }
        if tags.len() > 50 {
            return Err(invalid("The maximum number of tags for each resource is 50."));
        }
        Ok(json!({}))
    }

    pub(crate) fn untag_resource(&mut self, input: &Value) -> ApiResult {
        let arn = self.resource(input)?;
        let keys = texts(input, "tagKeys");
        if let Some(tags) = self.tags.get_mut(&arn) {
            tags.retain(|tag| text(tag, "key").is_none_or(|key| !keys.contains(&key)));
        }
        Ok(json!({}))
    }

    pub(crate) fn list_tags(&self, input: &Value) -> ApiResult {
        let arn = self.resource(input)?;
        Ok(json!({ "tags": self.tags.get(&arn).cloned().unwrap_or_default() }))
    }

    fn resource(&self, input: &Value) -> Result<String, ApiError> {
        let arn = required(input, "resourceArn")?;
        let Some(resource) = arn.strip_prefix(&self.arn("")) else {
            return Err(invalid(format!("Invalid resource ARN: {arn}.")));
        };
        let known = match resource.split('/').collect::<Vec<_>>()[..] {
            ["cluster", name] => self.clusters.contains_key(name),
            ["service", cluster, name] => self.services.keys().any(|key| key.cluster == cluster && key.name == name),
            ["daemon", cluster, name] => {
                self.services.keys().any(|key| key.cluster == cluster && key.kind() == ("daemon", name))
            }
            ["task-definition", name] => self.definition(name).is_some(),
            ["daemon-task-definition", _] => self.definition(arn).is_some(),
            ["task", cluster, id] => self.task(cluster, id).is_some(),
            _ => false,
        };
        if known { Ok(arn.to_owned()) } else { Err(client(format!("The specified resource {arn} was not found."))) }
    }
}

/// What a tag takes. Source: Amazon ECS API Reference, Tag; Developer Guide, "Tag restrictions".
fn takes(tag: &Value) -> Result<(), ApiError> {
    let fits = |name: &str, longest: usize| {
        let text = text(tag, name).unwrap_or_default();
        text.chars().count() <= longest && text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
    };
    if fits("key", 128) && fits("value", 256) {
        Ok(())
    } else {
        Err(invalid("A tag is too long or has invalid characters."))
    }
}
