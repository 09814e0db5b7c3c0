//! Documents grown from the model by chance, and the same ones otherwise written.

use serde_json::{Map, Value, json};

use super::model::{Model, ROOT};

/// SplitMix64: the same numbers from the same seed, everywhere.
pub(in crate::deploy) struct Chance(pub u64);

impl Chance {
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % count.max(1) as u64).unwrap_or_default()
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// A document with some of the members that there are, which ECS has a good chance to take.
pub(in crate::deploy) fn document(model: &Model, chance: &mut Chance) -> Value {
    let mut document = structure(model, ROOT, chance);
    let fargate = chance.one_in(2);
    let possible = if fargate { &["awsvpc"][..] } else { &["awsvpc", "bridge", "host"] };
    let mode = possible[chance.below(possible.len())];
    document["family"] = json!("app");
    document["networkMode"] = json!(mode);
    document["cpu"] = json!("1024");
    document["memory"] = json!("4096");
    document["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/execution");
    let members = document.as_object_mut().expect("a document is an object");
    members.retain(|name, _| !["requiresCompatibilities", "ephemeralStorage"].contains(&name.as_str()));
    members.retain(|name, _| name != "placementConstraints" || !fargate);
    members.retain(|name, tags| name != "tags" || *tags != json!([]));
    if fargate {
        members.insert("requiresCompatibilities".to_owned(), json!(["FARGATE"]));
        members.insert("ephemeralStorage".to_owned(), json!({ "sizeInGiB": 21 + chance.below(9) }));
    } else if chance.one_in(2) {
        members.insert("requiresCompatibilities".to_owned(), json!(["EC2", "EXTERNAL", "MANAGED_INSTANCES"]));
    }
    let containers = (0..=chance.below(3)).map(|_| structure(model, "ContainerDefinition", chance));
    let mut containers: Vec<Value> = containers.collect();
    named("c", "name", &mut containers);
    let count = containers.len();
    for (at, container) in containers.iter_mut().enumerate() {
        fit(container, mode, fargate, chance);
        if at == 0 {
            container["essential"] = json!(true);
        }
        if let Some(dependencies) = container.get_mut("dependsOn").and_then(Value::as_array_mut) {
            dependencies.truncate(count);
            for (other, dependency) in dependencies.iter_mut().enumerate() {
                *dependency = json!({ "containerName": format!("c{other}"), "condition": "START" });
            }
        }
    }
    document["containerDefinitions"] = Value::Array(containers);
    document
}

fn fit(container: &mut Value, mode: &str, fargate: bool, chance: &mut Chance) {
    container["image"] = json!("own/app:1");
    let members = container.as_object_mut().expect("a container is an object");
    members.retain(|name, value| match name.as_str() {
        "links" => mode != "awsvpc",
        "privileged" => !fargate,
        "healthCheck" => value["command"] != json!([]),
        _ => true,
    });
    let mut seen = Vec::new();
    if let Some(mappings) = members.get_mut("portMappings").and_then(Value::as_array_mut) {
        mappings.retain_mut(|mapping| {
            fit_port(mapping, mode, chance);
            let bytes = ["containerPort", "containerPortRange", "hostPort"].map(|name| mapping[name].to_string());
            let whose = (bytes, mapping["protocol"] == "udp");
            let is_new = !seen.contains(&whose);
            seen.push(whose);
            is_new
        });
    }
    if let Some(log) = members.get_mut("logConfiguration")
        && log["logDriver"] == "awslogs"
    {
        log["options"] = json!({ "awslogs-region": "r", "awslogs-group": "g", "mode": "" });
    }
}

fn fit_port(mapping: &mut Value, mode: &str, chance: &mut Chance) {
    let port = 1 + chance.below(3);
    let mapping = mapping.as_object_mut().expect("a mapping is an object");
    mapping.retain(|name, _| !["containerPort", "containerPortRange", "hostPort"].contains(&name.as_str()));
    if chance.one_in(4) {
        mapping.insert("containerPortRange".to_owned(), json!(format!("{port}00-{port}50")));
        return;
    }
    mapping.insert("containerPort".to_owned(), json!(port));
    if mode == "bridge" && chance.one_in(2) {
        mapping.insert("hostPort".to_owned(), json!(8000 + chance.below(3)));
    }
}

/// Gives the elements names of their own.
fn named(prefix: &str, member: &str, elements: &mut [Value]) {
    for (at, element) in elements.iter_mut().enumerate() {
        element[member] = json!(format!("{prefix}{at}"));
    }
}

fn structure(model: &Model, shape: &str, chance: &mut Chance) -> Value {
    let mut object = Map::new();
    for member in model.members(shape).unwrap_or_default() {
        if member.name != "containerDefinitions" && (member.required || chance.one_in(3)) {
            object.insert(member.name.to_owned(), value(model, member.name, member.kind, chance));
        }
    }
    Value::Object(object)
}

fn value(model: &Model, name: &str, kind: &str, chance: &mut Chance) -> Value {
    if let Some(item) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        let count = chance.below(4);
        let mut items: Vec<Value> = (0..count).map(|_| value(model, name, item, chance)).collect();
        // What one list has twice is either refused or has a winner; that is tried by hand.
        let key = match name {
            "environment" | "secretOptions" | "properties" | "volumes" | "secrets" => "name",
            "extraHosts" => "hostname",
            "systemControls" => "namespace",
            "mountPoints" | "tmpfs" => "containerPath",
            "tags" => "key",
            "devices" => "hostPath",
            _ => "",
        };
        if key.is_empty() {
            items.dedup();
        } else {
            named(name, key, &mut items);
        }
        let (key, words) = match name {
            "ulimits" => ("name", ["nofile", "core", "cpu"]),
            "resourceRequirements" => ("type", ["NeuronDevice", "GPU", "InferenceAccelerator"]),
            _ => return Value::Array(items),
        };
        items.iter_mut().zip(words).for_each(|(item, word)| item[key] = json!(word));
        return Value::Array(items);
    }
    if let Some(words) = kind.strip_prefix('=') {
        let words: Vec<&str> = words.split('|').collect();
        return json!(words[chance.below(words.len())]);
    }
    match kind {
        "b" => json!(chance.one_in(2)),
        "i" => {
            let numbers = match name {
                "interval" | "timeout" => [5, 30, 60],
                "retries" => [1, 3, 10],
                _ => [0, 60, 300],
            };
            json!(numbers[chance.below(3)])
        }
        "{}" => json!({ "x": (["", "1", "2"][chance.below(3)]), "environment": "y" }),
        kind if model.members(kind).is_some() => structure(model, kind, chance),
        _ if name == "credentialsParameter" || name == "valueFrom" => json!(format!("arn:{}", chance.below(9))),
        _ => json!(format!("w{}", chance.below(6))),
    }
}

/// Lists whose order says something.
pub(super) const ORDERED: [&str; 7] =
    ["command", "entryPoint", "dnsServers", "dnsSearchDomains", "environmentFiles", "volumesFrom", "mountOptions"];

/// The document as somebody else would have written it: in another order where that says nothing, with what is so
/// anyway written or not.
pub(in crate::deploy) fn otherwise(document: &Value, chance: &mut Chance) -> Value {
    let mut other = document.clone();
    let awsvpc_or_host = document["networkMode"] != "bridge";
    let fargate = document["requiresCompatibilities"] == json!(["FARGATE"]);
    rewrite("", &mut other, chance);
    let containers = "containerDefinitions";
    for (path, default) in super::by_chance::SO_ANYWAY {
        write_or_not(&mut other, path, &serde_json::from_str(default).expect("it is JSON"), chance);
    }
    if fargate {
        write_or_not(&mut other, "runtimePlatform.cpuArchitecture", &json!("X86_64"), chance);
        write_or_not(&mut other, "runtimePlatform.operatingSystemFamily", &json!("LINUX"), chance);
    }
    for container in other[containers].as_array_mut().into_iter().flatten() {
        for mapping in container.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten() {
            let host = if awsvpc_or_host { mapping["containerPort"].clone() } else { json!(0) };
            if host.is_number() && mapping.get("hostPort").is_none() && chance.one_in(2) {
                mapping["hostPort"] = host;
            }
        }
    }
    for (member, unit) in [("cpu", "1 vCPU"), ("memory", "4 GB")] {
        if chance.one_in(2) {
            other[member] = json!(unit);
        }
    }
    other
}

fn rewrite(name: &str, value: &mut Value, chance: &mut Chance) {
    match value {
        Value::Object(members) => {
            let mut all: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
            chance.shuffle(&mut all);
            for (name, mut member) in all {
                rewrite(&name, &mut member, chance);
                members.insert(name, member);
            }
            if !["dockerLabels", "options", "driverOpts", "labels"].contains(&name) && chance.one_in(4) {
                // Null is nothing, under whatever name.
                members.entry("user").or_insert(Value::Null);
            }
        }
        Value::Array(elements) => {
            for element in elements.iter_mut() {
                rewrite("", element, chance);
            }
            if !ORDERED.contains(&name) {
                chance.shuffle(elements);
            }
        }
        _ => {}
    }
}

fn write_or_not(value: &mut Value, path: &str, default: &Value, chance: &mut Chance) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|it| write_or_not(it, path, default, chance)),
        Value::Object(members) => match path.split_once('.') {
            Some((member, rest)) => {
                if let Some(value) = members.get_mut(member) {
                    write_or_not(value, rest, default, chance);
                }
            }
            None if !members.contains_key(path) && chance.one_in(2) => {
                members.insert(path.to_owned(), default.clone());
            }
            None if members.get(path) == Some(default) && chance.one_in(2) => members.retain(|name, _| name != path),
            None => {}
        },
        _ => {}
    }
}
