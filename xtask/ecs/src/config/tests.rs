//! Workspaces in temporary folders, and what [`load`] says of them.

mod effective;
mod environments;
mod fuzz;
mod images;
mod keys;
mod lookups;
mod native;
mod people;
mod scan;
mod services;
mod tasks;
mod top;
mod workspaces;

use std::path::Path;

use super::{Loaded, load};
use crate::failure::{Failure, Fault};

/// A configuration without a fault; what tests spoil.
const GOOD: &str = r#"[workspace]
members = ["app"]

[workspace.package]
version = "1.4.0"

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = "1.4.0"
dockerfile = "app/Dockerfile"

[workspace.metadata.xtask.services.app]
cluster = "sample"
task-definition = "app/ecs/task-definition.json"
containers = { app = "app" }
"#;

/// A folder with these files, beside the ones that [`GOOD`] names.
pub(crate) fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let usual = [
        ("Cargo.toml", GOOD),
        ("app/Cargo.toml", "[package]\nname = \"app\"\nversion.workspace = true\n"),
        ("app/Dockerfile", "FROM scratch\n"),
        ("app/ecs/task-definition.json", "{}\n"),
    ];
    for (path, text) in usual.iter().chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// An environment in which nothing is set.
pub(crate) fn nothing(_: &str) -> Option<String> {
    None
}

fn loaded(folder: &Path) -> Loaded {
    load(folder, &nothing).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What is wrong with this Cargo.toml; the folder's path, which differs from run to run, is `ROOT`.
pub(crate) fn errors_of(manifest: &str) -> Failure {
    let folder = workspace(&[("Cargo.toml", manifest)]);
    let root = folder.path().display().to_string();
    let mut failure = load(folder.path(), &nothing).expect_err("the configuration is faulty");
    for text in failure.texts_mut() {
        *text = text.replace(&root, "ROOT");
    }
    failure
}

/// [`GOOD`] with the first of each pair replaced by its second.
pub(crate) fn spoilt(replacements: &[(&str, &str)]) -> String {
    let mut manifest = GOOD.to_owned();
    for (old, new) in replacements {
        assert!(manifest.contains(old), "{old} is not in the manifest");
        manifest = manifest.replacen(old, new, 1);
    }
    manifest
}

/// A line for each fault: `LINE:COLUMN [UNDERLINED] MESSAGE | HINT`.
fn brief(failure: &Failure) -> String {
    let line = |fault: &Fault| {
        let place = fault.place.as_ref().zip(fault.excerpt.as_ref()).map_or(String::new(), |(place, excerpt)| {
            let marked = excerpt.line.chars().skip(excerpt.start).take(excerpt.width);
            format!("{}:{} [{}] ", place.line, place.column, marked.collect::<String>())
        });
        let bar = if fault.help.is_empty() { "" } else { " | " };
        format!("{place}{}{bar}{}", fault.message, fault.help.join("\n"))
    };
    failure.faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Each case is what replaces `old` in [`GOOD`], and what is wrong with the result.
fn check(old: &str, cases: &[(&str, &str)]) {
    let faults = cases.iter().map(|(new, _)| brief(&errors_of(&spoilt(&[(old, new)]))));
    let different: Vec<String> = faults
        .zip(cases)
        .filter(|(actual, (_, expected))| actual != expected)
        .map(|(actual, (new, expected))| format!("=== {new}\n--- expected\n{expected}\n--- actual\n{actual}\n"))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}
