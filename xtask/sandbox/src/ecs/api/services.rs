//! Services as DescribeServices shows them.

use serde_json::{Value, json};

use crate::ecs::json::{invalid, missing, page, seconds, set, short, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::key::Key;
use crate::ecs::state::service::{Deployment, Service};
use crate::ecs::state::task::{Phase, Task};
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn describe_services(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let names = texts(input, "services");
        if names.is_empty() {
            return Err(invalid("Services cannot be empty."));
        }
        if names.len() > 10 {
            return Err(invalid("Services cannot have more than 10 elements."));
        }
        let tags = texts(input, "include").contains(&"TAGS");
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in names {
            match self.services.get(&Key { cluster: cluster.clone(), name: short(name).to_owned() }) {
                Some(service) => found.push(self.service_answer(service, tags)),
                None => failures.push(missing(&self.arn(&format!("service/{cluster}/{}", short(name))))),
            }
        }
        Ok(json!({ "services": found, "failures": failures }))
    }

    pub(crate) fn list_services(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let launch = text(input, "launchType");
        let strategy = text(input, "schedulingStrategy");
        let arns = self
            .services
            .values()
            .filter(|it| it.key.cluster == cluster && it.is_active() && !it.key.is_daemon())
            .filter(|it| launch.is_none_or(|launch| it.given["launchType"] == launch))
            .filter(|it| strategy.is_none_or(|strategy| it.given["schedulingStrategy"] == strategy))
            .map(|it| json!(it.arn))
            .collect();
        page(input, "serviceArns", arns, 10)
    }

    /// One service; `tags` as `include` has it.
    pub(crate) fn service_answer(&self, service: &Service, tags: bool) -> Value {
        let own = || self.alive_of(&service.key).map(|(_, task)| task);
        let deployments: Vec<Value> = service
            .deployments
            .iter()
            .enumerate()
            .map(|(place, deployment)| self.deployment_answer(service, deployment, place == 0))
            .collect();
        let events = service
            .events
            .iter()
            .map(|event| json!({ "id": event.id, "createdAt": seconds(event.at), "message": event.message }));
        let current = service.current_rollout().map(|rollout| service.rollouts[rollout].arn.clone());
        let mut revisions: Vec<usize> = service.deployments.iter().map(|it| it.revision).collect();
        revisions.dedup();
        let primary = revisions.first().copied();
        let revisions: Vec<Value> = revisions
            .into_iter()
            .map(|it| self.revision_counts(service, it, (Some(it) == primary).then_some(service.desired)))
            .collect();
        let mut answer = json!({
            "serviceArn": service.arn,
            "serviceName": service.key.name,
            "clusterArn": self.arn(&format!("cluster/{}", service.key.cluster)),
            "status": service.status.word(),
            "desiredCount": service.desired,
            "runningCount": own().filter(|task| task.phase == Phase::Running).count(),
            "pendingCount": own().filter(|task| task.phase < Phase::Running).count(),
            "deployments": deployments,
            "events": events.collect::<Vec<_>>(),
            "createdAt": seconds(service.created_at),
            "createdBy": service.created_by,
            "resourceManagementType": if service.express.is_some() { "ECS" } else { "CUSTOMER" },
            "currentServiceDeployment": current,
            "currentServiceRevisions": revisions,
        });
        if let (Some(answer), Some(given)) = (answer.as_object_mut(), service.given.as_object()) {
            // These are shown by deployments and revisions only.
            let hidden =
                ["clientToken", "serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];
            let shown = given.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
            answer.extend(shown.map(|(name, value)| (name.clone(), value.clone())));
            if given.get("launchType").is_some_and(|it| it == "FARGATE") {
                answer.insert("platformFamily".to_owned(), json!("Linux"));
            }
            // ECS manages an Express service's: its configurations tell it.
            if service.express.is_some() {
                answer.shift_remove("taskDefinition");
            }
            if tags {
                answer.insert("tags".to_owned(), json!(self.tags.get(&service.arn).cloned().unwrap_or_default()));
            }
        }
        set(answer)
    }

    fn deployment_answer(&self, service: &Service, deployment: &Deployment, primary: bool) -> Value {
        let of_this = |task: &&Task| task.started_by.as_deref() == Some(deployment.id.as_str());
        let own = || self.alive_of(&service.key).map(|(_, task)| task).filter(of_this);
        let count = |wanted: fn(&&Task) -> bool| own().filter(wanted).count();
        let revision = &service.revisions[deployment.revision].given;
        let status = if primary { "PRIMARY" } else { "ACTIVE" };
        let wanted = count(|task| task.is_wanted()) as u64;
        let fargate = revision["launchType"] == "FARGATE";
        set(json!({
            "id": deployment.id,
            "status": status,
            "taskDefinition": revision["taskDefinition"],
            "desiredCount": if primary { service.desired } else { wanted },
            "pendingCount": count(|task| task.phase < Phase::Running),
            "runningCount": count(|task| task.phase == Phase::Running),
            "failedTasks": deployment.failed_tasks,
            "createdAt": seconds(deployment.created_at),
            "updatedAt": seconds(deployment.updated_at),
            "capacityProviderStrategy": revision["capacityProviderStrategy"],
            "launchType": revision["launchType"],
            "platformVersion": if fargate { json!("1.4.0") } else { Value::Null },
            "platformFamily": if fargate { json!("Linux") } else { Value::Null },
            "networkConfiguration": revision["networkConfiguration"],
            "rolloutState": deployment.state.word(),
            "rolloutStateReason": deployment.reason,
            "serviceConnectConfiguration": revision["serviceConnectConfiguration"],
            "volumeConfigurations": revision["volumeConfigurations"],
            "vpcLatticeConfigurations": revision["vpcLatticeConfigurations"],
        }))
    }

    /// How many tasks of which revision run; nothing where there is no such service.
    pub(crate) fn running(&self, cluster: &str, name: &str) -> Vec<(String, u64)> {
        let Ok(service) = self.named_service(cluster, name) else { return Vec::new() };
        let of = |deployment: &Deployment| {
            let revision = service.revisions[deployment.revision].given["taskDefinition"].as_str()?;
            let runs = |task: &Task| task.phase == Phase::Running && task.started_by.as_ref() == Some(&deployment.id);
            let count = self.alive_of(&service.key).filter(|(_, task)| runs(task)).count() as u64;
            (count > 0).then(|| (short(revision).to_owned(), count))
        };
        service.deployments.iter().filter_map(of).collect()
    }

    /// The service that ListTasks filters by.
    pub(crate) fn named_service(&self, cluster: &str, name: &str) -> Result<&Service, ApiError> {
        let key = Key { cluster: cluster.to_owned(), name: short(name).to_owned() };
        self.services.get(&key).ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))
    }
}
