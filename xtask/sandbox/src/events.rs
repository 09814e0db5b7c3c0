//! EventBridge: rules that somebody made, and their targets. They start nothing by themselves.
//! Source: Amazon EventBridge API Reference, version 2015-10-07.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("events/members.txt"), include_str!("events/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationException")
});

/// The rules of the default event bus of one account in one region, by name.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: BTreeMap<String, Rule>,
}

#[derive(Debug)]
struct Rule {
    given: Value,
    targets: Vec<Value>,
}

impl Rules {
    pub fn call(&mut self, home: &Home, operation: &str, input: Value) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        let name = input["Name"].as_str().or(input["Rule"].as_str()).unwrap_or_default().to_owned();
        let arn = format!("arn:aws:events:{}:{}:rule/{name}", home.region, home.account);
        match operation {
            "PutRule" => {
                if input["ScheduleExpression"].is_null() && input["EventPattern"].is_null() {
                    let message = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
                    return Err(ApiError::new("ValidationException", message));
                }
                let targets = self.rules.remove(&name).map(|old| old.targets).unwrap_or_default();
                self.rules.insert(name, Rule { given: input.clone(), targets });
                Ok(json!({ "RuleArn": arn }))
            }
            "DescribeRule" => {
                let given = &self.find(&name)?.given;
                let mut described = json!({ "Name": name, "Arn": arn, "State": "ENABLED", "EventBusName": "default" });
                for member in ["ScheduleExpression", "EventPattern", "State", "Description", "RoleArn"] {
                    if !given[member].is_null() {
                        described[member] = given[member].clone();
                    }
                }
                Ok(described)
            }
            "ListTargetsByRule" => Ok(json!({ "Targets": self.find(&name)?.targets })),
            "PutTargets" => {
                self.find(&name)?;
                let targets = self.rules.get_mut(&name).map(|rule| &mut rule.targets);
                if let (Some(targets), Some(new)) = (targets, input["Targets"].as_array()) {
                    targets.retain(|known| new.iter().all(|target| target["Id"] != known["Id"]));
                    targets.extend(new.iter().cloned());
                }
                Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
            }
            _ => Err(unknown(operation)),
        }
    }

    fn find(&self, name: &str) -> Result<&Rule, ApiError> {
        let missing = || format!("Rule {name} does not exist on EventBus default.");
        self.rules.get(name).ok_or_else(|| ApiError::new("ResourceNotFoundException", missing()))
    }
}
