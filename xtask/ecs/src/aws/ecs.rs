//! ECS's JSON API: services, task definitions, service deployments and revisions, tasks.
//! Source: Amazon ECS API Reference, version 2014-11-13.

mod capacity;
mod convert;
mod daemon;
mod document;
mod express;
#[cfg(feature = "rehearse")]
mod listed;
mod members;
mod run;
mod service_document;
mod types;
mod wire;

use std::fmt;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::operation::list_tasks::builders::ListTasksFluentBuilder;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{
    CreatedAt, DeploymentLifecycleHookAction, DesiredStatus, ServiceDeploymentStatus, ServiceField,
    StopServiceDeploymentStopType, TaskDefinitionField,
};
use serde_json::{Map, Value, json};

pub(crate) use document::{Document, Flaw, PinnedDocument, each_holder, strip_read_only};
use members::oddities;
pub(crate) use members::{Oddity, OddityKind};
pub(crate) use run::Unplaced;
pub(crate) use service_document::{ServiceDocument, is_for_good, rolls_out};
pub(crate) use types::{
    Behind, Container, ContainerImage, Deployment, DeploymentSettings, ListedDeployment, Rollback, Service,
    ServiceDeployment, ServiceMessage, ServiceRevision, Status, Strategy, Task, TaskDefinition,
};

use super::AwsError;
use super::calls::{self, Call};
use super::pace::Pace;
use super::retry::Later;
use crate::config::{DAEMON, called};
use crate::gather::Gather;
use crate::net;
use crate::sorted::{Arrange, SortedMap};
pub(crate) use crate::text::short;

/// Services in one DescribeServices.
const SERVICES: usize = 10;
/// Tasks in one DescribeTasks.
const TASKS: usize = 100;
/// Service revisions in one DescribeServiceRevisions.
const REVISIONS: usize = 20;
/// Service deployments in one DescribeServiceDeployments.
const DEPLOYMENTS: usize = 20;
/// Service deployments in one ListServiceDeployments, at most.
const LISTED: i32 = 100;

/// ECS in the session's account and region. Methods block.
#[derive(Clone)]
pub(crate) struct Ecs {
    client: Client,
    sdk: SdkConfig,
    pace: Arc<Pace>,
    /// The account's number.
    account: String,
}

/// The members of one UpdateService. What is `None` or false is not sent, so it stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub cluster: String,
    pub service: String,
    /// The ARN of the revision.
    pub task_definition: String,
    pub desired_count: Option<u32>,
    pub force_new_deployment: bool,
    /// Further members, as UpdateService takes them.
    pub members: Map<String, Value>,
}

impl Update {
    /// As UpdateService takes it.
    fn input(&self) -> String {
        let mut input = Value::Object(self.members.clone());
        input["cluster"] = json!(self.cluster);
        input["service"] = json!(self.service);
        input["taskDefinition"] = json!(self.task_definition);
        if let Some(count) = self.desired_count {
            input["desiredCount"] = json!(count);
        }
        if self.force_new_deployment {
            input["forceNewDeployment"] = json!(true);
        }
        input.to_string()
    }
}

/// A service or a daemon, where something is said of it.
pub(super) fn subject(cluster: &str, service: &str) -> String {
    format!("{} in cluster {cluster}", called(service))
}

impl Ecs {
    pub(super) fn new(sdk: &SdkConfig, pace: Arc<Pace>, account: &str) -> Self {
        let client = Client::from_conf(Builder::from(sdk).retry_classifier(Later).build());
        Self { client, sdk: sdk.clone(), pace, account: account.to_owned() }
    }

    /// Makes a call when its turn has come. All of it is made on the runtime's own threads, whose stacks it grows: those of
    /// fifty rollouts stay small.
    fn send<T, F>(&self, call: &'static Call, made: impl FnOnce() -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let pace = Arc::clone(&self.pace);
        let answer = net::spawn(async move {
            pace.turn(call.action).await;
            Box::pin(made()).await
        });
        answer.end()
    }

    /// The services in the order asked, `None` for one that the cluster does not have. Ten a call.
    pub(crate) fn services(&self, cluster: &str, names: &[&str]) -> Result<Vec<Option<Service>>, AwsError> {
        self.described(cluster, names, false)
    }

    /// The same with their tags.
    pub(crate) fn tagged_services(&self, cluster: &str, names: &[&str]) -> Result<Vec<Option<Service>>, AwsError> {
        self.described(cluster, names, true)
    }

    fn described(&self, cluster: &str, names: &[&str], tags: bool) -> Result<Vec<Option<Service>>, AwsError> {
        const CALL: &str = calls::DESCRIBE_SERVICES.action;
        let mut found = SortedMap::new();
        let (mut daemons, mut services) = (Vec::new(), Vec::new());
        for name in names {
            if name.starts_with(DAEMON) { daemons.push(*name) } else { services.push(*name) }
        }
        for name in daemons {
            if let Some(daemon) = self.daemon(cluster, name)? {
                found.insert(name.to_owned(), daemon);
            }
        }
        for batch in services.chunks(SERVICES) {
            let asked =
                self.client.describe_services().cluster(cluster).set_include(tags.then(|| vec![ServiceField::Tags]));
            let asked = asked.set_services(Some(batch.iter().map(ToString::to_string).gather()));
            let subject = format!("service {} in cluster {cluster}", batch.join(", "));
            let answer = self
                .send(&calls::DESCRIBE_SERVICES, move || asked.send())
                .map_err(|error| AwsError::new(CALL, &subject, &error))?;
            if let Some(failure) = answer.failures().iter().find(|failure| failure.reason() != Some("MISSING")) {
                let (reason, detail) = (failure.reason().unwrap_or_default(), failure.detail().unwrap_or_default());
                return Err(AwsError::answered(CALL, &subject, reason, detail));
            }
            for service in answer.services() {
                let mut service = convert::service(service);
                self.fill_express(&mut service)?;
                found.insert(service.name.clone(), service.clone());
                found.insert(service.arn.clone(), service);
            }
        }
        Ok(names.iter().map(|name| found.get(*name).cloned()).gather())
    }

    /// One service, which was there before.
    pub(crate) fn service(&self, cluster: &str, name: &str) -> Result<Service, AwsError> {
        self.services(cluster, &[name])?.pop().flatten().ok_or_else(|| Self::gone(cluster, name))
    }

    /// What is said of a service that was there before.
    pub(crate) fn gone(cluster: &str, name: &str) -> AwsError {
        let subject = subject(cluster, name);
        let (call, what) = if name.starts_with(DAEMON) {
            (&calls::DESCRIBE_DAEMON, "daemon")
        } else {
            (&calls::DESCRIBE_SERVICES, "service")
        };
        AwsError::answered(call.action, subject, "MISSING", &format!("the cluster has no such {what} any more"))
    }

    /// The revisions in the order asked, each a family (its newest active revision), `FAMILY:REVISION` or ARN; `None`
    /// for one that ECS does not have. All at once.
    pub(crate) fn task_definitions(&self, names: &[String]) -> Vec<Result<Option<TaskDefinition>, AwsError>> {
        let of_services: Vec<&String> = names.iter().filter(|name| !daemon::is_definition(name)).gather();
        let ask = |name: &&String| {
            let (ecs, name) = (self.clone(), (*name).clone());
            async move { ecs.ask_for_task_definition(&name).await }
        };
        let mut answers = net::all(of_services.iter().map(ask).gather()).into_iter();
        let mut all = Vec::new();
        for name in names {
            let of_service = if daemon::is_definition(name) { None } else { answers.next() };
            all.push(of_service.unwrap_or_else(|| self.daemon_definition(name)));
        }
        all
    }

    async fn ask_for_task_definition(&self, name: &str) -> Result<Option<TaskDefinition>, AwsError> {
        const CALL: &str = calls::DESCRIBE_TASK_DEFINITION.action;
        let (capture, body) = wire::capture();
        let asked = self.client.describe_task_definition().task_definition(name).include(TaskDefinitionField::Tags);
        self.pace.turn(CALL).await;
        match asked.customize().interceptor(capture).send().await {
            Ok(_) => wire::task_definition(&body.take())
                .map(Some)
                .map_err(|what| AwsError::answered(CALL, format_args!("task definition {name}"), &what, "")),
            // ECS says of one that it does not have: "Unable to describe task definition."
            Err(error) if error.code() == Some("ClientException") => Ok(None),
            Err(error) => Err(AwsError::new(CALL, format_args!("task definition {name}"), &error)),
        }
    }

    /// Registers the document exactly as it is and returns the new revision's ARN.
    pub(crate) fn register_task_definition(&self, document: &PinnedDocument) -> Result<String, AwsError> {
        const CALL: &str = calls::REGISTER_TASK_DEFINITION.action;
        if document.is_daemons() {
            return self.register_daemon(document);
        }
        let family = document.family();
        let subject = format!("task definition {family}");
        let asked = self.client.register_task_definition().family(family).set_container_definitions(Some(Vec::new()));
        let body = document.value().to_string();
        let sent = move || asked.customize().mutate_request(move |request| wire::replace_body(request, &body)).send();
        let answer =
            self.send(&calls::REGISTER_TASK_DEFINITION, sent).map_err(|error| AwsError::new(CALL, &subject, &error))?;
        let arn = answer.task_definition().and_then(|revision| revision.task_definition_arn());
        arn.map(str::to_owned)
            .ok_or_else(|| AwsError::answered(CALL, &subject, "no ARN", "the response names no revision"))
    }

    /// One UpdateService; answers with the service as it is from now on.
    pub(crate) fn update_service(&self, update: &Update, live: &Service) -> Result<Service, AwsError> {
        const CALL: &str = calls::UPDATE_SERVICE.action;
        if update.service.starts_with(DAEMON) {
            return self.update_daemon(update);
        }
        if live.express {
            return self.update_express(&live.arn, update);
        }
        let subject = subject(&update.cluster, &update.service);
        let asked = self.client.update_service().cluster(&update.cluster).service(&update.service);
        let body = update.input();
        let sent = move || asked.customize().mutate_request(move |request| wire::replace_body(request, &body)).send();
        let answer = self.send(&calls::UPDATE_SERVICE, sent).map_err(|error| AwsError::new(CALL, &subject, &error))?;
        answer
            .service()
            .map(convert::service)
            .ok_or_else(|| AwsError::answered(CALL, &subject, "no service", "the response holds none"))
    }

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
            listed.arrange_by_key(|deployment: &ListedDeployment| std::cmp::Reverse(deployment.created_at));
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
        listed.arrange_by_key(|deployment: &ListedDeployment| std::cmp::Reverse(deployment.created_at));
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

    /// The ARNs of the service's tasks that should run, or (`stopped`) of those that stopped within the last hour.
    pub(crate) fn list_tasks(&self, cluster: &str, service: &str, stopped: bool) -> Result<Vec<String>, AwsError> {
        let status = if stopped { DesiredStatus::Stopped } else { DesiredStatus::Running };
        let subject = subject(cluster, service);
        let asked = self.client.list_tasks().cluster(cluster).desired_status(status);
        let asked = match service.strip_prefix(DAEMON) {
            Some(daemon) => asked.daemon_name(daemon),
            None => asked.service_name(service),
        };
        Ok(self.task_pages(&asked, &subject, usize::MAX)?.unwrap_or_default())
    }

    /// The ARNs of all of the cluster's tasks that stopped within the last hour, whoever started them; `None` where they
    /// are more than so many hundred.
    pub(crate) fn list_stopped_tasks(&self, cluster: &str, hundreds: usize) -> Result<Option<Vec<String>>, AwsError> {
        let asked = self.client.list_tasks().cluster(cluster).desired_status(DesiredStatus::Stopped);
        self.task_pages(&asked, &format!("cluster {cluster}"), hundreds)
    }

    fn task_pages(
        &self,
        asked: &ListTasksFluentBuilder,
        subject: &str,
        most: usize,
    ) -> Result<Option<Vec<String>>, AwsError> {
        let (mut arns, mut token) = (Vec::new(), None);
        for _ in 0..most {
            let page = asked.clone().set_next_token(token);
            let answer = self
                .send(&calls::LIST_TASKS, move || page.send())
                .map_err(|error| AwsError::new(calls::LIST_TASKS.action, subject, &error))?;
            arns.extend(answer.task_arns().iter().cloned());
            token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(Some(arns));
            }
        }
        Ok(None)
    }

    /// The tasks of these ARNs. A hundred a call.
    pub(crate) fn tasks(&self, cluster: &str, arns: &[String]) -> Result<Vec<Task>, AwsError> {
        let mut tasks = Vec::new();
        for batch in arns.chunks(TASKS) {
            let asked = self.client.describe_tasks().cluster(cluster).set_tasks(Some(batch.to_vec()));
            let answer = self.send(&calls::DESCRIBE_TASKS, move || asked.send()).map_err(|error| {
                AwsError::new(calls::DESCRIBE_TASKS.action, format_args!("cluster {cluster}"), &error)
            })?;
            tasks.extend(answer.tasks().iter().map(convert::task));
        }
        Ok(tasks)
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
            Err(error) if error.kind == super::Kind::Answered => {
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

impl fmt::Debug for Ecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ecs").finish_non_exhaustive()
    }
}
