//! docs/REFERENCE.md, written from the code that knows: `SNAPSHOTS=overwrite cargo test -p xtask-ecs --lib docs`.

mod source;

use std::fmt::Write as _;
use std::path::Path;

use crate::aws::calls::{CALLS, Call, EVERYONE, IMPLIED};
use crate::config::keys::{Absent, Keys, TABLES};
use crate::config::{self, Origin};
use crate::failure::Ending;
use crate::gather::Gather;
use crate::workflows::diff::diff;
use source::{Source, kebab};

const HEAD: &str = "\
# Reference

Written from the code by a test, which also holds it to that: `SNAPSHOTS=overwrite cargo test -p xtask-ecs --lib docs`.
";

#[test]
fn the_reference_is_what_the_code_says() {
    let said = [HEAD.to_owned(), configuration(), events(), exit_codes(), actions()].join("\n");
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

/// The tables of `[workspace.metadata.xtask]`.
fn configuration() -> String {
    let mut text = String::from(
        "## Configuration\n\nEverything is under `[workspace.metadata.xtask]` in the workspace's Cargo.toml. Mistakes are reported all at \
         once, with line, column and the nearest known name, and exit code 2. `cargo xtask config` prints what holds, each value with its \
         origin. Files and folders are of the workspace, and relative to its root; a duration is written `\"90s\"`, `\"15m\"` or `\"1h30m\"`.\n",
    );
    for Keys { table, note, list } in TABLES {
        let head = if table.is_empty() { "[workspace.metadata.xtask]" } else { table };
        let note = if note.is_empty() { String::new() } else { format!("{note}\n\n") };
        write!(text, "\n### {head}\n\n{note}| key | is | left out | meaning |\n|---|---|---|---|\n").expect("text");
        for key in *list {
            let absent = match key.absent {
                Absent::Wrong => "an error".to_owned(),
                Absent::Nothing => String::new(),
                Absent::Is(value) => format!("`{value}`"),
                Absent::Says(what) => what.to_owned(),
            };
            writeln!(text, "| `{}` | {} | {absent} | {} |", key.name, key.shape, key.meaning).expect("text");
        }
    }
    text
}

/// A workspace with nothing in it but what must be there: the values that `cargo xtask config` then shows as defaults are
/// those that the reference gives.
#[test]
fn the_defaults_of_the_reference_are_those_that_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let manifest = |build: &str| {
        format!(
            "[workspace]\nmembers = [\"app\"]\n[workspace.metadata.xtask]\naccount = \"123456789012\"\nregion = \"eu-west-1\"\n\
             [workspace.metadata.xtask.images.NAME]\nrepository = \"app\"\ntag = \"1\"\n{build}\n\
             [workspace.metadata.xtask.services.NAME]\ncluster = \"main\"\ntask-definition = {{ family = \"app\" }}\n\
             containers = {{ app = \"NAME\" }}\n[workspace.metadata.xtask.tasks.NAME]\nservice = \"NAME\"\n\
             [workspace.metadata.xtask.schedules.NAME]\ntask = \"NAME\"\nexpression = \"rate(1 day)\"\n"
        )
    };
    std::fs::create_dir(root.join("app")).expect("a folder");
    std::fs::write(root.join("app/Cargo.toml"), "[package]\nname = \"app\"\nversion = \"1.0.0\"\n").expect("a file");
    std::fs::write(root.join("Dockerfile"), "FROM scratch\n").expect("a file");
    let mut seen = Vec::new();
    for (form, value) in [("dockerfile", "Dockerfile"), ("package", "app"), ("builder", "nix")] {
        let build = &format!("{form} = \"{value}\"");
        let others =
            ["with dockerfile", "with package", "with builder"].into_iter().filter(|other| !other.ends_with(form));
        std::fs::write(root.join("Cargo.toml"), manifest(build)).expect("a file");
        let loaded = config::load(root, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        for setting in loaded.origins.settings.iter().filter(|setting| setting.origin == Origin::Default) {
            let holds = |keys: &&&Keys| {
                let mut names = keys.table.split(", ");
                names.next() == Some(&setting.table)
                    && names.next().is_none_or(|form| !others.clone().any(|other| form.contains(other)))
            };
            let mut keys = TABLES.iter().filter(holds).flat_map(|keys| keys.list.iter().map(|key| (keys.table, key)));
            let (table, key) = keys.find(|(_, key)| key.name == setting.key).expect("a key that is read is documented");
            match key.absent {
                Absent::Is(value) => {
                    assert_eq!(config::toml_value(&setting.value), value, "{}.{}", setting.table, key.name);
                }
                absent => assert!(matches!(absent, Absent::Says(_)), "{}.{} has a default", setting.table, key.name),
            }
            seen.push((table, key.name));
        }
    }
    // Tables show their own keys, and what stands in arrays and inline tables is shown whole.
    let whole = [
        "images",
        "services",
        "tasks",
        "schedules",
        "deploy",
        "promotion",
        "scan",
        "slack",
        "workflows",
        "ci",
        "rollout",
    ];
    let unions = ["scan.trivy", "workflows.runner", "tasks.NAME.network", "lock"];
    let shown = TABLES.iter().filter(|keys| !keys.table.contains("[]") && !unions.contains(&keys.table));
    let shown = shown.flat_map(|keys| keys.list.iter().map(|key| (keys.table, key)));
    for (table, key) in shown.filter(|(_, key)| !whole.contains(&key.name)) {
        let is_checked = seen.contains(&(table, key.name));
        assert!(
            is_checked || !matches!(key.absent, Absent::Is(_)),
            "the default of `{}` was never looked at",
            key.name
        );
    }
}

/// What `--log json` writes.
fn events() -> String {
    let files = [
        include_str!("event.rs"),
        include_str!("event/action.rs"),
        include_str!("event/lock.rs"),
        include_str!("event/image.rs"),
        include_str!("event/rollout.rs"),
        include_str!("event/post_mortem.rs"),
    ];
    let source = Source::of(files.map(Source::parse));
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
    let parts = Source::parse(include_str!("failure.rs"));
    for (of, members) in source.types("Event").into_iter().chain(parts.types("Ending")) {
        writeln!(text, "| {} | {members} | {} |", of.ident, of.meaning).expect("text");
    }
    text
}

fn exit_codes() -> String {
    let source = Source::parse(include_str!("failure.rs"));
    let mut text = String::from("## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done, or nothing to do |\n");
    for ending in source.variants("Ending") {
        let code = ending.number.expect("each ending has its code");
        writeln!(text, "| {code} | {} |", ending.meaning).expect("text");
    }
    let worst: Vec<String> = Ending::WORST_FIRST.iter().map(|ending| ending.exit_code().to_string()).gather();
    writeln!(
        text,
        "\nWhere several services end differently, the code is the first of these that one has: {}.",
        worst.join(", ")
    )
    .expect("text");
    text
}

/// The actions that a policy has to allow.
fn actions() -> String {
    let mut text = String::from("## IAM actions\n\n| action | on | needed by | |\n|---|---|---|---|\n");
    for Call { action, on, by, when } in CALLS.iter().copied().chain(IMPLIED) {
        let names: Vec<String> = by.iter().map(|by| format!("`{}`", by.name())).gather();
        let names = if *by == EVERYONE { "every command".to_owned() } else { names.join(", ") };
        writeln!(text, "| `{action}` | {} | {names} | {when} |", on.words()).expect("text");
    }
    text
}
