//! Roles, and what they may. Source: AWS IAM API Reference, version 2010-05-08, GetRole and SimulatePrincipalPolicy.

use serde_json::Value;

use super::signed::{Api, Signed};
use super::xml::Element;
use super::{AwsError, SdkConfig, calls};
use crate::config::Partition;
use crate::gather::Gather;
use crate::text::short;

const IAM: Api = Api { id: "IAM", target: "2010-05-08" };

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// With its path, which an assumed role's ARN has not.
    pub arn: String,
    /// The services that may assume it, such as `ecs-tasks.amazonaws.com`.
    pub services: Vec<String>,
}

/// A role by its ARN or name; `None` where the account has none of that name.
pub(crate) fn role(sdk: &SdkConfig, arn: &str) -> Result<Option<Role>, AwsError> {
    let name = short(arn);
    let asked = signed(sdk).query(&IAM, &calls::GET_ROLE, &format!("role {name}"), &[("RoleName", name)]);
    match asked {
        Ok(answer) => Ok(Some(read(&answer))),
        Err(error) if error.code == "NoSuchEntity" => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(answer: &Element) -> Role {
    let role = answer.child("GetRoleResult").and_then(|result| result.child("Role"));
    let text = |name: &str| role.map_or("", |role| role.text_of(name));
    let trust: Value = serde_json::from_str(&decoded(text("AssumeRolePolicyDocument"))).unwrap_or_default();
    let statements = many(&trust["Statement"]).into_iter().filter(|statement| statement["Effect"] == "Allow");
    let services = statements.flat_map(|statement| many(&statement["Principal"]["Service"])).filter_map(Value::as_str);
    Role { arn: text("Arn").to_owned(), services: services.map(str::to_owned).gather() }
}

/// What a policy may write as one thing or as a list of them.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().gather(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// The resources on which a user or a role may not do this; `context` is a condition's key and its value.
pub(crate) fn denied(
    sdk: &SdkConfig,
    principal: &str,
    action: &str,
    resources: &[&str],
    context: Option<(&str, &str)>,
) -> Result<Vec<String>, AwsError> {
    let names: Vec<String> = (1..=resources.len()).map(|number| format!("ResourceArns.member.{number}")).gather();
    let mut members = vec![("PolicySourceArn", principal), ("ActionNames.member.1", action)];
    members.extend(names.iter().map(String::as_str).zip(resources.iter().copied()));
    if let Some((key, value)) = context {
        members.push(("ContextEntries.member.1.ContextKeyName", key));
        members.push(("ContextEntries.member.1.ContextKeyType", "string"));
        members.push(("ContextEntries.member.1.ContextKeyValues.member.1", value));
    }
    let answer = signed(sdk).query(&IAM, &calls::SIMULATE_PRINCIPAL_POLICY, principal, &members)?;
    let results = answer
        .child("SimulatePrincipalPolicyResult")
        .into_iter()
        .flat_map(|result| result.members("EvaluationResults"));
    let refused = results.filter(|result| result.text_of("EvalDecision") != "allowed");
    Ok(refused.map(|result| result.text_of("EvalResourceName").to_owned()).gather())
}

/// IAM answers in one region of each partition. Source: AWS General Reference, "IAM endpoints and quotas".
fn signed(sdk: &SdkConfig) -> Signed {
    let here = Signed::new(sdk);
    let home = Partition::of(here.region()).iam_region;
    here.in_region(home.to_owned())
}

/// A text as it was before it was encoded for a URL.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::xml;
    use super::*;

    #[test]
    fn a_role_is_trusted_by_the_services_of_its_document_as_one_or_as_a_list() {
        for (statement, services) in [
            (
                r#"{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"}}"#,
                vec!["ecs-tasks.amazonaws.com"],
            ),
            (
                r#"[{"Effect":"Allow","Principal":{"Service":["a","b"]}},{"Effect":"Deny","Principal":{"Service":"c"}}]"#,
                vec!["a", "b"],
            ),
            (r#"{"Effect":"Allow","Principal":{"AWS":"arn:x"}}"#, vec![]),
        ] {
            let document = format!(r#"{{"Statement":{statement}}}"#).replace('"', "%22").replace(':', "%3A");
            let answer = format!(
                "<R><GetRoleResult><Role><Arn>arn:aws:iam::1:role/path/app</Arn><AssumeRolePolicyDocument>{document}\
                 </AssumeRolePolicyDocument></Role></GetRoleResult></R>"
            );
            let role = read(&xml::parse(&answer).expect("XML"));
            assert_eq!(
                (role.arn.as_str(), role.services),
                ("arn:aws:iam::1:role/path/app", services.iter().map(ToString::to_string).collect())
            );
        }
        assert_eq!(decoded("100%25%7B%zz%"), "100%{%zz%");
    }
}
