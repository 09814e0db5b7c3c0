//! The workspace's configuration, moved into a sandbox that is furnished for it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{ApiError, Clock, Options, Runner, Sandbox};

use crate::config::{
    Builder, Clockwork, Config, DAEMON, DAEMON_FAMILY, EvidenceKey, Kind, Package, Program, Schedule, Service,
    TaskDefinitionSource,
};
use crate::deploy::load_with_stand_ins;
use crate::event::Events;
use crate::failure::{Failure, Place, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::process;
use crate::release::engine::Engine;
use crate::stage::With;
use crate::text::short;

/// A sandbox of the configuration's account and region.
pub(super) fn options(config: &Config, clock: Clock) -> Options {
    Options { account: config.account.clone(), region: config.region.clone(), clock, ..Options::default() }
}

/// What runs containers in earnest on this machine, where they are to.
pub(super) fn in_earnest(run: Option<With>) -> Result<Option<Runner>> {
    let Some(with) = run else { return Ok(None) };
    let found = match with {
        With::Docker => Runner::docker(None),
        With::Namespaces => Runner::namespaces(),
        With::Either => Runner::find(),
    };
    found.map(Some).map_err(|why| {
        let failure = Failure::world(format_args!("containers cannot run in earnest on this machine: {why}"));
        ways_out(with)
            .iter()
            .fold(failure, |failure, way| failure.help(*way))
            .help("without `--run` they are simulated")
    })
}

/// What would let it run them.
fn ways_out(with: With) -> &'static [&'static str] {
    const DOCKER: &str = "start docker; `docker version` says whether its engine answers";
    const NAMESPACES: &str =
        "namespaces take Linux, `unshare`, `nsenter` and `ip`, and a kernel that lets this user make them";
    const APPARMOR: &str = "where AppArmor forbids them: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`";
    match with {
        With::Docker => &[DOCKER],
        With::Namespaces => &[NAMESPACES, APPARMOR],
        With::Either => &[DOCKER, NAMESPACES, APPARMOR],
    }
}

/// The configuration with the sandbox's registry; deadlines shrink as its clock is faster.
pub(super) fn rehearsed(config: &Config, sandbox: &Sandbox, speed: u32) -> Config {
    let mut config = config.clone();
    // Whatever trivy there is will do for a rehearsal; none is fetched.
    config.scan.trivy = None;
    // The sandbox has a key of its own under that name.
    if let Some(key) = &mut config.evidence_key {
        key.public = None;
    }
    config.registry = sandbox.registry();
    for image in config.images.values_mut() {
        image.reference.registry = sandbox.registry();
    }
    for service in config.services.values_mut() {
        // A canary of ECS's own making takes most of the default deadline, whatever the machine does meanwhile.
        let least = Duration::from_secs(if service.kind == Kind::Express { 90 } else { 10 });
        service.rollout.deadline = (service.rollout.deadline / speed).max(least);
        service.rollout.speed = speed;
    }
    config
}

/// What a team has before its first release with this tool: repositories, clusters, and each service running on a
/// revision whose image comes from another registry.
pub(super) fn furnish(sandbox: &Sandbox, config: &Config) -> Result<()> {
    let repositories: Vec<&str> = config.images.values().map(|image| image.repository().as_str()).gather();
    let mut services: Vec<(&str, &str, Value)> = Vec::new();
    for service in config.services.values().filter(|service| service.kind == Kind::Service) {
        services.push((&service.cluster, &service.service, first_definition(service, &config.root)?));
    }
    sandbox.furnish(&repositories, &services).map_err(|error| unfurnished(&error))?;
    if config.deploy.signed {
        let profile = format!("arn:aws:signer:{}:{}:/signing-profiles/rehearsal", config.region, config.account);
        let rules = json!({ "signingConfiguration": { "rules": [{ "signingProfileArn": profile }] } });
        sandbox.ecr("PutSigningConfiguration", rules).map_err(|error| unfurnished(&error))?;
    }
    if let Some(EvidenceKey { kms, .. }) = &config.evidence_key {
        let parts: Vec<&str> = kms.splitn(6, ':').gather();
        let [region, account] = [3, 4].map(|place| parts.get(place).copied());
        let shared = [&config.account];
        let seed = json!({ "account": account.unwrap_or(&config.account), "region": region.unwrap_or(&config.region),
            "kms": { parts[parts.len() - 1]: { "spec": "ECC_NIST_P256", "accounts": shared } } });
        sandbox.seed(&seed).map_err(|why| Failure::world(format_args!("could not furnish the sandbox: {why}")))?;
    }
    for service in config.services.values().filter(|service| service.kind == Kind::Express) {
        express(sandbox, service).map_err(|error| unfurnished(&error))?;
    }
    for service in config.services.values().filter(|service| service.is_daemon()) {
        daemon(sandbox, config, service)?;
    }
    for schedule in &config.schedules {
        clock(sandbox, config, schedule).map_err(|error| unfurnished(&error))?;
    }
    Ok(())
}

fn unfurnished(error: &ApiError) -> Failure {
    Failure::world(format_args!("could not furnish the sandbox: {}: {}", error.code, error.message))
}

/// Any role will do for what nobody starts.
const ROLE: &str = "arn:aws:iam::123456789012:role/rehearsed";

/// An Express service that ECS made of an older image.
fn express(sandbox: &Sandbox, service: &Service) -> std::result::Result<(), ApiError> {
    sandbox.ecs("CreateCluster", json!({ "clusterName": service.cluster }))?;
    let input = json!({ "cluster": service.cluster, "serviceName": service.service,
        "primaryContainer": { "image": "public.ecr.aws/docker/library/main:before" },
        "infrastructureRoleArn": ROLE, "executionRoleArn": ROLE });
    sandbox.ecs("CreateExpressGatewayService", input)?;
    sandbox.advance(Duration::from_secs(30 * 60));
    Ok(())
}

/// A daemon that runs an older image.
fn daemon(sandbox: &Sandbox, config: &Config, service: &Service) -> Result<()> {
    let mut document = first_definition(service, &config.root)?;
    if let Some(members) = document.as_object_mut() {
        members.retain(|name, _| !["networkMode", "requiresCompatibilities"].contains(&name.as_str()));
    }
    let cluster = short(&service.cluster);
    let provider = format!("arn:aws:ecs:{}:{}:capacity-provider/rehearsed", config.region, config.account);
    let made = || {
        sandbox.ecs("CreateCluster", json!({ "clusterName": cluster }))?;
        let registered = sandbox.ecs("RegisterDaemonTaskDefinition", document)?;
        let input = json!({ "daemonName": service.service.trim_start_matches(DAEMON), "clusterArn": cluster,
            "daemonTaskDefinitionArn": registered["daemonTaskDefinitionArn"], "capacityProviderArns": [provider],
            // One that goes off takes a deployment back.
            "deploymentConfiguration": { "alarms": { "enable": true, "alarmNames": ["rehearsed"] } } });
        sandbox.ecs("CreateDaemon", input)
    };
    made().map_err(|error| unfurnished(&error))?;
    sandbox.advance(Duration::from_secs(30 * 60));
    Ok(())
}

/// A schedule or a rule that starts some revision of its task.
fn clock(sandbox: &Sandbox, config: &Config, schedule: &Schedule) -> std::result::Result<(), ApiError> {
    let (name, expression) = (&schedule.name, &schedule.expression);
    let arn = |what: &str| format!("arn:aws:ecs:{}:{}:{what}", config.region, config.account);
    let ecs = json!({ "TaskDefinitionArn": arn(&format!("task-definition/{}:1", schedule.task)) });
    let mut target = json!({ "Arn": arn("cluster/rehearsed"), "RoleArn": ROLE, "EcsParameters": ecs });
    let site = sandbox.site(&config.account, &config.region);
    match schedule.target {
        Clockwork::Scheduler => {
            let made = json!({ "Name": name, "ScheduleExpression": expression, "Target": target,
                "FlexibleTimeWindow": { "Mode": "OFF" } });
            site.call("scheduler", "CreateSchedule", made)?;
        }
        Clockwork::Rule => {
            target["Id"] = json!(name);
            site.call("events", "PutRule", json!({ "Name": name, "ScheduleExpression": expression }))?;
            site.call("events", "PutTargets", json!({ "Rule": name, "Targets": [target] }))?;
        }
    }
    Ok(())
}

/// Puts what a file says that it holds.
pub(super) fn seed(sandbox: &Sandbox, file: &Path) -> Result<()> {
    let (name, document) = json_of(file, "seed")?;
    sandbox.seed(&document).map_err(|error| Failure::usage(format_args!("the seed {name}: {error}")))
}

/// Lets whoever calls do what a file of a policy allows, and nothing else.
pub(super) fn restrict(sandbox: &Sandbox, file: &Path) -> Result<()> {
    let (name, document) = json_of(file, "policy")?;
    sandbox.restrict(&document).map_err(|error| Failure::usage(format_args!("the policy {name}: {error}")))
}

fn json_of(file: &Path, what: &str) -> Result<(String, Value)> {
    let name = file.display().to_string();
    let text = std::fs::read(file)
        .map_err(|error| Failure::usage(format_args!("could not read the {what} {name}: {error}")))?;
    let document = serde_json::from_slice(&text).map_err(|error| {
        let place = Place { file: name.clone(), line: error.line(), column: error.column() };
        Failure::at(place, format!("the {what} is no JSON: {error}"))
    })?;
    Ok((name, document))
}

/// The service's own document on an older image; a made-up one where IaC owns it.
fn first_definition(service: &Service, root: &Path) -> Result<Value> {
    let older = |name: &str| format!("public.ecr.aws/docker/library/{name}:before");
    let mut document = match &service.task_definition {
        TaskDefinitionSource::File { file, overlay, kind } => {
            load_with_stand_ins((file, overlay.as_deref()), *kind, root)?.document.value().clone()
        }
        TaskDefinitionSource::Family(family) => json!({
            "family": family.trim_start_matches(DAEMON_FAMILY),
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": service.containers.keys().map(|name| json!({ "name": name, "image": older(name) })).gather::<Vec<_>>(),
        }),
    };
    for container in document["containerDefinitions"].as_array_mut().into_iter().flatten() {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        if service.containers.contains_key(&name) {
            container["image"] = json!(older(&name));
        }
    }
    Ok(document)
}

/// Where no docker engine answers, images whose Dockerfile packs one binary of this workspace, or starts one that it compiles
/// itself, are built by the native builder, and that is said.
pub(super) fn without_engine(mut config: Config, sandbox: &Sandbox, events: &Events, interrupt: &Interrupt) -> Config {
    let has_dockerfile = config.images.values().any(|image| matches!(&image.builder, Builder::Dockerfile(_)));
    if !has_dockerfile || Engine::probe(&[], interrupt).is_ok() {
        return config;
    }
    let mut packages = None;
    for image in config.images.values_mut() {
        let Builder::Dockerfile(dockerfile) = &image.builder else { continue };
        let entry_point = entry_point(&dockerfile.file);
        let program = match &dockerfile.binaries[..] {
            [one] => Some(one.clone()),
            _ => entry_point
                .as_deref()
                .and_then(|path| compiled_here(packages.get_or_insert_with(|| members(&config.root)), path)),
        };
        let Some(program) = program else { continue };
        events.warn(format!(
            "no docker engine answers, so image `{}` is built by the native builder instead of {}",
            image.name,
            dockerfile.file.strip_prefix(&config.root).unwrap_or(&dockerfile.file).display()
        ));
        if let Some(path) = entry_point.filter(|path| path.starts_with('/')) {
            sandbox.link(image.reference.repository.as_str(), &path);
        }
        image.builder = Builder::Package(Package::new(program, &dockerfile.platform));
    }
    config
}

/// The program that a Dockerfile starts: of its last `ENTRYPOINT`, or of its last `CMD` where it has none.
fn entry_point(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let of = |keyword: &str| text.lines().rev().find_map(|line| line.trim().strip_prefix(keyword)).map(str::trim);
    let words = of("ENTRYPOINT ").or_else(|| of("CMD "))?;
    let list = serde_json::from_str::<Vec<String>>(words);
    list.map_or_else(
        |_| words.split(' ').find(|word| *word != "exec").map(str::to_owned),
        |list| list.into_iter().next(),
    )
}

/// The packages of this workspace, as cargo tells them.
fn members(root: &Path) -> Value {
    let told = process::ask(root, "cargo", &["metadata", "--no-deps", "--format-version", "1"]).unwrap_or_default();
    serde_json::from_str(&told).unwrap_or_default()
}

/// The program of this workspace that has the name of the one at this path.
fn compiled_here(members: &Value, path: &str) -> Option<Program> {
    let name = path.rsplit('/').next()?;
    let is_binary = |target: &Value| target["name"] == name && target["kind"][0] == "bin";
    let packages = members["packages"].as_array()?;
    let package = packages.iter().find(|one| one["targets"].as_array().is_some_and(|all| all.iter().any(is_binary)))?;
    Some(Program { bin: Some(name.to_owned()), ..Program::new(package["name"].as_str()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_a_dockerfile_starts_is_found_among_those_of_the_workspace() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Dockerfile");
        let members = json!({ "packages": [
            { "name": "web", "targets": [{ "name": "web", "kind": ["lib"] }, { "name": "shop", "kind": ["bin"] }] }] });
        for (end, package) in [
            ("ENTRYPOINT [\"/usr/bin/shop\", \"serve\"]\nCMD [\"x\"]", Some("web")),
            ("CMD [\"./shop\"]", Some("web")),
            ("CMD exec shop now", Some("web")),
            ("ENTRYPOINT [\"/usr/bin/web\"]", None),
            ("RUN true", None),
        ] {
            std::fs::write(&file, format!("FROM rust AS build\nRUN cargo build\nFROM debian\n{end}\n"))
                .expect("a file");
            let found = entry_point(&file).and_then(|path| compiled_here(&members, &path));
            assert_eq!(found.map(|program| program.package).as_deref(), package, "{end}");
        }
    }
}
