//! A workspace with an xtask of its own on this library has that do the work: its commands, hooks and gates count.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;
use toml::de::DeTable;
use xtask_ecs::process::{ask, become_program};
use xtask_ecs::{Context, Failure};

use crate::init::MODULE;

/// What is done here even beside a workspace's own.
const OURS: [&str; 4] = ["init", "adopt", "completions", "man"];

/// Becomes the workspace's own xtask; `None` where there is none, or where the command is one of this program alone.
pub fn to_the_workspace(arguments: &[OsString]) -> Option<ExitCode> {
    if command(arguments).is_some_and(|word| OURS.iter().any(|ours| word == ours)) {
        return None;
    }
    let here = std::env::current_dir().ok()?;
    let own = with_library(&here).filter(|manifest| !is_module(manifest))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = ["run", "--quiet", "--manifest-path"].map(OsString::from);
    let words = run.into_iter().chain([own.into(), "--".into()]).chain(arguments.iter().skip(1).cloned());
    let error = become_program(cargo, &words.collect::<Vec<_>>());
    drop(writeln!(std::io::stderr(), "error: cargo could not be started: {error}"));
    Some(ExitCode::FAILURE)
}

/// The first word that is neither a flag nor a flag's value.
fn command(arguments: &[OsString]) -> Option<&OsString> {
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        if ["-e", "--environment", "--log"].iter().any(|flag| word == flag) {
            words.next();
        } else if !word.to_string_lossy().starts_with('-') {
            return Some(word);
        }
    }
    None
}

/// The manifest of the workspace's program that is made with the library: a member, or a folder below the root that is a
/// workspace of its own.
pub fn with_library(here: &Path) -> Option<PathBuf> {
    let metadata = metadata(here)?;
    let root = PathBuf::from(metadata["workspace_root"].as_str()?);
    let members = metadata["packages"].as_array()?.iter();
    let members = members.filter_map(|package| package["manifest_path"].as_str().map(PathBuf::from));
    let folders = std::fs::read_dir(&root).into_iter().flatten().flatten();
    let beside = folders.map(|folder| folder.path().join("Cargo.toml")).filter(|manifest| manifest.is_file());
    let mut candidates: Vec<PathBuf> = members.chain(beside).collect();
    // Where there are several, the one of the usual name.
    candidates.sort_by_key(|manifest| !manifest.ends_with("xtask/Cargo.toml"));
    candidates.into_iter().find(|manifest| is_own(manifest))
}

/// What cargo knows of the workspace around a folder, without its dependencies.
pub fn metadata(here: &Path) -> Option<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let text = ask(here, &cargo, &["metadata", "--no-deps", "--format-version", "1"])?;
    serde_json::from_str(&text).ok()
}

/// Whether what uses the library is a module that `init` put into somebody else's program, whose words are its own.
fn is_module(manifest: &Path) -> bool {
    let module = std::fs::read_to_string(manifest.with_file_name("src/ecs.rs"));
    module.is_ok_and(|text| text.lines().next() == MODULE.lines().next())
}

/// The workflows compile and run a package of the workspace's.
pub fn refuse_workflows(_: &Context, name: &str, go: &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    if name != "workflows" {
        return go();
    }
    Err(Failure::usage("the workflows run an xtask of the workspace's own, and there is none here")
        .help(
            "`cargo xtask-ecs init` begins one; a workflow of your own can call `cargo xtask-ecs release` and `deploy`",
        )
        .into())
}

fn is_own(manifest: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(manifest) else { return false };
    let runs = manifest.with_file_name("src/main.rs").is_file();
    runs && depends(&text)
}

/// Whether a manifest is of a program that is made with the library, and not of this one.
fn depends(manifest: &str) -> bool {
    let Ok(table) = DeTable::parse(manifest) else { return false };
    let table = table.get_ref();
    let name = table.get("package").and_then(|package| package.get_ref().get("name"));
    let is_this = name.and_then(|name| name.get_ref().as_str()) == Some(env!("CARGO_PKG_NAME"));
    !is_this && table.get("dependencies").is_some_and(|all| all.get_ref().get("xtask-ecs").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_made_with_the_library_is_the_workspaces_own_and_this_one_is_not() {
        assert!(depends("[package]\nname = \"xtask\"\n[dependencies]\nxtask-ecs = \"0.1\"\n"));
        assert!(!depends("[package]\nname = \"xtask-ecs-cli\"\n[dependencies]\nxtask-ecs = \"0.1\"\n"));
        assert!(!depends("[package]\nname = \"xtask\"\n[dependencies]\nclap = \"4\"\n"));
        assert!(!depends("[package\n"));
    }

    #[test]
    fn the_command_is_the_word_behind_the_flags_and_not_what_it_is_given() {
        let of = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            command(&words).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
        };
        assert_eq!(of("cargo-xtask-ecs -e init --log json run init"), "run");
        assert_eq!(of("cargo-xtask-ecs --log=json adopt ecspresso.yml"), "adopt");
        assert_eq!(of("cargo-xtask-ecs --help"), "");
    }
}
