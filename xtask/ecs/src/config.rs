//! `[workspace.metadata.xtask]`: found, read with spans, validated into plain values.
//!
//! Everything downstream takes these types; nothing downstream reads TOML. [`load`] collects every fault instead of
//! stopping at the first; no serde derive does that and keeps the spans.
//!
//! A new key is a line of its table's `Keys`, the line that reads it, and a field in `model`. A new table is all of that in
//! a file `config/NAME.rs` after the example of `scan`, with its line in `load::read` and in `keys::TABLES`. [`Origins`],
//! the check for unknown keys and docs/REFERENCE.md follow.

mod diagnostic;
mod duration;
mod environments;
mod evidence_key;
mod faults;
mod file;
mod grammar;
mod images;
pub(crate) mod keys;
mod load;
mod lock;
mod lookups;
mod model;
mod moving;
mod native;
mod order;
mod origin;
mod partition;
mod path;
mod promotion;
mod reading;
mod scan;
mod schedules;
mod select;
mod services;
mod slack;
mod table;
mod tasks;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
pub(crate) mod tests;
mod trivy;
mod value;
mod workflows;
mod workspace;

pub(crate) use diagnostic::suggestion;
pub(crate) use duration::parse as parse_duration;
pub(crate) use environments::VARIABLE as ENVIRONMENT_VARIABLE;
pub(crate) use load::load_resolved;
pub use load::{load, load_every};
pub(crate) use lookups::{Answers, LookUp, stand_in, told};
pub use model::{
    Abandoned, AcceptedSystem, Asset, Base, Builder, By, Cache, Call, Ci, Clockwork, Compression, Config, Definition,
    Deploy, DeployGate, Dockerfile, Evidence, EvidenceKey, Exits, FailFast, Ignore, Image, Kind, Lock, Lookups, Matrix,
    Network, OnFailure, OnInterrupt, OwnBuilder, OwnDefinition, PLATFORMS, Package, Pin, Program, Promotion, Rollout,
    Runner, Scan, Schedule, Service, Severity, SlackConfig, SlackSecret, State, Submodules, TRIVY_URL, Task,
    TaskDefinitionSource, TrivyPin, WhenLocked, Workflows, is_malicious,
};
pub(crate) use model::{DAEMON, DAEMON_FAMILY, called, command};
pub use moving::{is_moving_tag, moving_tags};
pub(crate) use origin::toml_value;
pub use origin::{Loaded, Origin, Origins, Setting, render, to_json};
pub use partition::Partition;
pub use select::{images_named, services_named, task_named};
pub(crate) use value::MOST_COUNTED;
pub use workspace::repository;
