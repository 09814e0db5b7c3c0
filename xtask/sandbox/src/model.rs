//! AWS's models as tables: which members a structure has, of which types, and what breaks them.
//!
//! The tables are written by `model.py` from the models that AWS publishes; their first lines say how they are read.

use std::collections::HashMap;

use serde_json::{Map, Value};

mod kind;

use kind::{Kind, wrong};

/// The structures of one service.
pub(crate) struct Model {
    shapes: HashMap<&'static str, Vec<Member>>,
    rules: Rules,
    textual: bool,
}

/// What a string must satisfy, and the rule in AWS's words.
pub(crate) type Rule = (fn(&str) -> bool, &'static str);

/// The rule of a string's shape, where it has one.
pub(crate) type Rules = fn(&str) -> Option<Rule>;

/// One member of a structure.
struct Member {
    name: &'static str,
    required: bool,
    kind: Kind,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    path: Vec<Step>,
    pub kind: Fault,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(usize),
}

/// How an input breaks its table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The path ends at the structure that has no such member; these it has.
    Unknown(String, Vec<&'static str>),
    Missing,
    /// The kind of value that stands there, and the one that belongs there.
    WrongType(&'static str, &'static str),
    /// What stands there, and the words one of which belongs there.
    NotOneOf(String, Vec<&'static str>),
    Constraint(String),
}

impl Violation {
    /// Such as `imageIds.2.imageTag`, counted from 1.
    pub fn dotted(&self) -> String {
        let word = |step: &Step| match step {
            Step::Member(name) => name.clone(),
            Step::Item(index) => (index + 1).to_string(),
        };
        self.path.iter().map(word).collect::<Vec<_>>().join(".")
    }

    /// What stands there.
    pub fn value<'a>(&self, input: &'a Value) -> Option<&'a Value> {
        self.path.iter().try_fold(input, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Item(index) => value.get(index),
        })
    }

    /// Such as `containerDefinitions[0].image`.
    pub fn indexed(&self) -> String {
        let word = |step: &Step| match step {
            Step::Member(name) => format!(".{name}"),
            Step::Item(index) => format!("[{index}]"),
        };
        let text: String = self.path.iter().map(word).collect();
        text.trim_start_matches('.').to_owned()
    }
}

/// Whether a member that no structure of these names has is kept all the same.
pub(crate) type Keep = fn(&str, &[&str]) -> bool;

impl Model {
    /// Reads a table.
    pub fn parse(table: &'static str, rules: Rules) -> Self {
        let mut shapes: HashMap<&str, Vec<Member>> = HashMap::new();
        let mut current = "";
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            if !line.starts_with(' ') {
                current = line.trim();
                shapes.insert(current, Vec::new());
                continue;
            }
            let members = line.split_whitespace().filter_map(|word| word.split_once(':')).map(|(name, kind)| Member {
                name: name.trim_end_matches('!'),
                required: name.ends_with('!'),
                kind: Kind::parse(kind),
            });
            shapes.entry(current).or_default().extend(members);
        }
        Self { shapes, rules, textual: false }
    }

    /// The same for values that all come as text, as the Query protocol writes them.
    pub fn textual(self) -> Self {
        Self { textual: true, ..self }
    }

    /// Whether there is a structure of this name.
    pub fn has(&self, shape: &str) -> bool {
        self.shapes.contains_key(shape)
    }

    /// The value without its nulls, if it has only members that the structure has, of the right types, and all that it
    /// requires.
    pub fn check(&self, shape: &str, value: Value, keep: Keep) -> Result<Value, Violation> {
        let mut check = Check { model: self, keep, path: Vec::new() };
        check.structure(shape, value).map_err(|kind| Violation { path: check.path, kind })
    }

    /// What a value has that the structure has not, in words; None where it fits.
    pub fn oddity(&self, shape: &str, value: Value) -> Option<String> {
        let violation = self.check(shape, value, none).err()?;
        Some(format!("{shape}.{}: {:?}", violation.indexed(), violation.kind))
    }
}

/// No unknown member is kept.
pub(crate) fn none(_: &str, _: &[&str]) -> bool {
    false
}

/// A walk through a value; where it ends early, the path leads to what is wrong.
struct Check<'a> {
    model: &'a Model,
    keep: Keep,
    path: Vec<Step>,
}

impl Check<'_> {
    fn structure(&mut self, shape: &str, value: Value) -> Result<Value, Fault> {
        let Value::Object(given) = value else { return Err(wrong(&value, "a structure")) };
        let model = self.model;
        let members = model.shapes.get(shape).map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = members.iter().map(|member| member.name).collect();
        if let Some(unknown) =
            given.keys().find(|name| !names.contains(&name.as_str()) && !(self.keep)(name.as_str(), &names))
        {
            return Err(Fault::Unknown(unknown.clone(), names));
        }
        let mut kept = Map::new();
        for (name, value) in given {
            match members.iter().find(|member| member.name == name) {
                None => drop(kept.insert(name, value)),
                Some(_) if value.is_null() => {}
                Some(member) => {
                    let value = self.at(Step::Member(name.clone()), |check| check.value(&member.kind, value))?;
                    kept.insert(name, value);
                }
            }
        }
        match members.iter().find(|member| member.required && !kept.contains_key(member.name)) {
            Some(member) => {
                self.path.push(Step::Member(member.name.to_owned()));
                Err(Fault::Missing)
            }
            None => Ok(Value::Object(kept)),
        }
    }

    /// One step down and, unless something is wrong there, back.
    fn at<T>(&mut self, step: Step, go: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.path.push(step);
        let done = go(self)?;
        self.path.pop();
        Ok(done)
    }

    fn value(&mut self, kind: &Kind, value: Value) -> Result<Value, Fault> {
        let value = if self.model.textual { kind.read(value) } else { value };
        match (kind, value) {
            (Kind::Structure(shape), value) => self.structure(shape, value),
            (Kind::List(item, bounds), Value::Array(items)) => {
                bounds.length(items.len())?;
                let items = items.into_iter().enumerate();
                items
                    .map(|(index, value)| self.at(Step::Item(index), |check| check.value(item, value)))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::Array)
            }
            (Kind::OneOf(words), Value::String(given)) => {
                if words.contains(&given.as_str()) {
                    return Ok(Value::String(given));
                }
                Err(Fault::NotOneOf(given, words.clone()))
            }
            (Kind::Text(bounds), Value::String(text)) => bounds.length(text.len()).map(|()| Value::String(text)),
            (Kind::Ruled(shape, bounds), Value::String(text)) => {
                if let Some((_, rule)) = (self.model.rules)(shape).filter(|(holds, _)| !holds(&text)) {
                    return Err(Fault::Constraint(rule.to_owned()));
                }
                bounds.length(text.len()).map(|()| Value::String(text))
            }
            (Kind::Whole(bounds), Value::Number(number)) => match number.as_i64() {
                Some(whole) => bounds.range(whole).map(|()| Value::Number(number)),
                None => Err(wrong(&Value::Number(number), "an Integer")),
            },
            (Kind::Any, value)
            | (Kind::Flag, value @ Value::Bool(_))
            | (Kind::Number | Kind::Time, value @ Value::Number(_))
            | (Kind::Bytes, value @ Value::String(_)) => Ok(value),
            (Kind::Map, Value::Object(map)) if map.values().all(Value::is_string) => Ok(Value::Object(map)),
            (Kind::Time, value @ Value::String(_)) if self.model.textual => Ok(value),
            (kind, value) => Err(wrong(&value, kind.word())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TABLE: &str = "\
# a comment
Thing
  name!:@Name count:i<1..10> ids:[Id]<1..2> colour:=RED|BLUE labels:{} free:* at:t text:s<2..3>
Id
  tag:s
";

    fn rules(shape: &str) -> Option<Rule> {
        (shape == "Name").then_some((|text| text.len() > 1, "longer than one"))
    }

    fn check(value: Value) -> Result<Value, (String, Fault)> {
        Model::parse(TABLE, rules).check("Thing", value, none).map_err(|it| (it.indexed(), it.kind))
    }

    #[test]
    fn a_fitting_input_passes_without_its_nulls() {
        let input = json!({ "name": "ab", "count": null, "ids": [{ "tag": "x" }, {}], "colour": "RED",
            "labels": { "a": "b" }, "free": [null], "at": 1.5, "text": "abc" });
        let mut kept = input.clone();
        kept.as_object_mut().expect("an object").remove("count");
        assert_eq!(check(input), Ok(kept));
    }

    #[test]
    fn the_path_says_where_and_the_fault_what() {
        for (input, path, fault) in [
            (json!({ "name": null }), "name", Fault::Missing),
            (json!({ "name": "a" }), "name", Fault::Constraint("longer than one".into())),
            (
                json!({ "name": "ab", "ids": [{}, { "tag": 7 }] }),
                "ids[1].tag",
                Fault::WrongType("NUMBER_VALUE", "a String"),
            ),
            (json!({ "name": "ab", "ids": [{ "tga": "x" }] }), "ids[0]", Fault::Unknown("tga".into(), vec!["tag"])),
            (json!({ "name": "ab", "count": 0 }), "count", at_least("value", 1)),
            (json!({ "name": "ab", "count": 1.5 }), "count", Fault::WrongType("DECIMAL_VALUE", "an Integer")),
            (json!({ "name": "ab", "ids": [] }), "ids", at_least("length", 1)),
            (json!({ "name": "ab", "text": "x" }), "text", at_least("length", 2)),
            (json!({ "name": "ab", "colour": "PINK" }), "colour", Fault::NotOneOf("PINK".into(), vec!["RED", "BLUE"])),
            (
                json!({ "name": "ab", "labels": { "a": 1 } }),
                "labels",
                Fault::WrongType("Start of structure or map", "a map of Strings"),
            ),
        ] {
            assert_eq!(check(input), Err((path.to_owned(), fault)));
        }
        let violation =
            Model::parse(TABLE, rules).check("Thing", json!({ "name": "ab", "ids": [{ "tag": true }] }), none);
        assert_eq!(violation.expect_err("a wrong type").dotted(), "ids.1.tag");
    }

    fn at_least(what: &str, limit: i64) -> Fault {
        Fault::Constraint(format!("Member must have {what} greater than or equal to {limit}"))
    }

    #[test]
    fn what_is_to_be_kept_is_kept_as_it_is() {
        let model = Model::parse(TABLE, rules);
        let keep: Keep = |name, known| name == "future" && known.contains(&"name");
        let input = json!({ "name": "ab", "future": { "deep": [1, null] } });
        assert_eq!(model.check("Thing", input.clone(), keep), Ok(input));
        assert!(model.check("Thing", json!({ "name": "ab", "ids": [{ "future": 1 }] }), keep).is_err());
    }
}
