//! `[workspace.metadata.xtask.slack]`.

use super::keys::{Keys, optional, or};
use super::model::SlackConfig;
use super::table::Table;
use super::value::Value;

pub(super) const SLACK: Keys = Keys {
    table: "slack",
    note: "Slack is told where `SLACK_WEBHOOK_URL` is set, or `SLACK_BOT_TOKEN` and `SLACK_CHANNEL`.",
    list: &[
        or("quiet-when-nothing-to-do", "true or false", "false", "no message for a command that changed nothing"),
        optional("mention-on-failure", "`U…`, `S…`, `here` or `channel`", "who is mentioned when it goes wrong"),
    ],
};

pub(super) fn read(table: &mut Table<'_>) -> SlackConfig {
    let mut table = match table.take("slack").map(|value| value.table(&[&SLACK])) {
        Some(Some(table)) => table,
        Some(None) => return SlackConfig::default(),
        None => table.empty("slack", &[&SLACK]),
    };
    let slack = SlackConfig {
        quiet_when_nothing_to_do: table.or("quiet-when-nothing-to-do", Value::boolean, false),
        mention_on_failure: table.optional("mention-on-failure", |value| value.check(is_whom)),
    };
    table.finish();
    slack
}

/// Source: Slack's "Formatting text for app surfaces", mentions.
fn is_whom(text: &str) -> Result<String, &'static str> {
    let is_id = text.starts_with(['U', 'W', 'S'])
        && text.len() > 2
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_id || matches!(text, "here" | "channel") {
        return Ok(text.to_owned());
    }
    Err(
        "give a member's id (`U…`), a user group's (`S…`), `here` or `channel`; a profile's menu in Slack copies the id",
    )
}
