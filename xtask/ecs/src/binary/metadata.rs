//! `cargo metadata`, as far as a build needs it.
//! Source: The Cargo Book, `cargo metadata`, JSON format.

use std::path::PathBuf;

use anyhow::Context;
use serde::Deserialize;

use super::{Request, cargo};
use crate::cause;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::process::quote;
use crate::text::nearest;

/// Cargo's words, old and new, where the lock file is not what the manifests ask for.
const STALE_LOCK: [&str; 3] = [
    "cannot update the lock file … because --locked was passed to prevent this",
    "cannot create the lock file … because --locked was passed to prevent this",
    "the lock file … needs to be updated but --locked was passed to prevent this",
];

#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    workspace_members: Vec<String>,
    /// Nothing in an outline.
    pub resolve: Option<Resolve>,
    pub workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub source: Option<String>,
    pub license: Option<String>,
    pub repository: Option<String>,
    pub description: Option<String>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Resolve {
    pub nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub struct Node {
    pub id: String,
    pub deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub struct Dependency {
    pub pkg: String,
    pub dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
pub struct Kind {
    /// `dev`, `build`, or nothing for a normal dependency.
    pub kind: Option<String>,
}

impl Metadata {
    /// The workspace's own packages, without what they depend on.
    pub fn outline(request: &Request, interrupt: &Interrupt) -> Result<Self> {
        Self::ask(request, &["--no-deps"], interrupt)
    }

    /// Every package and who depends on whom, resolved for these targets. The lock file must be up to date: what is
    /// built is what was committed.
    pub fn resolved(request: &Request, targets: &[&str], interrupt: &Interrupt) -> Result<Self> {
        let filters: Vec<&str> = targets.iter().flat_map(|target| ["--filter-platform", target]).collect();
        Self::ask(request, &filters, interrupt)
    }

    fn ask(request: &Request, arguments: &[&str], interrupt: &Interrupt) -> Result<Self> {
        let tool = cargo(&request.root).args(["metadata", "--format-version", "1", "--locked"]).args(arguments);
        let ended = super::run(&tool, interrupt, |_| {})?;
        if !ended.status.success() {
            let fix = if cause::printed(&ended.tail, &STALE_LOCK) {
                "run `cargo check` once, and commit the Cargo.lock it updates"
            } else {
                "correct what cargo names"
            };
            return Err(Failure::Usage(format!(
                "cargo could not read the workspace at {}{}\n{fix}",
                request.root.display(),
                quote(&ended.tail)
            )));
        }
        let metadata =
            serde_json::from_slice(&ended.stdout).context("failed to read what `cargo metadata` answered")?;
        Ok(metadata)
    }

    /// The workspace's package of this name.
    pub fn member(&self, name: &str) -> Result<&Package> {
        let members = || self.packages.iter().filter(|package| self.workspace_members.contains(&package.id));
        members().find(|package| package.name == name).ok_or_else(|| {
            let mut names: Vec<_> = members().map(|package| package.name.as_str()).collect();
            names.sort_unstable();
            let hint = match nearest(name, names.iter().copied()) {
                Some(nearest) => format!("; did you mean `{nearest}`?"),
                None => format!("; it has {}", list(&names)),
            };
            Failure::Usage(format!("the workspace at {} has no package `{name}`{hint}", self.workspace_root.display()))
        })
    }
}

impl Package {
    /// The name of the binary to build: `wanted`, or the only one.
    pub fn binary(&self, wanted: Option<&str>) -> Result<String> {
        let binaries: Vec<_> = self
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            .map(|target| target.name.as_str())
            .collect();
        let package = &self.name;
        match (wanted, binaries.as_slice()) {
            (_, []) => Err(Failure::Usage(format!(
                "package `{package}` has no binary to put into an image; add `src/main.rs`, or name another package"
            ))),
            (Some(wanted), _) if binaries.contains(&wanted) => Ok(wanted.to_owned()),
            (Some(wanted), _) => {
                Err(Failure::Usage(format!("package `{package}` has no binary `{wanted}`; it has {}", list(&binaries))))
            }
            (None, [only]) => Ok((*only).to_owned()),
            (None, _) => Err(Failure::Usage(format!(
                "package `{package}` has several binaries, {}; say which one with `bin = \"{}\"`",
                list(&binaries),
                binaries[0]
            ))),
        }
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(binaries: &[&str]) -> Package {
        let target = |name: &&str| Target { name: (*name).to_owned(), kind: vec!["bin".to_owned()] };
        Package {
            id: "app".to_owned(),
            name: "app".to_owned(),
            version: "1.0.0".to_owned(),
            source: None,
            license: None,
            repository: None,
            description: None,
            targets: binaries.iter().map(target).collect(),
        }
    }

    #[test]
    fn the_only_binary_is_taken_and_several_want_a_choice() {
        assert_eq!(package(&["app"]).binary(None).expect("one binary"), "app");
        assert_eq!(package(&["one", "two"]).binary(Some("two")).expect("it is there"), "two");
        let message = |result: Result<String>| result.expect_err("refused").to_string();
        assert_eq!(
            message(package(&["one", "two"]).binary(None)),
            "package `app` has several binaries, `one`, `two`; say which one with `bin = \"one\"`"
        );
        assert_eq!(message(package(&["one"]).binary(Some("two"))), "package `app` has no binary `two`; it has `one`");
        assert!(message(package(&[]).binary(None)).contains("has no binary to put into an image"));
    }

    #[test]
    fn a_stale_lock_file_is_told_from_a_flag_that_is_named_somewhere() {
        let said = |line: &str| cause::printed(&[line.to_owned()], &STALE_LOCK);
        let end = "because --locked was passed to prevent this";
        assert!(said(&format!("error: cannot update the lock file /work/Cargo.lock {end}")));
        assert!(said(&format!("error: cannot create the lock file /work/Cargo.lock {end}")));
        assert!(said(
            "error: the lock file /work/Cargo.lock needs to be updated but --locked was passed to prevent this"
        ));
        assert!(!said("error: failed to read `/work/--locked/Cargo.toml`"));
    }
}
