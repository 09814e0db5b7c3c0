//! For any document that the sandbox takes: what it gives back is what was written, however it was written; and where
//! something else was written, that is seen.

use serde_json::{Value, json};
use xtask_sandbox::{Options, Sandbox};

use super::super::{Normal, SETS, identity};
use super::grown::{Chance, ORDERED, document, otherwise};
use super::model::Model;
use crate::deploy::diff::changes;

/// What is so anyway, as the API reference says it member by member; a hand of its own, so that the product's table is
/// held against it. An empty string, list or object stands for what may be left out.
pub(super) const SO_ANYWAY: [(&str, &str); 58] = [
    ("enableFaultInjection", "false"),
    ("placementConstraints", "[]"),
    ("volumes", "[]"),
    ("taskRoleArn", r#""""#),
    ("proxyConfiguration.type", r#""APPMESH""#),
    ("trustedExecutionConfiguration.isolationMode", r#""SHARED""#),
    ("trustedExecutionConfiguration.attestationPolicy", r#""""#),
    ("containerDefinitions.cpu", "0"),
    ("containerDefinitions.essential", "true"),
    ("containerDefinitions.environment", "[]"),
    ("containerDefinitions.command", "[]"),
    ("containerDefinitions.dockerLabels", "{}"),
    ("containerDefinitions.linuxParameters", "{}"),
    ("containerDefinitions.hostname", r#""""#),
    ("containerDefinitions.user", r#""""#),
    ("containerDefinitions.workingDirectory", r#""""#),
    ("containerDefinitions.versionConsistency", r#""enabled""#),
    ("containerDefinitions.privileged", "false"),
    ("containerDefinitions.readonlyRootFilesystem", "false"),
    ("containerDefinitions.disableNetworking", "false"),
    ("containerDefinitions.interactive", "false"),
    ("containerDefinitions.pseudoTerminal", "false"),
    ("containerDefinitions.restartPolicy", r#"{"enabled":false}"#),
    ("containerDefinitions.restartPolicy.restartAttemptPeriod", "300"),
    ("containerDefinitions.restartPolicy.ignoredExitCodes", "[]"),
    ("containerDefinitions.mountPoints.readOnly", "false"),
    ("containerDefinitions.volumesFrom.readOnly", "false"),
    ("containerDefinitions.portMappings.protocol", r#""tcp""#),
    ("containerDefinitions.portMappings.name", r#""""#),
    ("containerDefinitions.healthCheck.interval", "30"),
    ("containerDefinitions.healthCheck.timeout", "5"),
    ("containerDefinitions.healthCheck.retries", "3"),
    ("containerDefinitions.healthCheck.startPeriod", "0"),
    ("containerDefinitions.linuxParameters.capabilities", "{}"),
    ("containerDefinitions.linuxParameters.capabilities.add", "[]"),
    ("containerDefinitions.linuxParameters.devices.permissions", r#"["read","write","mknod"]"#),
    ("containerDefinitions.linuxParameters.devices.containerPath", r#""""#),
    ("containerDefinitions.linuxParameters.initProcessEnabled", "false"),
    ("containerDefinitions.linuxParameters.swappiness", "60"),
    ("containerDefinitions.linuxParameters.tmpfs.mountOptions", "[]"),
    ("containerDefinitions.logConfiguration.secretOptions", "[]"),
    ("containerDefinitions.firelensConfiguration.options", "{}"),
    ("volumes.host", "{}"),
    ("volumes.host.sourcePath", r#""""#),
    ("volumes.configuredAtLaunch", "false"),
    ("volumes.dockerVolumeConfiguration.scope", r#""task""#),
    ("volumes.dockerVolumeConfiguration.driver", r#""local""#),
    ("volumes.dockerVolumeConfiguration.autoprovision", "false"),
    ("volumes.dockerVolumeConfiguration.labels", "{}"),
    ("volumes.efsVolumeConfiguration.rootDirectory", r#""/""#),
    ("volumes.efsVolumeConfiguration.transitEncryption", r#""DISABLED""#),
    ("volumes.efsVolumeConfiguration.authorizationConfig", "{}"),
    ("volumes.efsVolumeConfiguration.authorizationConfig.iam", r#""DISABLED""#),
    ("volumes.efsVolumeConfiguration.authorizationConfig.accessPointId", r#""""#),
    ("volumes.s3filesVolumeConfiguration.rootDirectory", r#""/""#),
    ("volumes.s3filesVolumeConfiguration.accessPointArn", r#""""#),
    ("runtimePlatform", "{}"),
    ("proxyConfiguration.properties.value", r#""""#),
];

/// Documents that are tried; each is grown from its number.
const SEEDS: u64 = 400;

/// Registers what grows from each seed; what the sandbox gives back of those that it takes, beside what it was given.
fn for_each_accepted(mut look: impl FnMut(u64, &mut Chance, &Value, &Value)) {
    let sandbox = Sandbox::start(Options::default()).expect("a sandbox starts");
    let model = Model::read();
    let mut refused = Vec::new();
    for seed in 0..SEEDS {
        let mut chance = Chance(seed);
        let written = document(&model, &mut chance);
        if let Err(error) = sandbox.ecs("RegisterTaskDefinition", written.clone()) {
            refused.push(format!("{seed}: {}", error.message));
            continue;
        }
        let asked = json!({ "taskDefinition": "app", "include": ["TAGS"] });
        let mut described = sandbox.ecs("DescribeTaskDefinition", asked).expect("it was registered");
        let tags = described["tags"].take();
        described["taskDefinition"]["tags"] = tags;
        look(seed, &mut chance, &written, &described["taskDefinition"]);
    }
    assert!(refused.len() < 80, "too few are taken to say much: {:#?}", &refused[..20.min(refused.len())]);
}

#[test]
fn what_ecs_gives_back_is_what_was_written_however_it_was_written() {
    for_each_accepted(|seed, chance, written, described| {
        let live = Normal::of(described);
        let found = changes(Some(&live), &Normal::of(written));
        assert!(found.is_empty(), "seed {seed}: {found:#?}\nwritten {written:#}\ndescribed {described:#}");
        let other = otherwise(written, chance);
        let found = changes(Some(&live), &Normal::of(&other));
        assert!(found.is_empty(), "seed {seed}: {found:#?}\nwritten {written:#}\notherwise {other:#}");
    });
}

#[test]
fn what_says_something_else_is_seen() {
    for_each_accepted(|seed, chance, written, described| {
        let mut other = written.clone();
        let Some(what) = say_something_else("", &mut other, chance) else { return };
        let found = changes(Some(&Normal::of(described)), &Normal::of(&other));
        assert!(!found.is_empty(), "seed {seed}: {what} is not seen\nwritten {written:#}\nother {other:#}");
    });
}

/// Changes one value somewhere to another that no default explains, or the order of a list that has one.
fn say_something_else(name: &str, value: &mut Value, chance: &mut Chance) -> Option<String> {
    match value {
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            let name = names.get(chance.below(names.len()))?;
            say_something_else(name, &mut members[name], chance).map(|what| format!("{name}.{what}"))
        }
        Value::Array(elements) => {
            if ORDERED.contains(&name) && elements.len() > 1 && elements[0] != elements[1] {
                elements.swap(0, 1);
                return Some("the order".to_owned());
            }
            let at = chance.below(elements.len());
            say_something_else("", elements.get_mut(at)?, chance).map(|what| format!("{at}.{what}"))
        }
        Value::String(text) => {
            text.push_str("else");
            Some(format!("-> {text}"))
        }
        Value::Bool(flag) => {
            *flag = !*flag;
            Some(format!("-> {flag}"))
        }
        Value::Number(number) => {
            let more = number.as_i64()? + 1;
            *value = json!(more);
            Some(format!("-> {more}"))
        }
        Value::Null => None,
    }
}

/// Holds the tables to the model that AWS publishes: where it has a new list or a new switch, somebody has to decide.
#[test]
fn every_list_and_every_switch_of_the_newest_model_is_decided() {
    let model = Model::read();
    for (path, member) in model.paths() {
        let is_list = member.kind.starts_with('[');
        let decided = identity(member.name).is_some() || SETS.contains(&member.name) || ORDERED.contains(&member.name);
        assert!(!is_list || decided, "does the order of `{path}` mean something?");
        // `enabled` is what a restart policy is there for.
        let switch = member.kind == "b" && member.name != "enabled";
        let written = SO_ANYWAY.iter().any(|(so, _)| *so == path);
        assert!(!switch || written, "what does ECS do without `{path}`?");
    }
}
