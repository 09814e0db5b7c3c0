//! A service as ECS has it, where nothing is configured yet: what `cargo xtask-ecs init --service` begins with.

use serde_json::Value;

use super::plan::support::unsupported;
use crate::aws::ecs::{Ecs, short, strip_read_only};
use crate::aws::{AwsError, Session};
use crate::config::suggestion;
use crate::failure::{Failure, Result};
use crate::gather::Gather;

/// The account of this machine's credentials, in a region.
pub struct Account {
    session: Session,
    id: String,
    region: String,
}

/// A service, and what it was last set to run.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveService {
    /// Its cluster's name.
    pub cluster: String,
    /// Its own.
    pub name: String,
    /// As DescribeServices answers, with what its newest deployment alone tells.
    pub service: Value,
    /// What could be registered of what DescribeTaskDefinition answers, with its tags.
    pub task_definition: Value,
    /// The members that ECS alone writes.
    pub read_only: Vec<String>,
}

impl Account {
    /// Fails (exit 1) where there are no credentials.
    pub fn of_these_credentials(region: &str) -> Result<Self> {
        let session = Session::of_these_credentials(region)?;
        let id = session.identity().map(|identity| identity.account.clone()).unwrap_or_default();
        Ok(Self { session, id, region: region.to_owned() })
    }

    /// Twelve digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Fails (exit 2) where the cluster or the service is not there, with the nearest name that is, and (exit 1) where it is no
    /// service that could be deployed.
    pub fn service(&self, cluster: &str, name: &str) -> Result<LiveService> {
        let ecs = self.session.ecs();
        let service = match ecs.described_service(cluster, name) {
            Ok(service) => service,
            Err(error) if error.code == "ClusterNotFoundException" => return Err(self.no_cluster(&ecs, cluster)),
            Err(error) => return Err(error.into()),
        };
        let is_there = service["status"].as_str().is_some_and(|status| status != "INACTIVE");
        if !is_there {
            return Err(self.no_service(&ecs, cluster, name));
        }
        let text = |member: &str| service[member].as_str().unwrap_or_default().to_owned();
        let controller = service["deploymentController"]["type"].as_str().unwrap_or("ECS");
        if let Some((why, help)) = unsupported(controller, &text("schedulingStrategy")) {
            return Err(Failure::world(format_args!("service {name} in cluster {cluster} {why}")).help(help));
        }
        // That of an Express service is told elsewhere.
        let revision = ecs.service(cluster, name)?.task_definition;
        let found = ecs.task_definitions(&[revision]).pop().transpose()?.flatten();
        let found = found.ok_or_else(|| Failure::usage(format_args!("service {name} names no task definition")))?;
        let task_definition = strip_read_only(found.document.clone());
        let all = found.document.as_object().into_iter().flatten();
        let read_only = all.filter(|(name, _)| task_definition[*name].is_null()).map(|(name, _)| name.clone()).gather();
        let cluster = short(&text("clusterArn")).to_owned();
        Ok(LiveService { cluster, name: text("serviceName"), service, task_definition, read_only })
    }

    fn no_cluster(&self, ecs: &Ecs, cluster: &str) -> Failure {
        let Self { id, region, .. } = self;
        absent(format!("there is no cluster {cluster} in {region} of {id}"), cluster, &ecs.cluster_names(), "clusters")
    }

    fn no_service(&self, ecs: &Ecs, cluster: &str, name: &str) -> Failure {
        let message = format!("cluster {cluster} in {} of {} has no service {name}", self.region, self.id);
        absent(message, name, &ecs.service_names(cluster), "services")
    }
}

/// With what was likely meant, where this identity may know.
fn absent(message: String, name: &str, known: &Result<Vec<String>, AwsError>, plural: &str) -> Failure {
    let failure = Failure::usage(message);
    match known {
        Ok(known) => failure.help(suggestion(name, known.iter().map(String::as_str), plural)),
        Err(_) => failure,
    }
}
