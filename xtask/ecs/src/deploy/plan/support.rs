//! Which services this tool deploys to. Others are refused before anything is done, by name.

use super::{Live, Service};
use crate::failure::{Failure, Result};

pub(in crate::deploy) fn usable(service: &Service, cluster: &str, found: Option<Live>) -> Result<Live> {
    let defined = service.definition.is_some();
    let create = if defined { "`deploy --create` creates it of its `service-definition`" } else { "create it" };
    let Service { name, service, .. } = service;
    let Some(found) = found else {
        return Err(Failure::world(format_args!("service {service} is not in cluster {cluster}")).help(format!(
            "{create}, or correct `service` and `cluster` under [workspace.metadata.xtask.services.{name}]"
        )));
    };
    if found.status != "ACTIVE" {
        return Err(Failure::world(format_args!(
            "service {service} in cluster {cluster} is {}, so ECS takes no deployment of it",
            found.status
        ))
        .help(if defined { create } else { "create it again" }));
    }
    match unsupported(&found) {
        Some((why, help)) => {
            Err(Failure::world(format_args!("service {service} in cluster {cluster} {why}")).help(help))
        }
        None => Ok(found),
    }
}

/// Why there is no rollout here that could be followed to its end, and what to do then.
fn unsupported(found: &Live) -> Option<(String, &'static str)> {
    let Live { express, controller, scheduling, .. } = found;
    if *express {
        let why = "is an Express service, whose task definition ECS manages: it is not supported";
        return Some((why.to_owned(), "update it with `aws ecs update-express-gateway-service`"));
    }
    if controller != "ECS" {
        let why =
            format!("has the deployment controller {controller}, which is not supported: only ECS's own controller is");
        return Some((
            why,
            match controller.as_str() {
                "CODE_DEPLOY" => {
                    "deploy it with `aws deploy create-deployment`, or move it to ECS's own blue/green deployments"
                }
                "EXTERNAL" => "whatever manages its task sets deploys it",
                _ => "move it to ECS's own controller",
            },
        ));
    }
    (!matches!(scheduling.as_str(), "REPLICA" | "")).then(|| {
        let why = format!(
            "has the scheduling strategy {scheduling}, which is not supported: its number of tasks follows the cluster's \
             instances"
        );
        (why, "make it a REPLICA service, or update it with `aws ecs update-service`")
    })
}
