//! `[workspace.metadata.xtask.promotion]`.

use super::keys::{Keys, or};
use super::model::{By, Promotion};
use super::table::Table;
use super::value::Value;

pub(super) const PROMOTION: Keys = Keys {
    table: "promotion",
    note: "How images get into an environment's registry; as a rule written under `environments.NAME`.",
    list: &[
        or(
            "by",
            "`copy` or `replication`",
            "\"copy\"",
            "whether `promote` copies, or waits for a rule of the source's registry that replicates, and verifies what comes",
        ),
        or("deadline", "a duration", "\"30m\"", "how long replication is waited for"),
    ],
};

pub(super) fn read(table: &mut Table<'_>) -> Promotion {
    let default = Promotion::default();
    let mut table = match table.take("promotion").map(|value| value.table(&[&PROMOTION])) {
        Some(Some(table)) => table,
        Some(None) => return default,
        None => table.empty("promotion", &[&PROMOTION]),
    };
    let choices = [("copy", By::Copy), ("replication", By::Replication)];
    let promotion = Promotion {
        by: table.or("by", |value| value.one_of(&choices), default.by),
        deadline: table.or("deadline", Value::duration, default.deadline),
    };
    table.finish();
    promotion
}
