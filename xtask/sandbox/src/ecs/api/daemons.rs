//! Managed daemons: one task on each instance of their capacity providers, with deployments of their own. What happens to
//! one is what happens to a service of the strategy DAEMON, and only its names, members and answers are others.
//! Source: Amazon ECS API Reference, CreateDaemon, UpdateDaemon, DescribeDaemonDeployments and the types in them.

mod definitions;
mod deployments;

use serde_json::{Map, Value, json};

use super::Caller;
use super::names::is_name;
use crate::clock::Instant;
use crate::ecs::json::{invalid, page, required, seconds, set, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::cluster::INSTANCES;
use crate::ecs::state::key::{DAEMON, Key};
use crate::ecs::state::rollout::Progress;
use crate::ecs::state::service::{Service, Status};
use crate::ecs::state::task::Phase;
use crate::ecs::timing::{self, after};
use crate::protocol::{ApiError, ApiResult};

/// What a daemon and each of its revisions is told, and answers with.
const KEPT: [&str; 6] = [
    "capacityProviderArns",
    "critical",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "propagateTags",
];

/// Source: ECS Developer Guide, "Daemon deployments".
const DRAIN_PERCENT: f64 = 25.0;

impl Ecs {
    pub(crate) fn create_daemon(&mut self, input: &Value, caller: &Caller, now: Instant) -> ApiResult {
        let cluster = self.active_cluster(&json!({ "cluster": input.get("clusterArn") }))?;
        let name = required(input, "daemonName")?;
        if !is_name(name) {
            return Err(invalid("Invalid identifier: The daemon name must match the pattern [a-zA-Z0-9\\-_]{1,255}."));
        }
        let key = Key { cluster: cluster.clone(), name: format!("{DAEMON}{name}") };
        if let Some(old) = self.services.get(&key).filter(|old| old.status != Status::Inactive) {
            let same = text(input, "clientToken").is_some_and(|token| old.token.as_deref() == Some(token));
            return if same { Ok(answer(old, None)) } else { Err(invalid("Creation of daemon was not idempotent.")) };
        }
        let given = self.daemon_members(input)?;
        let arn = self.arn(&format!("daemon/{cluster}/{name}"));
        self.tags.remove(&arn);
        if let Some(Value::Array(tags)) = input.get("tags") {
            self.tags.insert(arn.clone(), tags.clone());
        }
        let mut daemon = Service::new(key.clone(), arn, given, &caller.arn, now);
        daemon.token = text(input, "clientToken").map(str::to_owned);
        daemon.desired = INSTANCES;
        self.deploy_daemon(&mut daemon, now);
        let answer = answer(&daemon, None);
        self.services.insert(key, daemon);
        Ok(answer)
    }

    pub(crate) fn update_daemon(&mut self, input: &Value, now: Instant) -> ApiResult {
        let key = self.daemon_of(input)?.key.clone();
        if !self.services[&key].is_active() {
            return Err(ApiError::new("DaemonNotActiveException", "The specified daemon is not active."));
        }
        // Whoever leaves a member out gets its default: an update says all of it.
        let given = self.daemon_members(input)?;
        let Some(mut daemon) = self.services.remove(&key) else { return Err(lost()) };
        daemon.given = given;
        self.deploy_daemon(&mut daemon, now);
        let answer = answer(&daemon, Some(now));
        self.services.insert(key, daemon);
        Ok(answer)
    }

    pub(crate) fn delete_daemon(&mut self, input: &Value, now: Instant) -> ApiResult {
        let key = self.daemon_of(input)?.key.clone();
        let deleted = self.services.change(&key, |daemon| {
            daemon.status = Status::Draining;
            daemon.desired = 0;
            if let Some(current) = daemon.current_rollout() {
                daemon.rollouts[current].finish(Progress::Stopped, Some("The daemon was deleted."), now);
            }
            daemon.look_by(after(now, timing::SCHEDULER));
            answer(daemon, Some(now))
        });
        deleted.ok_or_else(lost)
    }

    pub(crate) fn describe_daemon(&self, input: &Value) -> ApiResult {
        let daemon = self.daemon_of(input)?;
        let mut revisions: Vec<usize> = daemon.deployments.iter().map(|deployment| deployment.revision).collect();
        revisions.dedup();
        let counts = |revision: &usize| {
            let (running, _) = self.instances(daemon, *revision);
            let revision = &daemon.revisions[*revision];
            let providers = providers(
                &revision.given,
                |arn, first| json!({ "arn": arn, "runningCount": if first { running } else { 0 }, "withoutDaemonCount": 0 }),
            );
            json!({ "arn": revision.arn, "capacityProviders": providers, "totalRunningCount": running,
                "totalWithoutDaemonCount": 0 })
        };
        let newest = daemon.rollouts.last();
        Ok(json!({ "daemon": set(json!({
            "daemonArn": daemon.arn,
            "clusterArn": self.arn(&format!("cluster/{}", daemon.key.cluster)),
            "status": status(daemon),
            "currentRevisions": revisions.iter().map(counts).collect::<Vec<_>>(),
            "deploymentArn": newest.map(|rollout| rollout.arn.as_str()),
            "createdAt": seconds(daemon.created_at),
            "updatedAt": newest.map(|rollout| seconds(rollout.created_at)),
        })) }))
    }

    pub(crate) fn list_daemons(&self, input: &Value) -> ApiResult {
        let cluster = self.cluster_of(&json!({ "cluster": input.get("clusterArn") }))?;
        let wanted = texts(input, "capacityProviderArns");
        let fits = |daemon: &&Service| {
            wanted.is_empty() || texts(&daemon.given, "capacityProviderArns").iter().any(|arn| wanted.contains(arn))
        };
        let all = self.services.values().filter(|it| it.key.cluster == cluster && it.key.is_daemon());
        let living = all.filter(|it| it.status != Status::Inactive).filter(fits);
        let summaries = living.map(|daemon| {
            let updated = daemon.rollouts.last().map_or(daemon.created_at, |rollout| rollout.created_at);
            json!({ "daemonArn": daemon.arn, "status": status(daemon), "createdAt": seconds(daemon.created_at),
                "updatedAt": seconds(updated) })
        });
        page(input, "daemonSummariesList", summaries.collect(), 100)
    }

    /// The daemon that ListTasks filters by.
    pub(crate) fn named_daemon(&self, cluster: &str, name: &str) -> Result<&Service, ApiError> {
        let key = Key { cluster: cluster.to_owned(), name: format!("{DAEMON}{name}") };
        self.services.get(&key).ok_or_else(lost)
    }

    /// The daemon that an input's `daemonArn` means.
    fn daemon_of(&self, input: &Value) -> Result<&Service, ApiError> {
        let arn = required(input, "daemonArn")?;
        let found = self.services.values().find(|it| it.arn == arn && it.key.is_daemon());
        found.filter(|daemon| daemon.status != Status::Inactive).ok_or_else(lost)
    }

    /// The members of a service that does what this daemon is to do, beside its own.
    fn daemon_members(&self, input: &Value) -> Result<Value, ApiError> {
        let named = required(input, "daemonTaskDefinitionArn")?;
        let definition = self.definition(named).filter(|it| it.family.starts_with(DAEMON) && it.active);
        let definition = definition.ok_or_else(|| invalid("The daemon task definition was not found."))?;
        let providers = texts(input, "capacityProviderArns");
        if providers.is_empty() {
            return Err(invalid("CapacityProviderArns cannot be empty."));
        }
        if let Some(other) = providers.iter().find(|arn| !arn.contains(":capacity-provider/")) {
            return Err(invalid(format!("Invalid capacity provider ARN: {other}.")));
        }
        let configuration = &input["deploymentConfiguration"];
        let percent = configuration["drainPercent"].as_f64().unwrap_or(DRAIN_PERCENT);
        let alarms = &configuration["alarms"];
        let mut given = json!({
            "taskDefinition": self.definition_arn(definition),
            "schedulingStrategy": "DAEMON",
            "launchType": "EC2",
            "enableExecuteCommand": input["enableExecuteCommand"] == true,
            "deploymentConfiguration": {
                "strategy": "ROLLING",
                "maximumPercent": 100,
                "minimumHealthyPercent": least_healthy(percent),
                "bakeTimeInMinutes": configuration["bakeTimeInMinutes"].as_u64().unwrap_or(0),
                "deploymentCircuitBreaker": { "enable": true, "rollback": true },
                "alarms": { "enable": alarms["enable"] == true, "rollback": true,
                    "alarmNames": texts(alarms, "alarmNames") },
            },
        });
        let mut own = Map::new();
        for member in KEPT {
            if let Some(value) = input.get(member) {
                own.insert(member.to_owned(), value.clone());
            }
        }
        own.entry("critical").or_insert(json!(true));
        own.entry("propagateTags").or_insert(json!("NONE"));
        own.entry("enableECSManagedTags").or_insert(json!(false));
        own.entry("enableExecuteCommand").or_insert(json!(false));
        given["capacityProviderArns"] = json!(providers);
        given["daemon"] = Value::Object(own);
        Ok(given)
    }

    /// Every update is a new revision and a new deployment.
    fn deploy_daemon(&mut self, daemon: &mut Service, now: Instant) {
        self.deploy(daemon, now);
        if let Some(revision) = daemon.revisions.last_mut() {
            revision.given["daemon"] = daemon.given["daemon"].clone();
        }
        daemon.look_by(after(now, timing::SCHEDULER));
    }

    /// Instances with a task of a revision, and those of which one is being taken away.
    fn instances(&self, daemon: &Service, revision: usize) -> (usize, usize) {
        let own = || {
            let all = self.alive_of(&daemon.key).map(|(_, task)| task);
            all.filter(|task| task.placement.as_ref().is_some_and(|it| it.revision == revision))
        };
        let running = own().filter(|task| task.phase == Phase::Running && task.is_wanted()).count();
        let draining = own().filter(|task| task.phase < Phase::Stopped && !task.is_wanted()).count();
        (running, draining)
    }
}

/// What UpdateDaemon and DeleteDaemon answer, and without a time CreateDaemon.
fn answer(daemon: &Service, updated: Option<Instant>) -> Value {
    set(json!({
        "daemonArn": daemon.arn,
        "status": status(daemon),
        "createdAt": seconds(daemon.created_at),
        "updatedAt": updated.map(seconds),
        "deploymentArn": daemon.rollouts.last().map(|rollout| rollout.arn.as_str()),
    }))
}

fn status(daemon: &Service) -> &'static str {
    if daemon.is_active() { "ACTIVE" } else { "DELETE_IN_PROGRESS" }
}

/// Something for each capacity provider of a revision; every instance is taken to be of the first.
fn providers(given: &Value, each: impl Fn(&str, bool) -> Value) -> Vec<Value> {
    let arns = texts(&given["daemon"], "capacityProviderArns").into_iter().enumerate();
    arns.map(|(place, arn)| each(arn, place == 0)).collect()
}

/// How many percent of the instances keep their task while the others are drained, of which there is always one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "few instances"
)]
fn least_healthy(drain_percent: f64) -> u64 {
    let drained = ((INSTANCES as f64 * drain_percent / 100.0) as u64).clamp(1, INSTANCES);
    (INSTANCES - drained) * 100 / INSTANCES
}

fn lost() -> ApiError {
    ApiError::new("DaemonNotFoundException", "The specified daemon was not found.")
}
