//! What a table's keys are: the reader knows them by these lists, and docs/REFERENCE.md is written from them.
//!
//! What no list has is refused as a typo. In tests a reader that asks for such a key ends there, and so does one that
//! leaves out a key of its list: neither an undocumented key can exist nor a documented one that nobody reads.

#[cfg(test)]
use super::{
    environments, evidence_key, images, load, lock, lookups, native, order, promotion, scan, schedules, services,
    slack, tasks, trivy, workflows,
};

/// The keys of one kind of table.
#[cfg_attr(not(test), expect(dead_code, reason = "the reference reads the rest"))]
pub(crate) struct Keys {
    /// Its name below `[workspace.metadata.xtask]`, such as `services.NAME.rollout`.
    pub table: &'static str,
    /// What else there is to say of it.
    pub note: &'static str,
    pub list: &'static [Key],
}

/// One key.
#[cfg_attr(not(test), expect(dead_code, reason = "the reference reads the rest"))]
pub(crate) struct Key {
    pub name: &'static str,
    /// What its value looks like.
    pub shape: &'static str,
    pub absent: Absent,
    pub meaning: &'static str,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It must be there.
    Wrong,
    /// There is no such thing.
    Nothing,
    /// This value, as TOML.
    Is(&'static str),
    /// What this says.
    Says(&'static str),
}

/// Every kind of table, in the order of the reference.
#[cfg(test)]
pub(crate) static TABLES: [&Keys; 31] = [
    &load::TOP,
    &images::IMAGE,
    &images::TAG,
    &images::DOCKERFILE,
    &images::OWN,
    &native::PACKAGE,
    &native::PROGRAM,
    &native::ASSET,
    &scan::SCAN,
    &scan::IGNORE,
    &scan::ACCEPTED_SYSTEM,
    &trivy::TRIVY,
    &services::SERVICE,
    &services::FAMILY,
    &services::ROLLOUT,
    &tasks::TASK,
    &tasks::NETWORK,
    &schedules::SCHEDULE,
    &order::DEPLOY,
    &evidence_key::EVIDENCE_KEY,
    &lock::LOCK,
    &promotion::PROMOTION,
    &slack::SLACK,
    &lookups::LOOKUPS,
    &workflows::WORKFLOWS,
    &workflows::RUNNER,
    &workflows::PIN,
    &workflows::CI,
    &environments::ENVIRONMENT,
    &environments::IMAGE,
    &environments::WORKFLOWS,
];

impl Keys {
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.list.iter().map(|key| key.name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|key| key.name == name)
    }
}

/// A key that must be there.
pub(super) const fn required(name: &'static str, shape: &'static str, meaning: &'static str) -> Key {
    Key { name, shape, absent: Absent::Wrong, meaning }
}

/// A key that may be left out, and then there is no such thing.
pub(super) const fn optional(name: &'static str, shape: &'static str, meaning: &'static str) -> Key {
    Key { name, shape, absent: Absent::Nothing, meaning }
}

/// A key that has this value, as TOML, where it is left out.
pub(super) const fn or(name: &'static str, shape: &'static str, value: &'static str, meaning: &'static str) -> Key {
    Key { name, shape, absent: Absent::Is(value), meaning }
}

/// A key that is made out otherwise where it is left out.
pub(super) const fn derived(name: &'static str, shape: &'static str, from: &'static str, meaning: &'static str) -> Key {
    Key { name, shape, absent: Absent::Says(from), meaning }
}
