//! The stage that every rehearsal needs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::protocol::{ApiError, ApiResult};
use crate::site::Site;

/// What a service runs before its first release: an image of another registry, which is taken to exist.
const FIRST_IMAGE: &str = "public.ecr.aws/docker/library/httpd:2.4";

/// More events than the start of a service has.
const PATIENCE: usize = 10_000;

impl Site<'_> {
    /// Makes what is not there yet: the repositories (with immutable tags), the clusters, and of each
    /// `(cluster, service, task definition)` a service whose first revision is running. A container without an image, or
    /// with one of this registry, first runs another registry's. Answers `{}`.
    pub fn furnish(&self, repositories: &[&str], services: &[(&str, &str, Value)]) -> ApiResult {
        for name in repositories {
            let input = json!({"repositoryName": name, "imageTagMutability": "IMMUTABLE"});
            match self.ecr("CreateRepository", input) {
                Err(error) if error.code != "RepositoryAlreadyExistsException" => return Err(error),
                _ => {}
            }
        }
        for (cluster, service, task_definition) in services {
            self.ecs("CreateCluster", json!({"clusterName": cluster}))?;
            let found = self.ecs("DescribeServices", json!({"cluster": cluster, "services": [service]}))?;
            if found["services"][0]["status"] == "ACTIVE" {
                continue;
            }
            let registered = self.ecs("RegisterTaskDefinition", self.first(task_definition))?;
            let revision = &registered["taskDefinition"];
            let mut input = json!({
                "cluster": cluster,
                "serviceName": service,
                "taskDefinition": revision["taskDefinitionArn"],
                "desiredCount": 2,
                "deploymentConfiguration": {
                    "deploymentCircuitBreaker": {"enable": true, "rollback": true},
                    "minimumHealthyPercent": 100,
                    "maximumPercent": 200,
                },
            });
            if revision["requiresCompatibilities"].as_array().is_some_and(|list| list.contains(&json!("FARGATE"))) {
                input["launchType"] = json!("FARGATE");
            }
            if revision["networkMode"] == "awsvpc" {
                input["networkConfiguration"] = json!({"awsvpcConfiguration": {
                    "subnets": ["subnet-0123456789abcdef0"],
                    "securityGroups": ["sg-0123456789abcdef0"],
                    "assignPublicIp": "DISABLED",
                }});
            }
            self.ecs("CreateService", input)?;
            self.await_first_rollout(cluster, service)?;
        }
        Ok(json!({}))
    }

    fn first(&self, task_definition: &Value) -> Value {
        let mut first = task_definition.clone();
        let mut state = self.lock();
        for container in first["containerDefinitions"].as_array_mut().into_iter().flatten() {
            let elsewhere =
                container["image"].as_str().is_some_and(|image| state.ecr_of(&self.home).own(image).is_none());
            if !elsewhere {
                container["image"] = json!(FIRST_IMAGE);
            }
        }
        first
    }

    /// Skips from event to event until the service is where it should be.
    fn await_first_rollout(&self, cluster: &str, service: &str) -> Result<(), ApiError> {
        for _ in 0..PATIENCE {
            // Asked before the look: a clock that runs may let the last event happen between the two.
            let due = self.lock().ecs_of(&self.home).next_event();
            let found = self.ecs("DescribeServices", json!({"cluster": cluster, "services": [service]}))?;
            if found["services"][0]["deployments"][0]["rolloutState"] == "COMPLETED" {
                return Ok(());
            }
            let Some(due) = due else { break };
            let mut state = self.lock();
            let left = due.0.saturating_sub(state.timeline.now().0);
            state.timeline.pass(Duration::from_millis(left));
            state.settle();
        }
        let message = format!("the first rollout of service {service} in cluster {cluster} did not complete");
        Err(ApiError::with(500, "ServerException", message))
    }
}
