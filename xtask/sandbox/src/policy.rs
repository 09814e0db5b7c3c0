//! What a policy allows: a document of IAM's that allows and does not deny.
//! Source: IAM User Guide, "IAM JSON policy elements".

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::ecr::mutability::fits;

/// One thing that a call needs to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// Such as `ecs:UpdateService`.
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// A condition's key, and the value that this call has for it.
    pub context: Option<(&'static str, String)>,
}

/// A policy, read.
#[derive(Clone, Debug)]
pub(crate) struct Policy(Vec<Statement>);

#[derive(Clone, Debug)]
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
    /// Keys, and the patterns of which one has to fit.
    conditions: Vec<(String, Vec<String>)>,
    /// Whether something was allowed by it and by no other one.
    decided: Arc<AtomicBool>,
}

impl Policy {
    /// Reads a document. What it has beyond `Allow`, `Action`, `Resource` and conditions on texts and ARNs is an error: a
    /// policy that is half understood would show nothing.
    pub fn read(document: &Value) -> Result<Self, String> {
        let statements = document["Statement"].as_array().ok_or("a policy has a list `Statement`")?;
        statements.iter().map(statement).collect::<Result<_, _>>().map(Self)
    }

    pub fn allows(&self, need: &Need) -> bool {
        let mut allowing = self.0.iter().filter(|statement| statement.allows(need));
        let (first, second) = (allowing.next(), allowing.next());
        if let (Some(alone), None) = (first, second) {
            alone.decided.store(true, Ordering::Relaxed);
        }
        first.is_some()
    }

    /// The places of the statements without which something would have been denied so far.
    pub fn decided(&self) -> Vec<usize> {
        let decided = self.0.iter().enumerate().filter(|(_, statement)| statement.decided.load(Ordering::Relaxed));
        decided.map(|(place, _)| place).collect()
    }
}

impl Statement {
    fn allows(&self, need: &Need) -> bool {
        let holds = |(key, patterns): &(String, Vec<String>)| {
            let value = need.context.as_ref().filter(|(known, _)| known == key).map(|(_, value)| value);
            value.is_some_and(|value| patterns.iter().any(|pattern| fits(pattern, value)))
        };
        self.actions.iter().any(|pattern| fits(pattern, &need.action))
            && self.resources.iter().any(|pattern| fits(pattern, &need.resource))
            && self.conditions.iter().all(holds)
    }
}

fn statement(written: &Value) -> Result<Statement, String> {
    let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
    let members = written.as_object().ok_or("a statement is an object")?;
    if let Some(member) = members.keys().find(|member| !known.contains(&member.as_str())) {
        return Err(format!("`{member}` of a statement is not understood here"));
    }
    if written["Effect"] != "Allow" {
        return Err("a statement that does not allow is not understood here".to_owned());
    }
    let mut conditions = Vec::new();
    for (operator, keys) in written["Condition"].as_object().into_iter().flatten() {
        if !["StringEquals", "StringLike", "ArnEquals", "ArnLike"].contains(&operator.as_str()) {
            return Err(format!("the condition `{operator}` is not understood here"));
        }
        for (key, values) in keys.as_object().into_iter().flatten() {
            conditions.push((key.clone(), texts(values)));
        }
    }
    let (actions, resources) = (texts(&written["Action"]), texts(&written["Resource"]));
    Ok(Statement { actions, resources, conditions, decided: Arc::default() })
}

/// One text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let all: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |all| all.iter().collect());
    all.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_action_is_allowed_on_its_resource_and_under_its_condition_alone() {
        let policy = Policy::read(&json!({ "Statement": [
            { "Effect": "Allow", "Action": ["ecs:Describe*"], "Resource": "arn:x/*" },
            { "Effect": "Allow", "Action": "iam:PassRole", "Resource": ["arn:r"],
              "Condition": { "StringEquals": { "iam:PassedToService": ["ecs-tasks.amazonaws.com"] } } },
        ] }))
        .expect("a policy");
        let need = |action: &str, resource: &str, service: Option<&str>| Need {
            action: action.to_owned(),
            resource: resource.to_owned(),
            context: service.map(|service| ("iam:PassedToService", service.to_owned())),
        };
        assert!(policy.allows(&need("ecs:DescribeTasks", "arn:x/1", None)));
        assert!(!policy.allows(&need("ecs:DescribeTasks", "arn:y/1", None)));
        assert!(!policy.allows(&need("ecs:ListTasks", "arn:x/1", None)));
        assert!(policy.allows(&need("iam:PassRole", "arn:r", Some("ecs-tasks.amazonaws.com"))));
        assert!(!policy.allows(&need("iam:PassRole", "arn:r", Some("ec2.amazonaws.com"))));
        assert!(!policy.allows(&need("iam:PassRole", "arn:r", None)));
    }

    #[test]
    fn a_statement_decides_where_no_other_one_allows_the_same() {
        let allow = |action: &str| json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
        let document = json!({ "Statement": [allow("ecs:List*"), allow("ecs:ListTasks"), allow("ecs:RunTask")] });
        let policy = Policy::read(&document).expect("a policy");
        let need = |action: &str| Need { action: action.to_owned(), resource: "arn:x".to_owned(), context: None };
        assert!(policy.allows(&need("ecs:ListTasks")));
        assert!(!policy.allows(&need("ecs:StopTask")));
        assert_eq!(policy.decided(), [0; 0]);
        assert!(policy.allows(&need("ecs:RunTask")));
        assert!(policy.allows(&need("ecs:ListServices")));
        assert_eq!(policy.decided(), [0, 2]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for statement in [
            json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }),
            json!({ "Effect": "Allow", "NotAction": "*", "Resource": "*" }),
            json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "Bool": { "a": "true" } } }),
        ] {
            Policy::read(&json!({ "Statement": [statement] })).expect_err("it is not understood");
        }
    }
}
