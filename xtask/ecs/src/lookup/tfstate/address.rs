//! Addresses as Terraform writes them. Source: Terraform language, "References to named values"; CLI, "Resource addressing".

use std::fmt;

use super::{Missing, missing};

/// What an address names, and the way on from there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Output { name: String, path: Vec<Step> },
    Resource { place: Place, key: Option<Key>, path: Vec<Step> },
}

/// `module.a["k"].data.TYPE.NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub module: Vec<(String, Option<Key>)>,
    pub is_data: bool,
    pub kind: String,
    pub name: String,
}

/// An index, from `count` or from `for_each`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Number(i64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name`
    Name(String),
    /// `[0]`, `["a"]`
    Index(Key),
    /// `[*]`
    Each,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "[{number}]"),
            Self::Text(text) => write!(f, "[\"{}\"]", text.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, ".{name}"),
            Self::Index(key) => key.fmt(f),
            Self::Each => f.write_str("[*]"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, key) in &self.module {
            write!(f, "module.{name}")?;
            key.iter().try_for_each(|key| key.fmt(f))?;
            f.write_str(".")?;
        }
        let data = if self.is_data { "data." } else { "" };
        write!(f, "{data}{}.{}", self.kind, self.name)
    }
}

const FORMS: &str = "an address is `TYPE.NAME.ATTRIBUTE`, `data.TYPE.NAME.ATTRIBUTE` or `output.NAME`, with `module.NAME.` \
                     before it and `[0]` or `[\"key\"]` where there are several";
const HANDED_ON: &str = "a state keeps the outputs of its root module alone: hand it on with an `output` there";

pub(super) fn parse(address: &str) -> Result<Address, Missing> {
    let Some(steps) = steps(address) else {
        return missing(format!("`{address}` is no address in a Terraform state"), FORMS);
    };
    let (module, rest) = in_module(&steps);
    let names = |at: usize| match rest.get(at) {
        Some(Step::Name(name)) => Some(name.as_str()),
        _ => None,
    };
    let (is_data, rest) = match names(0) {
        Some("data") => (true, &rest[1..]),
        Some("output") if !module.is_empty() => {
            return missing(format!("`{address}` is an output of a module"), HANDED_ON);
        }
        Some("output") if names(1).is_some() => {
            let name = names(1).unwrap_or_default().to_owned();
            return Ok(Address::Output { name, path: rest[2..].to_vec() });
        }
        _ => (false, rest),
    };
    match rest {
        [Step::Name(kind), Step::Name(name), path @ ..] => {
            let place = Place { module, is_data, kind: kind.clone(), name: name.clone() };
            let (key, path) = match path {
                [Step::Index(key), path @ ..] => (Some(key.clone()), path.to_vec()),
                path => (None, path.to_vec()),
            };
            Ok(Address::Resource { place, key, path })
        }
        [Step::Name(_), ..] if !module.is_empty() && !is_data => {
            missing(format!("`{address}` names no resource; an output of a module is not in the state"), HANDED_ON)
        }
        _ => missing(format!("`{address}` is no address in a Terraform state"), FORMS),
    }
}

/// A module's own address, empty for the root.
pub(super) fn module(text: &str) -> Option<Vec<(String, Option<Key>)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let steps = steps(text)?;
    let (module, rest) = in_module(&steps);
    rest.is_empty().then_some(module)
}

fn in_module(mut steps: &[Step]) -> (Vec<(String, Option<Key>)>, &[Step]) {
    let mut module = Vec::new();
    while let [Step::Name(word), Step::Name(name), rest @ ..] = steps
        && word == "module"
    {
        let (key, rest) = match rest {
            [Step::Index(key), rest @ ..] => (Some(key.clone()), rest),
            rest => (None, rest),
        };
        module.push((name.clone(), key));
        steps = rest;
    }
    (module, steps)
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = index(inside)?;
            steps.push(step);
            rest = after;
            continue;
        }
        let name = if steps.is_empty() { rest } else { rest.strip_prefix('.')? };
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(name.len());
        if end == 0 {
            return None;
        }
        steps.push(Step::Name(name[..end].to_owned()));
        rest = &name[end..];
    }
    (!steps.is_empty()).then_some(steps)
}

/// What stands in brackets, and what comes after them.
fn index(inside: &str) -> Option<(Step, &str)> {
    if let Some(after) = inside.strip_prefix("*]") {
        return Some((Step::Each, after));
    }
    let Some(quoted) = inside.strip_prefix('"') else {
        let (number, after) = inside.split_once(']')?;
        return Some((Step::Index(Key::Number(number.parse().ok()?)), after));
    };
    let mut text = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => text.push(letters.next()?.1),
            '"' => return Some((Step::Index(Key::Text(text)), quoted[at + 1..].strip_prefix(']')?)),
            letter => text.push(letter),
        }
    }
    None
}
