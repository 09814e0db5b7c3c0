//! AWS Lambda: functions that somebody made, to be looked at. None is run.
//! Source: AWS Lambda API Reference, version 2015-03-31.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("lambda/members.txt"), include_str!("lambda/answers.txt"));
    Tables::new(inputs, answers, |_| None, "InvalidParameterValueException")
});

/// The functions of one account in one region, and the state of each, by name.
#[derive(Debug, Default)]
pub(crate) struct Functions(BTreeMap<String, String>);

impl Functions {
    pub fn put(&mut self, name: &str, state: &str) {
        self.0.insert(name.to_owned(), state.to_owned());
    }

    pub fn call(&self, home: &Home, operation: &str, input: Value) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "GetFunction" => self.get_function(home, input),
            _ => Err(unknown(operation)),
        }
    }

    /// By its name or its ARN, with or without a version behind it.
    fn get_function(&self, home: &Home, input: &Value) -> ApiResult {
        let asked = input["FunctionName"].as_str().unwrap_or_default();
        let name = asked.split_once(":function:").map_or(asked, |(_, name)| name).split(':').next().unwrap_or_default();
        let arn = format!("arn:aws:lambda:{}:{}:function:{name}", home.region, home.account);
        let missing = || ApiError::with(404, "ResourceNotFoundException", format!("Function not found: {arn}"));
        let state = self.0.get(name).ok_or_else(missing)?;
        Ok(
            json!({ "Configuration": { "FunctionName": name, "FunctionArn": arn, "State": state, "Version": "$LATEST" } }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_its_name_and_by_its_arn() {
        let home = Home::new("123456789012", "eu-west-1");
        let mut functions = Functions::default();
        functions.put("smoke", "Active");
        for name in ["smoke", "arn:aws:lambda:eu-west-1:123456789012:function:smoke:live"] {
            let found = functions.call(&home, "GetFunction", json!({ "FunctionName": name })).expect("it is there");
            assert_eq!(found["Configuration"]["State"], "Active");
            assert_eq!(TABLES.oddity("GetFunction", found), None);
        }
        let error = functions.call(&home, "GetFunction", json!({ "FunctionName": "other" })).expect_err("it is not");
        assert_eq!((error.status, error.code), (404, "ResourceNotFoundException"));
    }
}
