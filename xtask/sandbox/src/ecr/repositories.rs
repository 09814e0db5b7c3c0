//! CreateRepository, DescribeRepositories, DeleteRepository, and what can be changed of one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Ecr, Mutability, Repository, text};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

impl Ecr {
    pub(super) fn create_repository(&mut self, input: &Value, now: Instant) -> ApiResult {
        let name = text(input, "repositoryName");
        if self.repositories.contains_key(name) {
            return Err(ApiError::new(
                "RepositoryAlreadyExistsException",
                format!("The repository with name '{name}' already exists in the registry with id '{}'", self.account),
            ));
        }
        let mut repository = Repository {
            name: name.to_owned(),
            created: now,
            mutability: Mutability::read(input)?,
            scan_on_push: input["imageScanningConfiguration"]["scanOnPush"].as_bool().unwrap_or(false),
            encryption: match &input["encryptionConfiguration"] {
                Value::Null => json!({"encryptionType": "AES256"}),
                given => given.clone(),
            },
            labels: BTreeMap::new(),
            policy: None,
            lifecycle: None,
            layers: BTreeMap::new(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        repository.tag(&input["tags"])?;
        let description = self.describe(&repository);
        self.repositories.insert(name.to_owned(), repository);
        Ok(json!({"repository": description}))
    }

    pub(super) fn describe_repositories(&self, input: &Value) -> ApiResult {
        let repositories: Vec<Value> = match input["repositoryNames"].as_array() {
            Some(names) => names
                .iter()
                .filter_map(Value::as_str)
                .map(|name| self.repository(name).map(|repository| self.describe(repository)))
                .collect::<Result<_, _>>()?,
            None => self.repositories.values().map(|repository| self.describe(repository)).collect(),
        };
        let (repositories, next) = page(repositories, input)?;
        let mut answer = json!({"repositories": repositories});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    pub(super) fn delete_repository(&mut self, input: &Value) -> ApiResult {
        let name = text(input, "repositoryName");
        let repository = self.repository(name)?;
        if !repository.images.is_empty() && input["force"] != json!(true) {
            return Err(ApiError::new(
                "RepositoryNotEmptyException",
                format!(
                    "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still \
                     contains images",
                    self.account
                ),
            ));
        }
        let description = self.describe(repository);
        self.repositories.remove(name);
        Ok(json!({"repository": description}))
    }

    pub(super) fn put_image_tag_mutability(&mut self, input: &Value) -> ApiResult {
        let name = text(input, "repositoryName");
        let mutability = Mutability::read(input)?;
        let mut answer = json!({"registryId": self.account, "repositoryName": name});
        mutability.describe(&mut answer);
        self.repository_mut(name)?.mutability = mutability;
        Ok(answer)
    }

    pub(super) fn put_image_scanning_configuration(&mut self, input: &Value) -> ApiResult {
        let name = text(input, "repositoryName");
        let on_push = input["imageScanningConfiguration"]["scanOnPush"].as_bool().unwrap_or(false);
        let account = self.account.clone();
        self.repository_mut(name)?.scan_on_push = on_push;
        let configuration = json!({"scanOnPush": on_push});
        Ok(json!({"registryId": account, "repositoryName": name, "imageScanningConfiguration": configuration}))
    }

    fn describe(&self, repository: &Repository) -> Value {
        let Repository { name, .. } = repository;
        let mut description = json!({
            "repositoryArn": self.arn(name),
            "registryId": self.account,
            "repositoryName": name,
            "repositoryUri": format!("{}/{name}", self.host),
            "createdAt": repository.created.seconds(),
            "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
            "encryptionConfiguration": repository.encryption,
        });
        repository.mutability.describe(&mut description);
        description
    }

    /// A repository's Amazon Resource Name.
    pub fn arn(&self, repository: &str) -> String {
        format!("arn:aws:ecr:{}:{}:repository/{repository}", self.region, self.account)
    }
}

/// One page of a list, and the token of the next: the position it begins at.
pub(super) fn page(list: Vec<Value>, input: &Value) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let start = match input["nextToken"].as_str() {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .ok()
            .filter(|start| *start < list.len())
            .ok_or_else(|| super::invalid_parameter("nextToken", "Invalid token"))?,
    };
    let size = input["maxResults"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(100);
    let end = start.saturating_add(size).min(list.len());
    let next = (end < list.len()).then(|| end.to_string());
    Ok((list.into_iter().skip(start).take(end - start).collect(), next))
}
