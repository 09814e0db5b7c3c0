//! Which members of a task definition the SDK does not know, or knows as another type.
//!
//! The SDK's own reader of RegisterTaskDefinition's input is led through the document, so what it asks for at
//! each place is what ECS takes there; members that it never asks for are newer than the SDK, or typos.

use aws_sdk_ecs::operation::register_daemon_task_definition::RegisterDaemonTaskDefinitionInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_smithy_schema::serde::{SerdeError, ShapeDeserializer};
use aws_smithy_schema::{Schema, ShapeType};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document};
use serde_json::Value;

use crate::config::Kind;
use crate::text::misspelt;

/// A member that ECS would not take as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Oddity {
    /// Such as `containerDefinitions[app].enviroment`.
    pub path: String,
    /// The member's name, as written.
    pub member: String,
    pub kind: OddityKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OddityKind {
    /// The SDK does not know it, and it is near to one that it knows.
    Typo { nearest: String },
    /// The SDK does not know it; ECS may.
    Unknown,
    /// An empty string where nothing would say the same.
    LeftOut,
    /// An empty string where ECS wants something.
    Empty,
    /// ECS wants another type, such as a string where a number stands.
    Type { wanted: &'static str, found: &'static str },
}

/// Everything odd about a document that is to be registered, in its order.
pub(super) fn oddities(document: &Value, kind: Kind) -> Vec<Oddity> {
    // The walk records what is wrong and goes on; only a missing family or container list ends it with an error,
    // and those are checked where the document is read.
    oddities_of(document, |reader| match kind {
        Kind::Daemon => drop(RegisterDaemonTaskDefinitionInput::deserialize(reader)),
        Kind::Service | Kind::Express => drop(RegisterTaskDefinitionInput::deserialize(reader)),
    })
}

/// The same for whatever input reads the document.
pub(super) fn oddities_of(document: &Value, read: impl FnOnce(&mut dyn ShapeDeserializer)) -> Vec<Oddity> {
    let mut found = Vec::new();
    read(&mut Reader { value: document, path: String::new(), member: String::new(), found: &mut found });
    found
}

struct Reader<'a> {
    value: &'a Value,
    path: String,
    member: String,
    found: &'a mut Vec<Oddity>,
}

impl Reader<'_> {
    fn mismatch(&mut self, wanted: &'static str) {
        let kind = OddityKind::Type { wanted, found: type_name(self.value) };
        self.found.push(Oddity { path: self.path.clone(), member: self.member.clone(), kind });
    }

    fn number<T: TryFrom<i64> + Default>(&mut self) -> T {
        let number = self.value.as_i64().and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            self.mismatch("a whole number");
        }
        number.unwrap_or_default()
    }

    fn float(&mut self) -> f64 {
        if self.value.as_f64().is_none() {
            self.mismatch("a number");
        }
        self.value.as_f64().unwrap_or_default()
    }
}

impl ShapeDeserializer for Reader<'_> {
    fn read_struct(
        &mut self,
        schema: &Schema<'_>,
        state: &mut dyn FnMut(&Schema<'_>, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let Value::Object(object) = self.value else {
            self.mismatch("an object");
            return Ok(());
        };
        for (name, value) in object {
            let path = if self.path.is_empty() { name.clone() } else { format!("{}.{name}", self.path) };
            if let Some(member) = schema.member_schema(name) {
                // A variable's or a tag's `value` may be empty, and so may what stands in a list or a map.
                if value == "" && member.shape_type() == ShapeType::String && name != "value" {
                    let kind = OddityKind::Empty;
                    self.found.push(Oddity { path: path.clone(), member: name.clone(), kind });
                }
                let mut reader = Reader { value, path, member: name.clone(), found: self.found };
                if !value.is_null() {
                    state(member, &mut reader)?;
                }
            } else {
                let known = schema.members().iter().filter_map(|member| member.member_name());
                // A member whose near name is written too is not a misspelling of it.
                let meant = misspelt(name, known.filter(|known| !object.contains_key(*known)));
                let kind = meant.map_or(OddityKind::Unknown, |name| OddityKind::Typo { nearest: name.to_owned() });
                self.found.push(Oddity { path, member: name.clone(), kind });
            }
        }
        Ok(())
    }

    fn read_list(
        &mut self,
        _: &Schema<'_>,
        state: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let Value::Array(elements) = self.value else {
            self.mismatch("a list");
            return Ok(());
        };
        for (index, value) in elements.iter().enumerate() {
            let label = value.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
            let path = format!("{}[{label}]", self.path);
            state(&mut Reader { value, path, member: self.member.clone(), found: self.found })?;
        }
        Ok(())
    }

    fn read_map(
        &mut self,
        _: &Schema<'_>,
        state: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let Value::Object(object) = self.value else {
            self.mismatch("an object");
            return Ok(());
        };
        for (name, value) in object {
            let path = format!("{}[{name}]", self.path);
            state(name.clone(), &mut Reader { value, path, member: name.clone(), found: self.found })?;
        }
        Ok(())
    }

    fn read_boolean(&mut self, _: &Schema<'_>) -> Result<bool, SerdeError> {
        if !self.value.is_boolean() {
            self.mismatch("true or false");
        }
        Ok(self.value.as_bool().unwrap_or_default())
    }

    fn read_byte(&mut self, _: &Schema<'_>) -> Result<i8, SerdeError> {
        Ok(self.number())
    }

    fn read_short(&mut self, _: &Schema<'_>) -> Result<i16, SerdeError> {
        Ok(self.number())
    }

    fn read_integer(&mut self, _: &Schema<'_>) -> Result<i32, SerdeError> {
        Ok(self.number())
    }

    fn read_long(&mut self, _: &Schema<'_>) -> Result<i64, SerdeError> {
        Ok(self.number())
    }

    fn read_float(&mut self, _: &Schema<'_>) -> Result<f32, SerdeError> {
        self.float();
        Ok(0.0)
    }

    fn read_double(&mut self, _: &Schema<'_>) -> Result<f64, SerdeError> {
        Ok(self.float())
    }

    fn read_big_integer(&mut self, _: &Schema<'_>) -> Result<BigInteger, SerdeError> {
        Err(SerdeError::unsupported("no task definition has one"))
    }

    fn read_big_decimal(&mut self, _: &Schema<'_>) -> Result<BigDecimal, SerdeError> {
        Err(SerdeError::unsupported("no task definition has one"))
    }

    fn read_string(&mut self, _: &Schema<'_>) -> Result<String, SerdeError> {
        if !self.value.is_string() {
            self.mismatch("a string");
        }
        Ok(self.value.as_str().unwrap_or_default().to_owned())
    }

    fn read_blob(&mut self, _: &Schema<'_>) -> Result<Blob, SerdeError> {
        Ok(Blob::new(Vec::new()))
    }

    fn read_timestamp(&mut self, _: &Schema<'_>) -> Result<DateTime, SerdeError> {
        Ok(DateTime::from_secs(0))
    }

    fn read_document(&mut self, _: &Schema<'_>) -> Result<Document, SerdeError> {
        Ok(Document::Null)
    }

    fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn container_size(&self) -> Option<usize> {
        None
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_typo_is_found_with_its_path_and_the_name_that_was_meant() {
        let document = json!({
            "family": "app",
            "containerDefinitions": [{ "name": "app", "image": "x", "enviroment": [{ "name": "A", "value": "b" }] }],
        });
        assert_eq!(
            oddities(&document, Kind::Service),
            [Oddity {
                path: "containerDefinitions[app].enviroment".into(),
                member: "enviroment".into(),
                kind: OddityKind::Typo { nearest: "environment".into() },
            }]
        );
    }

    #[test]
    fn a_member_in_the_wrong_case_is_a_typo_too() {
        let document = json!({ "family": "app", "containerDefinitions": [], "networkmode": "awsvpc" });
        assert_eq!(oddities(&document, Kind::Service)[0].kind, OddityKind::Typo { nearest: "networkMode".into() });
    }

    #[test]
    fn a_member_that_nothing_resembles_is_taken_for_a_newer_one() {
        let document = json!({
            "family": "app",
            "containerDefinitions": [{ "name": "app", "healthCheck": { "command": [], "quantumState": 1 } }],
            "futureField": { "a": 1 },
        });
        let kinds: Vec<_> = oddities(&document, Kind::Service).into_iter().map(|odd| (odd.path, odd.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("containerDefinitions[app].healthCheck.quantumState".into(), OddityKind::Unknown),
                ("futureField".into(), OddityKind::Unknown)
            ]
        );
    }

    #[test]
    fn a_near_name_beside_the_known_one_is_no_typo() {
        let document = json!({ "family": "app", "containerDefinitions": [], "volumes": [], "volumess": [] });
        assert_eq!(oddities(&document, Kind::Service)[0].kind, OddityKind::Unknown);
    }

    #[test]
    fn a_wrong_type_is_found_where_it_stands_and_the_walk_goes_on() {
        let document = json!({
            "family": "app",
            "cpu": 256,
            "containerDefinitions": [{ "name": "app", "memory": "512", "essential": "yes", "command": "run" }],
        });
        let found: Vec<_> = oddities(&document, Kind::Service).into_iter().map(|odd| odd.path).collect();
        assert_eq!(
            found,
            [
                "cpu",
                "containerDefinitions[app].memory",
                "containerDefinitions[app].essential",
                "containerDefinitions[app].command"
            ]
        );
    }

    #[test]
    fn maps_take_any_name() {
        let document = json!({
            "family": "app",
            "containerDefinitions": [{
                "name": "app",
                "dockerLabels": { "anything": "goes" },
                "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "app" } },
            }],
        });
        assert_eq!(oddities(&document, Kind::Service), []);
    }
}
