//! `[workspace.metadata.xtask.schedules.NAME]`.

use std::collections::BTreeMap;

use super::keys::{Keys, optional, or, required};
use super::model::{Clockwork, Schedule, Task};
use super::origin::Effective;
use super::table::Table;
use super::value::Value;
use super::workflows;

pub(super) const SCHEDULE: Keys = Keys {
    table: "schedules.NAME",
    note: "A schedule or a rule of that name moves to the revision that a deploy ended well with, and nothing else of it changes.",
    list: &[
        required("task", "a task", "what is started; a task of a service moves with that service"),
        required(
            "expression",
            "`rate(…)`, `cron(…)` or `at(…)`",
            "when; counts where it is made with `deploy --create`",
        ),
        optional(
            "timezone",
            "a time zone",
            "in which a schedule's expression is meant, such as `Asia/Tokyo`; a rule's is UTC",
        ),
        or(
            "target",
            "`scheduler` or `rule`",
            "\"scheduler\"",
            "what starts it: EventBridge Scheduler, in its default group, or a rule of EventBridge",
        ),
        optional("role", "a role's ARN", "whoever starts the task is this role; has to be known where it is made"),
    ],
};

pub(super) fn read(table: &mut Table<'_>, tasks: &BTreeMap<String, Task>) -> Vec<Schedule> {
    let names = table.names("tasks");
    let mut schedules = Vec::new();
    for (name, mut table) in table.children("schedules", &[&SCHEDULE]) {
        let task = table.required("task", "task = \"cleanup\"", |value| value.known("task", &names));
        let choices = [("scheduler", Clockwork::Scheduler), ("rule", Clockwork::Rule)];
        let target = table.or("target", |value| value.one_of(&choices), Clockwork::default());
        let expression =
            table.required("expression", "expression = \"rate(1 hour)\"", |value| expression(value, target));
        if target == Clockwork::Rule {
            table.refuse(&["timezone"], "is for EventBridge Scheduler: a rule's expression is meant in UTC");
        }
        let timezone = table.optional("timezone", |value| value.text().map(str::to_owned));
        let role = table.optional("role", |value| value.check(workflows::is_role));
        table.finish();
        if let (Some(task), Some(expression)) = (task, expression)
            && tasks.contains_key(&task)
        {
            schedules.push(Schedule { name, task, expression, timezone, target, role });
        }
    }
    schedules
}

/// Source: Amazon EventBridge User Guide and Amazon EventBridge Scheduler User Guide, "Schedule types".
fn expression(value: &Value<'_>, target: Clockwork) -> Option<String> {
    let text = value.text()?;
    let kind = text.split_once('(').filter(|_| text.ends_with(')')).map_or("", |(kind, _)| kind);
    match (kind, target) {
        ("rate" | "cron", _) | ("at", Clockwork::Scheduler) => Some(text.to_owned()),
        ("at", Clockwork::Rule) => {
            value.error("a rule has no `at(…)`", "write `rate(…)` or `cron(…)`, or leave `target` out");
            None
        }
        _ => {
            value.error(
                format!("`{}` is no schedule's expression", text.escape_debug()),
                "write `rate(1 hour)`, `cron(0 3 * * ? *)` or `at(2026-12-31T23:00:00)`",
            );
            None
        }
    }
}

impl Effective for Clockwork {
    fn effective(&self, _: &std::path::Path) -> serde_json::Value {
        match self {
            Self::Scheduler => "scheduler".into(),
            Self::Rule => "rule".into(),
        }
    }
}
