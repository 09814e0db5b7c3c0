//! CloudFormation: stacks that somebody else made, to be read.
//! Source: AWS CloudFormation API Reference, version 2010-05-15.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecr::random_id;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("cloudformation/members.txt"), include_str!("cloudformation/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationError").textual()
});

/// Exports and stacks that one answer holds.
const PAGE: usize = 100;

/// The stacks of one account in one region.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// By name.
    stacks: BTreeMap<String, Stack>,
}

#[derive(Debug)]
struct Stack {
    id: String,
    created: Instant,
    outputs: Vec<Output>,
}

/// What a stack hands to others.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub key: String,
    pub value: String,
    /// Its name in the region's exports.
    pub export: Option<String>,
}

impl Stacks {
    /// Makes a stack, or gives it other outputs.
    pub fn put(&mut self, home: &Home, name: &str, outputs: Vec<Output>, now: Instant) {
        let Home { account, region } = home;
        let id = format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/{}", random_id());
        let stack = Stack { id, created: now, outputs };
        self.stacks.insert(name.to_owned(), stack);
    }

    pub fn call(&self, operation: &str, input: Value) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "DescribeStacks" => self.describe_stacks(input),
            "ListExports" => self.list_exports(input),
            _ => Err(unknown(operation)),
        }
    }

    fn describe_stacks(&self, input: &Value) -> ApiResult {
        let Some(wanted) = input["StackName"].as_str() else {
            let all = self.stacks.iter().map(|(name, stack)| stack.describe(name)).collect();
            return page(input, "Stacks", all);
        };
        let found = self.stacks.iter().find(|(name, stack)| *name == wanted || stack.id == wanted);
        let Some((name, stack)) = found else {
            return Err(ApiError::new("ValidationError", format!("Stack with id {wanted} does not exist")));
        };
        Ok(json!({"Stacks": [stack.describe(name)]}))
    }

    fn list_exports(&self, input: &Value) -> ApiResult {
        let exports = self.stacks.values().flat_map(|stack| {
            stack.outputs.iter().filter_map(|output| {
                let name = output.export.as_ref()?;
                Some(json!({"ExportingStackId": stack.id, "Name": name, "Value": output.value}))
            })
        });
        page(input, "Exports", exports.collect())
    }
}

impl Stack {
    fn describe(&self, name: &str) -> Value {
        let outputs = self.outputs.iter().map(|output| {
            let mut described = json!({"OutputKey": output.key, "OutputValue": output.value});
            if let Some(export) = &output.export {
                described["ExportName"] = json!(export);
            }
            described
        });
        json!({
            "StackId": self.id,
            "StackName": name,
            "CreationTime": self.created.iso(),
            "StackStatus": "CREATE_COMPLETE",
            "DisableRollback": false,
            "Outputs": outputs.collect::<Vec<_>>(),
            "EnableTerminationProtection": false,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        })
    }
}

/// One page of a list.
fn page(input: &Value, member: &str, items: Vec<Value>) -> ApiResult {
    let start = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => token.parse().map_err(|_| ApiError::new("ValidationError", "NextToken is invalid"))?,
    };
    let more = items.len() > start + PAGE;
    let items: Vec<Value> = items.into_iter().skip(start).take(PAGE).collect();
    let mut answer = json!({});
    answer[member] = json!(items);
    if more {
        answer["NextToken"] = json!((start + PAGE).to_string());
    }
    Ok(answer)
}
