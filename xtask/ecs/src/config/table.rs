//! A cursor over TOML with spans: each read notes where the value is from, each fault is collected and reading
//! goes on, and [`Table::finish`] reports the keys that no list of its keys has.
//!
//! A table's reader is a function that takes its keys one by one, with a default where there is one:
//!
//! ```text
//! let scan = Scan { timeout: table.or("timeout", Value::duration, TEN_MINUTES), … };
//! table.finish();
//! ```
//!
//! `None` from a reading function means that the fault has been reported; the caller gives up this value only.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::suggestion;
use super::keys::Keys;
use super::origin::{Effective, Origin, Setting};
use super::reading::Reading;
use super::value::Value;
use crate::gather::Gather as _;
use crate::sorted::Arrange;
use crate::text::nearest;

/// A TOML table whose keys are being read.
pub(super) struct Table<'a> {
    pub(super) reading: &'a Reading<'a>,
    /// Everything that it may hold: what is not in these lists is refused, and the nearest name is one of theirs.
    documented: &'static [&'static Keys],
    /// Its name below `[workspace.metadata.xtask]`, dotted; empty for that table itself.
    path: String,
    /// Where to point when a key is missing: the header, or the whole inline table.
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    /// The keys that were asked for.
    read: Vec<&'static str>,
    /// Keys that must be there and are not, each with its hint.
    missing: Vec<(&'static str, String)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        reading: &'a Reading<'a>,
        documented: &'static [&'static Keys],
        path: String,
        span: Range<usize>,
        entries: &'a DeTable<'a>,
    ) -> Self {
        #[cfg(test)]
        for Keys { table, .. } in documented {
            let known = super::keys::TABLES.iter().any(|keys| keys.table == *table);
            assert!(known, "`{table}` is not among the tables of the reference");
        }
        Self { reading, documented, path, span, entries, read: Vec::new(), missing: Vec::new() }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.ask(key);
        let (name, value) = self.entries.get_key_value(key)?;
        Some(Value::new(self.reading, join(&self.path, key), name.span(), value))
    }

    fn ask(&mut self, key: &'static str) {
        let documented = self.documented.iter().any(|keys| keys.has(key));
        debug_assert!(documented, "`{key}` is read in {} and stands in no list of its keys", self.name());
        self.read.push(key);
    }

    /// The names that a key can have here, each once.
    fn known(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for name in self.documented.iter().flat_map(|keys| keys.names()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
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
        self.ask(key);
        self.note(key, &default, Origin::Default);
        default
    }

    /// A key that must be there; `example` is what could be written.
    pub(super) fn required<T: Effective>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.ask(key);
            self.missing(key, format!("add `{example}`"));
            return None;
        }
        self.optional(key, read)
    }

    /// A key that must be there, in a table that is noted as a whole.
    pub(super) fn need<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key);
        if value.is_none() {
            self.missing(key, hint);
        }
        read(&value?)
    }

    /// Has [`Table::finish`] report a key that must be there and is not.
    pub(super) fn missing(&mut self, key: &'static str, hint: impl Into<String>) {
        self.missing.push((key, hint.into()));
    }

    /// A table nobody wrote, whose keys all have their defaults.
    pub(super) fn empty(&self, key: &str, keys: &'static [&'static Keys]) -> Table<'a> {
        static NOTHING: LazyLock<DeTable<'static>> = LazyLock::new(DeTable::new);
        Table::new(self.reading, keys, join(&self.path, key), self.span.clone(), &NOTHING)
    }

    /// The names under a key, whether what they name is valid or not.
    pub(super) fn names(&self, key: &str) -> Vec<String> {
        let table = self.entries.get(key).and_then(|value| value.get_ref().as_table());
        table.into_iter().flat_map(|table| table.keys()).map(|name| name.get_ref().to_string()).gather()
    }

    /// The names under a key, each with what the table of that name has for a member, where that is a text.
    pub(super) fn texts(&self, key: &str, member: &str) -> BTreeMap<String, Option<String>> {
        let table = self.entries.get(key).and_then(|value| value.get_ref().as_table());
        let text = |value: &Spanned<DeValue<'a>>| {
            Some(value.get_ref().as_table()?.get(member)?.get_ref().as_str()?.to_owned())
        };
        table.into_iter().flatten().map(|(name, value)| (name.get_ref().to_string(), text(value))).gather()
    }

    pub(super) fn value_span(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get(key).map(Spanned::span)
    }

    /// The tables under a key, by name, in the order written: `images.NAME`.
    pub(super) fn children(&mut self, key: &'static str, keys: &'static [&'static Keys]) -> Vec<(String, Table<'a>)> {
        let Some(entries) = self.take(key).and_then(|value| value.entries()) else { return Vec::new() };
        let children = entries.into_iter().filter_map(|(name, value)| {
            let child = value.table(keys)?;
            if is_plain_name(&name) {
                return Some((name, child));
            }
            let hint = "use letters, digits, `-` and `_`, and begin with a letter or a digit";
            value.error_at_key(format!("`{}` cannot be a name here", name.escape_debug()), hint);
            None
        });
        children.gather()
    }

    /// Notes the effective value of a key for `cargo xtask config`.
    pub(super) fn note(&self, key: &str, value: &impl Effective, origin: Origin) {
        self.push(key, value.effective(&self.reading.workspace.root), origin);
    }

    fn push(&self, key: &str, value: serde_json::Value, origin: Origin) {
        let setting = Setting { table: self.path.clone(), key: key.to_owned(), value, origin };
        self.reading.settings.borrow_mut().push(setting);
    }

    /// What an error calls this table.
    pub(super) fn name(&self) -> String {
        match self.path.as_str() {
            "" => "`[workspace.metadata.xtask]`".to_owned(),
            path => format!("`{path}`"),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl AsRef<str>) {
        self.reading.report(self.reading.source.fault(self.span.clone(), message, hint));
    }

    /// The same of the value under a key, which is there.
    pub(super) fn error_at(&self, key: &str, message: impl Into<String>, hint: impl AsRef<str>) {
        let span = self.value_span(key).unwrap_or(self.span.clone());
        self.reading.report(self.reading.source.fault(span, message, hint));
    }

    /// Reports keys that belong to another form of this table, `why` saying which.
    pub(super) fn refuse(&mut self, keys: &[&'static str], why: &str) {
        for key in keys {
            if !self.read.contains(key)
                && let Some(value) = self.take(key)
            {
                value.error_at_key(format!("`{key}` {why}"), "");
            }
        }
    }

    /// Reports every key that no list has, and every key that is missing unless it is there misspelt.
    /// True if there was nothing to report.
    pub(super) fn finish(self) -> bool {
        let known = self.known();
        for key in &known {
            debug_assert!(self.read.contains(key), "`{key}` is documented and not read in {}", self.name());
        }
        let unknown: Vec<_> =
            values(self.reading, &self.path, self.entries).filter(|(name, _)| !known.contains(&name.as_str())).gather();
        for (name, value) in &unknown {
            let hint = suggestion(name, known.iter().copied(), "known keys");
            value.error_at_key(format!("unknown key `{}`", name.escape_debug()), hint);
        }
        let misspelt: Vec<_> = unknown.iter().filter_map(|(name, _)| nearest(name, known.iter().copied())).gather();
        for (key, hint) in &self.missing {
            if !misspelt.contains(key) {
                self.error(format!("{} has no `{key}`", self.name()), hint.as_str());
            }
        }
        unknown.is_empty() && self.missing.is_empty()
    }
}

impl<'a> Value<'a> {
    /// A table with these keys.
    pub(super) fn table(&self, keys: &'static [&'static Keys]) -> Option<Table<'a>> {
        let entries = self.raw_table()?;
        Some(Table::new(self.reading, keys, self.path.clone(), self.table_span(), entries))
    }

    /// A table whose keys are names that somebody chose: each with its value, in the order written.
    pub(super) fn entries(&self) -> Option<Vec<(String, Value<'a>)>> {
        Some(values(self.reading, &self.path, self.raw_table()?).gather())
    }

    fn raw_table(&self) -> Option<&'a DeTable<'a>> {
        match self.get() {
            DeValue::Table(entries) => Some(entries),
            _ => self.wrong_type("a table", ""),
        }
    }

    /// A table whose values `read` understands, by key; `read` is given key and value.
    pub(super) fn map<T>(&self, read: impl Fn(&str, &Value<'a>) -> Option<T>) -> Option<BTreeMap<String, T>> {
        let values = self.entries()?;
        let written = values.len();
        let read: BTreeMap<_, _> =
            values.into_iter().filter_map(|(key, value)| read(&key, &value).map(|read| (key, read))).gather();
        (read.len() == written).then_some(read)
    }

    pub(super) fn string_map(&self) -> Option<BTreeMap<String, String>> {
        self.map(|_, value| value.text().map(str::to_owned))
    }
}

/// Every key with its value, in the order written.
fn values<'a>(
    reading: &'a Reading<'a>,
    path: &str,
    entries: &'a DeTable<'a>,
) -> impl Iterator<Item = (String, Value<'a>)> {
    let mut values: Vec<_> = entries.iter().gather();
    values.arrange_by_key(|(name, _)| name.span().start);
    values.into_iter().map(move |(name, value): (&'a Spanned<DeString<'a>>, _)| {
        let path = join(path, name.get_ref());
        (name.get_ref().to_string(), Value::new(reading, path, name.span(), value))
    })
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
