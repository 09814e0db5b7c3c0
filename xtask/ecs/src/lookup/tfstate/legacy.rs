//! Version 3, of Terraform before 0.12: a resource an instance, its attributes in one flat map of texts.
//! Source: internal/states/statefile, version2.go and version3_upgrade.go.

use serde_json::{Map, Value};

use super::address::{Key, Place};
use super::sensitive::Marks;
use super::{Instance, Resource, State};
use crate::gather::Gather as _;
use crate::sorted::{Arrange, SortedMap, SortedSet};

pub(super) fn read(state: &Value) -> State {
    let mut read = State::default();
    for module in state["modules"].as_array().into_iter().flatten() {
        let path: Vec<_> = module["path"].as_array().into_iter().flatten().skip(1).filter_map(Value::as_str).gather();
        for (address, resource) in module["resources"].as_object().into_iter().flatten() {
            let Some((place, key)) = place(&path, address) else { continue };
            let Some(primary) = resource.get("primary").filter(|primary| primary.is_object()) else { continue };
            let mut attributes = unfolded(&primary["attributes"]);
            if let (Some(id), Some(members)) = (primary["id"].as_str(), attributes.as_object_mut()) {
                members.entry("id").or_insert_with(|| id.into());
            }
            let instance = Instance { key, attributes, marks: Marks::none() };
            match read.resources.iter_mut().find(|known| known.place == place) {
                Some(known) => known.instances.push(instance),
                None => read.resources.push(Resource { place, instances: vec![instance] }),
            }
        }
        if path.is_empty() {
            read.outputs = module["outputs"].as_object().cloned().unwrap_or_default();
        }
    }
    for resource in &mut read.resources {
        resource.instances.arrange_by_key(|instance| match instance.key {
            Some(Key::Number(number)) => number,
            _ => -1,
        });
    }
    read
}

/// `data.TYPE.NAME.INDEX`; modules had no index then.
fn place(module: &[&str], address: &str) -> Option<(Place, Option<Key>)> {
    let (is_data, rest) = address.strip_prefix("data.").map_or((false, address), |rest| (true, rest));
    let mut parts = rest.split('.');
    let (kind, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let key = match parts.next() {
        None => None,
        Some(index) => Some(Key::Number(index.parse().ok()?)),
    };
    let module = module.iter().map(|name| ((*name).to_owned(), None)).gather();
    Some((Place { module, is_data, kind, name }, key))
}

/// Parts of an attribute's name: no provider has half as many, and a thread's stack ends somewhere.
const DEEPEST: usize = 64;

/// `{"tags.%": "1", "tags.Name": "a", "subnets.#": "1", "subnets.0": "b"}` as the object that it was.
pub(super) fn unfolded(flat: &Value) -> Value {
    let texts: SortedMap<&str, &str> = flat
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.matches('.').count() < DEEPEST)
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .gather();
    let names: SortedSet<&str> = texts.keys().filter_map(|name| name.split('.').next()).gather();
    Value::Object(names.into_iter().map(|name| (name.to_owned(), unfold(&texts, name))).collect())
}

fn unfold(texts: &SortedMap<&str, &str>, name: &str) -> Value {
    if let Some(text) = texts.get(name) {
        return Value::from(*text);
    }
    let prefix = format!("{name}.");
    let inside = || texts.keys().filter_map(|key| key.strip_prefix(&prefix));
    if texts.contains_key(format!("{name}.%").as_str()) {
        // A map's keys may hold points themselves.
        let members = inside().filter(|key| *key != "%");
        return Value::Object(
            members.map(|key| (key.to_owned(), Value::from(texts[format!("{prefix}{key}").as_str()]))).collect(),
        );
    }
    let next: SortedSet<&str> = inside().filter_map(|key| key.split('.').next()).filter(|key| *key != "#").gather();
    let under = |key: &str| unfold(texts, &format!("{prefix}{key}"));
    if texts.contains_key(format!("{name}.#").as_str()) {
        // The elements of a list are numbered, those of a set carry their hash.
        let mut keys: Vec<&str> = next.into_iter().gather();
        keys.arrange_by_key(|key| key.parse::<u64>().unwrap_or(u64::MAX));
        return keys.into_iter().map(under).collect();
    }
    Value::Object(next.into_iter().map(|key| (key.to_owned(), under(key))).collect::<Map<_, _>>())
}
