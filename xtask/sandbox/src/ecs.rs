//! The ECS simulation: a pure state machine. No HTTP, no threads, no clock of its own.
//!
//! Time comes in with every call. Everything that happens between two calls (a task changes its state, the service
//! scheduler looks, a breaker trips) is a discrete event with an exact simulated time, so the same calls at the same
//! times give the same answers.

mod answer;
mod cluster;
mod definition;
mod json;
mod life;
mod member;
mod normal;
mod revision;
mod rollback;
mod rollout;
mod rule;
mod run;
mod schedule;
mod service;
mod task;
#[cfg(test)]
mod tests;
mod timing;
mod update;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// Clusters, task definitions, services and their rollouts, of one account in one region.
#[derive(Debug)]
pub struct Ecs {
    account: String,
    region: String,
    /// Where the next identifier comes from; counting makes a run repeatable.
    identifiers: u64,
    clusters: BTreeMap<String, cluster::Cluster>,
    families: BTreeMap<String, Vec<definition::Definition>>,
    services: BTreeMap<service::Key, service::Service>,
    /// By order of their start.
    tasks: BTreeMap<u64, task::Task>,
    tags: BTreeMap<String, Vec<Value>>,
    run_tokens: BTreeMap<String, run::Remembered>,
    behaviours: Vec<Rule>,
}

/// A behaviour, and what it applies to.
#[derive(Debug)]
enum Rule {
    Matching(Behaviour),
    /// Revisions registered after this was said: those newer than the newest of each family then.
    Newer(BTreeMap<String, u64>, Tasks),
}

impl Ecs {
    /// An empty account.
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            identifiers: 0,
            clusters: BTreeMap::new(),
            families: BTreeMap::new(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            tags: BTreeMap::new(),
            run_tokens: BTreeMap::new(),
            behaviours: Vec::new(),
        }
    }

    /// One API call at simulated time `now`. The world has been advanced to `now` before.
    ///
    /// Errors are AWS's own: an exception's name and sentence. An operation that is not simulated answers
    /// `UnknownOperationException`.
    pub fn call(
        &mut self,
        operation: &str,
        input: Value,
        caller: &Caller,
        now: Instant,
        images: &dyn Images,
    ) -> ApiResult {
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
            "DescribeClusters" => Ok(self.describe_clusters(input)),
            "ListClusters" => self.list_clusters(input),
            "TagResource" => self.tag_resource(input),
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
            "ListServiceDeployments" => self.list_service_deployments(input),
            "DescribeServiceDeployments" => self.describe_service_deployments(input),
            "StopServiceDeployment" => self.stop_service_deployment(input, now),
            "DescribeServiceRevisions" => self.describe_service_revisions(input),
            "RunTask" => self.run_task(input, now),
            "StopTask" => self.stop_task(input, now),
            "ListTasks" => self.list_tasks(input),
            "DescribeTasks" => self.describe_tasks(input),
            _ => {
                Err(ApiError::new("UnknownOperationException", format!("The operation {operation} is not simulated.")))
            }
        }
    }

    /// Lets every discrete event up to `now` happen, in order: task life cycle, health, breaker, rollbacks, events.
    pub fn advance(&mut self, now: Instant, images: &dyn Images) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            let due: Vec<u64> =
                self.tasks.iter().filter(|(_, task)| task.next() == Some(at)).map(|(id, _)| *id).collect();
            for id in due {
                self.step(id, at, images);
            }
            let due: Vec<_> =
                self.services.iter().filter(|(_, it)| it.look_at == Some(at)).map(|(key, _)| key.clone()).collect();
            for key in due {
                self.look(&key, at);
            }
        }
        self.tasks.retain(|_, task| task.visible(now));
    }

    /// When the next discrete event is due, so that a server can serve waits well. None: nothing is planned.
    pub fn next_event(&self) -> Option<Instant> {
        let tasks = self.tasks.values().filter_map(task::Task::next);
        let services = self.services.values().filter_map(|service| service.look_at);
        tasks.chain(services).min()
    }

    /// From now on, tasks that are *started* and match behave like this. The latest matching behaviour wins; a task
    /// that runs already keeps the one it started with.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.behaviours.push(Rule::Matching(behaviour));
    }

    /// Like [`Ecs::behave`], for revisions that are registered from now on, of every family.
    pub fn behave_newer(&mut self, tasks: Tasks) {
        let newest = self.families.iter().map(|(family, all)| (family.clone(), all.len() as u64)).collect();
        self.behaviours.push(Rule::Newer(newest, tasks));
    }

    fn behaviour_of(&self, family: &str, revision: u64) -> Tasks {
        let matching = self.behaviours.iter().rev().find_map(|rule| match rule {
            Rule::Matching(it) => (it.family.as_deref().is_none_or(|name| name == family)
                && it.after_revision.is_none_or(|after| revision > after))
            .then(|| it.tasks.clone()),
            Rule::Newer(newest, tasks) => (revision > newest.get(family).copied().unwrap_or(0)).then(|| tasks.clone()),
        });
        matching.unwrap_or(Tasks::Healthy)
    }

    /// The ARN of something of this account, such as `cluster/sample`.
    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{resource}", self.region, self.account)
    }

    /// A number nobody had before, which looks random (SplitMix64 over a counter).
    fn identifier(&mut self) -> u64 {
        self.identifiers += 1;
        let mut z = self.identifiers.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 19 decimal digits, as in `ecs-svc/1234567890123456789` and in the ARN of a service revision.
    fn long_number(&mut self) -> String {
        format!("{}", 1_000_000_000_000_000_000 + self.identifier() % 8_000_000_000_000_000_000)
    }

    /// 32 hexadecimal digits, as in a task's ARN.
    fn long_hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.identifier(), self.identifier())
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Such as `arn:aws:iam::123456789012:user/deployer`.
    pub arn: String,
}

/// What ECS asks ECR at pull time.
pub trait Images {
    /// `REGISTRY/REPOSITORY:TAG` or `…@sha256:…` to its digest. `Err` is the `CannotPullContainerError` text that ECS
    /// would show. Another registry's image is taken to exist: `Ok(None)`.
    fn resolve(&self, image: &str) -> Result<Option<String>, String>;
}

/// How the tasks of task definition revisions behave, as data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Behaviour {
    /// None matches every family.
    pub family: Option<String>,
    /// Revisions newer than this one; None matches all.
    pub after_revision: Option<u64>,
    /// What becomes of their tasks.
    pub tasks: Tasks,
}

/// What becomes of a task that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tasks {
    /// Starts, passes its checks, runs until it is told to stop.
    Healthy,
    /// The container exits with this code so many seconds after the task is RUNNING. Code 137 reads as killed for its
    /// memory.
    Exits {
        /// The exit code.
        code: i32,
        /// Seconds from RUNNING to the exit.
        after_seconds: u64,
        /// Which container; None: the first essential one.
        container: Option<String>,
    },
    /// No container or target health check ever passes. A task that has neither looks healthy, as on ECS.
    Unhealthy,
    /// Never RUNNING: PENDING for ever.
    NeverStarts,
    /// Running, but health stays UNKNOWN and the service never becomes stable.
    NeverStable,
}
