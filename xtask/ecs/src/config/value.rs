//! One value under the cursor, read as what it should be. `None` means that the fault has been reported.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::suggestion;
use super::duration;
use super::origin::Origin;
use super::reading::Reading;
use crate::failure::Place;
use crate::gather::Gather;

/// What AWS can count to.
pub(crate) const MOST_COUNTED: u32 = i32::MAX.unsigned_abs();

/// A value and the key it was found under.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) path: String,
    key: Range<usize>,
    inner: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    /// `path` is its name below `[workspace.metadata.xtask]`, dotted; `key` is where its key is written.
    pub(super) fn new(
        reading: &'a Reading<'a>,
        path: String,
        key: Range<usize>,
        inner: &'a Spanned<DeValue<'a>>,
    ) -> Self {
        Self { reading, path, key, inner }
    }

    pub(super) fn get(&self) -> &'a DeValue<'a> {
        self.inner.get_ref()
    }

    /// Where it is written.
    pub(super) fn origin(&self) -> Origin {
        match self.looked_up() {
            Some(written) => Origin::Lookup { written, at: self.place() },
            None => Origin::File(self.place()),
        }
    }

    pub(super) fn place(&self) -> Place {
        self.reading.source.place(self.key.start)
    }

    /// The lookups that it is made of. What they stand for is taken for what a key wants, where it can be: parameters
    /// and variables have no types.
    fn looked_up(&self) -> Option<String> {
        self.reading.looked_up(&self.inner.span())
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl AsRef<str>) {
        if self.reading.stands_in(&self.inner.span()) {
            return;
        }
        let mut fault = self.reading.source.fault(self.inner.span(), message, hint);
        fault.help.extend(self.looked_up().map(|written| format!("that is what {written} stands for")));
        self.reading.report(fault);
    }

    pub(super) fn error_at_key(&self, message: impl Into<String>, hint: impl AsRef<str>) {
        self.reading.report(self.reading.source.fault(self.key.clone(), message, hint));
    }

    /// Reports that it is not `expected`, such as `a string`.
    pub(super) fn wrong_type<T>(&self, expected: &str, hint: &str) -> Option<T> {
        let found = describe(self.get());
        self.error(format!("`{}` is {found}, and should be {expected}", self.path), hint);
        None
    }

    /// Any string, an empty one too.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self.get() {
            DeValue::String(text) => Some(text),
            DeValue::Boolean(value) if self.looked_up().is_some() => Some(if *value { "true" } else { "false" }),
            DeValue::Array(_) | DeValue::Table(_) => self.wrong_type("a string", ""),
            _ => self.wrong_type("a string", "write it in quotes"),
        }
    }

    pub(super) fn string(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.error(format!("`{}` is empty", self.path), "");
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.get() {
            DeValue::Boolean(value) => Some(*value),
            DeValue::String(text) if self.looked_up().is_some() && ["true", "false"].contains(&text.as_ref()) => {
                Some(text == "true")
            }
            _ => self.wrong_type("true or false", ""),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(&self) -> Option<u32> {
        let number = match self.get() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::String(text) if self.looked_up().is_some() => text.parse().ok(),
            DeValue::String(_) => return self.wrong_type("a whole number", "write it without quotes"),
            _ => return self.wrong_type("a whole number", ""),
        };
        let count = number.filter(|count| *count <= MOST_COUNTED);
        if count.is_none() {
            self.error(format!("`{}` should be a whole number from 0 to {MOST_COUNTED}", self.path), "");
        }
        count
    }

    /// A string that a type's grammar takes; the type's error is the message.
    pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Option<T> {
        self.check(|text| text.parse::<T>().map_err(|error| error.to_string()))
    }

    /// A string that `check` takes, its error being the rule that the string breaks.
    pub(super) fn check<T, E: std::fmt::Display>(&self, check: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text()?;
        check(text).map_err(|rule| self.invalid(text, rule.to_string())).ok()
    }

    fn invalid(&self, text: &str, rule: String) {
        if text.is_empty() {
            self.error(format!("`{}` is empty", self.path), rule);
        } else {
            self.error(format!("`{}` is not a valid `{}`", text.escape_debug(), self.last_key()), rule);
        }
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let hint = suggestion(text, words.iter().map(|(word, _)| *word), "the choices");
            self.error(format!("`{}` is not a valid `{}`", text.escape_debug(), self.last_key()), hint);
        }
        found.map(|(_, value)| *value)
    }

    /// The name of a `kind` that there is.
    pub(super) fn known(&self, kind: &str, known: &[String]) -> Option<String> {
        let name = self.text()?;
        if !known.iter().any(|known| known == name) {
            let hint = suggestion(name, known.iter().map(String::as_str), &format!("{kind}s"));
            self.error(format!("there is no {kind} `{}`", name.escape_debug()), hint);
            return None;
        }
        Some(name.to_owned())
    }

    /// `"15m"`, `"90s"`, `"1h30m"`; longer than zero.
    pub(super) fn duration(&self) -> Option<Duration> {
        match self.get() {
            DeValue::Integer(number) => {
                let hint = format!("write the unit: \"{number}s\" for seconds, \"{number}m\" for minutes");
                self.wrong_type("a duration", &hint)
            }
            DeValue::String(_) => self.check(duration::parse),
            _ => self.wrong_type("a duration", "such as \"15m\", \"90s\" or \"1h30m\""),
        }
    }

    /// A table that exists only through its children's headers or dotted keys has its key's span.
    pub(super) fn table_span(&self) -> Range<usize> {
        if self.inner.span().is_empty() { self.key.clone() } else { self.inner.span() }
    }

    /// The elements of an array.
    pub(super) fn items(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.get() else {
            let hint = match self.get() {
                DeValue::String(text) => format!("write `[\"{}\"]`", text.escape_debug()),
                _ => String::new(),
            };
            return self.wrong_type("an array", &hint);
        };
        let item = |(index, inner): (usize, &'a Spanned<DeValue<'a>>)| {
            Value::new(self.reading, format!("{}[{index}]", self.path), inner.span(), inner)
        };
        Some(items.iter().enumerate().map(item).gather())
    }

    /// An array whose elements `read` understands; faults in several elements are all reported.
    pub(super) fn list<T>(&self, read: impl Fn(&Value<'a>) -> Option<T>) -> Option<Vec<T>> {
        let read: Vec<Option<T>> = self.items()?.iter().map(read).gather();
        read.into_iter().collect()
    }

    pub(super) fn strings(&self) -> Option<Vec<String>> {
        self.list(|item| item.text().map(str::to_owned))
    }

    fn last_key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
