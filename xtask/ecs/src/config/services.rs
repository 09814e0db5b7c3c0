//! `[workspace.metadata.xtask.services.NAME]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::DeValue;

use super::diagnostic::suggestion;
use super::file;
use super::keys::{Keys, derived, optional, or, required};
use super::model::{
    DAEMON, DAEMON_FAMILY, Definition, Exits, FailFast, Kind, OnInterrupt, Rollout, Service, TaskDefinitionSource,
};
use super::order;
use super::origin::{Effective, Origin};
use super::table::Table;
use super::value::Value;

pub(super) const SERVICE: Keys = Keys {
    table: "services.NAME",
    note: "",
    list: &[
        derived("cluster", "a name or an ARN", "`cluster` at the top", "the cluster"),
        derived("service", "a name", "the table's own name", "the ECS service"),
        optional(
            "express",
            "true or false",
            "whether it is an Express service, of which ECS makes load balancer and scaling itself; its task definition has a \
             container `Main` with one named TCP port",
        ),
        optional(
            "daemon",
            "true or false",
            "whether it is a managed daemon, of which ECS runs one task on each instance of its capacity providers; \
             `service-definition` is as CreateDaemon takes it then",
        ),
        required("task-definition", "a JSON file, or a table", "what is registered and rolled out"),
        optional(
            "overlay",
            "a JSON file",
            "what is laid over the task definition's file: a merge patch, in which containers, variables, secrets, volumes and \
             mount points are told apart by their names",
        ),
        required("containers", "an image by container", "which container runs which image"),
        optional("desired-count", "a whole number", "how many tasks; sent only where it is written"),
        optional(
            "service-definition",
            "a JSON file",
            "the service's own settings, as CreateService and UpdateService take them; what is not written there is left as it is",
        ),
        optional("service-overlay", "a JSON file", "what is laid over that file, as `overlay` is"),
        or("force-new-deployment", "true or false", "false", "a rollout even where nothing changed"),
        or(
            "after",
            "an array of services",
            "[]",
            "the services that must have been deployed well before it begins; one that is left out of a deploy is not waited for",
        ),
        or(
            "before-deploy",
            "an array of tasks",
            "[]",
            "what is run, one after another, between the registration and the update of a rollout; where one fails the service is not touched",
        ),
        or("after-deploy", "an array of tasks", "[]", "what is run after a rollout that went well"),
        or("rollout", "a table", "{}", "how the rollout is followed"),
    ],
};

pub(super) const FAMILY: Keys = Keys {
    table: "services.NAME.task-definition",
    note: "A task definition is a file of this workspace, or somebody else's that is live, with the images replaced.",
    list: &[required("family", "a name", "the family, whose newest active revision is taken")],
};

pub(super) const ROLLOUT: Keys = Keys {
    table: "services.NAME.rollout",
    note: "",
    list: &[
        or("deadline", "a duration", "\"15m\"", "how long the rollout may take"),
        or("poll", "a duration", "\"1s\"", "the shortest time between two looks"),
        or("on-interrupt", "`leave` or `rollback`", "\"leave\"", "what Ctrl-C does to it"),
        or(
            "fail-fast",
            "`decisive` or `off`",
            "\"decisive\"",
            "whether a rollout is rolled back at the first cause that no further task can do without, such as an image, a \
             secret or a right that is missing",
        ),
        or(
            "exits",
            "a number or `off`",
            "3",
            "so many tasks whose container ends by itself with the same code, none of which was ever healthy, are such a \
             cause, too",
        ),
        or("log-lines", "a whole number", "20", "how many of the last lines of a failed container's log are shown"),
    ],
};

const NAME_RULE: &str = "an ECS name is 1 to 255 letters, digits, `-` and `_`";

/// Every service that is valid by itself; `default_cluster` is the one written at the top.
pub(super) fn read<'a>(table: &mut Table<'a>, default_cluster: Option<&(String, Origin)>) -> BTreeMap<String, Service> {
    let images = table.names("images");
    let names = table.names("services");
    let tasks = table.texts("tasks", "service");
    let mut orders = BTreeMap::new();
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for (name, mut table) in table.children("services", &[&SERVICE]) {
        let cluster = if table.has("cluster") || default_cluster.is_none() {
            table.required("cluster", "cluster = \"sample\"", self::cluster)
        } else {
            drop(table.take("cluster"));
            default_cluster.map(|(cluster, origin)| {
                table.note("cluster", cluster, origin.clone());
                cluster.clone()
            })
        };
        let service = table.or("service", |value| value.check(is_name), name.clone());
        let kind = kind(&mut table);
        let service = if kind == Kind::Daemon { format!("{DAEMON}{service}") } else { service };
        if kind == Kind::Daemon {
            table.refuse(&["desired-count"], "is of no daemon: that has one task on each instance");
        }
        if kind == Kind::Express {
            table.refuse(
                &["desired-count", "service-definition", "force-new-deployment"],
                "is for services that ECS does not manage itself, and this one is `express`",
            );
        }
        let task_definition = table.required(
            "task-definition",
            "task-definition = \"app/ecs/task-definition.json\"` or `task-definition = { family = \"app\" }",
            task_definition,
        );
        let overlay = table.optional("overlay", |value| overlay(value, task_definition.as_ref()));
        let task_definition = task_definition.map(|source| match source {
            TaskDefinitionSource::File { file, .. } => TaskDefinitionSource::File { file, overlay, kind },
            TaskDefinitionSource::Family(family) if kind == Kind::Daemon => {
                TaskDefinitionSource::Family(format!("{DAEMON_FAMILY}{family}"))
            }
            family @ TaskDefinitionSource::Family(_) => family,
        });
        let containers =
            table.required("containers", "containers = { app = \"app\" }", |value| containers(value, &images));
        let desired_count = table.optional("desired-count", Value::count);
        let definition = table.optional("service-definition", |value| file::file(value, "service definition"));
        let service_overlay = table.optional("service-overlay", |value| service_overlay(value, definition.as_ref()));
        let definition = definition.map(|file| Definition { file, overlay: service_overlay, kind });
        let force_new_deployment = table.or("force-new-deployment", Value::boolean, false);
        let after = |value: &Value<'a>| {
            orders.insert(name.clone(), value.clone());
            order::after(value, &name, &names)
        };
        let after = table.or("after", after, Vec::new());
        let tasks = |value: &Value<'a>| order::tasks(value, &name, &tasks);
        let before_deploy = table.or("before-deploy", tasks, Vec::new());
        let after_deploy = table.or("after-deploy", tasks, Vec::new());
        let rollout = rollout(&mut table, kind);
        let same = services.values().find(|other| Some(&other.cluster) == cluster.as_ref() && other.service == service);
        if let Some(other) = same {
            let message = format!("`services.{}` and `services.{name}` are the same ECS service", other.name);
            table.error(message, "their rollouts would stop each other: keep one, or set `service` or `cluster`");
        }
        table.finish();
        if let (Some(cluster), Some(task_definition), Some(containers)) = (cluster, task_definition, containers) {
            let service = Service {
                name: name.clone(),
                cluster,
                service,
                kind,
                task_definition,
                containers,
                desired_count,
                force_new_deployment,
                definition,
                after,
                before_deploy,
                after_deploy,
                rollout,
            };
            services.insert(name, service);
        }
    }
    order::refuse_circles(&services, &orders);
    services
}

/// A cluster's name or ARN.
pub(super) fn cluster(value: &Value<'_>) -> Option<String> {
    value.check(|text| if text.starts_with("arn:") { Ok(text.to_owned()) } else { is_name(text) })
}

/// Source: ECS API, CreateService serviceName, CreateCluster clusterName, RegisterTaskDefinition family.
pub(super) fn is_name(text: &str) -> Result<String, &'static str> {
    let fits =
        (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| text.to_owned()).ok_or(NAME_RULE)
}

pub(super) fn task_definition(value: &Value<'_>) -> Option<TaskDefinitionSource> {
    match value.get() {
        DeValue::String(_) => {
            let of_file = |file| TaskDefinitionSource::File { file, overlay: None, kind: Kind::Service };
            file::file(value, "task definition").map(of_file)
        }
        DeValue::Table(_) => {
            let mut table = value.table(&[&FAMILY])?;
            let family = table.need("family", "write `{ family = \"app\" }`", |value| value.check(is_name));
            table.finish();
            family.map(TaskDefinitionSource::Family)
        }
        _ => value.wrong_type("a task definition", "name a JSON file, or write `{ family = \"app\" }`"),
    }
}

fn overlay(value: &Value<'_>, source: Option<&TaskDefinitionSource>) -> Option<PathBuf> {
    if let Some(TaskDefinitionSource::Family(family)) = source {
        let message =
            format!("there is no file that this could be laid over: the task definition is the family `{family}`");
        value.error(message, "name a JSON file in `task-definition`, or leave `overlay` out");
        return None;
    }
    file::file(value, "overlay")
}

fn service_overlay(value: &Value<'_>, definition: Option<&PathBuf>) -> Option<PathBuf> {
    if definition.is_none() {
        value.error("there is no file that this could be laid over", "name a JSON file in `service-definition`, too");
        return None;
    }
    file::file(value, "overlay")
}

impl Effective for TaskDefinitionSource {
    fn effective(&self, root: &std::path::Path) -> serde_json::Value {
        match self {
            Self::File { file, .. } => file.effective(root),
            Self::Family(family) => serde_json::json!({ "family": family.trim_start_matches(DAEMON_FAMILY) }),
        }
    }
}

/// Container name → image name.
pub(super) fn containers(value: &Value<'_>, images: &[String]) -> Option<BTreeMap<String, String>> {
    let containers = value.map(|container, value| {
        if let Err(rule) = is_name(container) {
            value.error_at_key(format!("`{}` cannot be a container's name", container.escape_debug()), rule);
        }
        let image = value.text()?;
        if !images.iter().any(|known| known == image) {
            let hint = suggestion(image, images.iter().map(String::as_str), "images");
            let image = image.escape_debug();
            value.error(format!("the container `{}` names no image: `{image}`", container.escape_debug()), hint);
            return None;
        }
        Some(image.to_owned())
    })?;
    if containers.is_empty() {
        value.error("no container is given an image", "write `{ CONTAINER = \"IMAGE\" }`, such as `{ app = \"app\" }`");
        return None;
    }
    Some(containers)
}

/// A number of tasks, or `"off"`.
fn exits(value: &Value<'_>) -> Option<Exits> {
    match value.get() {
        DeValue::String(text) if text.parse::<u32>().is_err() => value.one_of(&[("off", Exits(None))]),
        DeValue::Integer(_) | DeValue::String(_) => match value.count()? {
            0 => {
                value
                    .error("`exits` should be 1 or more", "write \"off\" to stop no rollout for its tasks' exit codes");
                None
            }
            count => Some(Exits(Some(count))),
        },
        _ => value.wrong_type("a number of tasks or \"off\"", ""),
    }
}

fn kind(table: &mut Table<'_>) -> Kind {
    let express = table.optional("express", Value::boolean) == Some(true);
    let exclusive = |value: &Value<'_>| {
        let daemon = value.boolean()?;
        if daemon && express {
            value.error("a daemon is no Express service", "leave `express` or `daemon` out");
        }
        Some(daemon)
    };
    match table.optional("daemon", exclusive) {
        Some(true) => Kind::Daemon,
        _ if express => Kind::Express,
        _ => Kind::Service,
    }
}

fn rollout(table: &mut Table<'_>, kind: Kind) -> Rollout {
    let rollout = match table.take("rollout") {
        Some(value) => value.table(&[&ROLLOUT]),
        None => Some(table.empty("rollout", &[&ROLLOUT])),
    };
    let mut default = Rollout::default();
    if kind == Kind::Daemon {
        default.fail_fast = FailFast::Off;
    }
    let Some(mut table) = rollout else { return default };
    // Source: Amazon ECS API Reference: of daemons there is no call like StopServiceDeployment.
    let stops = |value: &Value<'_>, stops: bool| {
        if stops && kind == Kind::Daemon {
            value.error(
                "ECS has no call that stops a daemon's deployment",
                "leave it out: ECS's own breaker takes it back",
            );
        }
    };
    let choices = [("leave", OnInterrupt::Leave), ("rollback", OnInterrupt::Rollback)];
    let ends = [("decisive", FailFast::Decisive), ("off", FailFast::Off)];
    let on_interrupt = |value: &Value<'_>| {
        let chosen = value.one_of(&choices)?;
        stops(value, chosen == OnInterrupt::Rollback);
        Some(chosen)
    };
    let fail_fast = |value: &Value<'_>| {
        let chosen = value.one_of(&ends)?;
        stops(value, chosen == FailFast::Decisive);
        Some(chosen)
    };
    let rollout = Rollout {
        deadline: table.or("deadline", Value::duration, default.deadline),
        poll: table.or("poll", Value::duration, default.poll),
        on_interrupt: table.or("on-interrupt", on_interrupt, default.on_interrupt),
        fail_fast: table.or("fail-fast", fail_fast, default.fail_fast),
        exits: table.or("exits", exits, default.exits),
        log_lines: table.or("log-lines", Value::count, default.log_lines),
        speed: default.speed,
    };
    table.finish();
    rollout
}
