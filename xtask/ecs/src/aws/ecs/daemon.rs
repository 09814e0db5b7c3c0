//! Managed daemons: ECS's calls for them are others, and what they say is what it says of services. So a daemon is shown
//! as a service with its newest deployment, and whoever plans, follows or goes back asks about both alike.
//! Source: Amazon ECS API Reference, `DaemonDetail`, `DaemonDeployment`, `DaemonRevision`, UpdateDaemon.

mod shown;

use serde_json::{Map, Value, json};

use super::wire::millis;
use super::{
    Deployment, Ecs, ListedDeployment, PinnedDocument, Service, ServiceDeployment, ServiceRevision, Status,
    TaskDefinition, Update, service_document, subject,
};
use crate::aws::calls::Call;
use crate::aws::{AwsError, calls};
use crate::config::{DAEMON, DAEMON_FAMILY, Partition};
use crate::gather::Gather;
use crate::text::{of_json as text, short, taken};
use shown::each;

/// What UpdateDaemon is told beside the task definition. What an update leaves out is promised to nobody, so that it says
/// again what the daemon has.
const MEMBERS: [&str; 6] = [
    "capacityProviderArns",
    "critical",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "propagateTags",
];

/// Daemon deployments, or revisions, in one call.
const TOGETHER: usize = 20;

/// Whether this is the ARN of a daemon's deployment or revision.
pub(super) fn is_daemons(arn: &str) -> bool {
    arn.contains(":daemon-")
}

/// Whether this asks for a daemon's task definition: its ARN, or `daemon-task-definition/FAMILY`.
pub(super) fn is_definition(name: &str) -> bool {
    name.contains(DAEMON_FAMILY)
}

impl Ecs {
    fn arn(&self, what: &str) -> String {
        let region = self.sdk.region().map_or("", |region| region.as_ref());
        format!("arn:{}:ecs:{region}:{}:{what}", Partition::of(region).name, self.account)
    }

    fn daemon_arn(&self, cluster: &str, name: &str) -> String {
        self.arn(&format!("{DAEMON}{}/{}", short(cluster), name.trim_start_matches(DAEMON)))
    }

    /// A daemon as a service; `None` where the cluster has none of this name.
    pub(super) fn daemon(&self, cluster: &str, name: &str) -> Result<Option<Service>, AwsError> {
        let Some((daemon, newest)) = self.daemon_and_newest(cluster, name)? else { return Ok(None) };
        let revisions = self.daemon_revisions(&shown::revisions(&daemon, &newest))?;
        let mut service = shown::service(&daemon, &newest, &revisions);
        name.clone_into(&mut service.name);
        Ok(Some(service))
    }

    /// A daemon and its newest deployment, in ECS's own members.
    fn daemon_and_newest(&self, cluster: &str, name: &str) -> Result<Option<(Value, Value)>, AwsError> {
        let input = json!({ "daemonArn": self.daemon_arn(cluster, name) });
        let daemon = match self.signed(&calls::DESCRIBE_DAEMON, &subject(cluster, name), &input) {
            Err(error) if error.code == "DaemonNotFoundException" => return Ok(None),
            answer => taken(&mut answer?, "daemon"),
        };
        let newest = text(&daemon["deploymentArn"]);
        let newest = if newest.is_empty() { None } else { self.daemon_deployments(&[newest])?.pop() };
        Ok(Some((daemon, newest.unwrap_or_default())))
    }

    /// What of a daemon can be updated, as UpdateDaemon takes it.
    pub(super) fn described_daemon(&self, cluster: &str, name: &str) -> Result<Value, AwsError> {
        let (daemon, newest) = self.daemon_and_newest(cluster, name)?.ok_or_else(|| Self::gone(cluster, name))?;
        let rests_on = shown::rests_on(&daemon, &newest);
        let revision = self.daemon_revisions(std::slice::from_ref(&rests_on))?.pop().unwrap_or_default();
        let mut members = Map::new();
        for name in MEMBERS {
            if let Some(value) = revision.get(name) {
                members.insert(name.to_owned(), value.clone());
            }
        }
        members.insert("deploymentConfiguration".to_owned(), newest["deploymentConfiguration"].clone());
        let providers: Vec<&Value> = shown::providers(&daemon, &newest, &rests_on);
        members.insert("capacityProviderArns".to_owned(), json!(providers));
        members.retain(|_, value| !value.is_null());
        Ok(Value::Object(members))
    }

    /// Sets a daemon to a revision, and says how it is then.
    pub(super) fn update_daemon(&self, update: &Update) -> Result<Service, AwsError> {
        let Update { cluster, service, task_definition, members, .. } = update;
        let mut input = self.described_daemon(cluster, service)?;
        for (name, value) in members {
            input[name] = value.clone();
        }
        input["daemonArn"] = json!(self.daemon_arn(cluster, service));
        input["daemonTaskDefinitionArn"] = json!(task_definition);
        let answer = self.signed(&calls::UPDATE_DAEMON, &subject(cluster, service), &input)?;
        let mut after = self.service(cluster, service)?;
        // A look right after may find it as it was, and what was answered names the deployment.
        let started = text(&answer["deploymentArn"]);
        if after.current_deployment.as_ref() != Some(&started) {
            for deployment in &mut after.deployments {
                deployment.status.replace_range(.., "ACTIVE");
            }
            let primary = Deployment {
                id: short(&started).to_owned(),
                status: "PRIMARY".to_owned(),
                task_definition: task_definition.clone(),
                desired: after.desired,
                rollout_state: "IN_PROGRESS".to_owned(),
                created_at: millis(&answer["updatedAt"]),
                ..Deployment::default()
            };
            after.deployments.insert(0, primary);
            after.current_deployment = Some(started);
        }
        task_definition.clone_into(&mut after.task_definition);
        Ok(after)
    }

    /// Creates a daemon of its document. A second call of the same is answered with the first one's daemon.
    pub(super) fn create_daemon(
        &self,
        (cluster, name): (&str, &str),
        mut input: Value,
        revision: &str,
    ) -> Result<(), AwsError> {
        let of_name = || self.arn(&format!("cluster/{cluster}"));
        input["clusterArn"] = json!(if cluster.starts_with("arn:") { cluster.to_owned() } else { of_name() });
        input["daemonName"] = json!(name);
        input["daemonTaskDefinitionArn"] = json!(revision);
        input["clientToken"] = service_document::token(&input);
        let subject = subject(cluster, &format!("{DAEMON}{name}"));
        self.signed(&calls::CREATE_DAEMON, &subject, &input).map(drop)
    }

    /// Registers a daemon's document exactly as it is and returns the new revision's ARN.
    pub(super) fn register_daemon(&self, document: &PinnedDocument) -> Result<String, AwsError> {
        const CALL: &Call = &calls::REGISTER_DAEMON_TASK_DEFINITION;
        let subject = format!("daemon task definition {}", document.family());
        let answer = self.signed(CALL, &subject, document.value())?;
        let arn = text(&answer["daemonTaskDefinitionArn"]);
        if arn.is_empty() {
            return Err(AwsError::answered(CALL.action, &subject, "no ARN", "the response names no revision"));
        }
        Ok(arn)
    }

    /// The daemon's revision of this ARN, or the newest active one of `daemon-task-definition/FAMILY`.
    pub(super) fn daemon_definition(&self, name: &str) -> Result<Option<TaskDefinition>, AwsError> {
        let asked = name.strip_prefix(DAEMON_FAMILY).unwrap_or(name);
        let subject = format!("daemon task definition {asked}");
        let input = json!({ "daemonTaskDefinition": asked });
        match self.signed(&calls::DESCRIBE_DAEMON_TASK_DEFINITION, &subject, &input) {
            // As of a task definition that it does not have.
            Err(error) if error.code == "ClientException" => Ok(None),
            answer => {
                let document = taken(&mut answer?, "daemonTaskDefinition");
                let (arn, registered_by) =
                    (text(&document["daemonTaskDefinitionArn"]), text(&document["registeredBy"]));
                Ok(Some(TaskDefinition { arn, document, registered_by }))
            }
        }
    }

    /// The daemon's deployments that were created at this time (milliseconds since the epoch) or later.
    pub(super) fn listed_of_daemon(
        &self,
        cluster: &str,
        name: &str,
        after: i64,
    ) -> Result<Vec<ListedDeployment>, AwsError> {
        let mut input = json!({ "daemonArn": self.daemon_arn(cluster, name), "createdAt": { "after": after / 1000 } });
        let mut listed = Vec::new();
        loop {
            let answer = self.signed(&calls::LIST_DAEMON_DEPLOYMENTS, &subject(cluster, name), &input)?;
            for one in each(&answer["daemonDeployments"]) {
                listed.push(ListedDeployment {
                    arn: text(&one["daemonDeploymentArn"]),
                    target: text(&one["targetDaemonRevisionArn"]),
                    status: Status::from_name(&text(&one["status"])),
                    reason: text(&one["statusReason"]),
                    created_at: millis(&one["createdAt"]),
                    finished_at: (!one["finishedAt"].is_null()).then(|| millis(&one["finishedAt"])),
                });
            }
            if text(&answer["nextToken"]).is_empty() {
                return Ok(listed);
            }
            input["nextToken"] = answer["nextToken"].clone();
        }
    }

    pub(super) fn deployments_of_daemons(&self, arns: &[String]) -> Result<Vec<ServiceDeployment>, AwsError> {
        Ok(self.daemon_deployments(arns)?.iter().map(shown::deployment).gather())
    }

    pub(super) fn revisions_of_daemons(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        Ok(self.daemon_revisions(arns)?.iter().map(shown::revision).gather())
    }

    fn daemon_deployments(&self, arns: &[String]) -> Result<Vec<Value>, AwsError> {
        self.batches(&calls::DESCRIBE_DAEMON_DEPLOYMENTS, ["daemonDeploymentArns", "daemonDeployments"], arns)
    }

    fn daemon_revisions(&self, arns: &[String]) -> Result<Vec<Value>, AwsError> {
        self.batches(&calls::DESCRIBE_DAEMON_REVISIONS, ["daemonRevisionArns", "daemonRevisions"], arns)
    }

    fn batches(
        &self,
        call: &'static Call,
        [asked, answered]: [&str; 2],
        arns: &[String],
    ) -> Result<Vec<Value>, AwsError> {
        let mut found = Vec::new();
        for batch in arns.chunks(TOGETHER) {
            let mut answer = self.signed(call, &batch.join(", "), &json!({ asked: batch }))?;
            if let Value::Array(some) = answer[answered].take() {
                found.extend(some);
            }
        }
        Ok(found)
    }
}
