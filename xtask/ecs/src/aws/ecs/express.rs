//! Express services, of which ECS makes everything around the tasks: they have a call of their own for a new revision.
//! Source: Amazon ECS API Reference, UpdateExpressGatewayService and DescribeExpressGatewayService.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::wire::millis;
use super::{Deployment, Ecs, Service, Update, subject};
use crate::aws::{AwsError, calls};
use crate::sorted::Arrange;
use crate::text::{of_json as text, short, taken};

impl Ecs {
    /// Sets an Express service to a revision, and says how it is then.
    pub(super) fn update_express(&self, arn: &str, update: &Update) -> Result<Service, AwsError> {
        let Update { cluster, service, task_definition, .. } = update;
        let input = json!({ "serviceArn": arn, "taskDefinitionArn": task_definition });
        let subject = subject(cluster, service);
        let answer = self.signed(&calls::UPDATE_EXPRESS_GATEWAY_SERVICE, &subject, &input)?;
        let mut after = self.service(cluster, service)?;
        // A look right after may find it as it was, and what was answered names the very revision.
        if after.primary().is_none_or(|primary| primary.task_definition != *task_definition) {
            for deployment in &mut after.deployments {
                deployment.status.replace_range(.., "ACTIVE");
            }
            after.deployments.insert(0, primary(&answer["service"]["targetConfiguration"], &after, "IN_PROGRESS"));
        }
        task_definition.clone_into(&mut after.task_definition);
        Ok(after)
    }

    /// Where people reach an Express service.
    pub(crate) fn endpoints(&self, service: &Service) -> Result<Vec<String>, AwsError> {
        let mut endpoints = Vec::new();
        for path in self.newest_configurations(service)?.iter().filter_map(|it| it["ingressPaths"].as_array()).flatten()
        {
            let endpoint = text(&path["endpoint"]);
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        Ok(endpoints)
    }

    /// What the service itself does not tell: on which revision it is, where it names no deployments.
    pub(super) fn fill_express(&self, service: &mut Service) -> Result<(), AwsError> {
        if !service.express || !service.task_definition.is_empty() {
            return Ok(());
        }
        for (place, configuration) in self.newest_configurations(service)?.iter().enumerate() {
            let moves = place == 0 && service.current_deployment.is_some();
            let mut deployment = primary(configuration, service, if moves { "IN_PROGRESS" } else { "COMPLETED" });
            if place > 0 {
                deployment.status.replace_range(.., "ACTIVE");
            } else {
                deployment.task_definition.clone_into(&mut service.task_definition);
            }
            service.deployments.push(deployment);
        }
        Ok(())
    }

    /// The configurations that have tasks, the newest first.
    fn newest_configurations(&self, service: &Service) -> Result<Vec<Value>, AwsError> {
        let input = json!({ "serviceArn": service.arn });
        let mut answer =
            self.signed(&calls::DESCRIBE_EXPRESS_GATEWAY_SERVICE, &format!("service {}", service.name), &input)?;
        let Value::Array(mut found) = taken(&mut taken(&mut answer, "service"), "activeConfigurations") else {
            return Ok(Vec::new());
        };
        let at = |one: &Value| one["createdAt"].as_f64();
        found.arrange_by(|one, other| at(other).partial_cmp(&at(one)).unwrap_or(Ordering::Equal));
        Ok(found)
    }
}

/// The entry of `deployments` that a configuration is: it has the number of its service revision.
fn primary(configuration: &Value, service: &Service, state: &str) -> Deployment {
    let revision = text(&configuration["serviceRevisionArn"]);
    Deployment {
        id: format!("ecs-svc/{}", short(&revision)),
        status: "PRIMARY".to_owned(),
        task_definition: text(&configuration["taskDefinitionArn"]),
        desired: service.desired,
        running: service.running,
        pending: service.pending,
        rollout_state: state.to_owned(),
        created_at: millis(&configuration["createdAt"]),
        ..Deployment::default()
    }
}
