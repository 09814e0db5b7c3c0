//! Outputs of CloudFormation's stacks. Source: AWS CloudFormation API Reference, DescribeStacks.

use super::signed::{Api, Signed};
use super::xml::Element;
use super::{AwsError, SdkConfig, calls};
use crate::gather::Gather as _;
use std::collections::BTreeMap;

const CLOUDFORMATION: Api = Api { id: "CloudFormation", target: "2010-05-15" };

/// The outputs of a stack; `None` for a stack that is not there.
pub(crate) fn outputs(sdk: &SdkConfig, stack: &str) -> Result<Option<BTreeMap<String, String>>, AwsError> {
    let subject = format!("stack {stack}");
    let answer = Signed::new(sdk).query(&CLOUDFORMATION, &calls::DESCRIBE_STACKS, &subject, &[("StackName", stack)]);
    match answer {
        Ok(answer) => Ok(Some(read(&answer))),
        // There is no code of its own for it.
        Err(AwsError { code, message, .. }) if code == "ValidationError" && message.ends_with("does not exist") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn read(answer: &Element) -> BTreeMap<String, String> {
    let result = answer.child("DescribeStacksResult");
    let outputs =
        result.into_iter().flat_map(|result| result.members("Stacks")).flat_map(|stack| stack.members("Outputs"));
    outputs.map(|output| (output.text_of("OutputKey").to_owned(), output.text_of("OutputValue").to_owned())).gather()
}
