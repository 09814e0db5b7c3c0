//! What ECS makes of a task definition that it registers: defaults filled in, order of some lists lost.

use serde_json::{Map, Value, json};

use crate::ecs::json::{list, text, texts};
use crate::ecs::timing;

/// The registered document as ECS answers with it.
pub(crate) fn fill(input: &Value) -> Value {
    let mut document = input.clone();
    let awsvpc = text(input, "networkMode") == Some("awsvpc");
    let Some(members) = document.as_object_mut() else { return document };
    drop_empty(members, &["taskRoleArn", "executionRoleArn", "cpu", "memory"]);
    for member in ["volumes", "placementConstraints"] {
        members.entry(member).or_insert_with(|| json!([]));
    }
    // "0.5 vCPU" and "1 GB" are kept as units and MiB.
    for (member, parse) in [("cpu", units as fn(&str) -> Option<u64>), ("memory", mebibytes)] {
        if let Some(value) = members.get_mut(member)
            && let Some(number) = value.as_str().and_then(parse)
        {
            *value = json!(number.to_string());
        }
    }
    for volume in items(members, "volumes") {
        let described = ["host", "dockerVolumeConfiguration", "efsVolumeConfiguration", "configuredAtLaunch"];
        if let Some(volume) = volume.as_object_mut()
            && !described.iter().any(|member| volume.contains_key(*member))
        {
            volume.insert("host".to_owned(), json!({}));
        }
        if let Some(efs) = volume.get_mut("efsVolumeConfiguration").and_then(Value::as_object_mut) {
            drop_empty(efs, &["rootDirectory"]);
            efs.entry("rootDirectory").or_insert_with(|| json!("/"));
        }
    }
    for container in items(members, "containerDefinitions") {
        fill_container(container, awsvpc);
    }
    document
}

fn fill_container(container: &mut Value, awsvpc: bool) {
    let Some(members) = container.as_object_mut() else { return };
    drop_empty(members, &["hostname", "user", "workingDirectory"]);
    members.entry("cpu").or_insert_with(|| json!(0));
    members.entry("essential").or_insert_with(|| json!(true));
    for member in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
        members.entry(member).or_insert_with(|| json!([]));
    }
    // ECS gives these back in an order of its own; any fixed order that is not the caller's will do.
    items(members, "portMappings").sort_by_key(|port| {
        let words = ["containerPort", "containerPortRange", "protocol"].map(|member| port[member].to_string());
        scramble(&words.join("/"))
    });
    for port in items(members, "portMappings") {
        let Some(port) = port.as_object_mut() else { continue };
        // The host's ports of a range are found as the task starts.
        if let Some(own) = port.get("containerPort").cloned() {
            port.entry("hostPort").or_insert(if awsvpc { own } else { json!(0) });
        }
        port.entry("protocol").or_insert_with(|| json!("tcp"));
    }
    for member in ["environment", "secrets"] {
        items(members, member).sort_by_key(|entry| scramble(text(entry, "name").unwrap_or_default()));
    }
    if let Some(check) = members.get_mut("healthCheck").and_then(Value::as_object_mut) {
        check.entry("interval").or_insert_with(|| json!(timing::CHECK_INTERVAL));
        check.entry("timeout").or_insert_with(|| json!(timing::CHECK_TIMEOUT));
        check.entry("retries").or_insert_with(|| json!(timing::CHECK_RETRIES));
    }
    // An empty list that ECS does not fill in itself is as good as none.
    for member in
        ["secrets", "links", "dnsServers", "dnsSearchDomains", "extraHosts", "dockerSecurityOptions", "ulimits"]
    {
        if members.get(member).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            members.shift_remove(member);
        }
    }
}

/// What is empty in these is as good as left out.
fn drop_empty(members: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if members.get(*name).is_some_and(|value| value == "") {
            members.shift_remove(*name);
        }
    }
}

fn items<'a>(members: &'a mut Map<String, Value>, member: &str) -> &'a mut [Value] {
    members.get_mut(member).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// FNV-1a, so that the order has nothing to do with the alphabet either.
fn scramble(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// CPU units of `256` or `.25 vCPU`.
pub(crate) fn units(given: &str) -> Option<u64> {
    quantity(given, &["vcpu"])
}

/// MiB of `512` or `0.5 GB`.
pub(crate) fn mebibytes(given: &str) -> Option<u64> {
    quantity(given, &["gb"])
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a small positive number")]
fn quantity(given: &str, suffixes: &[&str]) -> Option<u64> {
    let lower = given.trim().to_ascii_lowercase();
    for suffix in suffixes {
        if let Some(number) = lower.strip_suffix(suffix) {
            let value: f64 = number.trim().parse().ok()?;
            return (value > 0.0 && value < 1e6).then(|| (value * 1024.0).round() as u64);
        }
    }
    lower.parse().ok()
}

/// `compatibilities`: where the document could run.
pub(crate) fn compatibilities(document: &Value) -> Value {
    let fargate = texts(document, "requiresCompatibilities").contains(&"FARGATE")
        || (text(document, "networkMode") == Some("awsvpc")
            && text(document, "cpu").is_some()
            && text(document, "memory").is_some());
    if fargate { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) }
}

/// `requiresAttributes`: what a container instance must be able to do.
pub(crate) fn attributes(document: &Value) -> Value {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        let name = name.to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    };
    if text(document, "taskRoleArn").is_some() {
        add("com.amazonaws.ecs.capability.task-iam-role");
    }
    if text(document, "networkMode") == Some("awsvpc") {
        add("com.amazonaws.ecs.capability.docker-remote-api.1.18");
        add("ecs.capability.task-eni");
    }
    for container in list(document, "containerDefinitions") {
        if let Some(driver) = container.get("logConfiguration").and_then(|log| text(log, "logDriver")) {
            add(&format!("com.amazonaws.ecs.capability.logging-driver.{driver}"));
        }
        if text(container, "image").is_some_and(|image| image.contains(".dkr.ecr.")) {
            add("com.amazonaws.ecs.capability.ecr-auth");
        }
        if container.get("healthCheck").is_some() {
            add("ecs.capability.container-health-check");
        }
        if !list(container, "secrets").is_empty() {
            add("ecs.capability.secrets.ssm.environment-variables");
        }
    }
    if text(document, "executionRoleArn").is_some() {
        add("ecs.capability.execution-role-ecr-pull");
    }
    Value::Array(names.into_iter().map(|name| json!({ "name": name })).collect())
}
