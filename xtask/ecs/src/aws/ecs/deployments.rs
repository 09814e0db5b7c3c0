//! Service deployments and revisions: listed, looked at, decided and stopped.

use std::cmp::Reverse;

use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{
    CreatedAt, DeploymentLifecycleHookAction, ServiceDeploymentStatus, StopServiceDeploymentStopType,
};

use super::{Ecs, ListedDeployment, ServiceDeployment, ServiceRevision, convert, daemon, subject};
use crate::aws::{AwsError, Kind, calls};
use crate::config::DAEMON;
use crate::gather::Gather;
use crate::sorted::{Arrange, SortedMap};

/// Service revisions in one DescribeServiceRevisions.
const REVISIONS: usize = 20;
/// Service deployments in one DescribeServiceDeployments.
const DEPLOYMENTS: usize = 20;
/// Service deployments in one ListServiceDeployments, at most.
const LISTED: i32 = 100;

impl Ecs {
    /// The service's deployments that were created at this time (milliseconds since the epoch) or later, the newest
    /// first.
    pub(crate) fn service_deployments(
        &self,
        cluster: &str,
        service: &str,
        after: i64,
    ) -> Result<Vec<ListedDeployment>, AwsError> {
        const CALL: &str = calls::LIST_SERVICE_DEPLOYMENTS.action;
        if service.starts_with(DAEMON) {
            let mut listed = self.listed_of_daemon(cluster, service, after)?;
            listed.arrange_by_key(|deployment: &ListedDeployment| Reverse(deployment.created_at));
            return Ok(listed);
        }
        let since = CreatedAt::builder().after(DateTime::from_millis(after)).build();
        let pages = |token| {
            let asked = self.client.list_service_deployments().cluster(cluster).service(service);
            asked.created_at(since.clone()).set_next_token(token)
        };
        let (mut listed, mut token) = (Vec::new(), None);
        loop {
            let page = pages(token);
            let answer = self
                .send(&calls::LIST_SERVICE_DEPLOYMENTS, move || page.send())
                .map_err(|error| AwsError::new(CALL, subject(cluster, service), &error))?;
            listed.extend(answer.service_deployments().iter().map(convert::listed));
            token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        listed.arrange_by_key(|deployment: &ListedDeployment| Reverse(deployment.created_at));
        Ok(listed)
    }

    /// The newest service deployments that ended well, as far as they can be had for nothing: asked once, when that takes
    /// nobody's turn, and none where it fails.
    pub(crate) async fn successful(&self, cluster: &str, service: &str) -> Vec<ListedDeployment> {
        if service.starts_with(DAEMON) {
            return Vec::new();
        }
        self.pace.spare(calls::LIST_SERVICE_DEPLOYMENTS.action).await;
        let asked = self.client.list_service_deployments().cluster(cluster).service(service);
        let asked = asked.status(ServiceDeploymentStatus::Successful).max_results(LISTED).customize();
        let once = Builder::new().retry_config(RetryConfig::disabled());
        match Box::pin(asked.config_override(once).send()).await {
            Ok(answer) => answer.service_deployments().iter().map(convert::listed).gather(),
            Err(_) => Vec::new(),
        }
    }

    /// The service deployments of these ARNs in their order, `None` for one that ECS does not know. Twenty a call.
    pub(crate) fn service_deployments_of(&self, arns: &[String]) -> Result<Vec<Option<ServiceDeployment>>, AwsError> {
        let (of_daemons, of_services) = parted(arns);
        let mut found = SortedMap::new();
        found.extend(self.deployments_of_daemons(&of_daemons)?.into_iter().map(|one| (one.arn.clone(), one)));
        for batch in of_services.chunks(DEPLOYMENTS) {
            let asked = self.client.describe_service_deployments().set_service_deployment_arns(Some(batch.to_vec()));
            let answer = self
                .send(&calls::DESCRIBE_SERVICE_DEPLOYMENTS, move || asked.send())
                .map_err(|error| AwsError::new(calls::DESCRIBE_SERVICE_DEPLOYMENTS.action, batch.join(", "), &error))?;
            let described = answer.service_deployments().iter().map(convert::service_deployment);
            found.extend(described.map(|deployment| (deployment.arn.clone(), deployment)));
        }
        Ok(arns.iter().map(|arn| found.get(arn).cloned()).gather())
    }

    /// One service deployment; `None` where ECS does not know it.
    pub(crate) fn service_deployment(&self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError> {
        Ok(self.service_deployments_of(&[arn.to_owned()])?.pop().flatten())
    }

    /// The service revisions that ECS knows of these ARNs. Twenty a call.
    pub(crate) fn service_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        let (of_daemons, of_services) = parted(arns);
        let mut revisions = self.revisions_of_daemons(&of_daemons)?;
        for batch in of_services.chunks(REVISIONS) {
            let asked = self.client.describe_service_revisions().set_service_revision_arns(Some(batch.to_vec()));
            let answer = self
                .send(&calls::DESCRIBE_SERVICE_REVISIONS, move || asked.send())
                .map_err(|error| AwsError::new(calls::DESCRIBE_SERVICE_REVISIONS.action, batch.join(", "), &error))?;
            revisions.extend(answer.service_revisions().iter().map(convert::service_revision));
        }
        Ok(revisions)
    }

    /// Answers a hook that waits for a decision: the rollout goes on, or ECS rolls it back.
    pub(crate) fn continue_service_deployment(&self, arn: &str, hook: &str, go_on: bool) -> Result<(), AwsError> {
        let action =
            if go_on { DeploymentLifecycleHookAction::Continue } else { DeploymentLifecycleHookAction::Rollback };
        let asked = self.client.continue_service_deployment().service_deployment_arn(arn).hook_id(hook).action(action);
        let answered = self
            .send(&calls::CONTINUE_SERVICE_DEPLOYMENT, move || asked.send())
            .map(drop)
            .map_err(|error| AwsError::new(calls::CONTINUE_SERVICE_DEPLOYMENT.action, arn, &error));
        self.unless_done(answered, arn, |rollout| rollout.is_decided(hook, go_on))
    }

    /// What was refused because it is so already is done: an answer that was lost has the SDK ask a second time.
    fn unless_done(
        &self,
        answered: Result<(), AwsError>,
        arn: &str,
        done: impl Fn(&ServiceDeployment) -> bool,
    ) -> Result<(), AwsError> {
        match answered {
            Err(error) if error.kind == Kind::Answered => {
                let now = self.service_deployment(arn).ok().flatten();
                if now.is_some_and(|rollout| done(&rollout)) { Ok(()) } else { Err(error) }
            }
            answered => answered,
        }
    }

    /// Stops a service deployment and lets ECS roll the service back, even where no rollback is configured.
    pub(crate) fn roll_back(&self, arn: &str) -> Result<(), AwsError> {
        if daemon::is_daemons(arn) {
            let message = "ECS has no call that stops a daemon's deployment";
            return Err(AwsError::answered(calls::STOP_SERVICE_DEPLOYMENT.action, arn, "Unsupported", message));
        }
        let asked = self.client.stop_service_deployment().service_deployment_arn(arn);
        let asked = asked.stop_type(StopServiceDeploymentStopType::Rollback);
        let answered = self
            .send(&calls::STOP_SERVICE_DEPLOYMENT, move || asked.send())
            .map(drop)
            .map_err(|error| AwsError::new(calls::STOP_SERVICE_DEPLOYMENT.action, arn, &error));
        self.unless_done(answered, arn, ServiceDeployment::goes_back)
    }
}

/// ARNs of what is of daemons, and of what is of services.
fn parted(arns: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut daemons, mut services) = (Vec::new(), Vec::new());
    for arn in arns {
        if daemon::is_daemons(arn) { daemons.push(arn.clone()) } else { services.push(arn.clone()) }
    }
    (daemons, services)
}
