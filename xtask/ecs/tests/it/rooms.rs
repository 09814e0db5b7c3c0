//! The order of the rooms: each names only itself and what stands below it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up.
const ROOMS: &[&str] = &[
    // ground
    "digest",
    "gather",
    "beside",
    "sorted",
    "gzip",
    "partial",
    "platform",
    "reference",
    "text",
    "time",
    "interrupt",
    "net",
    "failure",
    "stage",
    "event",
    "cause",
    "lookup",
    "config",
    // adapters, and the gate that the registry's asks for its proof
    "process",
    "oci",
    "gate",
    "aws",
    // middle
    "commit",
    "sources",
    "evidence",
    "binary",
    "image",
    "tools",
    "reader",
    // verbs
    "release",
    "promote",
    "deploy",
    "policy",
    "workflows",
    "context",
    "operate",
    "rehearse",
    "simulate",
    // top
    "cli",
    "extend",
    "docs",
    "hostile",
    "lib",
];

/// What these rooms tell people to run next is said by `Config::command`, which names the environment: a hint without it would be
/// followed in another account.
#[test]
fn a_command_to_run_next_names_its_environment() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let rooms = ["deploy", "operate", "release", "promote"].map(|room| source.join(room));
    let of_environments: Vec<PathBuf> =
        files(source).into_iter().filter(|file| rooms.iter().any(|room| file.starts_with(room))).collect();
    assert!(of_environments.len() > 50, "only {} files were found", of_environments.len());
    let mut written_out = Vec::new();
    for file in of_environments {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = |line: &str| line.contains("`cargo xtask ") || line.contains(", program())");
        let hints = code.filter(|line| named(line) && !line.contains(" -e {environment} "));
        // Both ends of a promotion are named by its own flags; a task that is stopped runs in one cluster.
        let hints = hints.filter(|line| !line.contains(" promote --from {from} --to {to}") && !line.contains("{why}"));
        let is_test = file.iter().any(|part| part.to_string_lossy().starts_with("tests"));
        written_out.extend(hints.filter(|_| !is_test).map(|line| format!("{}: {}", file.display(), line.trim())));
    }
    assert!(written_out.is_empty(), "{}", written_out.join("\n"));
}

/// What people type is an alias of their workspace's: `text::program` knows it. Not so in what is data: what marks an image and is part
/// of its digest, and the texts that are put through `as_called`, which are those of help, of the reference and of workflows.
#[test]
fn what_this_program_is_called_is_said_by_one_room() {
    const DATA: [&str; 10] = [
        "cli.rs",
        "cli/scale.rs",
        "config/",
        "docs",
        "image/configuration.rs",
        "oci/layout/marks.rs",
        "reader/record/samples.rs",
        "simulate",
        "text/program.rs",
        "workflows/",
    ];
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut written_out = Vec::new();
    for file in files(source) {
        let inside = file.strip_prefix(source).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_passed_by = DATA.iter().any(|data| inside.starts_with(data)) || inside.contains("tests");
        let mut before = "";
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let is_renamed = [before, line].iter().any(|line| line.contains("as_called(")) || line.ends_with('\\');
            if line.contains("cargo xtask ") && !is_passed_by && !is_renamed && !line.contains("exec cargo xtask ") {
                written_out.push(format!("{inside}: {}", line.trim()));
            }
            before = line;
        }
    }
    assert!(written_out.is_empty(), "{}", written_out.join("\n"));
}

#[test]
fn every_room_names_only_rooms_below_it() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let files = files(source);
    assert!(files.len() > 100, "only {} files were found", files.len());
    let climbs: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let inside = file.strip_prefix(source).unwrap();
            let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
            // So many times `super::` lead out of the room, to the crate's root.
            let out = format!("\nuse {}", "super::".repeat(inside.iter().count()));
            let text = fs::read_to_string(file).unwrap().replace(&out, "\nuse crate::");
            let climbs = climbs(room, &text);
            climbs.into_iter().map(|named| format!("{} names {named}", inside.display())).collect::<Vec<_>>()
        })
        .collect();
    assert!(climbs.is_empty(), "{climbs:#?}");
}

#[test]
fn the_architecture_lists_the_rooms_in_their_order() {
    let page = include_str!("../../../../docs/ARCHITECTURE.md");
    let (_, section) = page.split_once("## The rooms of xtask-ecs").unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let listed: Vec<&str> = rows.map_while(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, &ROOMS[..ROOMS.len() - 1], "and at the top is lib");
}

#[test]
fn a_room_that_names_one_above_it_is_found() {
    assert_eq!(
        climbs("aws", "use crate::release::Released;\nuse crate::net;\nuse crate::aws::Session;\n"),
        ["release"]
    );
    assert_eq!(climbs("event", "fn of(digest: crate::digest::Digest, image: &crate::config::Image) {}"), ["config"]);
    assert_eq!(climbs("config", "use crate::Failure;\nuse crate::{net, oci};\n"), ["Failure", "{"]);
    assert_eq!(climbs("deploy", "//! Not [`crate::extend`].\nuse crate::aws::Session;\n"), [""; 0]);
    assert_eq!(climbs("attic", "use crate::time;\n"), ["time"]);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}

/// What a text in this room names that is neither the room itself nor below it. A path from the crate's root begins
/// with the room: what is none, such as a type that the root hands on or a list in braces, counts as above.
fn climbs(room: &str, text: &str) -> Vec<String> {
    let floor = |room: &str| ROOMS.iter().position(|known| *known == room);
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let named = code.iter().flat_map(|line| line.split("crate::").skip(1));
    let named = named.map(|rest| match rest.find(|c: char| !c.is_alphanumeric() && c != '_') {
        Some(0) => "{",
        Some(end) => &rest[..end],
        None => rest,
    });
    named.filter(|named| floor(named).is_none_or(|named| Some(named) > floor(room))).map(str::to_owned).collect()
}
