//! Cargo's own configuration, as far as a build has to know it.
//! Source: The Cargo Book, "Configuration", hierarchical structure.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::gather::Gather;

/// Cargo's configuration files, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Configuration(Vec<Value>);

impl Configuration {
    /// Those that cargo reads when it runs in this folder.
    pub(super) fn of(root: &Path) -> Self {
        Self::read(root.ancestors().map(|folder| folder.join(".cargo")).chain(cargo_home()))
    }

    /// The folders come from the nearest outwards.
    pub(super) fn read(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut tables = Vec::new();
        let mut read = Vec::new();
        for folder in folders {
            // The home folder may be an ancestor too.
            if read.contains(&folder) {
                continue;
            }
            let texts = ["config", "config.toml"].map(|name| std::fs::read_to_string(folder.join(name)));
            read.push(folder);
            // A file that is no TOML is cargo's to complain about.
            tables.extend(texts.into_iter().find_map(Result::ok).and_then(|text| parsed(&text)));
        }
        Self(tables)
    }

    /// The values of a dotted key, the nearest first; the nearest wins where it is no list.
    pub(super) fn values<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = &'a Value> {
        self.0.iter().filter_map(move |table| {
            let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
            let start = table.get(first)?;
            rest.map_or(Some(start), |rest| rest.split('.').try_fold(start, |value, part| value.get(part)))
        })
    }

    /// The tables below one, such as each of `registries.*`.
    pub(super) fn children<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Value> {
        self.values(key).filter_map(Value::as_object).flat_map(|table| table.iter().map(|(_, value)| value))
    }
}

fn parsed(text: &str) -> Option<Value> {
    DeTable::parse(text).ok().map(|table| of_table(table.get_ref()))
}

fn of_table(table: &DeTable<'_>) -> Value {
    let mut members = Map::new();
    for (key, member) in table {
        members.insert(key.get_ref().to_string(), of(member.get_ref()));
    }
    Value::Object(members)
}

/// Texts, lists and tables: nobody asks for anything else.
fn of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| of(item.get_ref())).gather()),
        DeValue::Table(table) => of_table(table),
        _ => Value::Null,
    }
}

/// Words in a string, or a list.
pub(super) fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).gather(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).gather(),
        _ => Vec::new(),
    }
}

pub(super) fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

#[cfg(test)]
pub(super) fn configuration(files: &[&str]) -> Configuration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folders = files.iter().enumerate().map(|(index, text)| {
        let cargo = folder.path().join(index.to_string());
        std::fs::create_dir(&cargo).expect("a folder is made");
        std::fs::write(cargo.join("config.toml"), text).expect("a file is written");
        cargo
    });
    Configuration::read(folders.gather::<Vec<_>>())
}
