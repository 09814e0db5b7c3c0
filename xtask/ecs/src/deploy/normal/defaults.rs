//! What ECS does where nothing is written.

use serde_json::Value;

use crate::aws::ecs::each_holder;

/// Members that say what is so anyway, with the value that does, as JSON.
/// Source: Amazon ECS API Reference, the pages of each data type; Docker Engine API, for what an empty member of
/// `dockerVolumeConfiguration` and `linuxParameters` means to the agent that hands it on.
const DEFAULTS: [(&str, &str); 39] = [
    ("networkMode", r#""bridge""#),
    ("enableFaultInjection", "false"),
    ("proxyConfiguration.type", r#""APPMESH""#),
    ("trustedExecutionConfiguration.isolationMode", r#""SHARED""#),
    ("containerDefinitions.cpu", "0"),
    ("containerDefinitions.memory", "0"),
    ("containerDefinitions.memoryReservation", "0"),
    ("containerDefinitions.essential", "true"),
    ("containerDefinitions.versionConsistency", r#""enabled""#),
    ("containerDefinitions.privileged", "false"),
    ("containerDefinitions.readonlyRootFilesystem", "false"),
    ("containerDefinitions.disableNetworking", "false"),
    ("containerDefinitions.interactive", "false"),
    ("containerDefinitions.pseudoTerminal", "false"),
    ("containerDefinitions.startTimeout", "0"),
    ("containerDefinitions.stopTimeout", "0"),
    ("containerDefinitions.restartPolicy.restartAttemptPeriod", "300"),
    ("containerDefinitions.restartPolicy", r#"{"enabled":false}"#),
    ("containerDefinitions.mountPoints.readOnly", "false"),
    ("containerDefinitions.volumesFrom.readOnly", "false"),
    ("containerDefinitions.portMappings.protocol", r#""tcp""#),
    ("containerDefinitions.healthCheck.interval", "30"),
    ("containerDefinitions.healthCheck.timeout", "5"),
    ("containerDefinitions.healthCheck.retries", "3"),
    ("containerDefinitions.healthCheck.startPeriod", "0"),
    ("containerDefinitions.linuxParameters.initProcessEnabled", "false"),
    ("containerDefinitions.linuxParameters.sharedMemorySize", "0"),
    ("containerDefinitions.linuxParameters.swappiness", "60"),
    ("containerDefinitions.linuxParameters.devices.permissions", r#"["mknod","read","write"]"#),
    ("volumes.configuredAtLaunch", "false"),
    ("volumes.dockerVolumeConfiguration.scope", r#""task""#),
    ("volumes.dockerVolumeConfiguration.autoprovision", "false"),
    ("volumes.dockerVolumeConfiguration.driver", r#""local""#),
    ("volumes.efsVolumeConfiguration.rootDirectory", r#""/""#),
    ("volumes.efsVolumeConfiguration.transitEncryption", r#""DISABLED""#),
    ("volumes.efsVolumeConfiguration.transitEncryptionPort", "0"),
    ("volumes.efsVolumeConfiguration.authorizationConfig.iam", r#""DISABLED""#),
    ("volumes.s3filesVolumeConfiguration.rootDirectory", r#""/""#),
    ("volumes.s3filesVolumeConfiguration.transitEncryptionPort", "0"),
];

/// Members that are so anyway on Fargate, and on one's own instances only if those are so.
const ON_FARGATE: [(&str, &str); 3] = [
    ("runtimePlatform.cpuArchitecture", r#""X86_64""#),
    ("runtimePlatform.operatingSystemFamily", r#""LINUX""#),
    ("containerDefinitions.stopTimeout", "30"),
];

/// Takes the defaults out of a tidy document.
pub(super) fn leave_out(document: &mut Value) {
    amounts(document);
    host_ports(document);
    for (path, default) in DEFAULTS {
        leave_out_where(document, path, default);
    }
    if document["requiresCompatibilities"].as_array().is_some_and(|all| *all == ["FARGATE"]) {
        for (path, default) in ON_FARGATE {
            leave_out_where(document, path, default);
        }
    }
}

fn leave_out_where(document: &mut Value, path: &str, default: &str) {
    let default: Value = serde_json::from_str(default).expect("the tables hold JSON");
    each_holder(document, path, "", &mut |holder, member, _| {
        holder.retain(|name, value| name != member || *value != default);
    });
}

/// With a network of its own, or the host's, a container's port is the host's; with bridge 0 asks for any.
fn host_ports(document: &mut Value) {
    let bridge = document["networkMode"].as_str().is_none_or(|mode| mode == "bridge");
    each_holder(document, "containerDefinitions.portMappings.hostPort", "", &mut |mapping, member, _| {
        let same = !bridge && mapping.get(member) == mapping.get("containerPort");
        mapping.retain(|name, value| name != member || *value != 0 && !same);
    });
}

/// ECS keeps `.5 vCPU` as `512` and `1 GB` as `1024`.
fn amounts(document: &mut Value) {
    for (name, unit) in [("cpu", "vcpu"), ("memory", "gb")] {
        if let Some(amount) = document[name].as_str().and_then(|text| in_units(text, unit)) {
            document[name] = Value::String(amount);
        }
    }
}

/// A whole number, or one in a unit of which each is 1,024.
fn in_units(text: &str, unit: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix(unit) {
        Some(number) => number.trim().parse().ok().map(|amount: f64| format!("{}", (amount * 1024.0).round())),
        None => text.parse().ok().map(|amount: u64| amount.to_string()),
    }
}
