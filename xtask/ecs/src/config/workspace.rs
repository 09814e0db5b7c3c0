//! The cargo workspace around a folder, read without running cargo: its root, its target folder, its packages.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Source, anywhere, invalid};
use super::origin::Origin;
use super::path::relative;
use crate::failure::{Failure, Place, Result};

mod members;

/// The root of a workspace and the text of its Cargo.toml, which is TOML.
pub(super) struct Root {
    pub(super) folder: PathBuf,
    pub(super) text: String,
}

/// The folder of the git repository that a folder is in; that folder itself outside of one.
pub fn repository(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(folder)
}

/// A workspace that can be asked for its packages.
pub(super) struct Workspace<'a> {
    pub(super) root: PathBuf,
    pub(super) source: Source<'a>,
    pub(super) document: &'a DeTable<'a>,
    packages: OnceCell<Vec<Member>>,
}

/// A package of the workspace.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Absent where the manifest gives none.
    pub(super) version: Option<Version>,
}

/// A version and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) text: String,
    pub(super) place: Place,
}

impl Root {
    /// Walks up from `start` to a Cargo.toml with `[workspace]`, or to the one that a `package.workspace` names.
    pub(super) fn find(start: &Path) -> Result<Self> {
        let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
        for folder in start.ancestors() {
            let manifest = folder.join("Cargo.toml");
            if !manifest.is_file() {
                continue;
            }
            let text = read(&manifest, &start)?;
            let file = shown(&manifest, &start);
            let table = parse(Source { file: &file, text: &text })?;
            if table.contains_key("workspace") {
                return Ok(Self { folder: folder.to_owned(), text });
            }
            let named = table.get("package").and_then(|package| package.get_ref().get("workspace"));
            if let Some(named) = named
                && let Some(path) = named.get_ref().as_str()
            {
                let root = super::path::normalise(&folder.join(path));
                return Self::named(root, &start).map_err(|error| {
                    error.unwrap_or_else(|| {
                        let message = format!("`{path}` has no Cargo.toml with a `[workspace]` table");
                        invalid(vec![Source { file: &file, text: &text }.fault(named.span(), message, "")])
                    })
                });
            }
        }
        Err(invalid(vec![anywhere(
            format!("no cargo workspace around {}: no Cargo.toml with a `[workspace]` table", start.display()),
            "run this in a folder of the workspace, or add `[workspace]` to the project's Cargo.toml",
        )]))
    }

    /// The workspace in `root`; without an error of its own where there is none.
    fn named(root: PathBuf, start: &Path) -> Result<Self, Option<Failure>> {
        let manifest = root.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(None);
        }
        let text = read(&manifest, start)?;
        let is_workspace = parse(Source { file: &shown(&manifest, start), text: &text })?.contains_key("workspace");
        if is_workspace { Ok(Self { folder: root, text }) } else { Err(None) }
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source { file: "Cargo.toml", text: &self.text }
    }
}

impl<'a> Workspace<'a> {
    pub(super) fn new(root: PathBuf, source: Source<'a>, document: &'a DeTable<'a>) -> Self {
        Self { root, source, document, packages: OnceCell::new() }
    }

    /// The packages of the workspace; read once, when the configuration names one.
    pub(super) fn packages(&self) -> &[Member] {
        self.packages.get_or_init(|| members::packages(self))
    }

    pub(super) fn package(&self, name: &str) -> Option<&Member> {
        self.packages().iter().find(|package| package.name == name)
    }

    /// `[workspace.package] version`.
    pub(super) fn version(&self) -> Option<Version> {
        let package = self.document.get("workspace")?.get_ref().get("package")?.get_ref().as_table()?;
        version(package, self.source)
    }

    /// Cargo's target folder. Order and meaning of the paths as in the Cargo book, "Configuration", build.target-dir:
    /// the variable is relative to the current folder, the file's value to the folder that holds `.cargo`.
    pub(super) fn target(&self, start: &Path, variable: impl Fn(&str) -> Option<String>) -> (PathBuf, Origin) {
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
            if let Some(folder) = variable(name) {
                let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
                return (super::path::normalise(&start.join(folder)), Origin::Environment(name.to_owned()));
            }
        }
        let home = variable("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(Path::new(&variable("HOME")?).join(".cargo")));
        let folders = self.root.ancestors().map(|folder| folder.join(".cargo")).chain(home);
        folders
            .flat_map(|folder| [folder.join("config"), folder.join("config.toml")])
            .find_map(|file| self.configured_target(&file))
            .unwrap_or_else(|| (self.root.join("target"), Origin::Default))
    }

    fn configured_target(&self, file: &Path) -> Option<(PathBuf, Origin)> {
        let text = std::fs::read_to_string(file).ok()?;
        // Cargo itself refuses a configuration that is not TOML, before it starts this program.
        let table = DeTable::parse(&text).ok()?;
        let value = table.get_ref().get("build")?.get_ref().get("target-dir")?;
        let folder = super::path::normalise(&file.parent()?.parent()?.join(value.get_ref().as_str()?));
        let name = relative(&self.root, file);
        Some((folder, Origin::File(Source { file: &name, text: &text }.place(value.span().start))))
    }
}

/// `version` of a package table, where it is written out.
fn version(package: &DeTable<'_>, source: Source<'_>) -> Option<Version> {
    let value = package.get("version")?;
    let text = value.get_ref().as_str()?.to_owned();
    Some(Version { text, place: source.place(value.span().start) })
}

/// The table of a TOML text, or where it stops being TOML.
pub(super) fn parse(source: Source<'_>) -> Result<DeTable<'_>> {
    // What follows the first fault is mostly its echo.
    DeTable::parse(source.text).map(toml::Spanned::into_inner).map_err(|error| {
        let span = error.span().unwrap_or_default();
        invalid(vec![source.fault(span, format!("{} is not TOML: {}", source.file, error.message()), "")])
    })
}

fn read(manifest: &Path, start: &Path) -> Result<String> {
    let file = shown(manifest, start);
    let bytes = std::fs::read(manifest).map_err(|error| {
        invalid(vec![anywhere(format!("cannot read {file}: {error}"), "check the file's permissions")])
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let source = Source { file: &file, text: &text };
        invalid(vec![source.fault(valid..valid + 1, format!("{file} is not UTF-8"), "save it as UTF-8")])
    })
}

/// A manifest's name before the root is known: short where it is below the folder that the search began in.
fn shown(manifest: &Path, start: &Path) -> String {
    manifest.strip_prefix(start).unwrap_or(manifest).display().to_string()
}

/// Whether `value` is `{ workspace = true }`.
fn inherits(value: &DeValue<'_>) -> bool {
    value.get("workspace").is_some_and(|value| value.get_ref().as_bool() == Some(true))
}
