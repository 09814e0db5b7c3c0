//! Lookups: `${source:name}` in a text, found, and filled in with what somebody else has looked up. Nothing here asks
//! anybody anything.

mod grammar;
pub(crate) mod tfstate;

use std::fmt;
use std::ops::Range;

use serde_json::Value;

use crate::failure::{Failure, Result};

pub(crate) use grammar::{parse, unknown_source};

/// The sources that are built in, and the facts that stand without a name.
pub(crate) const SOURCES: [&str; 5] = ["cfn", "env", "git", "ssm", "tfstate"];
pub(crate) const FACTS: [&str; 3] = ["account", "environment", "region"];

/// What is looked up, and where. Equal ones are asked for once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lookup {
    /// One of [`SOURCES`], one of [`FACTS`] with an empty name, or a repository's own.
    pub source: String,
    /// As the source knows it: an address, a parameter, a variable.
    pub name: String,
}

/// As it is written.
impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "${{{}}}", self.source),
            name => write!(f, "${{{}:{name}}}", self.source),
        }
    }
}

/// Why a text with lookups cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The bytes of the text that it is about.
    pub at: Range<usize>,
    pub message: String,
    pub help: String,
}

/// A text taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Lookup { at: Range<usize>, lookup: Lookup },
}

impl Template {
    /// The lookups, each with the bytes of the text that it takes.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = (&Range<usize>, &Lookup)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Lookup { at, lookup } => Some((at, lookup)),
        })
    }

    /// The value of the text: what a lookup stands for where it is the whole of it, else a text. `values` knows every
    /// lookup of the text.
    pub(crate) fn fill<'v>(&self, values: impl Fn(&Lookup) -> Option<&'v Value>) -> std::result::Result<Value, Flaw> {
        let whole = self.parts.len() == 1;
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Lookup { at, lookup } => match values(lookup) {
                    None | Some(Value::Null) => return Err(flaw(at, format!("{lookup} is null"), NULL)),
                    Some(value) if whole => return Ok(value.clone()),
                    Some(Value::String(value)) => text.push_str(value),
                    Some(Value::Bool(value)) => text.push_str(&value.to_string()),
                    Some(Value::Number(value)) => text.push_str(&value.to_string()),
                    Some(Value::Array(_)) => {
                        return Err(flaw(at, format!("{lookup} is a list inside of a text"), LIST));
                    }
                    Some(Value::Object(_)) => {
                        return Err(flaw(at, format!("{lookup} is an object inside of a text"), OBJECT));
                    }
                },
            }
        }
        Ok(Value::String(text))
    }
}

const NULL: &str = "nothing is written where it is looked up; look up something that has a value";
const LIST: &str = "let the lookup be the whole value, or name one element of it: `…[0]`";
const OBJECT: &str = "let the lookup be the whole value, or name one member of it: `….NAME`";

fn flaw(at: &Range<usize>, message: String, help: &str) -> Flaw {
    Flaw { at: at.clone(), message, help: help.to_owned() }
}

/// What to do about a secret, which nobody resolves here.
pub(crate) const SECRET: &str =
    "a secret is never resolved into a value: have ECS read it, with `secrets` in the task definition";

/// An environment variable, `NAME` or `NAME:-DEFAULT`; one that is empty counts as unset, as `get` has it.
pub(crate) fn variable(name: &str, get: impl Fn(&str) -> Option<String>) -> Result<Value> {
    let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
    let value = get(name).or_else(|| default.map(str::to_owned)).map(Value::from);
    value.ok_or_else(|| {
        Failure::usage(format_args!("the environment variable {name} is not set"))
            .help(format!("set it, or write `${{env:{name}:-DEFAULT}}`"))
    })
}

/// Where a byte of a text stands in the literal that it was read from, in TOML or in JSON, quotes and all.
pub(crate) fn offset(literal: &str, at: usize) -> usize {
    let quote = literal.chars().next().filter(|quote| ['"', '\''].contains(quote)).unwrap_or('"');
    let is_long = literal.len() >= 6 && literal.chars().take(3).all(|letter| letter == quote);
    let opening = if is_long { 3 } else { 1 };
    let mut rest = literal.get(opening..).unwrap_or_default();
    if is_long {
        rest = rest.trim_start_matches(['\r', '\n']);
    }
    let mut read = 0;
    while read < at && !rest.is_empty() {
        let escape = if quote == '"' { escape(rest) } else { None };
        let letter = rest.chars().next().map_or(1, char::len_utf8);
        let (length, stands_for) = escape.unwrap_or((letter, letter));
        rest = rest.get(length..).unwrap_or_default();
        read += stands_for;
    }
    literal.len() - rest.len()
}

/// How long an escape is, and what it stands for; `None` where there is none.
fn escape(text: &str) -> Option<(usize, usize)> {
    let kind = text.strip_prefix('\\')?.chars().next()?;
    let digits = match kind {
        'u' => 4,
        'U' => 8,
        'x' => 2,
        letter => return Some((1 + letter.len_utf8(), 1)),
    };
    let code = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, char::from_u32(code).map_or(3, char::len_utf8)))
}

#[cfg(test)]
mod tests;
