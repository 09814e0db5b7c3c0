//! ECS's JSON API: services, task definitions, service deployments and revisions, tasks.
//! Source: Amazon ECS API Reference, version 2014-11-13.

mod capacity;
mod convert;
mod daemon;
mod deployments;
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
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::operation::list_tasks::builders::ListTasksFluentBuilder;
use aws_sdk_ecs::types::{DesiredStatus, ServiceField, TaskDefinitionField};
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
use crate::sorted::SortedMap;
pub(crate) use crate::text::short;

/// Services in one DescribeServices.
const SERVICES: usize = 10;
/// Tasks in one DescribeTasks.
const TASKS: usize = 100;

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
}

impl fmt::Debug for Ecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ecs").finish_non_exhaustive()
    }
}
