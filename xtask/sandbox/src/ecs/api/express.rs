//! Express services: ECS makes load balancer, target groups and scaling itself, and rolls a revision out as a canary.
//! Source: Amazon ECS API Reference, CreateExpressGatewayService, UpdateExpressGatewayService and the types in them.

use serde_json::{Map, Value, json};

use super::Caller;
use crate::clock::Instant;
use crate::ecs::json::{invalid, list, required, seconds, set, short, text};
use crate::ecs::state::Ecs;
use crate::ecs::state::definition::Definition;
use crate::ecs::state::key::Key;
use crate::ecs::state::service::Service;
use crate::protocol::{ApiError, ApiResult};

/// What a task definition says already, so that nobody says it beside one.
const OF_THE_DEFINITION: [&str; 6] =
    ["primaryContainer", "executionRoleArn", "taskRoleArn", "cpu", "memory", "cpuArchitecture"];

/// The container that the load balancer sends to.
const MAIN: &str = "Main";

impl Ecs {
    pub(crate) fn create_express_service(&mut self, input: &Value, caller: &Caller, now: Instant) -> ApiResult {
        let cluster = self.active_cluster(input)?;
        let name = text(input, "serviceName").unwrap_or("express").to_owned();
        let definition = self.express_definition(input, &name, caller, now)?;
        let port = self.port_of(&definition)?;
        let group = |end: &str| {
            let id = format!("targetgroup/ecs-gateway-{name}-{end}/0ec5{end}");
            format!("arn:aws:elasticloadbalancing:{}:{}:{id}", self.region, self.account)
        };
        let rule = format!(
            "arn:aws:elasticloadbalancing:{}:{}:listener-rule/app/ecs-express/0ec5/0ec5/0ec5",
            self.region, self.account
        );
        let network = input.get("networkConfiguration").cloned().unwrap_or_else(|| json!({}));
        let listed = |member: &str, default: &str| network.get(member).cloned().unwrap_or_else(|| json!([default]));
        let asked = json!({
            "cluster": cluster,
            "serviceName": name,
            "taskDefinition": definition,
            "desiredCount": input["scalingTarget"]["minTaskCount"].as_u64().unwrap_or(1),
            "launchType": "FARGATE",
            "tags": input.get("tags").cloned().unwrap_or_else(|| json!([])),
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": listed("subnets", "subnet-0123456789abcdef0"),
                "securityGroups": listed("securityGroups", "sg-0123456789abcdef0"),
                "assignPublicIp": "ENABLED",
            } },
            "loadBalancers": [{
                "targetGroupArn": group("blue"), "containerName": MAIN, "containerPort": port,
                "advancedConfiguration": { "alternateTargetGroupArn": group("green"), "productionListenerRule": rule,
                    "roleArn": required(input, "infrastructureRoleArn")? },
            }],
            "deploymentConfiguration": {
                "strategy": "CANARY", "bakeTimeInMinutes": 3,
                "canaryConfiguration": { "canaryPercent": 5.0, "canaryBakeTimeInMinutes": 3 },
                "alarms": { "enable": true, "rollback": true, "alarmNames": [format!("{cluster}/{name}/rollback")] },
            },
        });
        let asked = super::member::check("CreateService", asked)?;
        self.create_service(&asked, caller, now)?;
        let key = Key { cluster, name };
        self.services.change(&key, |service| {
            let kept = ["infrastructureRoleArn", "healthCheckPath", "scalingTarget"];
            let kept = kept.iter().filter_map(|member| Some(((*member).to_owned(), input.get(*member)?.clone())));
            service.express = Some(Value::Object(kept.collect()));
        });
        Ok(json!({ "service": self.express_answer(&self.services[&key]) }))
    }

    pub(crate) fn update_express_service(&mut self, input: &Value, caller: &Caller, now: Instant) -> ApiResult {
        let key = self.express_of(input)?.key.clone();
        let mut asked = Map::new();
        if input.get("taskDefinitionArn").is_some() || input.get("primaryContainer").is_some() {
            let definition = self.express_definition(input, &key.name, caller, now)?;
            // The load balancer that ECS made sends to the port of the new revision.
            let mut balancers = self.services[&key].given["loadBalancers"].clone();
            balancers[0]["containerPort"] = self.port_of(&definition)?;
            asked.insert("loadBalancers".to_owned(), balancers);
            asked.insert("taskDefinition".to_owned(), json!(definition));
        }
        if let Some(least) = input["scalingTarget"]["minTaskCount"].as_u64() {
            asked.insert("desiredCount".to_owned(), json!(least));
        }
        asked.insert("cluster".to_owned(), json!(key.cluster));
        asked.insert("service".to_owned(), json!(key.name));
        let kept = self.services.change(&key, |service| service.express.take()).flatten();
        let updated = self.update_service(&Value::Object(asked), now);
        self.services.change(&key, |service| {
            service.express = kept;
            for member in ["healthCheckPath", "scalingTarget"] {
                if let (Some(express), Some(value)) = (service.express.as_mut(), input.get(member)) {
                    express[member] = value.clone();
                }
            }
        });
        updated?;
        let service = &self.services[&key];
        let newest = service.revisions.len().saturating_sub(1);
        Ok(json!({ "service": {
            "serviceArn": service.arn,
            "cluster": key.cluster,
            "serviceName": key.name,
            "status": { "statusCode": service.status.word() },
            "targetConfiguration": self.express_configuration(service, newest),
            "createdAt": seconds(service.created_at),
            "updatedAt": seconds(now),
        } }))
    }

    pub(crate) fn describe_express_service(&self, input: &Value) -> ApiResult {
        Ok(json!({ "service": self.express_answer(self.express_of(input)?) }))
    }

    pub(crate) fn delete_express_service(&mut self, input: &Value, now: Instant) -> ApiResult {
        let key = self.express_of(input)?.key.clone();
        self.delete_service(&json!({ "cluster": key.cluster, "service": key.name, "force": true }), now)?;
        Ok(json!({ "service": self.express_answer(&self.services[&key]) }))
    }

    fn express_of(&self, input: &Value) -> Result<&Service, ApiError> {
        let arn = required(input, "serviceArn")?;
        let found = self.services.values().find(|service| service.arn == arn && service.express.is_some());
        found.ok_or_else(|| ApiError::new("ResourceNotFoundException", format!("Service not found: {arn}")))
    }

    /// The ARN of the revision that an input means, which is made of its container where it has one.
    fn express_definition(
        &mut self,
        input: &Value,
        name: &str,
        caller: &Caller,
        now: Instant,
    ) -> Result<String, ApiError> {
        if let Some(arn) = text(input, "taskDefinitionArn") {
            if let Some(member) = OF_THE_DEFINITION.iter().find(|member| input.get(**member).is_some()) {
                return Err(invalid(format!("taskDefinitionArn and {member} can not be specified together.")));
            }
            return Ok(self.definition_arn(self.usable_definition(arn)?));
        }
        let Some(primary) = input.get("primaryContainer") else {
            return Err(invalid("primaryContainer or taskDefinitionArn is required."));
        };
        let port = primary.get("containerPort").cloned().unwrap_or_else(|| json!(80));
        let mut container = json!({ "name": MAIN, "image": primary["image"], "essential": true,
            "portMappings": [{ "containerPort": port, "name": "main", "protocol": "tcp" }] });
        for member in ["command", "environment", "secrets", "repositoryCredentials"] {
            if let Some(value) = primary.get(member) {
                container[member] = value.clone();
            }
        }
        let document = set(json!({
            "family": format!("default-{name}"),
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": text(input, "cpu").unwrap_or("256"),
            "memory": text(input, "memory").unwrap_or("512"),
            "executionRoleArn": input.get("executionRoleArn"),
            "taskRoleArn": input.get("taskRoleArn"),
            "containerDefinitions": [container],
        }));
        let document = super::member::check("RegisterTaskDefinition", document)?;
        let registered = self.register_task_definition(&document, caller, now)?;
        Ok(text(&registered["taskDefinition"], "taskDefinitionArn").unwrap_or_default().to_owned())
    }

    /// The one named TCP port of the main container.
    fn port_of(&self, definition: &str) -> Result<Value, ApiError> {
        let found = self.definition(definition);
        let main = found.and_then(|definition| definition.container(MAIN)).ok_or_else(|| {
            invalid(format!("The task definition must have a container named {MAIN} to be used by an Express service."))
        })?;
        let is_tcp = |port: &&Value| text(port, "protocol").is_none_or(|protocol| protocol == "tcp");
        let named: Vec<&Value> = list(main, "portMappings").iter().filter(is_tcp).collect();
        match named.as_slice() {
            [port] if text(port, "name").is_some() => Ok(port["containerPort"].clone()),
            _ => Err(invalid(format!("The container {MAIN} must have a single TCP port mapping with a port name."))),
        }
    }

    fn express_answer(&self, service: &Service) -> Value {
        let mut active: Vec<usize> = service.deployments.iter().map(|deployment| deployment.revision).collect();
        active.dedup();
        let rollout = service.current_rollout().map(|rollout| service.rollouts[rollout].arn.clone());
        set(json!({
            "cluster": service.key.cluster,
            "serviceName": service.key.name,
            "serviceArn": service.arn,
            "infrastructureRoleArn": service.express.as_ref().and_then(|express| express.get("infrastructureRoleArn")),
            "status": { "statusCode": service.status.word() },
            "currentDeployment": rollout,
            "activeConfigurations": active.iter().map(|it| self.express_configuration(service, *it)).collect::<Vec<_>>(),
            "createdAt": seconds(service.created_at),
        }))
    }

    fn express_configuration(&self, service: &Service, revision: usize) -> Value {
        let revision = &service.revisions[revision];
        let express = service.express.as_ref();
        let definition = text(&revision.given, "taskDefinition").and_then(|arn| self.definition(arn));
        let of_task = |member: &str| definition.and_then(|definition| definition.document.get(member));
        let main = definition.and_then(|definition: &Definition| definition.container(MAIN));
        let vpc = &revision.given["networkConfiguration"]["awsvpcConfiguration"];
        let host = format!("{}.ecs.{}.on.aws", short(&service.key.name), self.region);
        set(json!({
            "serviceRevisionArn": revision.arn,
            "taskDefinitionArn": revision.given["taskDefinition"],
            "executionRoleArn": of_task("executionRoleArn"),
            "taskRoleArn": of_task("taskRoleArn"),
            "cpu": of_task("cpu"),
            "memory": of_task("memory"),
            "networkConfiguration": { "subnets": vpc["subnets"], "securityGroups": vpc["securityGroups"] },
            "healthCheckPath": express.and_then(|it| it.get("healthCheckPath")).cloned().unwrap_or_else(|| json!("/ping")),
            "primaryContainer": main.map(|main| json!({ "image": main["image"] })),
            "scalingTarget": express.and_then(|it| it.get("scalingTarget")),
            "ingressPaths": [{ "accessType": "PUBLIC", "endpoint": format!("https://{host}/") }],
            "createdAt": seconds(revision.created_at),
        }))
    }
}
