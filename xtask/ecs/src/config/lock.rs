//! `[workspace.metadata.xtask.lock]`, or `lock = true`.

use toml::de::DeValue;

use super::keys::{Keys, or};
use super::model::{Lock, WhenLocked};
use super::origin::Origin;
use super::table::Table;
use super::value::Value;

pub(super) const LOCK: Keys = Keys {
    table: "lock",
    note: "`lock = true` is this table with its defaults: a deploy locks the services that it changes, and is held up by the \
           locks of others. Those of `cargo xtask lock` hold it up without it, too.",
    list: &[
        or(
            "expires",
            "a duration",
            "\"1h\"",
            "how long a lock lasts; a deploy's own at least as long as its rollout may",
        ),
        or(
            "when-locked",
            "`refuse` or `wait`",
            "\"refuse\"",
            "what a deploy does where somebody else has locked a service: ends with 6, or waits, no longer than `expires`",
        ),
    ],
};

pub(super) fn read(table: &mut Table<'_>) -> Lock {
    let default = Lock::default();
    let Some(value) = table.take("lock") else {
        table.note("lock", &default.deploys, Origin::Default);
        return default;
    };
    if !matches!(value.get(), DeValue::Table(_)) {
        let Some(deploys) = value.boolean() else { return default };
        table.note("lock", &deploys, value.origin());
        return Lock { deploys, ..default };
    }
    let Some(mut table) = value.table(&[&LOCK]) else { return default };
    let choices = [("refuse", WhenLocked::Refuse), ("wait", WhenLocked::Wait)];
    let lock = Lock {
        deploys: true,
        expires: table.or("expires", Value::duration, default.expires),
        when_locked: table.or("when-locked", |value| value.one_of(&choices), default.when_locked),
    };
    table.finish();
    lock
}
