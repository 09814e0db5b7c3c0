//! What is there before anything is asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use xtask_ecs::Failure;
use xtask_ecs::process::{ask, question};

use super::docker::{self, Facts};
use super::toml_text::TomlText;
use crate::handover::{metadata, with_library};

/// A workspace, as far as it matters to whoever adds to it.
pub struct Survey {
    pub root: PathBuf,
    /// The root of the git repository around it.
    pub git: Option<PathBuf>,
    /// The text of the root's Cargo.toml.
    pub manifest: String,
    pub packages: Vec<Package>,
    pub dockerfiles: Vec<Dockerfile>,
    pub documents: Vec<Document>,
    /// `.cargo/config.toml`, or what it was called before, and what it says where it is there.
    pub cargo: (PathBuf, Option<String>),
    /// The manifest of a program that is made with the library already.
    pub own: Option<PathBuf>,
    pub hints: Hints,
}

#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    pub binaries: Vec<String>,
    /// Where its manifest says one.
    pub version: Option<String>,
    /// The oldest Rust that compiles it, where its manifest says one.
    pub rust_version: Option<String>,
}

/// A Dockerfile of the repository.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// Relative to the root, with `/`.
    pub name: String,
    /// What an image of it would be called.
    pub image: String,
    pub facts: Facts,
    /// The folder that its COPYs are about, where that is not the root.
    pub context: Option<String>,
    /// Why it is no service's; None where it is.
    pub aside: Option<&'static str>,
}

/// A task definition.
#[derive(Clone, Debug)]
pub struct Document {
    pub name: String,
    pub family: String,
    pub containers: Vec<String>,
}

/// What the repository's files tell of the account, the region and the cluster.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    pub account: Option<String>,
    pub region: Option<String>,
    pub cluster: Option<String>,
    pub repositories: Vec<String>,
}

impl Survey {
    pub fn of_this_folder() -> anyhow::Result<Self> {
        let here = std::env::current_dir()?;
        let metadata = metadata(&here).ok_or_else(|| {
            let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
            let said = question(&here, &cargo, &["metadata", "--no-deps", "--format-version", "1"]).err();
            Failure::usage(format_args!("cargo finds no workspace around {}", here.display()))
                .said(said.unwrap_or_default())
                .help("run this in a folder of a cargo workspace or package")
        })?;
        let root = PathBuf::from(metadata["workspace_root"].as_str().unwrap_or_default());
        let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
        if let Err(why) = TomlText::parse(&manifest) {
            return Err(Failure::usage(format_args!("Cargo.toml is not TOML: {why}")).into());
        }
        let packages = packages(&metadata);
        let files = files(&root);
        let git = ask(&root, "git", &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
        let mut found = Self {
            dockerfiles: dockerfiles(&root, &files, &packages),
            documents: documents(&root, &files),
            cargo: cargo_config(&root),
            own: with_library(&here),
            hints: git.as_ref().map_or_else(|| hints(&root, &files), |git| hints(git, &self::files(git))),
            root,
            git,
            manifest,
            packages,
        };
        if found.own_name().is_some_and(|name| found.has_begun(&name)) {
            found.own = None;
        }
        Ok(found)
    }

    /// What the program that is made with the library already is called.
    pub fn own_name(&self) -> Option<String> {
        let folder = self.own.as_deref()?.parent()?.file_name()?;
        Some(folder.to_string_lossy().into_owned())
    }

    /// A path as people write it, relative to the root.
    pub fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Whether `[workspace.package]` has a version.
    pub fn has_workspace_version(&self) -> bool {
        TomlText::parse(&self.manifest).is_ok_and(|it| it.str(&["workspace", "package", "version"]).is_some())
    }

    /// Whether the name of a package, a folder or an alias is in use.
    pub fn has(&self, name: &str) -> bool {
        let taken = self.packages.iter().any(|package| package.name == name) || self.root.join(name).exists();
        (taken || self.has_alias(name)) && !self.has_begun(name)
    }

    pub fn has_alias(&self, name: &str) -> bool {
        let text = self.cargo.1.as_deref().unwrap_or_default();
        TomlText::parse(text).is_ok_and(|it| it.get(&["alias", name]).is_some())
    }

    /// Whether the workspace has a Cargo.lock, a package that needs the library, and the library not in it.
    pub fn is_unlocked(&self) -> bool {
        let is_member = |own: &PathBuf| self.packages.iter().any(|package| Some(&*package.folder) == own.parent());
        let lock = std::fs::read_to_string(self.root.join("Cargo.lock")).ok();
        self.own.as_ref().is_some_and(is_member) && lock.is_some_and(|lock| !lock.contains("name = \"xtask-ecs\"\n"))
    }

    /// Whether an `init` was killed before it had made this package, which is then nobody's: of its files some are there, and the
    /// workspace, written last, does not know it.
    fn has_begun(&self, name: &str) -> bool {
        let toml = TomlText::parse(&self.manifest);
        let apart = toml.is_ok_and(|it| it.strings(&["workspace", "exclude"]).contains(&name));
        let known = apart || self.packages.iter().any(|package| package.name == name);
        !known && is_of_init(&self.root.join(name), name)
    }
}

/// Whether this is a folder with nothing in it but what `init` puts there.
fn is_of_init(folder: &Path, name: &str) -> bool {
    let files = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &Path, names: &[&str]| names.iter().any(|name| path.file_name().is_some_and(|it| it == *name));
    let begun = format!("# `cargo {name} rehearse` turns it on by itself.");
    let ours = |path: PathBuf| match path {
        path if named(&path, &["src"]) => files(&path).all(|file| named(&file, &["main.rs", "main.partial"])),
        path if named(&path, &["Cargo.toml"]) => std::fs::read_to_string(path).is_ok_and(|text| text.contains(&begun)),
        // What cargo makes may be all that is left of one that was taken back.
        path => named(&path, &[".gitignore", ".partial", "Cargo.partial", "target"]),
    };
    folder.is_dir() && files(folder).all(ours)
}

fn packages(metadata: &Value) -> Vec<Package> {
    let all = metadata["packages"].as_array().into_iter().flatten();
    all.map(|package| {
        let targets = package["targets"].as_array().into_iter().flatten();
        let binaries =
            targets.filter(|target| target["kind"].as_array().is_some_and(|kinds| kinds.contains(&"bin".into())));
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        Package {
            name: package["name"].as_str().unwrap_or_default().to_owned(),
            folder: manifest.parent().unwrap_or(manifest).to_owned(),
            binaries: binaries.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect(),
            version: package["version"].as_str().filter(|version| *version != "0.0.0").map(str::to_owned),
            rust_version: package["rust_version"].as_str().map(str::to_owned),
        }
    })
    .collect()
}

/// The files of the repository below the root that git knows or would know, relative to the root.
fn files(root: &Path) -> Vec<String> {
    if let Some(list) = ask(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard"]) {
        let mut files: Vec<String> = list.lines().map(str::to_owned).collect();
        files.sort();
        files.dedup();
        return files;
    }
    let (mut folders, mut files) = (vec![PathBuf::new()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), folder.join(entry.file_name()));
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !["target", ".git", "node_modules"].contains(&&*name) => {
                    folders.push(path);
                }
                Ok(kind) if kind.is_file() => files.push(path.to_string_lossy().into_owned()),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

fn dockerfiles(root: &Path, files: &[String], packages: &[Package]) -> Vec<Dockerfile> {
    let is_one = |name: &str| name == "Dockerfile" || name.starts_with("Dockerfile.") || name.ends_with(".Dockerfile");
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for file in files {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        if !is_one(name) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let facts = docker::read(&text);
        let image = image_name(folder, name, &facts, packages, root);
        let aside = aside(folder, name, &facts);
        let is_new = aside.is_some() || taken.insert(image.clone());
        let image = if is_new { image } else { format!("{image}-{}", taken.len() + 1) };
        let context = context(root, folder, &facts);
        found.push(Dockerfile { name: file.clone(), image, facts, context, aside });
    }
    found
}

/// `worker` for `worker.Dockerfile` and `Dockerfile.worker`, the folder's name, or what is started.
fn image_name(folder: &str, name: &str, facts: &Facts, packages: &[Package], root: &Path) -> String {
    let suffix = name.strip_prefix("Dockerfile.").or_else(|| name.strip_suffix(".Dockerfile"));
    let started = facts
        .starts
        .as_deref()
        .filter(|starts| packages.iter().any(|one| one.binaries.iter().any(|binary| binary == starts)));
    let of_folder = folder.rsplit('/').find(|name| !["", "docker", "deploy", ".docker", "build", "ops"].contains(name));
    let root = root.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = suffix.or(started).or(of_folder).map(str::to_owned).or(root).unwrap_or_default();
    let clean: String =
        name.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    clean.trim_matches('-').to_owned()
}

/// Why a Dockerfile is for no service.
fn aside(folder: &str, name: &str, facts: &Facts) -> Option<&'static str> {
    let words = |word: &str| {
        folder
            .split(['/', '-', '_', '.'])
            .chain(name.split(['.', '-', '_']))
            .any(|part| part.eq_ignore_ascii_case(word))
    };
    if words("devcontainer") || words("dev") || words("development") {
        return Some("it is for development");
    }
    if words("ci") || words("test") || words("tests") || words("bench") {
        return Some("it is for tests");
    }
    (facts.starts.is_none() && facts.port.is_none()).then_some("it starts nothing")
}

/// The Dockerfile's own folder, where that has what it copies and the root has not.
fn context(root: &Path, folder: &str, facts: &Facts) -> Option<String> {
    let plain = facts.copies.iter().filter(|source| !source.contains(['*', '$', '?']) && !source.starts_with("http"));
    let is_below = plain
        .clone()
        .any(|source| source != "." && !root.join(source).exists() && root.join(folder).join(source).exists());
    (!folder.is_empty() && is_below).then(|| folder.to_owned())
}

fn documents(root: &Path, files: &[String]) -> Vec<Document> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| Path::new(file).extension().is_some_and(|extension| extension == "json")) {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        if !text.contains("\"containerDefinitions\"") {
            continue;
        }
        let Ok(document) = serde_json::from_str::<Value>(&text) else { continue };
        let Some(family) = document["family"].as_str() else { continue };
        let containers = document["containerDefinitions"].as_array().into_iter().flatten();
        let containers = containers.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect();
        found.push(Document { name: file.clone(), family: family.to_owned(), containers });
    }
    found
}

/// Cargo reads the older name where there are both.
fn cargo_config(root: &Path) -> (PathBuf, Option<String>) {
    let (old, new) = (root.join(".cargo/config"), root.join(".cargo/config.toml"));
    let path = if old.is_file() { old } else { new };
    let text = std::fs::read_to_string(&path).ok();
    (path, text)
}

/// What the toolchain's file pins, and that file.
pub fn toolchain(folder: &Path) -> Option<(String, String)> {
    for folder in folder.ancestors() {
        for name in ["rust-toolchain.toml", "rust-toolchain"] {
            let Ok(text) = std::fs::read_to_string(folder.join(name)) else { continue };
            let parsed = TomlText::parse(&text).ok();
            let channel = parsed.as_ref().and_then(|it| it.str(&["toolchain", "channel"])).unwrap_or(text.trim());
            return Some((channel.to_owned(), name.to_owned()));
        }
    }
    None
}

/// The registry that the repository's files name, and the cluster that its workflows deploy to.
fn hints(root: &Path, files: &[String]) -> Hints {
    let mut hints = Hints::default();
    let told = |file: &&String| {
        let path = Path::new(file);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        ["yml", "yaml", "json", "tf", "sh", "toml", "env"].contains(&extension) || file.contains("Dockerfile")
    };
    for file in files.iter().filter(told) {
        let path = root.join(file);
        if path.metadata().is_ok_and(|it| it.len() > 1 << 18) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        if hints.account.is_none()
            && let Some((account, region)) = registry(&text)
        {
            (hints.account, hints.region) = (Some(account), Some(region));
        }
        hints.repositories.extend(repositories(&text));
        let value = |line: &str, key: &str| {
            let value = line.trim().trim_start_matches("- ").strip_prefix(key)?.trim_start().strip_prefix(':')?.trim();
            let value = value.trim_matches(['"', '\'', ',']);
            let is_plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            is_plain.then(|| value.to_owned())
        };
        let is_workflow = file.contains(".github/workflows/");
        for line in text.lines().filter(|_| is_workflow) {
            let cluster = value(line, "cluster").or_else(|| value(line, "ECS_CLUSTER"));
            hints.cluster = hints.cluster.take().or(cluster);
            let region = value(line, "aws-region").or_else(|| value(line, "AWS_REGION"));
            hints.region = hints.region.take().or(region);
        }
    }
    hints
}

/// The account and the region of the first `ACCOUNT.dkr.ecr.REGION.amazonaws.com`.
fn registry(text: &str) -> Option<(String, String)> {
    let (before, after) = text.split_once(".dkr.ecr.")?;
    let account = before.get(before.len().checked_sub(12)?..)?;
    let region = after.split(".amazonaws.com").next()?;
    let is_region =
        region.len() < 20 && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (account.bytes().all(|b| b.is_ascii_digit()) && is_region).then(|| (account.to_owned(), region.to_owned()))
}

/// `shop/api` for each `…amazonaws.com/shop/api:…`.
fn repositories(text: &str) -> Vec<String> {
    let is_of_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "/-_.".contains(letter);
    let names = text.split(".amazonaws.com/").skip(1).filter(|_| text.contains(".dkr.ecr."));
    let name = |rest: &str| rest.split(|letter| !is_of_name(letter)).next().map(str::to_owned);
    names.filter_map(name).filter(|name| !name.is_empty()).collect()
}
