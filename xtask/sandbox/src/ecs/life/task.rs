//! What happens to tasks by themselves: starting, pulling, being checked, exiting, stopping.

use serde_json::{Value, json};

use super::checks::{checks, container_check, proven, target_check};
use super::command::{ending, overriding};
use super::pull::{Images, pull};
use super::speech;
use crate::clock::Instant;
use crate::ecs::json::{list, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::agenda::Timed;
use crate::ecs::state::behaviour::Tasks;
use crate::ecs::state::key::Key;
use crate::ecs::state::log::Sink;
use crate::ecs::state::service::Service;
use crate::ecs::state::task::{Container, Ending, Health, Interface, Phase, Placement, Target, Task};
use crate::ecs::timing::{self, after};

/// Everything a new task needs to know.
pub(crate) struct Order {
    pub(crate) cluster: String,
    /// `family:revision`.
    pub(crate) definition: String,
    pub(crate) placement: Option<Placement>,
    pub(crate) started_by: Option<String>,
    pub(crate) group: String,
    /// Members that the task's answer repeats: launchType, platformVersion, overrides, tags, …
    pub(crate) constant: Value,
    pub(crate) target: Option<Target>,
    /// Health check grace period in milliseconds.
    pub(crate) grace: u64,
    /// `networkConfiguration`.
    pub(crate) network: Value,
    /// The exit code that its containers end with, whatever they run.
    pub(crate) exits: Option<i32>,
}

impl Ecs {
    /// Starts a task: it is PROVISIONING from now on. Gives its number.
    pub(crate) fn start_task(&mut self, order: Order, now: Instant) -> Option<u64> {
        let definition = self.definition(&order.definition)?;
        let family = definition.family.clone();
        let once = order.placement.is_none();
        let behaviour = self.behaviour_of(&family, definition.revision, once);
        let definition_arn = self.definition_arn(definition);
        let checks = checks(definition.containers());
        let described = definition.containers().to_vec();
        let is_awsvpc = definition.is_awsvpc();
        let mut constant = order.constant;
        for member in ["cpu", "memory"] {
            if constant.get(member).is_none() && text(&definition.document, member).is_some() {
                constant[member] = definition.document[member].clone();
            }
        }
        let mut containers: Vec<Container> = described.iter().map(|it| self.container(it)).collect();
        endings(&mut containers, &described, &behaviour, &constant["overrides"]);
        if once && behaviour == Tasks::Healthy {
            once_endings(&mut containers, &described, &constant["overrides"], order.exits);
        }
        let id = self.long_hex();
        let number = self.identifiers;
        for (container, described) in containers.iter_mut().zip(&described) {
            container.log = Sink::of(described, &self.region, &id, &container.id);
        }
        let subnets = texts(&order.network["awsvpcConfiguration"], "subnets");
        let zone = usize::try_from(number % subnets.len().max(1) as u64).unwrap_or_default();
        constant["availabilityZone"] = json!(format!("{}{}", self.region, char::from(b"abcdef"[zone % 6])));
        let domain = if self.region == "us-east-1" { "ec2".to_owned() } else { format!("{}.compute", self.region) };
        let interface = subnets
            .get(zone)
            .filter(|_| is_awsvpc)
            .map(|subnet| Interface { subnet: (*subnet).to_owned(), domain: format!("{domain}.internal") });
        let task = Task {
            arn: self.arn(&format!("task/{}/{id}", order.cluster)),
            cluster_arn: self.arn(&format!("cluster/{}", order.cluster)),
            id,
            cluster: order.cluster,
            family,
            definition_arn,
            placement: order.placement,
            started_by: order.started_by,
            group: order.group,
            constant,
            containers,
            interface,
            behaviour,
            phase: Phase::Provisioning,
            due: Some(after(now, timing::PROVISIONING)),
            health_at: None,
            target_at: None,
            proven_at: None,
            checks,
            health: Health::Unknown,
            target: order.target,
            grace: order.grace,
            stop: None,
            created_at: now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            execution_stopped_at: None,
            stopped_at: None,
            written: Vec::new(),
            begun: false,
            ending: false,
            version: 1,
        };
        self.roll.enter(number, &task.id, task.placement.as_ref().map(|it| &it.key));
        self.tasks.insert(number, task);
        Some(number)
    }

    fn container(&mut self, described: &Value) -> Container {
        let size = |member: &str| described.get(member).filter(|it| it.is_number()).map(ToString::to_string);
        Container {
            sizes: [size("cpu"), size("memory"), size("memoryReservation")],
            id: self.long_hex(),
            earnest: None,
            name: text(described, "name").unwrap_or_default().to_owned(),
            image: text(described, "image").unwrap_or_default().to_owned(),
            essential: described.get("essential") != Some(&json!(false)),
            checked: described.get("healthCheck").is_some(),
            digest: None,
            port: described["portMappings"][0]["containerPort"].as_u64(),
            log: None,
            says: self.says.clone(),
            runs: None,
            ending: None,
            exit_at: None,
            exit_code: None,
            reason: None,
        }
    }

    /// The event of this task that is due at `at`.
    pub(crate) fn step(&mut self, number: u64, at: Instant, images: &dyn Images) {
        let Some(mut task) = self.tasks.remove(&number) else { return };
        let key: Option<Key> = task.placement.as_ref().map(|it| it.key.clone());
        let mut service = key.as_ref().and_then(|key| self.services.remove(key));
        if task.due == Some(at) {
            next_phase(&mut task, service.as_mut(), at, images);
        } else if task.next_exit() == Some(at) {
            exit(&mut task, service.as_mut(), at);
        } else if task.health_at == Some(at) {
            container_check(&mut task, service.as_mut(), at);
        } else if task.target_at == Some(at) {
            target_check(&mut task, service.as_mut(), at);
        } else if task.proven_at == Some(at) {
            task.proven_at = None;
            proven(&task, service.as_mut());
        }
        self.written.append(&mut task.written);
        if task.phase == Phase::Stopped && task.next().is_none() {
            self.roll.stopped(number, key.as_ref(), task.stopped_at.unwrap_or(at));
        }
        self.tasks.insert(number, task);
        if let (Some(key), Some(mut service)) = (key, service) {
            service.look_by(after(at, timing::SCHEDULER));
            self.services.insert(key, service);
        }
    }
}

/// Gives each container the end that the behaviour has for it, or its command where nothing else was said.
fn endings(containers: &mut [Container], described: &[Value], behaviour: &Tasks, overrides: &Value) {
    match behaviour {
        Tasks::Healthy => {
            for (container, described) in containers.iter_mut().zip(described) {
                container.ending = ending(described, overrides);
            }
        }
        Tasks::Exits { code, after_seconds, container } => {
            let named = |it: &&mut Container| container.as_ref().map_or(it.essential, |name| *name == it.name);
            if let Some(container) = containers.iter_mut().find(named) {
                container.ending = Some(Ending { code: *code, after: after_seconds * 1000 });
            }
        }
        _ => {}
    }
}

/// A program that is run once ends by itself: with 0 where its words say nothing else. One that listens on a port, by no
/// command but its own, serves on.
fn once_endings(containers: &mut [Container], described: &[Value], overrides: &Value, exits: Option<i32>) {
    for (container, described) in containers.iter_mut().zip(described) {
        let overridden = overriding(described, overrides);
        let serves = container.port.is_some() && overridden.is_none();
        let code = exits.or((!serves).then_some(0));
        if container.ending.is_none() || exits.is_some() {
            container.ending = code.map(|code| Ending { code, after: timing::COMMAND });
        }
        container.port = container.port.filter(|_| serves);
        let line = overridden.unwrap_or_else(|| texts(described, "command")).join(" ");
        container.runs = (!line.is_empty()).then_some(line);
    }
}

fn next_phase(task: &mut Task, service: Option<&mut Service>, at: Instant, images: &dyn Images) {
    match task.phase {
        Phase::Provisioning => {
            task.pull_started_at = Some(at);
            let due = (task.behaviour != Tasks::NeverStarts).then(|| after(at, timing::PULL));
            task.enter(Phase::Pending, due);
        }
        Phase::Pending => pull(task, service, at, images),
        Phase::Activating => run(task, service, at),
        Phase::Running | Phase::Stopped => task.due = None,
        Phase::Deactivating => task.enter(Phase::Stopping, Some(after(at, timing::STOPPING))),
        Phase::Stopping => {
            task.write(at, speech::terminated);
            // A program that listens to SIGTERM ends with 0.
            task.containers
                .iter_mut()
                .filter(|it| it.earnest.is_none())
                .for_each(|it| it.exit_code = it.exit_code.or(Some(0)));
            task.execution_stopped_at = Some(at);
            task.enter(Phase::Deprovisioning, Some(after(at, timing::DEPROVISIONING)));
        }
        Phase::Deprovisioning => {
            task.stopped_at = Some(at);
            task.enter(Phase::Stopped, None);
        }
    }
}

fn run(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    task.started_at = Some(at);
    task.enter(Phase::Running, None);
    if let (Some(service), Some(target)) = (service, &task.target) {
        service.tell(&format!("registered 1 targets in (target-group {})", target.group), at);
    }
    let target = |count: u64| Some(after(at, count * timing::TARGET_INTERVAL));
    match &task.behaviour {
        Tasks::NeverStarts | Tasks::NeverStable => {}
        Tasks::Unhealthy => {
            task.health_at = task.checks.map(|checks| after(at, checks.fail_after.max(task.grace)));
            let failed = timing::TARGET_UNHEALTHY * timing::TARGET_INTERVAL;
            task.target_at = task.target.as_ref().map(|_| after(at, failed.max(task.grace)));
        }
        Tasks::Healthy | Tasks::Exits { .. } => {
            task.health_at = task.checks.map(|checks| after(at, checks.pass_after));
            task.target_at = task.target.as_ref().and_then(|_| target(timing::TARGET_HEALTHY));
            let unchecked = task.checks.is_none() && task.target.is_none();
            task.proven_at = unchecked.then(|| after(at, timing::STEADY));
        }
    }
    for container in &mut task.containers {
        container.exit_at = container.ending.map(|ending| after(at, ending.after));
    }
    task.write(at, speech::started);
}

fn exit(task: &mut Task, service: Option<&mut Service>, at: Instant) {
    let mut over = false;
    task.write(at, |container| match container.ending.filter(|_| container.exit_at == Some(at)) {
        Some(ending) => speech::ended(container, ending.code),
        None => Vec::new(),
    });
    for container in task.containers.iter_mut().filter(|container| container.exit_at == Some(at)) {
        container.exit_at = None;
        container.exit_code = container.ending.map(|ending| ending.code);
        if container.exit_code == Some(137) && container.earnest.is_none() {
            container.reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
        }
        over |= container.essential;
    }
    if !over {
        return;
    }
    task.stop("EssentialContainerExited", "Essential container in task exited", at);
    if let (Some(service), Some(placement)) = (service, &task.placement) {
        service.count_failure(&placement.deployment, false, at);
    }
}

/// The members of a task's answer that its launch decides: where it runs and what it overrides.
pub(crate) fn constant(launch: &Value, options: &Value) -> Value {
    let fargate = launch["launchType"] == "FARGATE" || !list(launch, "capacityProviderStrategy").is_empty();
    let mut constant = json!({
        "launchType": if fargate { "FARGATE" } else { "EC2" },
        "enableExecuteCommand": options["enableExecuteCommand"] == json!(true),
        "overrides": { "containerOverrides": [], "inferenceAcceleratorOverrides": [] },
        "tags": [],
    });
    if fargate {
        constant["platformVersion"] = json!("1.4.0");
        constant["platformFamily"] = json!("Linux");
        constant["ephemeralStorage"] = json!({ "sizeInGiB": 20 });
    }
    if let Some(overrides) = options.get("overrides").and_then(Value::as_object) {
        for (name, value) in overrides {
            constant["overrides"][name] = value.clone();
        }
    }
    constant
}
