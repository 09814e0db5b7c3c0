//! The tags of repositories: ListTagsForResource, TagResource, UntagResource.

use serde_json::{Value, json};

use super::{Ecr, Repository, invalid_parameter, text};
use crate::protocol::{ApiError, ApiResult};

/// Source: Amazon ECR User Guide, "Tagging a private repository".
const MOST_TAGS: usize = 50;

impl Repository {
    /// Sets these tags beside those that are there.
    pub(super) fn tag(&mut self, tags: &Value) -> Result<(), ApiError> {
        let mut all = self.labels.clone();
        for tag in tags.as_array().into_iter().flatten() {
            let (key, value) = (text(tag, "Key"), text(tag, "Value"));
            if key.is_empty() || key.len() > 128 || value.len() > 256 || key.to_lowercase().starts_with("aws:") {
                let message = format!(
                    "Invalid tag '{key}': a key has 1 to 128 characters and does not begin with aws:, a value has at most 256"
                );
                return Err(ApiError::new("InvalidTagParameterException", message));
            }
            all.insert(key.to_owned(), value.to_owned());
        }
        if all.len() > MOST_TAGS {
            let message = format!("A repository has at most {MOST_TAGS} tags, and this would be {}", all.len());
            return Err(ApiError::new("TooManyTagsException", message));
        }
        self.labels = all;
        Ok(())
    }
}

impl Ecr {
    pub(super) fn list_tags_for_resource(&self, input: &Value) -> ApiResult {
        let repository = self.repository(&self.tagged(input)?)?;
        let tags: Vec<Value> =
            repository.labels.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(json!({"tags": tags}))
    }

    pub(super) fn tag_resource(&mut self, input: &Value) -> ApiResult {
        let name = self.tagged(input)?;
        self.repository_mut(&name)?.tag(&input["tags"])?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, input: &Value) -> ApiResult {
        let name = self.tagged(input)?;
        let repository = self.repository_mut(&name)?;
        for key in input["tagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            repository.labels.remove(key);
        }
        Ok(json!({}))
    }

    /// The repository that an ARN means.
    fn tagged(&self, input: &Value) -> Result<String, ApiError> {
        let name = text(input, "resourceArn").strip_prefix(&self.arn(""));
        name.map(str::to_owned).ok_or_else(|| invalid_parameter("resourceArn", "Invalid ARN"))
    }
}
