//! What an operation's input may hold, as small tables, and what breaks them.

use serde_json::Value;

/// One member of an input or of a structure in it.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub name: &'static str,
    pub required: bool,
    pub shape: Shape,
}

/// What a member's value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Text,
    /// Text that a rule holds for; the second is the rule, in AWS's words.
    Ruled(fn(&str) -> bool, &'static str),
    Flag,
    /// A whole number between two others.
    Number(i64, i64),
    /// So many elements at least and at most.
    List(&'static Shape, usize, usize),
    Structure(&'static [Member]),
    /// Looked at elsewhere.
    Any,
}

/// A member that must be there.
pub const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

/// A member that may be there.
pub const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

/// What is wrong, and where: a path such as `imageIds.2.imageTag`, elements counted from 1 as AWS does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub path: String,
    pub kind: Kind,
}

/// How an input breaks its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Unknown,
    Missing,
    /// The kind of value that stands there, and the one that belongs there.
    WrongType(&'static str, &'static str),
    Constraint(String),
}

/// The first violation, unknown members before anything else.
pub fn check(input: &Value, members: &[Member]) -> Result<(), Violation> {
    structure(input, members, "")
}

fn structure(value: &Value, members: &[Member], path: &str) -> Result<(), Violation> {
    let Value::Object(object) = value else { return Err(wrong(path, value, "a structure")) };
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(unknown) = object.keys().find(|key| members.iter().all(|member| member.name != key.as_str())) {
        return Err(Violation { path: at(unknown), kind: Kind::Unknown });
    }
    for member in members {
        match object.get(member.name) {
            None | Some(Value::Null) if member.required => {
                return Err(Violation { path: at(member.name), kind: Kind::Missing });
            }
            None | Some(Value::Null) => {}
            Some(value) => shape(value, member.shape, &at(member.name))?,
        }
    }
    Ok(())
}

fn shape(value: &Value, expected: Shape, path: &str) -> Result<(), Violation> {
    match (expected, value) {
        (Shape::Any, _) | (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => Ok(()),
        (Shape::Ruled(holds, rule), Value::String(text)) => {
            if holds(text) {
                Ok(())
            } else {
                Err(broken(path, rule.to_owned()))
            }
        }
        (Shape::Number(low, high), Value::Number(number)) => match number.as_i64() {
            None => Err(wrong(path, value, "an Integer")),
            Some(number) if number < low => {
                Err(broken(path, format!("Member must have value greater than or equal to {low}")))
            }
            Some(number) if number > high => {
                Err(broken(path, format!("Member must have value less than or equal to {high}")))
            }
            Some(_) => Ok(()),
        },
        (Shape::List(element, low, high), Value::Array(list)) => {
            if list.len() < low {
                return Err(broken(path, format!("Member must have length greater than or equal to {low}")));
            }
            if list.len() > high {
                return Err(broken(path, format!("Member must have length less than or equal to {high}")));
            }
            list.iter()
                .enumerate()
                .try_for_each(|(index, value)| shape(value, *element, &format!("{path}.{}", index + 1)))
        }
        (Shape::Structure(members), _) => structure(value, members, path),
        (Shape::Text | Shape::Ruled(..), _) => Err(wrong(path, value, "a String")),
        (Shape::Flag, _) => Err(wrong(path, value, "a Boolean")),
        (Shape::Number(..), _) => Err(wrong(path, value, "an Integer")),
        (Shape::List(..), _) => Err(wrong(path, value, "a List")),
    }
}

fn wrong(path: &str, value: &Value, expected: &'static str) -> Violation {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(_) => "BOOLEAN_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    Violation { path: path.to_owned(), kind: Kind::WrongType(found, expected) }
}

fn broken(path: &str, rule: String) -> Violation {
    Violation { path: path.to_owned(), kind: Kind::Constraint(rule) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MEMBERS: &[Member] = &[
        required("name", Shape::Ruled(|text| text.len() > 1, "longer than one")),
        optional("count", Shape::Number(1, 10)),
        optional("ids", Shape::List(&Shape::Structure(&[optional("tag", Shape::Text)]), 1, 2)),
    ];

    fn violation(input: &Value) -> (String, Kind) {
        let violation = check(input, MEMBERS).expect_err("the input breaks the table");
        (violation.path, violation.kind)
    }

    #[test]
    fn a_fitting_input_passes() {
        assert_eq!(check(&json!({"name": "ab", "count": 3, "ids": [{"tag": "x"}, {}]}), MEMBERS), Ok(()));
    }

    #[test]
    fn null_is_absent() {
        assert_eq!(violation(&json!({"name": null})), ("name".into(), Kind::Missing));
        assert_eq!(check(&json!({"name": "ab", "count": null}), MEMBERS), Ok(()));
    }

    #[test]
    fn the_path_says_where() {
        assert_eq!(violation(&json!({"name": "ab", "nmae": 1})), ("nmae".into(), Kind::Unknown));
        let input = json!({"name": "ab", "ids": [{}, {"tag": 7}]});
        assert_eq!(violation(&input), ("ids.2.tag".into(), Kind::WrongType("NUMBER_VALUE", "a String")));
        assert_eq!(violation(&json!({"name": "a"})), ("name".into(), Kind::Constraint("longer than one".into())));
        let input = json!({"name": "ab", "ids": [{}, {}, {}]});
        assert!(matches!(violation(&input), (path, Kind::Constraint(_)) if path == "ids"));
    }
}
