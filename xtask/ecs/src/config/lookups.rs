//! Lookups in the configuration: found before anything is read, and what they stand for put in their place, so that every
//! reader stays as it is and every fault points at the line that somebody wrote.
//!
//! `env`, `environment`, `account` and `region` are answered here. The others ask somebody, and only for the environment
//! that was chosen: elsewhere, and where nobody is to be asked, a name made of their own stands in for them.

use std::ops::Range;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::keys::{Keys, optional};
use super::model::{Config, Lookups, State};
use super::origin::Effective;
use super::path::normalise;
use super::reading::Reading;
use super::table::Table;
use super::value::Value;
use crate::failure::{Ending, Failure, Fault, Result};
use crate::gather::Gather;
use crate::lookup::{self, Flaw, Lookup, Template, offset};
use crate::sorted::{SortedMap, SortedSet};

pub(super) const LOOKUPS: Keys = Keys {
    table: "lookups",
    note: "Where lookups are answered; docs/CONFIGURATION.md says what they are.",
    list: &[optional(
        "tfstate",
        "a file, `s3://BUCKET/KEY` or `https://…`",
        "the Terraform state that `${tfstate:…}` looks into",
    )],
};

/// What lookups stand for, each; an error says what kept it from its value.
pub(crate) type Answers = SortedMap<Lookup, Result<Json>>;
/// Asks for all of them; fails where nobody can be asked at all.
pub(crate) type LookUp<'a> = &'a dyn Fn(&Config, &SortedSet<Lookup>) -> Result<Answers>;

/// What must be known before anybody is asked, and to commands that ask nobody; first what the others are made of.
const FIRST: [&str; 7] = ["account", "region", "registry", "role", "lookups", "slack", "workflows"];
/// Read where the environments are declared, and not as values.
const NOT_HERE: [&str; 2] = ["environments", "default-environment"];

/// A text of the configuration that held lookups.
pub(super) struct Looked {
    at: Range<usize>,
    /// As they are written.
    written: String,
    /// Whether the values are in their place, or names that stand in for them.
    is_known: bool,
}

/// A lookup's failure, at its place.
pub(crate) fn told(failure: &Failure, at: &Fault) -> Fault {
    let inner = failure.faults.iter().flat_map(|fault| &fault.help);
    let help = failure.help.iter().chain(inner).cloned().gather();
    Fault { message: failure.message().to_owned(), said: failure.said.clone(), help, ..at.clone() }
}

impl Reading<'_> {
    /// What a lookup has failed with; the configuration itself may have nothing wrong in it.
    fn failed(&self, ending: Ending, fault: Fault) {
        if ending == Ending::Usage {
            self.report(fault);
        } else {
            self.unanswered.borrow_mut().push(fault);
        }
    }

    /// The lookups that a value is made of, as they are written.
    pub(super) fn looked_up(&self, span: &Range<usize>) -> Option<String> {
        let looked = self.looked.borrow();
        let inside = looked.iter().filter(|looked| lies_in(&looked.at, span));
        let written: Vec<_> = inside.map(|looked| looked.written.as_str()).gather();
        (!written.is_empty()).then(|| written.join(", "))
    }

    /// Whether a value is made of names that stand in for values, and so is nothing to judge.
    pub(super) fn stands_in(&self, span: &Range<usize>) -> bool {
        self.looked.borrow().iter().any(|looked| !looked.is_known && lies_in(&looked.at, span))
    }
}

fn lies_in(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Fills in the configuration of one environment. `ask` is asked once, for all that cannot be answered here, and gives
/// `None` where names are to stand in.
pub(super) fn fill<'a>(
    entries: &mut DeTable<'a>,
    reading: &Reading<'_>,
    environment: Option<&str>,
    ask: impl FnOnce(&DeTable<'a>, &SortedSet<Lookup>) -> Result<Option<Answers>>,
) -> Result<()> {
    let mut facts = Facts { reading, environment, account: None, region: None };
    for key in FIRST {
        if let Some(value) = entry(entries, key) {
            walk(value, &mut |text| {
                facts.apply(text, &|lookup| Some(facts.known(lookup).unwrap_or_else(|| too_late(key))));
            });
        }
        let variable = |names: &[&str]| names.iter().find_map(|name| reading.variable(name));
        match key {
            "account" => facts.account = text(entries, key).or_else(|| variable(&["AWS_ACCOUNT_ID"])),
            "region" => facts.region = text(entries, key).or_else(|| variable(&["AWS_REGION", "AWS_DEFAULT_REGION"])),
            _ => {}
        }
    }
    let mut wanted = SortedSet::new();
    let is_later = |key: &str| !FIRST.contains(&key) && !NOT_HERE.contains(&key);
    for (key, value) in entries.iter_mut() {
        if is_later(key.get_ref()) {
            walk(value, &mut |text| wanted.extend(lookups(text).into_iter().filter(|it| facts.known(it).is_none())));
        }
    }
    let answers = if wanted.is_empty() { Some(SortedMap::new()) } else { ask(entries, &wanted)? };
    let answer = |lookup: &Lookup| match (facts.known(lookup), &answers) {
        (Some(known), _) => Some(known),
        (None, Some(answers)) => answers.get(lookup).cloned(),
        (None, None) => None,
    };
    for (key, value) in entries.iter_mut() {
        if is_later(key.get_ref()) {
            walk(value, &mut |text| facts.apply(text, &answer));
        }
    }
    Ok(())
}

/// What is known without asking anybody.
struct Facts<'r> {
    reading: &'r Reading<'r>,
    environment: Option<&'r str>,
    account: Option<String>,
    region: Option<String>,
}

impl Facts<'_> {
    /// `None` for what somebody must be asked.
    fn known(&self, lookup: &Lookup) -> Option<Result<Json>> {
        let fact = |value: Option<&str>, help: &str| {
            value.map(Json::from).ok_or_else(|| Failure::usage(format_args!("{lookup} is not known")).help(help))
        };
        match lookup.source.as_str() {
            "account" => Some(fact(self.account.as_deref(), "write `account`, from nothing but `env`")),
            "region" => Some(fact(self.region.as_deref(), "write `region`, from nothing but `env`")),
            "environment" => {
                Some(fact(self.environment, "there are no environments: declare one under `environments`"))
            }
            "env" => Some(lookup::variable(&lookup.name, |name| self.reading.variable(name))),
            _ => None,
        }
    }

    /// Puts the values in the place of the lookups of one text. Without an answer, a name stands in.
    fn apply(&self, value: &mut Spanned<DeValue<'_>>, answer: &dyn Fn(&Lookup) -> Option<Result<Json>>) {
        let span = value.span();
        let DeValue::String(text) = value.get_ref() else { return };
        let fault = |at: &Range<usize>, message: &str, help: &str| {
            let written = &self.reading.source.text[span.clone()];
            let at = span.start + offset(written, at.start)..span.start + offset(written, at.end);
            self.reading.source.fault(at, message, help)
        };
        let template = match lookup::parse(text) {
            Ok(Some(template)) => template,
            Ok(None) => return,
            Err(flaw) => {
                self.reading.report(fault(&flaw.at, &flaw.message, &flaw.help));
                let looked = Looked { at: span.clone(), written: text.to_string(), is_known: false };
                return self.reading.looked.borrow_mut().push(looked);
            }
        };
        let (mut values, mut is_known) = (SortedMap::new(), true);
        for (at, lookup) in template.lookups() {
            let value = answer(lookup).and_then(|answer| {
                let wrong = answer.map_err(|wrong| (wrong.ending, told(&wrong, &fault(at, "", ""))));
                wrong.map_err(|(ending, fault)| self.reading.failed(ending, fault)).ok()
            });
            is_known &= value.is_some();
            values.insert(lookup, value.unwrap_or_else(|| stand_in(lookup)));
        }
        let filled = template.fill(|lookup| values.get(lookup)).and_then(|filled| {
            let message = "it holds null, which TOML has not".to_owned();
            toml(&filled, &span).ok_or_else(|| Flaw { at: 0..text.len(), message, help: String::new() })
        });
        let written: Vec<_> = template.lookups().map(|(_, lookup)| lookup.to_string()).gather();
        match filled {
            Ok(filled) => *value.get_mut() = filled,
            Err(flaw) => {
                is_known = false;
                self.reading.report(fault(&flaw.at, &flaw.message, &flaw.help));
            }
        }
        if !written.is_empty() {
            self.reading.looked.borrow_mut().push(Looked { at: span, written: written.join(", "), is_known });
        }
    }
}

fn too_late(key: &str) -> Result<Json> {
    let message = format!("`{key}` must be known before anybody is asked");
    Err(Failure::usage(message).help("only `env`, `environment`, `account` and `region` can be looked up there"))
}

/// A name that most values can have: `cfn-network-cluster`.
pub(crate) fn stand_in(lookup: &Lookup) -> Json {
    let name = lookup.to_string().to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    Json::from(words.gather::<Vec<_>>().join("-"))
}

fn entry<'t, 'a>(entries: &'t mut DeTable<'a>, key: &str) -> Option<&'t mut Spanned<DeValue<'a>>> {
    entries.iter_mut().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn text(entries: &mut DeTable<'_>, key: &str) -> Option<String> {
    entry(entries, key)?.get_ref().as_str().map(str::to_owned)
}

/// Every text in a value.
fn walk<'a>(value: &mut Spanned<DeValue<'a>>, visit: &mut dyn FnMut(&mut Spanned<DeValue<'a>>)) {
    match value.get_mut() {
        DeValue::String(_) => visit(value),
        DeValue::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
        DeValue::Table(entries) => entries.iter_mut().for_each(|(_, value)| walk(value, visit)),
        _ => {}
    }
}

fn lookups(text: &Spanned<DeValue<'_>>) -> Vec<Lookup> {
    let template = text.get_ref().as_str().and_then(|text| lookup::parse(text).ok().flatten());
    template.iter().flat_map(Template::lookups).map(|(_, lookup)| lookup.clone()).gather()
}

/// The value as TOML has it, all of it at this place; `None` where it holds null.
fn toml<'a>(value: &Json, span: &Range<usize>) -> Option<DeValue<'a>> {
    let at = |value: &Json| Some(Spanned::new(span.clone(), toml(value, span)?));
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => DeValue::Boolean(*value),
        Json::String(text) => DeValue::String(text.clone().into()),
        // Whoever wants a number takes it from a lookup as a text, too; only a parser makes a number of TOML's.
        Json::Number(number) => DeValue::String(number.to_string().into()),
        Json::Array(items) => {
            let mut array = DeArray::new();
            for item in items {
                array.push(at(item)?);
            }
            DeValue::Array(array)
        }
        Json::Object(members) => {
            let name = |name: &String| Spanned::new(span.clone(), name.clone().into());
            let members = members.iter().map(|(member, value)| Some((name(member), at(value)?)));
            DeValue::Table(members.collect::<Option<DeTable<'a>>>()?)
        }
    })
}

/// `[workspace.metadata.xtask.lookups]`.
pub(super) fn read(table: &mut Table<'_>) -> Lookups {
    let Some(mut table) = table.take("lookups").and_then(|value| value.table(&[&LOOKUPS])) else {
        return Lookups::default();
    };
    let tfstate = table.optional("tfstate", state);
    table.finish();
    Lookups { tfstate }
}

fn state(value: &Value<'_>) -> Option<State> {
    let text = value.string()?;
    match text.split_once("://") {
        None => Some(State::File(normalise(&value.reading.workspace.root.join(text)))),
        Some(("s3", rest)) => match rest.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                Some(State::Object { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            _ => {
                value.error("this names no object in S3", "write `s3://BUCKET/KEY`");
                None
            }
        },
        Some(("http" | "https", _)) => Some(State::Address(text)),
        Some((other, _)) => {
            let message = format!("a state cannot be read by way of `{other}://`");
            value.error(message, "name a file, `s3://BUCKET/KEY` or `https://…`");
            None
        }
    }
}

impl Effective for State {
    fn effective(&self, root: &std::path::Path) -> Json {
        match self {
            Self::File(file) => file.effective(root),
            Self::Object { bucket, key } => Json::from(format!("s3://{bucket}/{key}")),
            Self::Address(address) => Json::from(address.as_str()),
        }
    }
}
