//! Parameters of Systems Manager. Source: AWS Systems Manager API Reference, GetParameters.

use serde_json::{Value, json};

use super::signed::{Api, Signed};
use super::{AwsError, SdkConfig, calls};
use crate::gather::Gather;
use crate::sorted::SortedMap;

const SSM: Api = Api { id: "SSM", target: "AmazonSSM" };
/// Names in one GetParameters.
const PARAMETERS: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub arn: String,
    pub value: Kept,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Text(String),
    List(Vec<String>),
    /// A SecureString, which is not decrypted here.
    Secret,
}

/// The parameters, by the name that was asked for; one that is not there is left out. Ten a call.
pub(crate) fn parameters(sdk: &SdkConfig, names: &[&str]) -> Result<SortedMap<String, Parameter>, AwsError> {
    let mut found = SortedMap::new();
    for batch in names.chunks(PARAMETERS) {
        let subject = if batch.len() == 1 { "parameter" } else { "parameters" };
        let subject = format!("{subject} {}", batch.join(", "));
        let asked = json!({ "Names": batch, "WithDecryption": false });
        let answer = Signed::new(sdk).json(&SSM, &calls::GET_PARAMETERS, &subject, &asked)?;
        found.extend(answer["Parameters"].as_array().into_iter().flatten().filter_map(parameter));
    }
    Ok(found)
}

fn parameter(parameter: &Value) -> Option<(String, Parameter)> {
    let text = |name: &str| parameter[name].as_str().unwrap_or_default();
    let value = match text("Type") {
        "String" => Kept::Text(text("Value").to_owned()),
        "StringList" => Kept::List(text("Value").split(',').map(str::to_owned).gather()),
        _ => Kept::Secret,
    };
    // What follows a name is the version or the label that was asked for.
    let name = format!("{}{}", parameter["Name"].as_str()?, text("Selector"));
    Some((name, Parameter { arn: text("ARN").to_owned(), value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_a_text_a_list_or_a_secret_under_the_name_that_was_asked_for() {
        let of = |kind: &str, selector: &str| {
            let answer = json!({ "Name": "/a", "Type": kind, "Value": "x,y", "ARN": "arn:a", "Selector": selector });
            parameter(&answer).expect("it has a name")
        };
        let found = |name: &str, value| (name.to_owned(), Parameter { arn: "arn:a".to_owned(), value });
        assert_eq!(of("String", ""), found("/a", Kept::Text("x,y".to_owned())));
        assert_eq!(of("StringList", ":3"), found("/a:3", Kept::List(vec!["x".to_owned(), "y".to_owned()])));
        assert_eq!(of("SecureString", ":live"), found("/a:live", Kept::Secret));
    }
}
