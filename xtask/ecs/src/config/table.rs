//! A cursor over TOML with spans: each read notes where the value is from, each fault is collected and reading
//! goes on, and [`Table::finish`] reports the keys that nobody asked for.
//!
//! A table's reader is a function that takes its keys one by one, with a default where there is one:
//!
//! ```ignore
//! let scan = Scan { timeout: table.or("timeout", Value::duration, TEN_MINUTES), … };
//! table.finish();
//! ```
//!
//! `None` from a reading function means that the fault has been reported; the caller gives up this value only.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Source, nearest, suggestion};
use super::duration;
use super::origin::{Effective, Origin, Setting};
use super::workspace::Workspace;

/// What one run of [`super::load`] reads from and what it has found so far.
pub(super) struct Context<'a> {
    pub(super) source: Source<'a>,
    pub(super) workspace: &'a Workspace,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) diagnostics: RefCell<Vec<Diagnostic>>,
    pub(super) settings: RefCell<Vec<Setting>>,
}

impl Context<'_> {
    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// An environment variable; one that is empty counts as unset.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.trim().is_empty())
    }
}

/// A TOML table whose keys are being read.
pub(super) struct Table<'a> {
    pub(super) context: &'a Context<'a>,
    /// Its name below `[workspace.metadata.xtask]`, dotted; empty for that table itself.
    path: String,
    /// Where to point when a key is missing: the header, or the whole inline table.
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
    /// Keys that must be there and are not, each with its hint.
    missing: Vec<(&'static str, String)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(context: &'a Context<'a>, path: String, span: Range<usize>, entries: &'a DeTable<'a>) -> Self {
        Self { context, path, span, entries, known: Vec::new(), missing: Vec::new() }
    }

    /// The value of a key, which is known from now on.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        let (name, value) = self.entries.get_key_value(key)?;
        Some(Value { context: self.context, path: join(&self.path, key), key: name.span(), value })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A key that may be left out.
    pub(super) fn optional<T: Effective>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let read = read(&value)?;
        self.note(key, &read, value.origin());
        Some(read)
    }

    /// A key that stands for `default` where it is left out.
    pub(super) fn or<T: Effective>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
        default: T,
    ) -> T {
        if self.has(key) {
            return self.optional(key, read).unwrap_or(default);
        }
        self.known.push(key);
        self.note(key, &default, Origin::Default);
        default
    }

    /// A key that must be there; `example` is a line that would do.
    pub(super) fn required<T: Effective>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.known.push(key);
            self.missing(key, example);
            return None;
        }
        self.optional(key, read)
    }

    /// A key of an array's element, which must be there; its array is noted as a whole.
    pub(super) fn need<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key);
        if value.is_none() {
            self.error(format!("`{key}` is missing here"), hint);
        }
        read(&value?)
    }

    pub(super) fn missing(&mut self, key: &'static str, example: &str) {
        self.missing.push((key, format!("add `{example}`")));
    }

    /// A table nobody wrote, whose keys all have their defaults.
    pub(super) fn empty(&self, key: &str) -> Table<'a> {
        static NOTHING: LazyLock<DeTable<'static>> = LazyLock::new(DeTable::new);
        Table::new(self.context, join(&self.path, key), self.span.clone(), &NOTHING)
    }

    /// The names under a key, whether what they name is valid or not.
    pub(super) fn names(&self, key: &str) -> Vec<String> {
        let table = self.entries.get(key).and_then(|value| value.get_ref().as_table());
        table.into_iter().flat_map(|table| table.keys()).map(|name| name.get_ref().to_string()).collect()
    }

    pub(super) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get(key).map(Spanned::span)
    }

    /// The tables under a key, by name, in the order written: `images.NAME`.
    pub(super) fn children(&mut self, key: &'static str) -> Vec<(String, Table<'a>)> {
        let Some(table) = self.take(key).and_then(|value| value.table()) else { return Vec::new() };
        let children = table.values().into_iter().filter_map(|(name, value)| {
            let child = value.table()?;
            if is_plain_name(&name) {
                return Some((name, child));
            }
            let hint = "use letters, digits, `-` and `_`, and begin with a letter or a digit";
            value.error_at_key(format!("`{}` cannot be a name here", name.escape_debug()), hint);
            None
        });
        children.collect()
    }

    /// Every key with its value, in the order written.
    pub(super) fn values(&self) -> Vec<(String, Value<'a>)> {
        let mut values: Vec<_> = self.entries.iter().collect();
        values.sort_by_key(|(name, _)| name.span().start);
        let value = |(name, value): (&'a Spanned<_>, _)| {
            let name_text = String::from(AsRef::<std::borrow::Cow<'a, str>>::as_ref(name).as_ref());
            let path = join(&self.path, &name_text);
            (name_text, Value { context: self.context, path, key: name.span(), value })
        };
        values.into_iter().map(value).collect()
    }

    /// Notes the effective value of a key for `cargo xtask config`.
    pub(super) fn note(&self, key: &str, value: &impl Effective, origin: Origin) {
        let value = value.effective(&self.context.workspace.root);
        let setting = Setting { table: self.path.clone(), key: key.to_owned(), value, origin };
        self.context.settings.borrow_mut().push(setting);
    }

    /// What an error calls this table.
    pub(super) fn name(&self) -> String {
        match self.path.as_str() {
            "" => "`[workspace.metadata.xtask]`".to_owned(),
            path => format!("`{path}`"),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.context.report(self.context.source.diagnostic(self.span.clone(), message, hint));
    }

    /// Reports keys that belong to another form of this table, `why` saying which.
    pub(super) fn refuse(&mut self, keys: &[&'static str], why: &str) {
        for key in keys {
            if !self.known.contains(key)
                && let Some(value) = self.take(key)
            {
                value.error_at_key(format!("`{key}` {why}"), "");
            }
        }
    }

    /// Reports every key that was not asked for, and every key that is missing unless it is there misspelt.
    pub(super) fn finish(self) {
        let mut misspelt = Vec::new();
        for (name, value) in self.values() {
            if !self.known.contains(&name.as_str()) {
                misspelt.extend(nearest(&name, self.known.iter().copied()));
                let hint = suggestion(&name, self.known.iter().copied(), "known keys");
                value.error_at_key(format!("unknown key `{}`", name.escape_debug()), hint);
            }
        }
        for (key, hint) in &self.missing {
            if !misspelt.contains(key) {
                self.error(format!("{} has no `{key}`", self.name()), hint.as_str());
            }
        }
    }
}

/// A value and the key it was found under.
pub(super) struct Value<'a> {
    pub(super) context: &'a Context<'a>,
    path: String,
    key: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    pub(super) fn get(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// Where it is written.
    pub(super) fn origin(&self) -> Origin {
        Origin::File(self.context.source.place(self.key.start))
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.context.report(self.context.source.diagnostic(self.value.span(), message, hint));
    }

    pub(super) fn error_at_key(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.context.report(self.context.source.diagnostic(self.key.clone(), message, hint));
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
            _ => self.wrong_type("a string", ""),
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
            _ => self.wrong_type("true or false", ""),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(&self) -> Option<u32> {
        match self.get() {
            DeValue::Integer(number) => match u32::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Some(number),
                Err(_) => {
                    self.error(format!("`{}` is a whole number from 0 to {}", self.path, u32::MAX), "");
                    None
                }
            },
            _ => self.wrong_type("a whole number", ""),
        }
    }

    /// A string that a type's grammar takes; the type's error is the message.
    pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Option<T> {
        self.check(|text| text.parse::<T>().map_err(|error| error.to_string()))
    }

    /// A string that `check` takes, its error being the rule that the string breaks.
    pub(super) fn check<T, E: std::fmt::Display>(&self, check: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text()?;
        match check(text) {
            Ok(value) => Some(value),
            Err(rule) => {
                self.error(format!("`{}` is not a valid `{}`", text.escape_debug(), self.last_key()), rule.to_string());
                None
            }
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

    pub(super) fn table(&self) -> Option<Table<'a>> {
        match self.get() {
            DeValue::Table(entries) => Some(Table::new(self.context, self.path.clone(), self.table_span(), entries)),
            _ => self.wrong_type("a table", ""),
        }
    }

    /// A table that exists only through its children's headers or dotted keys has its key's span.
    fn table_span(&self) -> Range<usize> {
        if self.value.span().is_empty() { self.key.clone() } else { self.value.span() }
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
        let item = |(index, value): (usize, &'a Spanned<DeValue<'a>>)| Value {
            context: self.context,
            path: format!("{}[{index}]", self.path),
            key: value.span(),
            value,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// An array whose elements `read` understands; faults in several elements are all reported.
    pub(super) fn list<T>(&self, read: impl Fn(&Value<'a>) -> Option<T>) -> Option<Vec<T>> {
        let read: Vec<Option<T>> = self.items()?.iter().map(read).collect();
        read.into_iter().collect()
    }

    pub(super) fn strings(&self) -> Option<Vec<String>> {
        self.list(|item| item.text().map(str::to_owned))
    }

    /// A table whose values `read` understands, by key; `read` is given key and value.
    pub(super) fn map<T>(&self, read: impl Fn(&str, &Value<'a>) -> Option<T>) -> Option<BTreeMap<String, T>> {
        let values = self.table()?.values();
        let read: Vec<Option<_>> = values.into_iter().map(|(key, value)| Some((read(&key, &value)?, key))).collect();
        read.into_iter().map(|pair| pair.map(|(value, key)| (key, value))).collect()
    }

    pub(super) fn string_map(&self) -> Option<BTreeMap<String, String>> {
        self.map(|_, value| value.text().map(str::to_owned))
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
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Names become file names, bake targets and columns of output.
fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && name.len() <= 100
}

/// `TABLE.KEY`, the key quoted where TOML wants that.
fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let key = if bare { key.to_owned() } else { format!("\"{}\"", key.escape_debug()) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
