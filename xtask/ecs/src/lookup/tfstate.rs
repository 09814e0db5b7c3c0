//! What a Terraform state holds at an address, such as `module.vpc.aws_subnet.private["a"].id` or `output.vpc_id`.
//!
//! Source of the format: hashicorp/terraform, internal/states/statefile, versions 3 and 4; OpenTofu writes the same.
//! What a state marks as sensitive is refused, and so is what a state of an older Terraform leaves unmarked and is known
//! to be a secret.

mod address;
mod legacy;
mod sensitive;

use serde_json::{Map, Value};

use super::SECRET;
use crate::gather::Gather;
use crate::text::nearest;
use address::{Address, Key, Place, Step};
use sensitive::Marks;

/// A state, read.
#[derive(Debug, Default)]
pub(crate) struct State {
    outputs: Map<String, Value>,
    resources: Vec<Resource>,
}

/// A resource or a data source with its instances.
#[derive(Debug)]
struct Resource {
    /// Without an index of its own: `module.vpc["a"].data.aws_x.y`.
    place: Place,
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Instance {
    key: Option<Key>,
    attributes: Value,
    marks: Marks,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub message: String,
    pub help: String,
}

fn missing<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Missing> {
    Err(Missing { message: message.into(), help: help.into() })
}

/// Reads a state's JSON.
pub(crate) fn read(bytes: &[u8]) -> Result<State, Missing> {
    let state: Value = match serde_json::from_slice(bytes) {
        Ok(state @ Value::Object(_)) => state,
        Ok(_) => return missing("it is no Terraform state: no JSON object", ""),
        Err(error) => return missing(format!("it is no Terraform state: not valid JSON: {error}"), ""),
    };
    if state.get("encrypted_data").is_some() {
        return missing("it is encrypted by OpenTofu", "name a file that `tofu state pull` has written");
    }
    if let Some(backend) = state.get("backend").filter(|backend| backend.is_object()) {
        return missing("it holds no state, only where the state is", elsewhere(backend));
    }
    match state["version"].as_u64() {
        Some(4) => Ok(current(state)),
        Some(3) => Ok(legacy::read(&state)),
        Some(other) => missing(
            format!("it is of version {other}, and 3 and 4 are read"),
            if other < 3 { "`terraform apply` of a newer Terraform writes it anew" } else { "" },
        ),
        None => missing("it is no Terraform state: it has no `version`", ""),
    }
}

/// What to name where `.terraform/terraform.tfstate` is named, which `terraform init` writes.
fn elsewhere(backend: &Value) -> String {
    let of = |name: &str| backend["config"][name].as_str();
    match (backend["type"].as_str(), of("bucket"), of("key"), of("address"), of("path")) {
        (Some("s3"), Some(bucket), Some(key), ..) => format!("name `s3://{bucket}/{key}`"),
        (Some("http"), _, _, Some(address), _) => format!("name `{address}`"),
        (Some("local"), _, _, _, Some(path)) => format!("name `{path}`"),
        (Some(kind), ..) => {
            format!("it is kept by the backend `{kind}`: name a file that `terraform state pull` has written")
        }
        _ => String::new(),
    }
}

fn current(mut state: Value) -> State {
    let taken = |value: &mut Value| value.as_array_mut().map(std::mem::take).unwrap_or_default();
    let resources = taken(&mut state["resources"]).into_iter().filter_map(|mut resource| {
        let is_data = match resource["mode"].as_str()? {
            "managed" => false,
            "data" => true,
            _ => return None,
        };
        let module = address::module(resource["module"].as_str().unwrap_or_default())?;
        let (kind, name) = (resource["type"].as_str()?.to_owned(), resource["name"].as_str()?.to_owned());
        let instances = taken(&mut resource["instances"]).into_iter().filter_map(instance).gather();
        Some(Resource { place: Place { module, is_data, kind, name }, instances })
    });
    let resources = resources.gather();
    let outputs = state["outputs"].as_object_mut().map(std::mem::take).unwrap_or_default();
    State { outputs, resources }
}

/// `None` for one that waits to be destroyed.
fn instance(mut instance: Value) -> Option<Instance> {
    if instance["deposed"].as_str().is_some_and(|key| !key.is_empty()) {
        return None;
    }
    let key = match &instance["index_key"] {
        Value::Number(number) => Some(Key::Number(number.as_i64()?)),
        Value::String(text) => Some(Key::Text(text.clone())),
        _ => None,
    };
    let marks = Marks::read(&instance["sensitive_attributes"]);
    let attributes = match (instance["attributes"].take(), &instance["attributes_flat"]) {
        (Value::Object(attributes), _) => {
            Value::Object(attributes.into_iter().map(|(name, value)| (name, untyped(value))).collect())
        }
        (_, flat) => legacy::unfolded(flat),
    };
    Some(Instance { key, attributes, marks })
}

/// An attribute of any type is kept as `{"value": …, "type": …}`, as those of `terraform_remote_state` are.
fn untyped(mut value: Value) -> Value {
    const KINDS: [&str; 4] = ["bool", "dynamic", "number", "string"];
    const NESTING: [&str; 5] = ["list", "map", "object", "set", "tuple"];
    let Some(members) = value.as_object_mut().filter(|members| members.len() == 2) else { return value };
    let is_type = members.get("type").is_some_and(|it| match it {
        Value::String(kind) => KINDS.contains(&kind.as_str()),
        Value::Array(kind) => kind.first().and_then(Value::as_str).is_some_and(|kind| NESTING.contains(&kind)),
        _ => false,
    });
    if !is_type {
        return value;
    }
    members.remove("value").unwrap_or(value)
}

impl State {
    /// The value at an address.
    pub(crate) fn find(&self, address: &str) -> Result<Value, Missing> {
        match address::parse(address)? {
            Address::Output { name, path } => self.output(&name, &path),
            Address::Resource { place, key, path } => self.resource(&place, key.as_ref(), &path),
        }
    }

    fn output(&self, name: &str, path: &[Step]) -> Result<Value, Missing> {
        let Some(output) = self.outputs.get(name) else {
            return missing(format!("the state has no output `{name}`"), meant(name, self.outputs.keys()));
        };
        if output["sensitive"] == true {
            return missing(format!("the output `{name}` is sensitive"), SECRET);
        }
        walk(&output["value"], path, &format!("output.{name}"))
    }

    fn resource(&self, place: &Place, key: Option<&Key>, path: &[Step]) -> Result<Value, Missing> {
        let Some(resource) = self.resources.iter().find(|resource| resource.place == *place) else {
            let known: Vec<_> = self.resources.iter().map(|resource| resource.place.to_string()).gather();
            let near = meant(&place.to_string(), known.iter());
            return missing(format!("the state has no {place}"), near);
        };
        if key.is_none() && path.first() == Some(&Step::Each) {
            let each = resource.instances.iter().map(|instance| instance.find(place, &path[1..]));
            return Ok(Value::Array(each.try_gather()?));
        }
        if let Some(instance) = resource.instances.iter().find(|instance| instance.key.as_ref() == key) {
            return instance.find(place, path);
        }
        let there: Vec<_> = resource.instances.iter().filter_map(|it| Some(format!("`{}`", it.key.as_ref()?))).gather();
        match (key, there.is_empty()) {
            (_, true) if resource.instances.is_empty() => missing(format!("{place} has no instance in the state"), ""),
            (None, _) => missing(
                format!("{place} has {} instances, and none is named", there.len()),
                format!("name one of {}, or all of them with `[*]`", there.join(", ")),
            ),
            (Some(key), true) => missing(format!("{place} has no `{key}`: it is only one"), "leave the index out"),
            (Some(key), false) => missing(format!("{place} has no `{key}`"), format!("there is {}", there.join(", "))),
        }
    }
}

impl Instance {
    fn find(&self, place: &Place, path: &[Step]) -> Result<Value, Missing> {
        let name = self.key.as_ref().map_or_else(|| place.to_string(), |key| format!("{place}{key}"));
        // Who asks for a name that is not there hears of that, also where it would be a part of a secret.
        let value = walk(&self.attributes, path, &name)?;
        if self.marks.touch(path) || sensitive::is_known(&place.kind, &self.attributes, path) {
            let asked: String = path.iter().map(ToString::to_string).collect();
            return missing(format!("{name}{asked} is sensitive"), SECRET);
        }
        Ok(value)
    }
}

/// What a value has at a path; `name` is the value's own.
fn walk(value: &Value, path: &[Step], name: &str) -> Result<Value, Missing> {
    let Some((step, rest)) = path.split_first() else { return Ok(value.clone()) };
    let next = format!("{name}{step}");
    let found = match (step, value) {
        (Step::Each, Value::Array(elements)) => {
            return elements.iter().map(|element| walk(element, rest, &next)).collect();
        }
        (Step::Each, Value::Object(members)) => return members.values().map(|it| walk(it, rest, &next)).collect(),
        (Step::Name(member) | Step::Index(Key::Text(member)), Value::Object(members)) => match members.get(member) {
            None => return missing(format!("{name} has no `{member}`"), meant(member, members.keys())),
            found => found,
        },
        // `list.0` was how Terraform 0.11 wrote it.
        (Step::Name(index), Value::Array(elements)) => index.parse().ok().and_then(|index: usize| elements.get(index)),
        (Step::Index(Key::Number(index)), Value::Array(elements)) => {
            usize::try_from(*index).ok().and_then(|index| elements.get(index))
        }
        _ => None,
    };
    match (found, value) {
        (Some(found), _) => walk(found, rest, &next),
        (None, Value::Array(elements)) => {
            missing(format!("{next} is not there: {name} has {} elements", elements.len()), "")
        }
        (None, Value::Null) => missing(format!("{name} is null, and has no `{step}`"), ""),
        (None, Value::Object(_)) => missing(format!("{name} has members, and no `{step}`"), ""),
        (None, _) => missing(format!("{name} is one value, and has no `{step}`"), ""),
    }
}

fn meant<'a>(name: &str, known: impl Iterator<Item = &'a String> + Clone) -> String {
    nearest(name, known.map(String::as_str)).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests;
