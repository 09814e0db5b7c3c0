//! docs/REFERENCE.md, written from the code that knows: `SNAPSHOTS=overwrite cargo test -p xtask-ecs --lib docs`.

mod source;

use std::fmt::Write as _;
use std::path::Path;

use crate::aws::calls::{By, CALLS, Call, IMPLIED};
use crate::workflows::diff::diff;
use source::{Source, kebab};

const HEAD: &str = "\
# Reference

Written from the code by a test, which also holds it to that: `SNAPSHOTS=overwrite cargo test -p xtask-ecs --lib docs`.
";

#[test]
fn the_reference_is_what_the_code_says() {
    let said = [HEAD.to_owned(), events(), exit_codes(), actions()].join("\n");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/REFERENCE.md");
    if std::env::var_os("SNAPSHOTS").is_some_and(|action| action == "overwrite") {
        std::fs::write(&file, &said).expect("the file can be written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        written == said,
        "docs/REFERENCE.md is behind the code; the head of this file says how to renew it\n{}",
        diff(&written, &said)
    );
}

/// What `--log json` writes.
fn events() -> String {
    let source = Source::parse(include_str!("event.rs"));
    let mut text = String::from(
        "## Events\n\nWith `--log json` stderr has one JSON document a line: `version` (1), `time` (seconds since 1970), `event`, and \
         the event's own members. New events and new members may come; those that are here stay what they are while `version` is 1.\n\n\
         | event | members | meaning |\n|---|---|---|\n",
    );
    for event in source.variants("Event") {
        let (name, members) = (kebab(&event.ident), event.members.join(", "));
        writeln!(text, "| `{name}` | {members} | {} |", event.meaning).expect("text");
    }
    text.push_str("\n| type | members | meaning |\n|---|---|---|\n");
    for (of, members) in source.types("Event") {
        writeln!(text, "| {} | {members} | {} |", of.ident, of.meaning).expect("text");
    }
    text
}

fn exit_codes() -> String {
    let source = Source::parse(include_str!("failure.rs"));
    let mut text = String::from("## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done, or nothing to do |\n");
    for failure in source.variants("Failure") {
        let (code, meaning) = failure.meaning.split_once(": ").expect("its documentation begins with the code");
        writeln!(text, "| {} | {meaning} |", code.trim_matches('*')).expect("text");
    }
    text
}

/// The actions that a policy has to allow.
fn actions() -> String {
    let mut text = String::from(
        "## IAM actions\n\n| action | on | `release --plan` | `release` | `deploy --plan` | `deploy` | |\n|---|---|:-:|:-:|:-:|:-:|---|\n",
    );
    for Call { action, on, by, when } in CALLS.into_iter().chain(&IMPLIED) {
        let commands = [By::ReleasePlan, By::Release, By::DeployPlan, By::Deploy];
        let marks = commands.map(|command| if by.contains(&command) { "x" } else { "" });
        writeln!(text, "| `{action}` | {on} | {} | {when} |", marks.join(" | ")).expect("text");
    }
    text
}
