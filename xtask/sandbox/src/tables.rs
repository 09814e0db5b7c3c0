//! One service's model, for services whose refusals are worded as most of AWS words them.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::model::{Fault, Model, Rules, Violation};
use crate::protocol::ApiError;

/// The tables of a service's inputs and answers, as `model.py` wrote them.
pub(crate) struct Tables {
    inputs: Model,
    answers: Model,
    /// What an input that breaks a constraint is refused with.
    code: &'static str,
}

/// Models call the same things by different names.
const INPUTS: [&str; 3] = ["Request", "Input", "Type"];
const ANSWERS: [&str; 3] = ["Response", "Output", "Result"];

impl Tables {
    pub const fn lazy(make: fn() -> Self) -> LazyLock<Self> {
        LazyLock::new(make)
    }

    pub fn new(inputs: &'static str, answers: &'static str, rules: Rules, code: &'static str) -> Self {
        Self { inputs: Model::parse(inputs, rules), answers: Model::parse(answers, |_| None), code }
    }

    /// Of a service with the Query protocol, where every value comes as text.
    pub fn textual(self) -> Self {
        Self { inputs: self.inputs.textual(), answers: self.answers.textual(), ..self }
    }

    /// The input without its nulls, if it is one of this operation's.
    pub fn check(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let shape = INPUTS.iter().map(|end| format!("{operation}{end}")).find(|shape| self.inputs.has(shape));
        let Some(shape) = shape else { return Err(unknown(operation)) };
        let input = if input.is_null() { Value::Object(Map::new()) } else { input };
        self.inputs
            .check(&shape, input.clone(), crate::model::none)
            .map_err(|violation| self.refusal(&violation, &input))
    }

    /// What an answer has that AWS's model of it has not.
    pub fn oddity(&self, operation: &str, answer: Value) -> Option<String> {
        let shape = ANSWERS.iter().map(|end| format!("{operation}{end}")).find(|shape| self.answers.has(shape))?;
        self.answers.oddity(&shape, answer)
    }

    fn refusal(&self, violation: &Violation, input: &Value) -> ApiError {
        let path = violation.dotted();
        let rule = match &violation.kind {
            Fault::Unknown(name, _) => {
                return ApiError::new("SerializationException", format!("Unknown member '{name}' in the request"));
            }
            Fault::WrongType(given, wanted) => {
                let message = format!("{given} can not be converted to {wanted} at '{path}'");
                return ApiError::new("SerializationException", message);
            }
            Fault::Missing => "Member must not be null".to_owned(),
            Fault::NotOneOf(_, words) => format!("Member must satisfy enum value set: [{}]", words.join(", ")),
            Fault::Constraint(rule) => rule.clone(),
        };
        let value = match violation.value(input) {
            None | Some(Value::Null) => "null".to_owned(),
            Some(Value::String(text)) => format!("'{text}'"),
            Some(other) => format!("'{other}'"),
        };
        let mut member = path;
        member.get_mut(..1).into_iter().for_each(str::make_ascii_lowercase);
        let message =
            format!("1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {rule}");
        ApiError::new(self.code, message)
    }
}

/// What a service says to an operation that it does not have here.
pub(crate) fn unknown(operation: &str) -> ApiError {
    ApiError::new("UnknownOperationException", format!("The operation {operation} is not simulated."))
}
