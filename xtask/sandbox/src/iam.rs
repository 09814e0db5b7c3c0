//! IAM: roles that somebody else made, to be looked at, and what they may.
//! Source: AWS IAM API Reference, version 2010-05-08.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::ecr::mutability::fits;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("iam/members.txt"), include_str!("iam/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationError").textual()
});

/// The roles of one account.
#[derive(Debug, Default)]
pub(crate) struct Iam {
    /// By name.
    roles: BTreeMap<String, Role>,
}

/// A role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Role {
    /// The services that may assume it.
    pub services: Vec<String>,
    /// Actions, and the resources that each is allowed on; `*` stands for anything in both.
    pub allows: Vec<(String, String)>,
}

impl Iam {
    pub fn put(&mut self, name: &str, role: Role) {
        self.roles.insert(name.to_owned(), role);
    }

    pub fn call(&self, account: &str, operation: &str, input: Value) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "GetRole" => self.get_role(account, input),
            "SimulatePrincipalPolicy" => self.simulate(input),
            _ => Err(unknown(operation)),
        }
    }

    fn get_role(&self, account: &str, input: &Value) -> ApiResult {
        let name = input["RoleName"].as_str().unwrap_or_default();
        let role = self.role(name)?;
        let trust = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "Service": role.services }, "Action": "sts:AssumeRole" } ] });
        Ok(json!({ "Role": {
            "Path": "/",
            "RoleName": name,
            "RoleId": format!("AROA{:A<17}", name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "A")),
            "Arn": format!("arn:aws:iam::{account}:role/{name}"),
            "CreateDate": "2026-01-01T00:00:00Z",
            // As IAM answers it: encoded for a URL.
            "AssumeRolePolicyDocument": encoded(&trust.to_string()),
        } }))
    }

    fn simulate(&self, input: &Value) -> ApiResult {
        let texts = |member: &str| input[member].as_array().into_iter().flatten().filter_map(Value::as_str);
        let source = input["PolicySourceArn"].as_str().unwrap_or_default();
        // Of users nothing is known here, and they may everything.
        let role = match source.split_once(":role/") {
            Some((_, path)) => Some(self.role(path.rsplit('/').next().unwrap_or_default())?),
            None => None,
        };
        let resources: Vec<&str> = texts("ResourceArns").collect();
        let resources = if resources.is_empty() { vec!["*"] } else { resources };
        let mut results = Vec::new();
        for action in texts("ActionNames") {
            for resource in &resources {
                let allowed = role.is_none_or(|role| {
                    role.allows.iter().any(|(actions, on)| fits(actions, action) && fits(on, resource))
                });
                results.push(json!({
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": if allowed { "allowed" } else { "implicitDeny" },
                }));
            }
        }
        Ok(json!({ "EvaluationResults": results, "IsTruncated": false }))
    }

    fn role(&self, name: &str) -> Result<&Role, ApiError> {
        let missing = || ApiError::new("NoSuchEntity", format!("The role with name {name} cannot be found."));
        self.roles.get(name).ok_or_else(missing)
    }
}

fn encoded(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_it_begins_and_ends() {
        assert!(fits("*", "") && fits("ssm:*", "ssm:GetParameters") && fits("arn:*:secret:a-*", "arn:x:secret:a-1"));
        assert!(!fits("ssm:*", "s3:GetObject") && !fits("a*b", "ac") && !fits("a", "ab"));
    }

    #[test]
    fn a_role_may_what_it_is_allowed_and_one_that_is_not_there_is_told() {
        let mut iam = Iam::default();
        let allows = vec![("ssm:*".to_owned(), "arn:p/*".to_owned())];
        iam.put("app", Role { services: vec!["ecs-tasks.amazonaws.com".to_owned()], allows });
        let input = json!({ "PolicySourceArn": "arn:aws:iam::123456789012:role/path/app",
            "ActionNames": ["ssm:GetParameters", "s3:GetObject"], "ResourceArns": ["arn:p/x"] });
        let answer = iam.call("123456789012", "SimulatePrincipalPolicy", input).expect("answered");
        let decisions: Vec<_> = answer["EvaluationResults"].as_array().expect("a list").iter().collect();
        assert_eq!(
            (&decisions[0]["EvalDecision"], &decisions[1]["EvalDecision"]),
            (&json!("allowed"), &json!("implicitDeny"))
        );
        let found = iam.call("123456789012", "GetRole", json!({ "RoleName": "app" })).expect("answered");
        assert_eq!(TABLES.oddity("GetRole", found), None);
        assert_eq!(TABLES.oddity("SimulatePrincipalPolicy", answer), None);
        let missing = iam.call("123456789012", "GetRole", json!({ "RoleName": "other" })).expect_err("missing");
        assert_eq!(missing.code, "NoSuchEntity");
    }
}
