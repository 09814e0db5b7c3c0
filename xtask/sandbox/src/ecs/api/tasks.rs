//! Tasks by name and as they are shown: ListTasks, DescribeTasks.

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecs::json::{invalid, missing, page, seconds, set, short, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::task::{Container, Health, Interface, Phase, Task};
use crate::protocol::ApiResult;

impl Ecs {
    pub(crate) fn list_tasks(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let key = match (text(input, "serviceName"), text(input, "daemonName")) {
            (Some(name), _) => Some(&self.named_service(&cluster, name)?.key),
            (None, Some(name)) => Some(&self.named_daemon(&cluster, name)?.key),
            (None, None) => None,
        };
        let numbers: Vec<u64> = match key {
            Some(key) => {
                let mut numbers: Vec<u64> = self.roll.of(key).chain(self.roll.had(key)).collect();
                numbers.sort_unstable();
                numbers
            }
            None => self.tasks.keys().copied().collect(),
        };
        let stopped = text(input, "desiredStatus") == Some("STOPPED");
        let (started_by, family) = (text(input, "startedBy"), text(input, "family"));
        let launch = text(input, "launchType");
        let arns = numbers
            .iter()
            .filter_map(|number| self.tasks.get(number))
            .filter(|task| task.cluster == cluster && task.is_wanted() != stopped)
            .filter(|task| started_by.is_none_or(|by| task.started_by.as_deref() == Some(by)))
            .filter(|task| family.is_none_or(|family| task.family == family))
            .filter(|task| launch.is_none_or(|launch| task.constant["launchType"] == launch))
            .map(|task| json!(task.arn))
            .collect();
        page(input, "taskArns", arns, 100)
    }

    pub(crate) fn describe_tasks(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(input)?;
        let names = texts(input, "tasks");
        if names.is_empty() {
            return Err(invalid("Tasks cannot be empty."));
        }
        if names.len() > 100 {
            return Err(invalid("Tasks cannot have more than 100 elements."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in names {
            match self.task(&cluster, short(name)) {
                Some(task) => found.push(task.answer()),
                None => failures.push(missing(&self.arn(&format!("task/{cluster}/{}", short(name))))),
            }
        }
        Ok(json!({ "tasks": found, "failures": failures }))
    }
}

impl Task {
    /// As DescribeTasks shows it.
    pub(crate) fn answer(&self) -> Value {
        let at = |moment: Option<Instant>| moment.map(seconds);
        let mut answer = json!({
            "attachments": self.attachments(),
            "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
            "clusterArn": self.cluster_arn,
            "connectivity": (self.phase > Phase::Provisioning).then_some("CONNECTED"),
            "connectivityAt": at(self.pull_started_at),
            "containers": self.containers.iter().map(|it| self.container_answer(it)).collect::<Vec<_>>(),
            "createdAt": seconds(self.created_at),
            "desiredStatus": if self.is_wanted() { "RUNNING" } else { "STOPPED" },
            "executionStoppedAt": at(self.execution_stopped_at),
            "group": self.group,
            "healthStatus": self.health.word(),
            "lastStatus": self.phase.word(),
            "pullStartedAt": at(self.pull_started_at),
            "pullStoppedAt": at(self.pull_stopped_at),
            "startedAt": at(self.started_at),
            // What a daemon's tasks have there is documented nowhere.
            "startedBy": self.started_by.as_ref().filter(|_| !self.group.starts_with("daemon:")),
            "stopCode": self.stop.as_ref().map(|stop| stop.code),
            "stoppedAt": at(self.stopped_at),
            "stoppedReason": self.stop.as_ref().map(|stop| stop.reason.as_str()),
            "stoppingAt": at(self.stop.as_ref().map(|stop| stop.at)),
            "taskArn": self.arn,
            "taskDefinitionArn": self.definition_arn,
            "version": self.version,
        });
        if let (Some(answer), Some(constant)) = (answer.as_object_mut(), self.constant.as_object()) {
            answer.extend(constant.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        set(answer)
    }

    fn container_answer(&self, container: &Container) -> Value {
        let ended = container.exit_code.is_some() || self.phase >= Phase::Deprovisioning;
        let status = match self.phase {
            _ if ended => "STOPPED",
            Phase::Provisioning | Phase::Pending => "PENDING",
            _ => "RUNNING",
        };
        let health = if container.checked { self.health } else { Health::Unknown };
        let [cpu, memory, reservation] = &container.sizes;
        set(json!({
            "containerArn": self.arn.replace(":task/", ":container/") + "/" + &container.id,
            "taskArn": self.arn,
            "name": container.name,
            "image": container.image,
            "imageDigest": container.digest,
            "runtimeId": self.started_at.map(|_| format!("{}-{}", self.id, &container.id[..10])),
            "lastStatus": status,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "networkBindings": [],
            "networkInterfaces": self.interfaces(),
            "healthStatus": health.word(),
            "cpu": cpu,
            "memory": memory,
            "memoryReservation": reservation,
        }))
    }

    /// A private address made of the task's identifier.
    pub(super) fn address(&self) -> String {
        let byte = |at: usize| u8::from_str_radix(&self.id[at..at + 2], 16).unwrap_or(1);
        format!("10.0.{}.{}", byte(0), byte(2))
    }

    fn interfaces(&self) -> Value {
        if self.interface.is_none() || self.phase < Phase::Pending {
            return json!([]);
        }
        json!([{ "attachmentId": self.attachment(), "privateIpv4Address": self.address() }])
    }

    fn attachment(&self) -> String {
        let id = &self.id;
        format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
    }

    fn attachments(&self) -> Value {
        let Some(Interface { subnet, domain }) = &self.interface else { return json!([]) };
        let detail = |name: &str, value: &str| json!({ "name": name, "value": value });
        let mut details = vec![detail("subnetId", subnet)];
        if self.phase > Phase::Provisioning {
            let (id, address) = (&self.id, self.address());
            let bytes: Vec<&str> = (0..10).step_by(2).map(|at| &id[at..at + 2]).collect();
            details.push(detail("networkInterfaceId", &format!("eni-{}", &id[..17])));
            details.push(detail("macAddress", &format!("0a:{}", bytes.join(":"))));
            details.push(detail("privateDnsName", &format!("ip-{}.{domain}", address.replace('.', "-"))));
            details.push(detail("privateIPv4Address", &address));
        }
        let status = match self.phase {
            Phase::Provisioning => "PRECREATED",
            Phase::Deprovisioning => "DETACHING",
            Phase::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        json!([{
            "id": self.attachment(),
            "type": "ElasticNetworkInterface",
            "status": status,
            "details": details,
        }])
    }
}
