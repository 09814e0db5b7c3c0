//! Which members an operation's input has, and what its strings must look like.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::invalid_parameter;
use super::names::{REPOSITORY_RULE, is_account, is_digest, is_filter, is_repository};
use crate::model::{Fault, Model, Rule, Violation, none};
use crate::protocol::ApiError;

static INPUTS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("members.txt"), rule));
static ANSWERS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("answers.txt"), |_| None));

/// What an answer has that AWS's model of it has not.
pub(crate) fn oddity(operation: &str, answer: Value) -> Option<String> {
    ANSWERS.oddity(&format!("{operation}Response"), answer)
}

/// The input without its nulls, if it is one of this operation's.
pub(super) fn check(operation: &str, input: Value) -> Result<Value, ApiError> {
    let shape = format!("{operation}Request");
    if !INPUTS.has(&shape) {
        return Err(ApiError::new("UnknownOperationException", format!("ECR has no operation {operation} here")));
    }
    let input = if input.is_null() { Value::Object(Map::new()) } else { input };
    INPUTS.check(&shape, input, none).map_err(refusal)
}

/// The patterns of the model that matter here; a bad tag or digest among `imageIds` is a failure of that id, not of
/// the call.
fn rule(shape: &str) -> Option<Rule> {
    Some(match shape {
        "RegistryId" => (is_account, "must satisfy regular expression '[0-9]{12}'"),
        "RepositoryName" => (is_repository, REPOSITORY_RULE),
        "LayerDigest" => (is_digest, "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"),
        "ImageTagMutabilityExclusionFilterValue" => {
            (is_filter, "must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$'")
        }
        _ => return None,
    })
}

fn refusal(violation: Violation) -> ApiError {
    let path = violation.dotted();
    match violation.kind {
        Fault::Unknown(name, _) => {
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            ApiError::new("SerializationException", format!("Unknown member '{path}' in the request"))
        }
        Fault::WrongType(given, wanted) => {
            ApiError::new("SerializationException", format!("{given} can not be converted to {wanted} at '{path}'"))
        }
        Fault::Missing => invalid_parameter(&path, "Member must not be null"),
        Fault::NotOneOf(_, words) => {
            invalid_parameter(&path, &format!("Member must satisfy enum value set: [{}]", words.join(", ")))
        }
        Fault::Constraint(rule) => invalid_parameter(&path, &rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_model_decides_what_an_input_may_hold() {
        let cases = [
            (
                json!({ "repositoryName": "a/b", "imageIds": [{ "imageTag": 7 }] }),
                "NUMBER_VALUE can not be converted to a String at 'imageIds.1.imageTag'",
            ),
            (
                json!({ "repositoryName": "a/b", "imageIds": [] }),
                "'imageIds' failed to satisfy constraint: 'Member must have length greater",
            ),
            (json!({ "repositoryName": "a/b", "imageIds": [{ "tag": "x" }] }), "Unknown member 'imageIds.1.tag'"),
            (json!({ "imageIds": [{}] }), "'repositoryName' failed to satisfy constraint: 'Member must not be null'"),
            (json!({ "repositoryName": "A", "imageIds": [{}] }), "must satisfy regular expression"),
            (json!({ "repositoryName": "a/b", "registryId": "12", "imageIds": [{}] }), "[0-9]{12}"),
        ];
        for (input, sentence) in cases {
            let error = check("BatchGetImage", input).expect_err("it breaks the model");
            assert!(error.message.contains(sentence), "{error}");
        }
        assert_eq!(check("DescribeEverything", json!({})).map_err(|it| it.code), Err("UnknownOperationException"));
    }
}
