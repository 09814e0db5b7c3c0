//! Which members an operation's input has: unknown ones, wrong types and missing required ones are refused.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::ecs::json::{capital, client, invalid};
use crate::model::{Fault, Keep, Model, Violation, none};
use crate::protocol::ApiError;

static INPUTS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("members.txt"), |_| None));
static ANSWERS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("answers.txt"), |_| None));

/// What ECS adds to a task definition and does not take. Source: Amazon ECS API Reference, TaskDefinition.
pub(crate) const READ_ONLY: [&str; 9] = [
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];

/// Whether the tables know an operation of this name.
pub(crate) fn is_operation(operation: &str) -> bool {
    INPUTS.has(&format!("{operation}Request"))
}

/// What an answer has that AWS's model of it has not.
pub(crate) fn oddity(operation: &str, answer: Value) -> Option<String> {
    ANSWERS.oddity(&format!("{operation}Response"), answer)
}

/// The input without its nulls, if it has only members that the operation has, of the right types, and all that it
/// requires. A task definition keeps members that resemble no known one: they are of a newer model than this.
pub(crate) fn check(operation: &str, input: Value) -> Result<Value, ApiError> {
    let registers = ["RegisterTaskDefinition", "RegisterDaemonTaskDefinition"].contains(&operation);
    let keep: Keep = if registers { is_newer } else { none };
    let input = if input.is_null() { Value::Object(Map::new()) } else { input };
    INPUTS.check(&format!("{operation}Request"), input, keep).map_err(refusal)
}

fn is_newer(name: &str, known: &[&str]) -> bool {
    !READ_ONLY.contains(&name) && known.iter().all(|known| distance(name, known) > 2)
}

/// Letters to add, drop or change from one name to the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

fn refusal(violation: Violation) -> ApiError {
    let path = violation.indexed();
    let or_input = |path: &str, input: &str| if path.is_empty() { input.to_owned() } else { path.to_owned() };
    match violation.kind {
        Fault::Unknown(name, known) => ApiError::new(
            "SerializationException",
            format!(
                "Unknown parameter in {}: \"{name}\", must be one of: {}",
                or_input(&path, "input"),
                known.join(", ")
            ),
        ),
        Fault::WrongType(given, wanted) => ApiError::new(
            "SerializationException",
            format!("{given} can not be converted to {wanted} at {}", or_input(&path, "the input")),
        ),
        Fault::Missing if path.contains('.') => client(format!("{path} should not be null or empty.")),
        Fault::Missing => client(format!("{} can not be blank.", capital(&path))),
        Fault::NotOneOf(given, words) => {
            invalid(format!("Invalid value '{given}' for {path}. Valid values: [{}].", words.join(", ")))
        }
        Fault::Constraint(rule) => invalid(format!("Value at '{path}' failed to satisfy constraint: {rule}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_near_and_a_newer_member_is_not() {
        let known = ["environment", "name", "cpu"];
        for (name, newer) in [("enviroment", false), ("nmae", false), ("sidecarPolicy", true), ("futureField", true)] {
            assert_eq!(is_newer(name, &known), newer, "{name}");
        }
        assert!(!is_newer("revision", &known));
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")), (3, 3, 0));
    }
}
