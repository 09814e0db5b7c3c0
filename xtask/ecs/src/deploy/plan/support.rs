//! Which services this tool deploys to. Others are refused before anything is done, by name.

use super::{Live, Service};
use crate::config::{Kind, called};
use crate::failure::{Failure, Result};
use serde_json::Value;

pub(in crate::deploy) fn usable(service: &Service, cluster: &str, found: Option<Live>) -> Result<Live> {
    let defined = service.definition.is_some();
    let called = called(&service.service);
    let create = if defined { "`deploy --create` creates it of its `service-definition`" } else { "create it" };
    let Service { name, kind, .. } = service;
    let Some(found) = found else {
        return Err(Failure::world(format_args!("{called} is not in cluster {cluster}")).help(format!(
            "{create}, or correct `service` and `cluster` under [workspace.metadata.xtask.services.{name}]"
        )));
    };
    if found.status != "ACTIVE" {
        return Err(Failure::world(format_args!(
            "{called} in cluster {cluster} is {}, so ECS takes no deployment of it",
            found.status
        ))
        .help(if defined { create } else { "create it again" }));
    }
    if (*kind == Kind::Express) != found.express {
        let (why, help) = if found.express {
            ("is an Express service, whose load balancer and scaling ECS manages", "write `express = true` for it")
        } else {
            ("is no Express service", "leave `express` out, or correct `service` and `cluster`")
        };
        return Err(Failure::world(format_args!("{called} in cluster {cluster} {why}")).help(help));
    }
    match unsupported(&found.controller, &found.scheduling) {
        Some((why, help)) => Err(Failure::world(format_args!("{called} in cluster {cluster} {why}")).help(help)),
        None => Ok(found),
    }
}

/// Why there is no rollout here that could be followed to its end, and what to do then.
pub(in crate::deploy) fn unsupported(controller: &str, scheduling: &str) -> Option<(String, &'static str)> {
    if controller != "ECS" {
        let why =
            format!("has the deployment controller {controller}, which is not supported: only ECS's own controller is");
        return Some((
            why,
            match controller {
                "CODE_DEPLOY" => {
                    "deploy it with `aws deploy create-deployment`, or move it to ECS's own blue/green deployments"
                }
                "EXTERNAL" => "whatever manages its task sets deploys it",
                _ => "move it to ECS's own controller",
            },
        ));
    }
    (!matches!(scheduling, "REPLICA" | "")).then(|| {
        let why = format!(
            "has the scheduling strategy {scheduling}, which is not supported: its number of tasks follows the cluster's \
             instances"
        );
        (why, "make it a REPLICA service, or update it with `aws ecs update-service`")
    })
}

pub(in crate::deploy) const MAIN: &str =
    "an Express service sends to a container `Main` with one TCP port that has a `name`, on FARGATE";

/// Why a document is none of an Express service. Source: Amazon ECS API Reference, UpdateExpressGatewayService.
pub(in crate::deploy) fn unfit(service: &Service, document: &Value) -> Option<&'static str> {
    if service.kind != Kind::Express {
        return None;
    }
    let fargate =
        document["requiresCompatibilities"].as_array().is_some_and(|all| all.iter().any(|it| it == "FARGATE"));
    let mut containers = document["containerDefinitions"].as_array().into_iter().flatten();
    let Some(main) = containers.find(|container| container["name"] == "Main") else {
        return Some("its task definition has no container `Main`");
    };
    let mut ports = main["portMappings"].as_array().into_iter().flatten();
    let mut tcp = ports.by_ref().filter(|port| port["protocol"].as_str().is_none_or(|protocol| protocol == "tcp"));
    match (tcp.next(), tcp.next()) {
        (Some(port), None) if port["name"].as_str().is_some_and(|name| !name.is_empty()) => {}
        (Some(_), None) => return Some("the port of its container `Main` has no `name`"),
        _ => return Some("its container `Main` has not exactly one TCP port"),
    }
    (!fargate).then_some("its task definition is not for FARGATE")
}
