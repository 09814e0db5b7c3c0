//! One account in one region, and what is found in it by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::agenda::Agenda;
use super::behaviour::{Behaviour, NextRun, Rule, Tasks, Trouble};
use super::cluster::Cluster;
use super::definition::Definition;
use super::earnest::Order;
use super::key::{DAEMON, Key};
use super::log::Line;
use super::roll::Roll;
use super::service::Service;
use super::task::{Phase, Task};
use crate::ecs::json::short;

/// Clusters, task definitions, services and their rollouts, of one account in one region.
#[derive(Clone, Debug)]
pub struct Ecs {
    pub(crate) account: String,
    pub(crate) region: String,
    /// Where the next identifier comes from; counting makes a run repeatable.
    pub(crate) identifiers: u64,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    /// Capacity providers by name, and the container instances of each cluster, as they are described.
    pub(crate) providers: BTreeMap<String, Value>,
    pub(crate) instances: BTreeMap<String, Vec<Value>>,
    pub(crate) families: BTreeMap<String, Vec<Definition>>,
    pub(crate) services: Agenda<Key, Service>,
    /// By order of their start.
    pub(crate) tasks: Agenda<u64, Task>,
    pub(crate) roll: Roll,
    pub(crate) tags: BTreeMap<String, Vec<Value>>,
    pub(crate) run_tokens: BTreeMap<String, Remembered>,
    behaviours: Vec<Rule>,
    /// Of service deployments that begin from now on.
    pub(crate) troubles: Vec<Trouble>,
    /// What containers that start from now on write beside their own lines.
    pub(crate) says: Vec<String>,
    /// Of the next RunTask.
    pub(crate) next_run: Option<NextRun>,
    /// Lines of containers that nobody has fetched yet, in the order in which they were written.
    pub(crate) written: Vec<Line>,
    /// Whether containers run in earnest, and what is asked of whoever runs them.
    pub(crate) earnest: bool,
    pub(crate) orders: Vec<Order>,
}

impl Ecs {
    /// An empty account.
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            identifiers: 0,
            clusters: BTreeMap::new(),
            providers: BTreeMap::new(),
            instances: BTreeMap::new(),
            families: BTreeMap::new(),
            services: Agenda::default(),
            tasks: Agenda::default(),
            roll: Roll::default(),
            tags: BTreeMap::new(),
            run_tokens: BTreeMap::new(),
            behaviours: Vec::new(),
            troubles: Vec::new(),
            says: Vec::new(),
            next_run: None,
            written: Vec::new(),
            earnest: false,
            orders: Vec::new(),
        }
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

    /// From now on this befalls every service deployment that begins.
    pub fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }

    /// From now on every container that starts writes this, too.
    pub fn say(&mut self, lines: &[String]) {
        self.says.extend_from_slice(lines);
    }

    /// What befalls the rollout of a new revision does not befall a task that is run once.
    pub(crate) fn behaviour_of(&self, family: &str, revision: u64, once: bool) -> Tasks {
        let matching = self.behaviours.iter().rev().find_map(|rule| match rule {
            Rule::Matching(it) => (it.family.as_deref().is_none_or(|name| name == family)
                && it.after_revision.is_none_or(|after| revision > after))
            .then(|| it.tasks.clone()),
            Rule::Newer(..) if once => None,
            Rule::Newer(newest, tasks) => (revision > newest.get(family).copied().unwrap_or(0)).then(|| tasks.clone()),
        });
        matching.unwrap_or(Tasks::Healthy)
    }

    /// The ARN of something of this account, such as `cluster/sample`.
    pub(crate) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{resource}", self.region, self.account)
    }

    /// A number nobody had before, which looks random (SplitMix64 over a counter).
    pub(crate) fn identifier(&mut self) -> u64 {
        self.identifiers += 1;
        let mut z = self.identifiers.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 19 decimal digits, as in `ecs-svc/1234567890123456789` and in the ARN of a service revision.
    pub(crate) fn long_number(&mut self) -> String {
        format!("{}", 1_000_000_000_000_000_000 + self.identifier() % 8_000_000_000_000_000_000)
    }

    /// 32 hexadecimal digits, as in a task's ARN.
    pub(crate) fn long_hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.identifier(), self.identifier())
    }

    /// The revision that a family, `family:revision` or an ARN means. A bare family is its newest active revision.
    pub(crate) fn definition(&self, name: &str) -> Option<&Definition> {
        let of_daemon = name.strip_prefix(&self.arn("daemon-task-definition/")).map(|rest| format!("{DAEMON}{rest}"));
        if of_daemon.is_none() && name.starts_with("arn:") && !name.starts_with(&self.arn("task-definition/")) {
            return None;
        }
        let name = of_daemon.as_deref().unwrap_or(if name.starts_with(DAEMON) { name } else { short(name) });
        match name.split_once(':') {
            None => self.families.get(name)?.iter().rev().find(|it| it.active),
            Some((family, revision)) => {
                let place = revision.parse::<usize>().ok()?.checked_sub(1)?;
                self.families.get(family)?.get(place)
            }
        }
    }

    pub(crate) fn definition_arn(&self, definition: &Definition) -> String {
        let Definition { family, revision, .. } = definition;
        match family.strip_prefix(DAEMON) {
            Some(family) => self.arn(&format!("daemon-task-definition/{family}:{revision}")),
            None => self.arn(&format!("task-definition/{family}:{revision}")),
        }
    }

    /// The task of this id in a cluster.
    pub(crate) fn task(&self, cluster: &str, id: &str) -> Option<&Task> {
        self.tasks.get(&self.roll.number(id)?).filter(|task| task.cluster == cluster)
    }

    /// Tasks that have not stopped.
    pub(crate) fn alive(&self) -> impl Iterator<Item = (u64, &Task)> {
        self.roll.alive().filter_map(|number| Some((number, self.tasks.get(&number)?)))
    }

    /// Those of them that a service has.
    pub(crate) fn alive_of(&self, service: &Key) -> impl Iterator<Item = (u64, &Task)> {
        self.roll.of(service).filter_map(|number| Some((number, self.tasks.get(&number)?)))
    }

    /// `{arn, requestedTaskCount, runningTaskCount, pendingTaskCount}`; requested is what is left of it, where the
    /// scheduler wants no certain number.
    pub(crate) fn revision_counts(&self, service: &Service, revision: usize, requested: Option<u64>) -> Value {
        let own = || {
            self.alive_of(&service.key)
                .map(|(_, task)| task)
                .filter(|task| task.placement.as_ref().is_some_and(|it| it.revision == revision))
        };
        json!({
            "arn": service.revisions[revision].arn,
            "requestedTaskCount": requested.unwrap_or_else(|| own().filter(|task| task.is_wanted()).count() as u64),
            "runningTaskCount": own().filter(|task| task.phase == Phase::Running).count(),
            "pendingTaskCount": own().filter(|task| task.phase < Phase::Running).count(),
        })
    }
}

/// What a client token stood for.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(crate) input: Value,
    pub(crate) numbers: Vec<u64>,
}
