//! `[workspace.metadata.xtask.deploy]`, and the order in which services are deployed.

use super::diagnostic::suggestion;
use super::keys::{Keys, optional, or};
use super::model::{Deploy, DeployGate, OnFailure, Service};
use super::table::Table;
use super::value::Value;
use crate::gather::Gather;
use std::collections::BTreeMap;

pub(super) const DEPLOY: Keys = Keys {
    table: "deploy",
    note: "Services are rolled out at once, except for those that come `after` others.",
    list: &[
        or(
            "on-failure",
            "`stop`, `continue` or `roll-back-all`",
            "\"stop\"",
            "what becomes of the others where one service does not end well: what has not begun is not begun; only what comes \
             after it is not begun; or everything that this deploy changed goes back, too",
        ),
        optional(
            "gate",
            "`verdict`",
            "what an image must have attached before it is deployed: a verdict that lets it pass",
        ),
        or(
            "signed",
            "a boolean",
            "false",
            "whether an image must have been signed by ECR (managed signing) before it is deployed",
        ),
        or("verdict-days", "a number", "30", "how many days old a verdict may be"),
    ],
};

pub(super) fn deploy(table: &mut Table<'_>) -> Deploy {
    let mut table = match table.take("deploy").map(|value| value.table(&[&DEPLOY])) {
        Some(Some(table)) => table,
        Some(None) => return Deploy::default(),
        None => table.empty("deploy", &[&DEPLOY]),
    };
    let choices =
        [("stop", OnFailure::Stop), ("continue", OnFailure::Continue), ("roll-back-all", OnFailure::RollBackAll)];
    let default = Deploy::default();
    let deploy = Deploy {
        on_failure: table.or("on-failure", |value| value.one_of(&choices), default.on_failure),
        gate: table.optional("gate", |value| value.one_of(&[("verdict", DeployGate::Verdict)])),
        signed: table.or("signed", Value::boolean, default.signed),
        verdict_days: table.or("verdict-days", Value::count, default.verdict_days),
    };
    table.finish();
    deploy
}

/// The names of other services.
pub(super) fn after(value: &Value<'_>, own: &str, services: &[String]) -> Option<Vec<String>> {
    value.list(|item| {
        let name = item.text()?;
        if name == own {
            item.error(format!("the service `{own}` cannot come after itself"), "leave it out");
            return None;
        }
        if !services.iter().any(|known| known == name) {
            let hint = suggestion(name, services.iter().map(String::as_str), "services");
            item.error(format!("`after` names no service: `{}`", name.escape_debug()), hint);
            return None;
        }
        Some(name.to_owned())
    })
}

/// The names of tasks that are of this service or of none; `tasks` has the service of each.
pub(super) fn tasks(value: &Value<'_>, own: &str, tasks: &BTreeMap<String, Option<String>>) -> Option<Vec<String>> {
    let known: Vec<String> = tasks.keys().cloned().gather();
    value.list(|item| {
        let name = item.known("task", &known)?;
        match tasks.get(&name) {
            Some(Some(other)) if other != own => {
                let hint = format!("let `services.{other}` run it, and this service come `after = [\"{other}\"]`");
                item.error(format!("the task `{name}` is of the service `{other}`"), hint);
                None
            }
            _ => Some(name),
        }
    })
}

/// Reports services that wait for each other, once a circle, where the first of them says what it waits for.
pub(super) fn refuse_circles(services: &BTreeMap<String, Service>, written: &BTreeMap<String, Value<'_>>) {
    let mut told: Vec<&str> = Vec::new();
    for (name, value) in written {
        let Some(circle) = circle(services, name) else { continue };
        if circle.iter().any(|name| told.contains(name)) {
            continue;
        }
        let path = circle.iter().chain(circle.first()).map(|name| format!("`{name}`")).gather::<Vec<_>>();
        value.error(
            format!("these services wait for each other: {}", path.join(" after ")),
            "take one of them out of an `after`",
        );
        told.extend(circle);
    }
}

/// The shortest way from a service back to itself, without its end.
fn circle<'a>(services: &'a BTreeMap<String, Service>, from: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen: Vec<&str> = Vec::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let Some(service) = way.last().and_then(|last| services.get(*last)) else { continue };
            for next in &service.after {
                if next == from {
                    return Some(way);
                }
                if !seen.contains(&next.as_str()) {
                    seen.push(next);
                    longer.push([&way[..], &[next.as_str()]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}
