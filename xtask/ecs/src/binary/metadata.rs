//! `cargo metadata`, as far as a build needs it.
//! Source: The Cargo Book, `cargo metadata`, JSON format.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context;
use serde::Deserialize;

use super::access::Access;
use super::{Request, cargo};
use crate::cause;
use crate::config::Program;
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::sorted::Arrange;
use crate::text::nearest;

/// Cargo's words, old and new, where the lock file is not what the manifests ask for.
const STALE_LOCK: [&str; 3] = [
    "cannot update the lock file … because --locked was passed to prevent this",
    "cannot create the lock file … because --locked was passed to prevent this",
    "the lock file … needs to be updated but --locked was passed to prevent this",
];

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub packages: Vec<Package>,
    workspace_members: Vec<String>,
    /// Nothing in an outline.
    pub resolve: Option<Resolve>,
    pub workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub source: Option<String>,
    pub license: Option<String>,
    pub repository: Option<String>,
    pub description: Option<String>,
    manifest_path: PathBuf,
    default_run: Option<String>,
    /// What each feature turns on.
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    required_features: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resolve {
    pub nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub id: String,
    pub deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub pkg: String,
    pub dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Kind {
    /// `dev`, `build`, or nothing for a normal dependency.
    pub kind: Option<String>,
}

impl Metadata {
    /// The workspace's own packages, without what they depend on.
    pub(super) fn outline(request: &Request, access: &Access, interrupt: &Interrupt) -> Result<Self> {
        Self::ask(request, access, &["--no-deps".to_owned()], interrupt)
    }

    /// Every package and who depends on whom, resolved for these targets. The lock file must be up to date: what is
    /// built is what was committed.
    pub(super) fn resolved(
        request: &Request,
        access: &Access,
        targets: &[&str],
        features: &[String],
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let filters = targets.iter().flat_map(|target| ["--filter-platform", target]).map(str::to_owned);
        Self::ask(request, access, &filters.chain(features.iter().cloned()).gather::<Vec<_>>(), interrupt)
    }

    fn ask(request: &Request, access: &Access, arguments: &[String], interrupt: &Interrupt) -> Result<Self> {
        let tool = cargo(&request.root, &access.hidden_in_asking())
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(arguments);
        let ended = super::run(&tool, interrupt, |_| {})?;
        if !ended.status.success() {
            return Err(unreadable(request, access, &ended.tail));
        }
        let metadata =
            serde_json::from_slice(&ended.stdout).context("failed to read what `cargo metadata` answered")?;
        Ok(metadata)
    }

    /// The workspace's package of this name.
    pub(super) fn member(&self, name: &str) -> Result<&Package> {
        let members = || self.packages.iter().filter(|package| self.workspace_members.contains(&package.id));
        members().find(|package| package.name == name).ok_or_else(|| {
            let mut names: Vec<_> = members().map(|package| package.name.as_str()).gather();
            names.arrange_by(Ord::cmp);
            let hint = match nearest(name, names.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("it has {}", list(&names)),
            };
            Failure::usage(format_args!("the workspace at {} has no package `{name}`", self.workspace_root.display()))
                .help(hint)
        })
    }
}

impl Package {
    /// The name of the binary to build: the wanted one, or the only one, or the one that `cargo run` would run.
    pub(super) fn binary(&self, program: &Program) -> Result<String> {
        let on = self.turned_on(program);
        let lacks = |target: &Target| {
            target.required_features.iter().filter(|feature| !on.contains(*feature)).cloned().gather::<Vec<_>>()
        };
        let all: Vec<_> = self.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bin")).gather();
        let names: Vec<_> = all.iter().map(|target| target.name.as_str()).gather();
        let possible: Vec<_> = all.iter().filter(|target| lacks(target).is_empty()).gather();
        let package = &self.name;
        let wanted = program.bin.as_ref().or_else(|| self.default_run.as_ref().filter(|_| possible.len() != 1));
        match (wanted, all.as_slice()) {
            (_, []) => Err(Failure::usage(format_args!("package `{package}` has no binary to put into an image"))
                .help("add `src/main.rs`, or name another package")),
            (Some(wanted), all) => {
                let Some(target) = all.iter().find(|target| target.name == *wanted) else {
                    let has = list(&names);
                    return Err(Failure::usage(format_args!(
                        "package `{package}` has no binary `{wanted}`; it has {has}"
                    )));
                };
                self.check_features(target, &lacks(target)).map(|()| target.name.clone())
            }
            (None, [only]) => self.check_features(only, &lacks(only)).map(|()| only.name.clone()),
            (None, _) => match possible.as_slice() {
                [only] => Ok(only.name.clone()),
                _ => Err(Failure::usage(format_args!("package `{package}` has several binaries, {}", list(&names)))
                    .help(format!(
                        "say which one with `bin = \"{first}\"`, in `binaries` with `{{ package = \"{package}\", bin = \
                     \"{first}\" }}`",
                        first = names[0]
                    ))),
            },
        }
    }

    fn check_features(&self, target: &Target, lacking: &[String]) -> Result<()> {
        if lacking.is_empty() {
            return Ok(());
        }
        let quoted: Vec<_> = lacking.iter().map(|feature| format!("\"{feature}\"")).gather();
        Err(Failure::usage(format_args!(
            "the binary `{}` of package `{}` exists only with more features",
            target.name, self.name
        ))
        .help(format!("add `features = [{}]`", quoted.join(", "))))
    }

    /// The package's features that are on, those that others turn on among them.
    fn turned_on(&self, program: &Program) -> BTreeSet<String> {
        let mut waiting = program.features.clone();
        waiting.extend(program.default_features.then(|| "default".to_owned()));
        let mut on = BTreeSet::new();
        while let Some(feature) = waiting.pop() {
            if on.insert(feature.clone()) {
                waiting.extend(self.features.get(&feature).into_iter().flatten().cloned());
            }
        }
        on
    }

    /// The arguments for cargo. In the root of a workspace it may not take features, and beside a manifest it does.
    pub(super) fn features(&self, program: &Program) -> Vec<String> {
        let mut arguments = Vec::new();
        if !program.features.is_empty() {
            arguments.extend(["--features".to_owned(), program.features.join(",")]);
        }
        if !program.default_features {
            arguments.push("--no-default-features".to_owned());
        }
        if !arguments.is_empty() {
            arguments.extend(["--manifest-path".to_owned(), self.manifest_path.display().to_string()]);
        }
        arguments
    }
}

/// What cargo's first error begins with where a file of the workspace is at fault.
const MISTAKES: &[&str] = &[
    "failed to parse",
    "failed to load manifest",
    "failed to select a version",
    "no matching package",
    "could not find `Cargo.toml`",
    "current package believes",
    "multiple workspace roots",
    "invalid ",
];

/// Cargo's failure to read the workspace or to get its packages.
pub(super) fn unreadable(request: &Request, access: &Access, tail: &[String]) -> Failure {
    let error = tail.iter().find_map(|line| line.strip_prefix("error: ")).unwrap_or_default();
    let ends = |ending| {
        Failure::new(ending, format_args!("cargo could not read the workspace at {}", request.root.display()))
            .said(tail)
    };
    if cause::printed(tail, &STALE_LOCK) {
        return ends(Ending::Usage).help("run `cargo check` once, and commit the Cargo.lock it updates");
    }
    if MISTAKES.iter().any(|mistake| error.starts_with(mistake)) {
        return ends(Ending::Usage).help("correct what cargo names");
    }
    match access.withheld() {
        [] => ends(Ending::World).help("see what cargo names"),
        withheld => ends(Ending::World).help(format!(
            "if it wants credentials: {} are set here and kept from cargo and the build scripts it runs; they reach it \
             where cargo's configuration names a credential provider or a `rustc-wrapper`",
            withheld.join(", ")
        )),
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).gather();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Binaries as `NAME`, or `NAME:FEATURE` for one that needs a feature.
    fn package(binaries: &[&str]) -> Package {
        let target = |text: &&str| {
            let (name, features) = text.split_once(':').map_or((*text, vec![]), |(name, needs)| (name, vec![needs]));
            Target {
                name: name.to_owned(),
                kind: vec!["bin".to_owned()],
                required_features: features.into_iter().map(str::to_owned).collect(),
            }
        };
        Package {
            id: "app".to_owned(),
            name: "app".to_owned(),
            version: "1.0.0".to_owned(),
            source: None,
            license: None,
            repository: None,
            description: None,
            manifest_path: "/w/app/Cargo.toml".into(),
            default_run: None,
            features: BTreeMap::from([
                ("default".to_owned(), vec!["web".to_owned()]),
                ("web".to_owned(), vec!["dep:hyper".to_owned(), "tls".to_owned()]),
            ]),
            targets: binaries.iter().map(target).collect(),
        }
    }

    fn program(bin: Option<&str>, features: &[&str]) -> Program {
        Program {
            bin: bin.map(str::to_owned),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            ..Program::new("app")
        }
    }

    #[test]
    fn the_only_binary_is_taken_and_several_want_a_choice() {
        let named = |package: &Package, program: Program| package.binary(&program).map_err(|error| error.to_string());
        let ok = |name: &str| Ok(name.to_owned());
        assert_eq!(named(&package(&["app"]), program(None, &[])), ok("app"));
        assert_eq!(named(&package(&["one", "two"]), program(Some("two"), &[])), ok("two"));
        let by_default = Package { default_run: Some("two".to_owned()), ..package(&["one", "two"]) };
        assert_eq!(named(&by_default, program(None, &[])), ok("two"));
        assert_eq!(named(&by_default, program(Some("one"), &[])), ok("one"));

        let refused = |package: &Package, program| named(package, program).expect_err("refused");
        assert_eq!(
            refused(&package(&["one", "two"]), program(None, &[])),
            "package `app` has several binaries, `one`, `two`\nsay which one with `bin = \"one\"`, in `binaries` with \
             `{ package = \"app\", bin = \"one\" }`"
        );
        assert_eq!(
            refused(&package(&["one"]), program(Some("two"), &[])),
            "package `app` has no binary `two`; it has `one`"
        );
        assert!(refused(&package(&[]), program(None, &[])).contains("has no binary to put into an image"));
    }

    #[test]
    fn a_binary_exists_only_with_the_features_that_it_requires() {
        let two = package(&["app", "tool:cli"]);
        assert_eq!(two.binary(&program(None, &[])).expect("the other is not built"), "app");
        assert_eq!(two.binary(&program(Some("tool"), &["cli"])).expect("it is on"), "tool");
        let message = two.binary(&program(Some("tool"), &[])).expect_err("it is off").to_string();
        assert_eq!(
            message,
            "the binary `tool` of package `app` exists only with more features\nadd `features = [\"cli\"]`"
        );
        assert!(two.binary(&program(None, &["cli"])).is_err(), "now there are two");
        assert!(package(&["app:cli"]).binary(&program(None, &[])).is_err());
        let through_default = package(&["app:tls"]);
        assert_eq!(through_default.binary(&program(None, &[])).expect("`default` turns it on"), "app");
        let without = Program { default_features: false, ..program(None, &[]) };
        assert!(through_default.binary(&without).is_err());
    }

    #[test]
    fn features_go_to_cargo_beside_the_manifest_that_has_them() {
        let app = package(&["app"]);
        assert_eq!(app.features(&program(None, &[])), [""; 0]);
        let without = Program { default_features: false, ..program(None, &["a", "hyper/b"]) };
        assert_eq!(
            app.features(&without),
            ["--features", "a,hyper/b", "--no-default-features", "--manifest-path", "/w/app/Cargo.toml"]
        );
    }

    #[test]
    fn a_stale_lock_file_is_told_from_a_flag_that_is_named_somewhere() {
        let said = |line: &str| cause::printed(&[line.to_owned()], &STALE_LOCK);
        let end = "because --locked was passed to prevent this";
        assert!(said(&format!("error: cannot update the lock file /w/Cargo.lock {end}")));
        assert!(said(&format!("error: cannot create the lock file /w/Cargo.lock {end}")));
        assert!(said("error: the lock file /w/Cargo.lock needs to be updated but --locked was passed to prevent this"));
        assert!(!said("error: failed to read `/w/--locked/Cargo.toml`"));
    }
}
