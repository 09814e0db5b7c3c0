//! Which members an operation's input has: unknown ones, wrong types and missing required ones are refused.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::ecs::json::{capital, client, invalid};
use crate::protocol::ApiError;

/// One member of a shape.
struct Member {
    name: &'static str,
    required: bool,
    of: &'static str,
}

static SHAPES: LazyLock<HashMap<&'static str, Vec<Member>>> = LazyLock::new(|| {
    let mut shapes: HashMap<&str, Vec<Member>> = HashMap::new();
    let mut current = "";
    for line in include_str!("members.txt").lines().filter(|line| !line.starts_with('#')) {
        if !line.starts_with(' ') {
            current = line.trim();
            shapes.insert(current, Vec::new());
            continue;
        }
        let members = line.split_whitespace().filter_map(|word| word.split_once(':')).map(|(name, of)| Member {
            name: name.trim_end_matches('!'),
            required: name.ends_with('!'),
            of,
        });
        shapes.entry(current).or_default().extend(members);
    }
    shapes
});

/// Whether the member table knows an operation of this name.
pub(crate) fn is_operation(operation: &str) -> bool {
    SHAPES.contains_key(format!("{operation}Request").as_str())
}

/// The input without its nulls, if it has only members that the operation has, of the right types, and all that it
/// requires.
pub(crate) fn check(operation: &str, input: Value) -> Result<Value, ApiError> {
    let shape = format!("{operation}Request");
    let input = if input.is_null() { Value::Object(Map::new()) } else { input };
    check_shape(&shape, input, "")
}

fn check_shape(shape: &str, value: Value, path: &str) -> Result<Value, ApiError> {
    let Value::Object(given) = value else { return Err(wrong_type(&value, "a structure", path)) };
    let members = SHAPES.get(shape).map_or(&[][..], Vec::as_slice);
    let mut kept = Map::new();
    for (name, value) in given {
        let Some(member) = members.iter().find(|member| member.name == name) else {
            let names: Vec<&str> = members.iter().map(|member| member.name).collect();
            let place = if path.is_empty() { "input".to_owned() } else { path.to_owned() };
            return Err(ApiError::new(
                "SerializationException",
                format!("Unknown parameter in {place}: \"{name}\", must be one of: {}", names.join(", ")),
            ));
        };
        if !value.is_null() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            kept.insert(name, check_type(member.of, value, &path)?);
        }
    }
    match members.iter().find(|member| member.required && !kept.contains_key(member.name)) {
        Some(member) if path.is_empty() => Err(client(format!("{} can not be blank.", capital(member.name)))),
        Some(member) => Err(client(format!("{path}.{} should not be null or empty.", member.name))),
        None => Ok(Value::Object(kept)),
    }
}

fn check_type(of: &str, value: Value, path: &str) -> Result<Value, ApiError> {
    if let Some(allowed) = of.strip_prefix('=') {
        let Value::String(given) = &value else { return Err(wrong_type(&value, "a String", path)) };
        if allowed.split('|').any(|word| word == given) {
            return Ok(value);
        }
        let allowed: Vec<&str> = allowed.split('|').collect();
        return Err(invalid(format!("Invalid value '{given}' for {path}. Valid values: [{}].", allowed.join(", "))));
    }
    if let Some(item) = of.strip_prefix('[') {
        let item = item.trim_end_matches(']');
        let Value::Array(items) = value else { return Err(wrong_type(&value, "a List", path)) };
        let checked = items.into_iter().enumerate().map(|(n, value)| check_type(item, value, &format!("{path}[{n}]")));
        return checked.collect::<Result<Vec<_>, _>>().map(Value::Array);
    }
    let (fits, what) = match of {
        "s" => (value.is_string(), "a String"),
        "b" => (value.is_boolean(), "a Boolean"),
        "i" => (value.is_i64() || value.is_u64(), "an Integer"),
        "f" | "t" => (value.is_number(), "a Double"),
        "{}" => (value.as_object().is_some_and(|map| map.values().all(Value::is_string)), "a map of Strings"),
        "*" => (true, "anything"),
        shape => return check_shape(shape, value, path),
    };
    if fits { Ok(value) } else { Err(wrong_type(&value, what, path)) }
}

fn wrong_type(value: &Value, what: &str, path: &str) -> ApiError {
    let given = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "Start of list",
        Value::Object(_) => "Start of structure or map",
    };
    let place = if path.is_empty() { "the input" } else { path };
    ApiError::new("SerializationException", format!("{given} can not be converted to {what} at {place}"))
}
