//! What is added, worked out from what is there and what was chosen: no file is touched here.

use std::path::Path;

use xtask_ecs::Failure;

use super::choice::{Choice, Configuration, Drafted, Library, Place, against_a_member, their_xtask};
use super::insert::{Change, Edit, Insertion};
use super::survey::Survey;
use super::tables::{self, Head, parsed};
use super::toml_text::TomlText;

/// What is done, in this order, and what is said of it.
#[derive(Default)]
pub struct Plan {
    pub changes: Vec<Change>,
    pub notes: Vec<(&'static str, String)>,
    pub next: Vec<(&'static str, String)>,
}

pub fn plan(found: &Survey, choice: &Choice) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    let mut manifest = Vec::new();
    if found.own.is_none() {
        plan.notes.extend(against_a_member(found).into_iter().map(|why| ("Note", why)));
        match choice.place {
            Place::Member | Place::Apart => {
                package(found, choice, &mut plan);
                manifest.extend(membership(found, choice)?);
                plan.changes.extend(ignored(found, choice));
                alias(found, choice, &mut plan)?;
            }
            Place::Module => module(found, choice, &mut plan)?,
        }
    }
    let head = Head { command: &command(choice), member: member(choice) };
    let tables = match &choice.configuration {
        Some(Configuration::Drafted(drafted)) => {
            notes(found, drafted, &mut plan);
            tables::of_draft(found, choice, drafted)
        }
        Some(Configuration::Adopted(adopted)) => {
            plan.changes.extend(adopted.new_documents(found)?);
            adopted.all_tables(tables::of_package(choice))
        }
        None => Vec::new(),
    };
    manifest.extend(tables::block(found, &head, &tables)?);
    let edit = Edit::new(found.root.join("Cargo.toml"), found.manifest.clone(), manifest);
    if !edit.is_empty() {
        plan.changes.push(Change::Extend(edit));
    }
    plan.next.push((
        "Next",
        format!(
            "commit what was added; `{} workflows` writes the GitHub workflows, and `{0} release --plan` asks AWS",
            command(choice)
        ),
    ));
    Ok(plan)
}

/// How it is called in this workspace.
pub fn command(choice: &Choice) -> String {
    match choice.place {
        Place::Module => "cargo xtask-ecs".to_owned(),
        _ => format!("cargo {}", choice.name),
    }
}

/// The package's manifest and its main.
fn package(found: &Survey, choice: &Choice, plan: &mut Plan) {
    let folder = found.root.join(&choice.name);
    let toml = TomlText::parse(&found.manifest).ok();
    let has = |path: &[&str]| toml.as_ref().is_some_and(|toml| toml.get(path).is_some());
    let is_member = choice.place == Place::Member;
    let edition = if is_member && has(&["workspace", "package", "edition"]) {
        "edition.workspace = true"
    } else {
        "edition = \"2024\""
    };
    let own_workspace = if is_member {
        ""
    } else {
        "\n# Apart from the workspace around it, so that no image and no check compiles it.\n[workspace]\n"
    };
    let lints = if is_member && has(&["workspace", "lints"]) { "\n[lints]\nworkspace = true\n" } else { "" };
    let (name, library) = (&choice.name, dependency(&choice.library, &folder, found));
    let text = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n{edition}\nrust-version = \"{}\"\npublish = false\n{own_workspace}\n\
         [features]\n# `cargo {name} rehearse` turns it on by itself.\nrehearse = [\"xtask-ecs/rehearse\"]\n\n\
         [dependencies]\nxtask-ecs = {library}\n{lints}",
        env!("CARGO_PKG_RUST_VERSION")
    );
    plan.changes.push(Change::Create { path: folder.join("Cargo.toml"), text });
    plan.changes.push(Change::Create { path: folder.join("src/main.rs"), text: main(name) });
    if !is_member {
        plan.changes.push(Change::Create { path: folder.join(".gitignore"), text: "/target\n".to_owned() });
    }
}

fn main(name: &str) -> String {
    let called = if name == "xtask" { String::new() } else { format!(".called(\"cargo {name}\")") };
    MAIN.replace("NAME", name).replace(".CALLED", &called)
}

const MAIN: &str = "\
//! This repository's own `cargo NAME`: the standard commands, and what is added to them here.

use std::process::ExitCode;

use xtask_ecs::Xtask;

fn main() -> ExitCode {
    Xtask::new().CALLED.run()
}
";

fn dependency(library: &Library, folder: &Path, found: &Survey) -> String {
    match library {
        Library::Version(version) => format!("\"{version}\""),
        Library::Git { address, at } => {
            let is_tag = at.strip_prefix('v').unwrap_or(at).contains('.');
            format!("{{ git = \"{address}\", {} = \"{at}\" }}", if is_tag { "tag" } else { "rev" })
        }
        Library::Folder(path) => {
            let within = found.git.as_ref().and_then(|git| Some((git, path.strip_prefix(git).ok()?)));
            let path = within.map_or_else(
                || path.display().to_string(),
                |(git, rest)| {
                    let up = folder.strip_prefix(git).map_or(0, |below| below.components().count());
                    "../".repeat(up) + &rest.display().to_string()
                },
            );
            format!("{{ path = \"{path}\" }}")
        }
    }
}

/// Where a new workspace has the package.
fn member(choice: &Choice) -> Option<(&'static str, &str)> {
    (choice.place != Place::Module).then(|| (member_key(choice), choice.name.as_str()))
}

/// The list of the workspace that has the package.
fn member_key(choice: &Choice) -> &'static str {
    if choice.place == Place::Apart { "exclude" } else { "members" }
}

/// What makes the package a member, or keeps it from being one.
fn membership(found: &Survey, choice: &Choice) -> Result<Vec<Insertion>, Failure> {
    let toml = parsed(&found.manifest, "Cargo.toml")?;
    // With the configuration, where there is no such table yet.
    if toml.get(&["workspace"]).is_none() {
        return Ok(Vec::new());
    }
    let key = member_key(choice);
    let mut wanted = vec![(key, choice.name.as_str())];
    // Cargo takes every folder that `*` finds for a member, one that is hidden and has no manifest included.
    if toml.strings(&["workspace", "members"]).iter().any(|it| ["*", "**"].contains(it)) && found.cargo.1.is_none() {
        wanted.push(("exclude", ".cargo"));
    }
    let mut insertions = Vec::new();
    for (key, name) in wanted {
        let path = ["workspace", key];
        let covers = |pattern: &&str| *pattern == name || (key == "members" && ["*", "**"].contains(pattern));
        if toml.strings(&path).iter().any(covers) {
            continue;
        }
        let place = toml.element(&path, name).or_else(|| toml.entry("workspace", &format!("{key} = [\"{name}\"]")));
        insertions.push(place.ok_or_else(|| {
            Failure::usage("Cargo.toml has its `workspace` in a form that nothing can be added to")
                .help(format!("write it as a `[workspace]` table, or add `{key} = [\"{name}\"]` by hand"))
        })?);
    }
    Ok(insertions)
}

/// What keeps a package apart, and all that cargo makes in its folder, out of images that copy the whole folder.
fn ignored(found: &Survey, choice: &Choice) -> Vec<Change> {
    let name = choice.name.as_str();
    let is_whole = |copied: &String| copied == "." || copied == "./";
    let whole = found.dockerfiles.iter().filter(|it| it.context.is_none() && it.facts.copies.iter().any(is_whole));
    let files = whole.map(|it| found.root.join(format!("{}.dockerignore", it.name)));
    let mut files: Vec<_> =
        files.map(|own| if own.is_file() { own } else { found.root.join(".dockerignore") }).collect();
    files.sort();
    files.dedup();
    let covers = |line: &str| {
        let pattern = line.trim().trim_start_matches('/').trim_end_matches('/');
        [name, "*", "**", "**/target"].contains(&pattern) || pattern == format!("{name}/target")
    };
    let ignored = files.into_iter().filter(|_| choice.place == Place::Apart).filter_map(|path| {
        let text = std::fs::read_to_string(&path).ok().filter(|text| !text.lines().any(covers))?;
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let line = Insertion { at: text.len(), text: format!("{end}{name}\n") };
        Some(Change::added(path, &text, line))
    });
    ignored.collect()
}

fn alias(found: &Survey, choice: &Choice, plan: &mut Plan) -> Result<(), Failure> {
    let name = &choice.name;
    if found.has_alias(name) {
        return Ok(());
    }
    let run = match choice.place {
        Place::Apart => format!("run --manifest-path {name}/Cargo.toml --"),
        _ => format!("run --package {name} --"),
    };
    let line = format!("{name} = \"{run}\"");
    let (path, text) = &found.cargo;
    let Some(text) = text else {
        plan.changes.push(Change::Create { path: path.clone(), text: format!("[alias]\n{line}\n") });
        return Ok(());
    };
    let file = found.name_of(path);
    let toml = parsed(text, &file)?;
    let insertion = match (toml.get(&["alias"]), toml.entry("alias", &line)) {
        (None, _) => toml.behind("alias", &format!("[alias]\n{line}\n")),
        (Some(_), Some(insertion)) => insertion,
        (Some(_), None) => {
            return Err(Failure::usage(format_args!("{file} has its `alias` in a form that nothing can be added to"))
                .help(format!("write it as an `[alias]` table, or add `{line}` by hand")));
        }
    };
    plan.changes.push(Change::Extend(Edit::new(path.clone(), text.clone(), vec![insertion])));
    Ok(())
}

/// A file in the xtask that is there, and the dependency. What calls it is for them to write.
fn module(found: &Survey, choice: &Choice, plan: &mut Plan) -> Result<(), Failure> {
    let Some(folder) = their_xtask(found) else { return Ok(()) };
    let (file, path) = (folder.join("src/ecs.rs"), folder.join("Cargo.toml"));
    if file.exists() {
        return Err(Failure::usage(format_args!("{} is there already", found.name_of(&file)))
            .help("`--place member` makes a package of its own"));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::caused_by(error.into()))?;
    let toml = parsed(&text, &found.name_of(&path))?;
    let library = dependency(&choice.library, &folder, found);
    let mut insertions = Vec::new();
    let lines = [
        ("features", "package", "rehearse = [\"xtask-ecs/rehearse\"]".to_owned()),
        ("dependencies", "features", format!("xtask-ecs = {library}")),
    ];
    for (table, before, line) in lines {
        let block = || toml.behind(before, &format!("[{table}]\n{line}\n"));
        insertions.push(toml.entry(table, &line).unwrap_or_else(block));
    }
    plan.changes.push(Change::Extend(Edit::new(path, text, insertions)));
    plan.changes.push(Change::Create { path: file, text: MODULE.to_owned() });
    let main = found.name_of(&folder.join("src/main.rs"));
    plan.next.push((
        "Call",
        format!("it from {main} as `cargo xtask ship`: `mod ecs;`, and `ecs::run(words)` with the words behind `ship`"),
    ));
    Ok(())
}

pub const MODULE: &str = "\
//! Shipping to Amazon ECS: `release`, `deploy` and what goes with them.

use std::process::ExitCode;

use xtask_ecs::Xtask;

/// Runs one of its commands, such as `[\"deploy\", \"--plan\"]`.
pub fn run(words: Vec<String>) -> ExitCode {
    Xtask::new().called(\"cargo xtask ship\").run_from(std::iter::once(\"xtask\".to_owned()).chain(words))
}
";

fn notes(found: &Survey, said: &Drafted, plan: &mut Plan) {
    let shipped = |name: &str| said.images.iter().any(|image| image.name() == name);
    for one in found.dockerfiles.iter().filter(|one| !shipped(&one.image)) {
        plan.notes.push(("Left out", format!("{}: {}", one.name, one.aside.unwrap_or("it was not chosen"))));
    }
}
