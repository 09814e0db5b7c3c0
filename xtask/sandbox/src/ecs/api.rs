//! What is answered: every operation checks its input, changes the state and shows what has become of it.

use serde_json::Value;

use super::json::texts;
use super::life::Images;
use super::state::Ecs;
use super::state::rollout::Progress;
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

mod capacity;
mod clusters;
mod configuration;
mod daemons;
mod definitions;
mod deployments;
mod execute;
mod express;
mod member;
mod names;
mod normal;
mod revisions;
pub(crate) mod rule;
mod run;
mod services;
mod tags;
mod targets;
mod tasks;
mod update;

pub(crate) use member::{READ_ONLY, oddity};
pub(crate) use targets::{Condition, Registered};

/// Whether an operation changes nothing.
pub(crate) fn looks(operation: &str) -> bool {
    operation.starts_with("Describe") || operation.starts_with("List")
}

/// Whether a call asks for rollouts that are over, and for no others: that is no look at what goes on.
pub(crate) fn asks_what_has_been(operation: &str, input: &Value) -> bool {
    let wanted = texts(input, "status");
    let over = |status: &&str| Progress::FINAL.iter().any(|it| it.word() == *status);
    operation == "ListServiceDeployments" && !wanted.is_empty() && wanted.iter().all(over)
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Such as `arn:aws:iam::123456789012:user/deployer`.
    pub arn: String,
}

/// One API call.
pub struct Call<'a> {
    /// Such as `UpdateService`.
    pub operation: &'a str,
    pub input: Value,
    pub caller: &'a Caller,
    /// Simulated time.
    pub now: Instant,
}

impl Ecs {
    /// Answers a call. The world has been advanced to its time before.
    ///
    /// Errors are AWS's own: an exception's name and sentence. An operation that is not simulated answers
    /// `UnknownOperationException`.
    pub fn call(&mut self, call: Call<'_>, images: &dyn Images) -> ApiResult {
        let Call { operation, input, caller, now } = call;
        if member::is_operation(operation) {
            let input = member::check(operation, input)?;
            let answer = self.dispatch(operation, &input, caller, now);
            // What is due at this very moment (nothing, as a rule) is part of the call.
            self.advance(now, images);
            return answer;
        }
        Err(ApiError::new("UnknownOperationException", format!("The operation {operation} is not simulated.")))
    }

    fn dispatch(&mut self, operation: &str, input: &Value, caller: &Caller, now: Instant) -> ApiResult {
        match operation {
            "CreateCluster" => self.create_cluster(input),
            "UpdateCluster" | "UpdateClusterSettings" | "PutClusterCapacityProviders" => self.update_cluster(input),
            "DeleteCluster" => self.delete_cluster(input),
            "DescribeClusters" => Ok(self.describe_clusters(input)),
            "ListClusters" => self.list_clusters(input),
            "CreateCapacityProvider" => Ok(self.create_capacity_provider(input)),
            "DescribeCapacityProviders" => Ok(self.describe_capacity_providers(input)),
            "ListContainerInstances" => self.list_container_instances(input),
            "DescribeContainerInstances" => self.describe_container_instances(input),
            "TagResource" => self.tag_resource(input),
            "UntagResource" => self.untag_resource(input),
            "ListTagsForResource" => self.list_tags(input),
            "RegisterTaskDefinition" => self.register_task_definition(input, caller, now),
            "DescribeTaskDefinition" => self.describe_task_definition(input),
            "DeregisterTaskDefinition" => self.deregister_task_definition(input, now),
            "ListTaskDefinitions" => self.list_task_definitions(input),
            "CreateService" => self.create_service(input, caller, now),
            "UpdateService" => self.update_service(input, now),
            "DeleteService" => self.delete_service(input, now),
            "DescribeServices" => self.describe_services(input),
            "ListServices" => self.list_services(input),
            "CreateExpressGatewayService" => self.create_express_service(input, caller, now),
            "UpdateExpressGatewayService" => self.update_express_service(input, caller, now),
            "DescribeExpressGatewayService" => self.describe_express_service(input),
            "DeleteExpressGatewayService" => self.delete_express_service(input, now),
            "RegisterDaemonTaskDefinition" => self.register_daemon_definition(input, caller, now),
            "DescribeDaemonTaskDefinition" => self.describe_daemon_definition(input),
            "DeleteDaemonTaskDefinition" => self.delete_daemon_definition(input, now),
            "ListDaemonTaskDefinitions" => self.list_daemon_definitions(input),
            "CreateDaemon" => self.create_daemon(input, caller, now),
            "UpdateDaemon" => self.update_daemon(input, now),
            "DeleteDaemon" => self.delete_daemon(input, now),
            "DescribeDaemon" => self.describe_daemon(input),
            "ListDaemons" => self.list_daemons(input),
            "ListDaemonDeployments" => self.list_daemon_deployments(input),
            "DescribeDaemonDeployments" => self.describe_daemon_deployments(input),
            "DescribeDaemonRevisions" => self.describe_daemon_revisions(input),
            "ListServiceDeployments" => self.list_service_deployments(input),
            "DescribeServiceDeployments" => self.describe_service_deployments(input),
            "StopServiceDeployment" => self.stop_service_deployment(input, now),
            "ContinueServiceDeployment" => self.continue_service_deployment(input, now),
            "DescribeServiceRevisions" => self.describe_service_revisions(input),
            "RunTask" => self.run_task(input, now),
            "StopTask" => self.stop_task(input, now),
            "ExecuteCommand" => self.execute_command(input),
            "ListTasks" => self.list_tasks(input),
            "DescribeTasks" => self.describe_tasks(input),
            _ => {
                Err(ApiError::new("UnknownOperationException", format!("The operation {operation} is not simulated.")))
            }
        }
    }
}
