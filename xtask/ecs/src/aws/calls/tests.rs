//! Every call is declared, once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

/// The files of this room.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).expect("a source");
                files.push((path, text));
            }
        }
    }
    files
}

/// `ecs:DescribeServices` for `self.client.describe_services(`, however it is broken into lines.
fn operations((path, text): &(PathBuf, String)) -> Vec<String> {
    let service = match path.file_stem().and_then(|name| name.to_str()) {
        Some("identity") => "sts",
        Some("ecr") => "ecr",
        _ => "ecs",
    };
    let text = text.replace("aws_sdk_sts::Client::new(sdk)", ".client");
    let calls = text.split(".client").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('.'));
    let names = calls.filter_map(|rest| rest.split_once('(').map(|(name, _)| name.trim()));
    names.map(|name| format!("{service}:{}", pascal(name))).collect()
}

/// `logs:GetLogEvents` for `&calls::GET_LOG_EVENTS`: what has no SDK crate is called by its declaration.
fn signed((_, text): &(PathBuf, String)) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let names = code
        .split("&calls::")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| c != '_' && !c.is_ascii_uppercase()).next());
    let operation = |name: &str| format!(":{}", pascal(&name.to_lowercase()));
    let all = || CALLS.iter().chain(OF_INIT);
    let declared = |name: &str| all().find(|call| call.action.ends_with(&operation(name)));
    names.map(|name| declared(name).map_or(name, |call| call.action).to_owned()).collect()
}

fn pascal(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[test]
fn every_operation_that_is_called_declares_its_action_and_every_declared_one_is_called() {
    let sources = sources();
    let called: BTreeSet<String> =
        sources.iter().flat_map(|file| operations(file).into_iter().chain(signed(file))).collect();
    let declared: BTreeSet<String> = CALLS.iter().chain(OF_INIT).map(|call| call.action.to_owned()).collect();
    assert_eq!(called, declared);
    let is_call = |line: &&str| line.starts_with("pub(crate) const ") && line.contains(": Call =");
    let written = include_str!("../calls.rs").lines().filter(is_call).count();
    assert_eq!(written, CALLS.len() + OF_INIT.len(), "one is not in the list");
}

#[test]
fn an_action_is_written_out_nowhere_else_in_this_room() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let name = path.file_name().expect("a file").to_string_lossy();
        let literals = ["\"ecr:", "\"ecs:", "\"iam:"].map(|start| code.matches(start).count());
        assert!(name == "calls.rs" || literals == [0; 3], "{name} has an action of its own");
    }
}
