//! From a folder to a validated configuration, or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::diagnostic::{anywhere, invalid};
use super::environments::{Declared, VARIABLE, laid_over};
use super::faults::Faults;
use super::keys::{Keys, derived, optional, or};
use super::lookups::{self, LookUp};
use super::model::{Config, Deploy, Evidence, Image, Lock, Promotion, Scan, SlackConfig, Workflows};
use super::origin::{Effective, Loaded, Origin, Origins};
use super::partition::Partition;
use super::reading::Reading;
use super::table::Table;
use super::value::Value;
use super::workspace::{Root, Workspace, parse};
use super::{evidence_key, images, lock, order, promotion, scan, schedules, services, slack, tasks, workflows};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::text::nearest;

pub(super) const TOP: Keys = Keys {
    table: "",
    note: "",
    list: &[
        derived("account", "twelve digits", "`AWS_ACCOUNT_ID`", "the AWS account"),
        derived("region", "an AWS region", "`AWS_REGION`, then `AWS_DEFAULT_REGION`", "the region of ECR and ECS"),
        derived(
            "registry",
            "`HOST[:PORT]`",
            "`ACCOUNT.dkr.ecr.REGION.amazonaws.com`",
            "the registry that images go to; one of another account or region is asked there, any other host only beside `AWS_ENDPOINT_URL`; `XTASK_REGISTRY` overrides it",
        ),
        optional("cluster", "a name or an ARN", "the cluster of every service that names none"),
        optional("role", "a role's ARN", "the role that is assumed, in a session that says who does what"),
        or("images", "tables by name", "{}", "what is built and released"),
        or("scan", "a table", "{}", "the scan gate"),
        or(
            "evidence",
            "an array of `verdict`, `sbom`, `provenance`",
            "[\"verdict\"]",
            "what is attached to a released image in its registry",
        ),
        optional(
            "evidence-key",
            "a key of KMS, by ARN or alias, or a table",
            "the key that signs verdict and provenance, and whose signatures alone `deploy.gate` believes",
        ),
        or("services", "tables by name", "{}", "what is deployed"),
        or("tasks", "tables by name", "{}", "what is run once to its end, such as a migration"),
        or("schedules", "tables by name", "{}", "what starts tasks by the clock"),
        or("deploy", "a table", "{}", "how several services are deployed"),
        or("promotion", "a table", "{}", "how images get into this environment's registry"),
        or("lock", "true, false or a table", "false", "whether a deploy locks its services against others"),
        or("slack", "a table", "{}", "what Slack is told"),
        or("workflows", "a table", "{}", "the GitHub workflows"),
        optional("lookups", "a table", "where lookups are answered"),
        optional("environments", "tables by name", "what is otherwise in staging than in production"),
        optional("default-environment", "a name", "the environment that is meant where none is named"),
    ],
};

/// Reads `[workspace.metadata.xtask]` of the workspace around `start`, without running cargo.
///
/// `environment` answers for environment variables: XTASK_ENVIRONMENT, which chooses among the declared environments,
/// XTASK_REGISTRY, AWS_ACCOUNT_ID, AWS_REGION, AWS_DEFAULT_REGION, and those that tell cargo's target folder. The error
/// holds everything that is wrong in any environment, not only the first fault.
pub fn load(start: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Loaded> {
    load_resolved(start, environment, None)
}

/// The same with what its lookups stand for; without anybody to ask, names stand in for them.
pub(crate) fn load_resolved(
    start: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    look_up: Option<LookUp<'_>>,
) -> Result<Loaded> {
    let asked = environment(VARIABLE).filter(|name| !name.trim().is_empty());
    let All { loaded, declared } = all(start, environment, look_up)?;
    let chosen = declared.choose(asked.as_deref())?;
    let chosen = loaded.into_iter().find(|loaded| loaded.config.environment == chosen);
    Ok(chosen.expect("each declared environment was read"))
}

/// Every declared environment, in the order written; what there is where none is declared.
pub fn load_every(start: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Loaded>> {
    Ok(all(start, environment, None)?.loaded)
}

struct All {
    loaded: Vec<Loaded>,
    declared: Declared,
}

fn all(start: &Path, environment: &dyn Fn(&str) -> Option<String>, look_up: Option<LookUp<'_>>) -> Result<All> {
    let root = Root::find(start)?;
    let document = parse(root.source())?;
    let workspace = Workspace::new(root.folder.clone(), root.source(), &document);
    let found = find_table(&workspace)?;
    let mut faults = Faults::default();
    let declared = {
        let reading = Reading::new(&workspace, environment);
        let declared = Declared::read(&mut found.table(&reading, found.entries));
        faults.of_all(reading.faults.into_inner());
        declared
    };
    let names = declared.names.iter().map(|name| Some(name.as_str()));
    let names: Vec<_> = if declared.names.is_empty() { vec![None] } else { names.gather() };
    let asked = environment(VARIABLE).filter(|name| !name.trim().is_empty());
    let chosen = declared.choose(asked.as_deref());
    let (mut loaded, mut unanswered) = (Vec::new(), Vec::new());
    for name in names {
        let mut entries = name.map_or_else(|| found.entries.clone(), |name| laid_over(found.entries, name));
        let reading = Reading::new(&workspace, environment);
        let is_chosen = chosen.as_ref().is_ok_and(|chosen| chosen.as_deref() == name);
        let (mut stands_in, mut facts) = (false, None);
        lookups::fill(&mut entries, &reading, name, |entries, wanted| {
            let first = Reading::new(&workspace, environment);
            facts = facts_of(&mut found.table(&first, entries), start, name);
            let asked = look_up.filter(|_| is_chosen).zip(facts.as_ref());
            stands_in = asked.is_none();
            asked.map(|(look_up, facts)| look_up(facts, wanted)).transpose()
        })?;
        let config = read(found.table(&reading, &entries), start, name);
        let (mut wrong, settings) = (reading.faults.into_inner(), reading.settings.into_inner());
        unanswered.extend(reading.unanswered.borrow().iter().cloned());
        wrong.extend(reading.unanswered.into_inner());
        // What names cannot stand in for is left out.
        let facts = facts.filter(|_| stands_in).map(|facts| (facts, Origin::Default));
        if let (Some((mut config, target)), true) = (config.or(facts), wrong.is_empty()) {
            config.promoted_from = loaded.last().and_then(|before: &Loaded| promoted_from(&before.config, &config));
            loaded.push(Loaded { config, origins: Origins { settings, target: Some(target) }, stands_in });
        }
        faults.of_one(name, wrong);
    }
    let faults = faults.told(declared.names.len());
    match faults.len() {
        0 => Ok(All { loaded, declared }),
        all if all == unanswered.len() => Err(Failure::of_faults(Ending::World, unanswered, |count| {
            format!("{count} lookups of the configuration have no answer")
        })),
        _ => Err(invalid(faults)),
    }
}

/// The environment before this one, where their images are not in the same place already.
fn promoted_from(before: &Config, config: &Config) -> Option<String> {
    let same = |image: &Image| before.images.get(&image.name).is_some_and(|other| other.reference == image.reference);
    let shared = before.account == config.account && config.images.values().all(same);
    before.environment.clone().filter(|_| !shared)
}

fn read(mut table: Table<'_>, start: &Path, environment: Option<&str>) -> Option<(Config, Origin)> {
    let reading = table.reading;
    let root = &reading.workspace.root;
    let (target, target_origin) = reading.workspace.target(start, |name| reading.variable(name));
    let account = account(&mut table);
    let region = region(&mut table);
    let registry = registry(&mut table, account.as_deref(), region.as_deref());
    let cluster =
        table.take("cluster").and_then(|value| services::cluster(&value).map(|cluster| (cluster, value.origin())));
    if let Some((cluster, origin)) = &cluster {
        table.note("cluster", cluster, origin.clone());
    }
    let role = role(&mut table, account.as_deref(), environment);
    // Read before, once for all.
    drop((table.take("environments"), table.take("default-environment")));
    let images = images::read(&mut table, registry.as_deref());
    let scan = scan::read(&mut table);
    let evidence = table.or("evidence", scan::evidence, vec![Evidence::Verdict]);
    let evidence_key = evidence_key::read(&mut table);
    let services = services::read(&mut table, cluster.as_ref());
    let tasks = tasks::read(&mut table, cluster.as_ref(), &services);
    let schedules = schedules::read(&mut table, &tasks);
    let deploy = order::deploy(&mut table);
    let lock = lock::read(&mut table);
    let promotion = promotion::read(&mut table);
    let slack = slack::read(&mut table);
    let workflows = workflows::read(&mut table);
    let lookups = lookups::read(&mut table);
    table.finish();
    let config = Config {
        root: root.clone(),
        target,
        environment: environment.map(str::to_owned),
        promoted_from: None,
        role,
        account: account?,
        region: region?,
        registry: registry?,
        images,
        scan,
        evidence,
        evidence_key,
        services,
        tasks,
        schedules,
        deploy,
        lock,
        promotion,
        slack,
        workflows,
        lookups,
    };
    Some((config, target_origin))
}

/// As much as must be known before anybody is asked for what a lookup stands for.
fn facts_of(table: &mut Table<'_>, start: &Path, environment: Option<&str>) -> Option<Config> {
    let workspace = table.reading.workspace;
    let (target, _) = workspace.target(start, |name| table.reading.variable(name));
    let (account, region) = (account(table)?, region(table)?);
    Some(Config {
        root: workspace.root.clone(),
        target,
        environment: environment.map(str::to_owned),
        promoted_from: None,
        role: role(table, Some(&account), environment),
        registry: registry(table, Some(&account), Some(&region))?,
        lookups: lookups::read(table),
        account,
        region,
        images: BTreeMap::new(),
        scan: Scan::default(),
        evidence: Vec::new(),
        evidence_key: None,
        services: BTreeMap::new(),
        tasks: BTreeMap::new(),
        schedules: Vec::new(),
        deploy: Deploy::default(),
        lock: Lock::default(),
        promotion: Promotion::default(),
        slack: SlackConfig::default(),
        workflows: Workflows::default(),
    })
}

fn role(table: &mut Table<'_>, account: Option<&str>, environment: Option<&str>) -> Option<String> {
    table.optional("role", |value| {
        let role = value.check(workflows::is_role)?;
        let of = role.split(':').nth(4).unwrap_or_default();
        match (account, environment) {
            (Some(account), Some(name)) if of != account => {
                let message = format!("this role is of {of}, and the environment `{name}` is {account}");
                value.error(message, "whoever assumes it does nothing to that environment");
                None
            }
            _ => Some(role),
        }
    })
}

/// `[workspace.metadata.xtask]`, as it stands in the file.
struct Found<'a> {
    span: Range<usize>,
    entries: &'a DeTable<'a>,
}

impl Found<'_> {
    fn table<'r>(&self, reading: &'r Reading<'r>, entries: &'r DeTable<'r>) -> Table<'r> {
        Table::new(reading, &[&TOP], String::new(), self.span.clone(), entries)
    }
}

/// Says what to write where there is none.
fn find_table<'a>(workspace: &Workspace<'a>) -> Result<Found<'a>> {
    let source = workspace.source;
    let workspace = workspace.document.get_key_value("workspace");
    let metadata = workspace.and_then(|(_, workspace)| workspace.get_ref().as_table()?.get_key_value("metadata"));
    let metadata = metadata.and_then(|(_, metadata)| metadata.get_ref().as_table());
    if let Some((key, value)) = metadata.and_then(|metadata| metadata.get_key_value("xtask")) {
        let Some(entries) = value.get_ref().as_table() else {
            let fault = source.fault(value.span(), "`workspace.metadata.xtask` should be a table", EXAMPLE);
            return Err(invalid(vec![fault]));
        };
        let span = if value.span().is_empty() { key.span() } else { value.span() };
        return Ok(Found { span, entries });
    }
    let message = "Cargo.toml has no `[workspace.metadata.xtask]` table";
    let near = metadata.and_then(|metadata| {
        let near = nearest("xtask", metadata.keys().map(|key| key.get_ref().as_ref()))?;
        metadata.get_key_value(near)
    });
    Err(invalid(vec![match near {
        Some((key, _)) => source.fault(key.span(), message, "did you mean `xtask`?"),
        None => source.fault(workspace.map_or(0..0, |(key, _)| key.span()), message, EXAMPLE),
    }]))
}

const EXAMPLE: &str = r#"describe what to ship, for example:

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = { package = "app" }
dockerfile = "app/Dockerfile"

[workspace.metadata.xtask.services.app]
cluster = "sample"
task-definition = "app/ecs/task-definition.json"
containers = { app = "app" }"#;

fn account(table: &mut Table<'_>) -> Option<String> {
    let is_account = |text: &str| {
        let fits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.to_owned()).ok_or("an AWS account's number has twelve digits")
    };
    let read = |value: &Value<'_>| match value.get() {
        toml::de::DeValue::Integer(number) => value
            .wrong_type("a string", &format!("write it in quotes, leading zeros too: \"{:0>12}\"", number.as_str())),
        _ => value.check(is_account),
    };
    if table.has("account") {
        return table.optional("account", read);
    }
    fall_back(table, "account", &["AWS_ACCOUNT_ID"], "account = \"123456789012\"", is_account)
}

fn region(table: &mut Table<'_>) -> Option<String> {
    if table.has("region") {
        return table.optional("region", |value| value.check(is_region));
    }
    fall_back(table, "region", &["AWS_REGION", "AWS_DEFAULT_REGION"], "region = \"ap-northeast-1\"", is_region)
}

/// `ap-northeast-1`, `us-gov-west-1`, `eusc-de-east-1`: the shape, so that a new region needs no new version.
fn is_region(text: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = text.split('-').gather();
    let fits = match parts.as_slice() {
        [names @ .., number] if names.len() >= 2 => {
            names.iter().all(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    fits.then(|| text.to_owned()).ok_or("a region looks like `ap-northeast-1`")
}

/// XTASK_REGISTRY before the file, so that a rehearsal sends nothing to the registry of record.
fn registry(table: &mut Table<'_>, account: Option<&str>, region: Option<&str>) -> Option<String> {
    let written = table.take("registry");
    let in_file = written.as_ref().and_then(|value| value.check(is_registry));
    if let Some(text) = table.reading.variable("XTASK_REGISTRY") {
        return from_environment(table, "registry", "XTASK_REGISTRY", &text, is_registry);
    }
    if let Some(value) = written {
        table.note("registry", in_file.as_ref()?, value.origin());
        return in_file;
    }
    let (account, region) = (account?, region?);
    let registry = format!("{account}.dkr.ecr.{region}.{}", Partition::of(region).dns_suffix);
    table.note("registry", &registry, Origin::Default);
    Some(registry)
}

fn is_registry(text: &str) -> Result<String, &'static str> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let host_fits = is_address || host.split('.').all(label);
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let fits = host_fits && port_fits;
    fits.then(|| text.to_owned()).ok_or("a registry is `HOST` or `HOST:PORT`, without `https://` and without a path")
}

/// The first of `variables` that is set, or an error that names every way to give the value.
fn fall_back(
    table: &mut Table<'_>,
    key: &'static str,
    variables: &[&str],
    example: &str,
    check: impl Fn(&str) -> Result<String, &'static str>,
) -> Option<String> {
    drop(table.take(key));
    for variable in variables {
        if let Some(text) = table.reading.variable(variable) {
            return from_environment(table, key, variable, &text, check);
        }
    }
    let hint = format!("add `{example}`, or set {}", variables.join(" or "));
    table.missing(key, hint);
    None
}

fn from_environment<T: Effective>(
    table: &Table<'_>,
    key: &str,
    variable: &str,
    text: &str,
    check: impl Fn(&str) -> Result<T, &'static str>,
) -> Option<T> {
    match check(text) {
        Ok(value) => {
            table.note(key, &value, Origin::Environment(variable.to_owned()));
            Some(value)
        }
        Err(rule) => {
            let message =
                format!("`{}` in the environment variable {variable} is not a valid `{key}`", text.escape_debug());
            table.reading.report(anywhere(message, rule));
            None
        }
    }
}
