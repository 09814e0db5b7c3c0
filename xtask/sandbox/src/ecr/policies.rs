//! Policies of repositories. They are kept and answered, and nothing is allowed, denied or expired by them.

use serde_json::{Value, json};

use super::{Ecr, Repository, text};
use crate::protocol::{ApiError, ApiResult};

/// A kind of policy, as ECR spells it.
#[derive(Clone, Copy)]
pub(super) enum Policy {
    Repository,
    Lifecycle,
}

impl Policy {
    fn member(self) -> &'static str {
        match self {
            Self::Repository => "policyText",
            Self::Lifecycle => "lifecyclePolicyText",
        }
    }

    fn of(self, repository: &mut Repository) -> &mut Option<String> {
        match self {
            Self::Repository => &mut repository.policy,
            Self::Lifecycle => &mut repository.lifecycle,
        }
    }
}

impl Ecr {
    pub(super) fn put_policy(&mut self, policy: Policy, input: &Value) -> ApiResult {
        let (name, given) = (text(input, "repositoryName"), text(input, policy.member()));
        if serde_json::from_str::<Value>(given).is_err() {
            let message =
                format!("Invalid parameter at '{}' failed to satisfy constraint: 'Invalid JSON'", policy.member());
            return Err(ApiError::new("InvalidParameterException", message));
        }
        *policy.of(self.repository_mut(name)?) = Some(given.to_owned());
        Ok(self.policy_answer(policy, name, given))
    }

    pub(super) fn get_policy(&mut self, policy: Policy, input: &Value) -> ApiResult {
        let name = text(input, "repositoryName");
        let kept = policy.of(self.repository_mut(name)?).clone();
        let kept = kept.ok_or_else(|| self.no_policy(policy, name))?;
        Ok(self.policy_answer(policy, name, &kept))
    }

    pub(super) fn delete_policy(&mut self, policy: Policy, input: &Value) -> ApiResult {
        let name = text(input, "repositoryName");
        let kept = policy.of(self.repository_mut(name)?).take();
        let kept = kept.ok_or_else(|| self.no_policy(policy, name))?;
        Ok(self.policy_answer(policy, name, &kept))
    }

    fn policy_answer(&self, policy: Policy, name: &str, kept: &str) -> Value {
        json!({"registryId": self.account, "repositoryName": name, policy.member(): kept})
    }

    fn no_policy(&self, policy: Policy, name: &str) -> ApiError {
        let (code, what) = match policy {
            Policy::Repository => ("RepositoryPolicyNotFoundException", "Repository policy"),
            Policy::Lifecycle => ("LifecyclePolicyNotFoundException", "Lifecycle policy"),
        };
        let account = &self.account;
        let place = format!("the repository with name '{name}' in the registry with id '{account}'");
        ApiError::new(code, format!("{what} does not exist for {place}"))
    }
}
