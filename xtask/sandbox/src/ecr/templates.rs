//! Repository creation templates, and the repositories that a push makes by them.
//! Source: Amazon ECR API Reference, CreateRepositoryCreationTemplate.

use serde_json::{Value, json};

use super::repositories::page;
use super::{Ecr, text};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// The prefix of what no other template is for.
const ROOT: &str = "ROOT";

impl Ecr {
    pub(super) fn create_repository_creation_template(&mut self, input: &Value, now: Instant) -> ApiResult {
        let prefix = text(input, "prefix");
        if self.templates.contains_key(prefix) {
            return Err(ApiError::new(
                "TemplateAlreadyExistsException",
                format!("A template with prefix '{prefix}' already exists in the registry with id '{}'", self.account),
            ));
        }
        let mut template = input.clone();
        template["createdAt"] = json!(now.seconds());
        template["updatedAt"] = json!(now.seconds());
        self.templates.insert(prefix.to_owned(), template.clone());
        Ok(json!({"registryId": self.account, "repositoryCreationTemplate": template}))
    }

    pub(super) fn describe_repository_creation_templates(&self, input: &Value) -> ApiResult {
        let asked = input["prefixes"].as_array().filter(|prefixes| !prefixes.is_empty());
        let fits = |prefix: &String| asked.is_none_or(|asked| asked.iter().any(|it| it == prefix.as_str()));
        let found = self.templates.iter().filter(|(prefix, _)| fits(prefix)).map(|(_, template)| template.clone());
        let (templates, next) = page(found.collect(), input)?;
        let mut answer = json!({"registryId": self.account, "repositoryCreationTemplates": templates});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    pub(super) fn delete_repository_creation_template(&mut self, input: &Value) -> ApiResult {
        let prefix = text(input, "prefix");
        let removed = self.templates.remove(prefix).ok_or_else(|| {
            let message =
                format!("No template with prefix '{prefix}' exists in the registry with id '{}'", self.account);
            ApiError::new("TemplateNotFoundException", message)
        })?;
        Ok(json!({"registryId": self.account, "repositoryCreationTemplate": removed}))
    }

    /// The template by which a push makes this repository; none where that is there. Whoever pushes needs
    /// `ecr:CreateRepository` then.
    pub fn made_by_push(&self, name: &str) -> Option<&Value> {
        let mut for_it: Vec<(&String, &Value)> =
            self.templates.iter().filter(|(prefix, _)| covers(prefix, name)).collect();
        for_it.sort_by_key(|(prefix, _)| if *prefix == ROOT { 0 } else { prefix.len() });
        let (_, template) = for_it.pop().filter(|_| !self.repositories.contains_key(name))?;
        let applied = template["appliedFor"].as_array()?;
        applied.iter().any(|it| it == "CREATE_ON_PUSH").then_some(template)
    }

    /// Makes the repository that something is pushed to, where it is not there and its template is for that.
    pub fn create_on_push(&mut self, name: &str, now: Instant) -> Result<(), ApiError> {
        let Some(template) = self.made_by_push(name) else { return Ok(()) };
        let mut settings = json!({"repositoryName": name, "tags": template["resourceTags"]});
        for member in ["imageTagMutability", "imageTagMutabilityExclusionFilters", "encryptionConfiguration"] {
            settings[member] = template[member].clone();
        }
        let (policy, lifecycle) = (template["repositoryPolicy"].clone(), template["lifecyclePolicy"].clone());
        self.create_repository(&settings, now)?;
        let repository = self.repository_mut(name)?;
        repository.policy = policy.as_str().map(str::to_owned);
        repository.lifecycle = lifecycle.as_str().map(str::to_owned);
        Ok(())
    }
}

/// A slash is understood at the end of a prefix.
fn covers(prefix: &str, name: &str) -> bool {
    prefix == ROOT || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}
