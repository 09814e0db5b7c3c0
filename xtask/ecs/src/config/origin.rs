//! The effective configuration, each value with where it is from: what `cargo xtask config` prints.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::duration;
use super::model::{
    Abandoned, AcceptedSystem, Asset, Base, By, Cache, Compression, Config, DeployGate, Evidence, Exits, FailFast,
    Ignore, OnFailure, OnInterrupt, Program, Severity, WhenLocked,
};
use super::path::relative;
use crate::failure::Place;
use crate::gather::Gather;
use crate::text::{Last, pad, table, width};

/// The widest value that stands on one line.
const WIDE: usize = 60;

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Where it is written.
    File(Place),
    /// `by` in the configuration names what stands at `at`, such as a package's version.
    Through {
        /// Such as the `version` in a package's Cargo.toml.
        at: Place,
        /// Such as `tag = { package = "app" }`.
        by: Place,
    },
    /// What the lookups in the text at `at` stand for.
    Lookup {
        /// They as they are written, with `, ` between several: `${env:NAME}`.
        written: String,
        /// The place of the key that has the text.
        at: Place,
    },
    /// An environment variable's name.
    Environment(String),
    /// Nothing says otherwise.
    Default,
}

/// `FILE:LINE`, the lookup and its `FILE:LINE`, the variable's name, or `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => write!(f, "{}:{}", place.file, place.line),
            Self::Through { at, by } => write!(f, "{}:{}, through {}:{}", at.file, at.line, by.file, by.line),
            Self::Lookup { written, at } => write!(f, "{written} at {}:{}", at.file, at.line),
            Self::Environment(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A configuration, and where each of its values is from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// Where each value of it is from.
    pub origins: Origins,
    /// Whether names stand in for what lookups stand for, because nobody was asked.
    pub(crate) stands_in: bool,
}

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The table below `[workspace.metadata.xtask]`, dotted; empty for that table itself.
    pub table: String,
    /// The key in that table.
    pub key: String,
    /// Paths of the workspace are relative to its root.
    pub value: Json,
    /// Where it is from.
    pub origin: Origin,
}

/// Where every value of a [`Config`] is from, table by table in the order written.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// One for each effective value.
    pub settings: Vec<Setting>,
    /// Where the target folder's path is from.
    pub(super) target: Option<Origin>,
}

impl Origins {
    /// The origin of `KEY` or `TABLE.KEY`, such as `images.app.tag`.
    pub fn of(&self, name: &str) -> Option<&Origin> {
        let (table, key) = name.rsplit_once('.').unwrap_or(("", name));
        self.settings.iter().find(|setting| setting.table == table && setting.key == key).map(|setting| &setting.origin)
    }

    /// The place in a file of `KEY` or `TABLE.KEY`, for a warning that points at it.
    pub fn place(&self, name: &str) -> Option<&Place> {
        match self.of(name)? {
            Origin::File(place) | Origin::Through { by: place, .. } | Origin::Lookup { at: place, .. } => Some(place),
            Origin::Environment(_) | Origin::Default => None,
        }
    }
}

/// The effective configuration as TOML that could be put into Cargo.toml, each value's origin in a comment.
pub fn render(loaded: &Loaded) -> String {
    let target = loaded.origins.target.as_ref().unwrap_or(&Origin::Default);
    let mut lines = vec![
        format!("# workspace: {}", loaded.config.root.display()),
        format!("# target:    {}  ({target})", loaded.config.target.display()),
    ];
    for (name, settings) in tables(&loaded.origins.settings) {
        let dot = if name.is_empty() { "" } else { "." };
        let mut rows = vec![vec![String::new()], vec![format!("[workspace.metadata.xtask{dot}{name}]")]];
        let entries: Vec<_> = settings.iter().map(|s| (toml_key(&s.key), lay_out(&s.value), &s.origin)).gather();
        let keys = entries.iter().map(|(key, ..)| width(key)).max().unwrap_or(0);
        for (key, value, origin) in entries {
            let mut more = value.lines();
            let first = more.next().unwrap_or_default();
            rows.push(vec![format!("{} = {first}", pad(&key, keys)), format!("# {origin}")]);
            rows.extend(more.map(|line| vec![line.to_owned()]));
        }
        lines.extend(table(&rows, Last::Value, None));
    }
    lines.join("\n") + "\n"
}

/// The effective configuration for programs: `{"root", "target", "settings": [{"table", "key", "value", "origin"}]}`.
pub fn to_json(loaded: &Loaded) -> Json {
    json!({
        "root": loaded.config.root,
        "target": loaded.config.target,
        "settings": loaded.origins.settings,
    })
}

/// Settings by table; a table's place is where its first setting is.
fn tables(settings: &[Setting]) -> Vec<(&str, Vec<&Setting>)> {
    let mut tables: Vec<(&str, Vec<&Setting>)> = Vec::new();
    for setting in settings {
        match tables.iter_mut().find(|(table, _)| *table == setting.table) {
            Some((_, settings)) => settings.push(setting),
            None => tables.push((&setting.table, vec![setting])),
        }
    }
    tables
}

fn toml_key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { Json::from(key).to_string() }
}

/// A value on one line; an array that is too long for one has a line for each element.
fn lay_out(value: &Json) -> String {
    let line = toml_value(value);
    match value {
        Json::Array(items) if width(&line) > WIDE && items.len() > 1 => {
            let items: Vec<_> = items.iter().map(|item| format!("    {},", toml_value(item))).gather();
            format!("[\n{}\n]", items.join("\n"))
        }
        _ => line,
    }
}

/// JSON's strings, numbers and arrays are TOML's as well; only objects are written another way.
pub(crate) fn toml_value(value: &Json) -> String {
    match value {
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{} = {}", toml_key(key), toml_value(value))).gather();
            format!("{{ {} }}", members.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(toml_value).gather::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A validated value, written back as the configuration would spell it.
pub(super) trait Effective {
    fn effective(&self, root: &Path) -> Json;
}

impl Effective for Json {
    fn effective(&self, _: &Path) -> Json {
        self.clone()
    }
}

impl Effective for String {
    fn effective(&self, _: &Path) -> Json {
        json!(self)
    }
}

impl Effective for bool {
    fn effective(&self, _: &Path) -> Json {
        json!(self)
    }
}

impl Effective for u32 {
    fn effective(&self, _: &Path) -> Json {
        json!(self)
    }
}

impl Effective for Duration {
    fn effective(&self, _: &Path) -> Json {
        json!(duration::format(*self))
    }
}

impl Effective for PathBuf {
    fn effective(&self, root: &Path) -> Json {
        let relative = relative(root, self);
        if relative.is_empty() { json!(".") } else { json!(relative) }
    }
}

impl<T: Effective> Effective for Vec<T> {
    fn effective(&self, root: &Path) -> Json {
        self.iter().map(|item| item.effective(root)).collect()
    }
}

impl<T: Effective> Effective for BTreeMap<String, T> {
    fn effective(&self, root: &Path) -> Json {
        Json::Object(self.iter().map(|(key, value)| (key.clone(), value.effective(root))).collect())
    }
}

impl Effective for crate::reference::Repository {
    fn effective(&self, _: &Path) -> Json {
        json!(self.as_str())
    }
}

impl Effective for crate::reference::Tag {
    fn effective(&self, _: &Path) -> Json {
        json!(self.as_str())
    }
}

impl Effective for Severity {
    fn effective(&self, _: &Path) -> Json {
        json!(self.as_str())
    }
}

impl Effective for AcceptedSystem {
    fn effective(&self, _: &Path) -> Json {
        json!({ "system": self.system, "reason": self.reason })
    }
}

impl Effective for Ignore {
    fn effective(&self, _: &Path) -> Json {
        json!({ "id": self.id, "reason": self.reason, "until": self.until })
    }
}

impl Effective for Cache {
    fn effective(&self, _root: &Path) -> serde_json::Value {
        json!(match self {
            Self::Registry => "registry",
            Self::Gha => "gha",
            Self::Local => "local",
        })
    }
}

impl Effective for Compression {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

impl Effective for OnInterrupt {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Leave => "leave",
            Self::Rollback => "rollback",
        })
    }
}

impl Effective for Abandoned {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Leave => "leave",
            Self::Stop => "stop",
        })
    }
}

impl Effective for FailFast {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Decisive => "decisive",
            Self::Off => "off",
        })
    }
}

impl Effective for OnFailure {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Stop => "stop",
            Self::Continue => "continue",
            Self::RollBackAll => "roll-back-all",
        })
    }
}

impl Effective for DeployGate {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Verdict => "verdict",
        })
    }
}

impl Effective for Evidence {
    fn effective(&self, _: &Path) -> Json {
        json!(self.name())
    }
}

impl Effective for By {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Copy => "copy",
            Self::Replication => "replication",
        })
    }
}

impl Effective for WhenLocked {
    fn effective(&self, _: &Path) -> Json {
        json!(match self {
            Self::Refuse => "refuse",
            Self::Wait => "wait",
        })
    }
}

impl Effective for Exits {
    fn effective(&self, _: &Path) -> Json {
        self.0.map_or_else(|| json!("off"), |count| json!(count))
    }
}

impl Effective for Program {
    fn effective(&self, _: &Path) -> Json {
        if *self == Self::new(&self.package) {
            return json!(self.package);
        }
        let mut program = json!({ "package": self.package });
        if let Some(bin) = &self.bin {
            program["bin"] = json!(bin);
        }
        program["features"] = json!(self.features);
        program["default-features"] = json!(self.default_features);
        program
    }
}

impl Effective for Base {
    fn effective(&self, root: &Path) -> Json {
        match self {
            Self::Layout(folder) => folder.effective(root),
            Self::Reference(reference) => json!(reference),
        }
    }
}

impl Effective for Asset {
    fn effective(&self, root: &Path) -> Json {
        let mut asset = json!({ "source": self.source.effective(root), "path": self.path });
        if let Some(mode) = self.mode {
            asset["mode"] = json!(format!("{mode:04o}"));
        }
        asset["owner"] = json!(self.owner);
        asset
    }
}
