//! The GitHub workflows, rendered from the configuration: Build Stage, Deploy Stage and, where there is something to
//! run, Rescan and CI.
//!
//! The files are output: what a team wants otherwise goes into `[workspace.metadata.xtask.workflows]`, and
//! [`check`] tells when a file is not what the configuration says.

mod call;
pub(crate) mod diff;
mod fill;
mod holes;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::text::{as_called, program};

use fill::fill;

/// Whether a file was written here: each begins with a line that says so, by whatever name this program had.
fn is_ours(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("# Written by `cargo ") && first.contains(" workflows`")
}

/// Where the templates have the compiled xtask between the stages.
const STAGE: &str = "target/xtask/stage";

/// Where they have what one job leaves for another, beside it.
const PARTS: &str = "target/xtask/parts";

/// A workflow's file.
#[derive(Debug)]
pub(crate) struct File {
    pub path: PathBuf,
    /// Its path as seen from the workspace's root, with `/`.
    pub name: String,
    /// What it should hold; `None` where there should be no such file.
    pub text: Option<String>,
}

/// Where a workspace lies in its git repository: GitHub looks for workflows at the repository's root, and cargo for
/// the workspace in its folder.
struct Checkout {
    root: PathBuf,
    /// With `/`; empty where the workspace is the repository.
    folder: String,
}

impl Checkout {
    /// Outside git the workspace is taken for the repository.
    fn around(workspace: &Path) -> Self {
        let root = workspace.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(workspace);
        let below = workspace.strip_prefix(root).unwrap_or(Path::new(""));
        let names: Vec<_> = below.components().map(|component| component.as_os_str().to_string_lossy()).gather();
        Self { root: root.to_owned(), folder: names.join("/") }
    }

    fn file(&self, name: &str, text: Option<String>) -> File {
        let up = if self.folder.is_empty() { 0 } else { self.folder.split('/').count() };
        let name = format!(".github/workflows/{name}");
        File { path: self.root.join(&name), name: "../".repeat(up) + &name, text }
    }
}

/// The files. `environments` are those that are declared, in their order, or what there is without any: Build Stage
/// releases to the first. `has_ci` is whether this repository's xtask has a command `ci`; CI runs that, or what
/// `workflows.ci.run` names, or there is no such file.
pub(crate) fn render(environments: &[Config], has_ci: bool) -> Vec<File> {
    let Some(config) = environments.first() else { return Vec::new() };
    let checkout = Checkout::around(&config.root);
    let own = own_folder(config);
    let configured = Some(config.workflows.ci.run.clone()).filter(|commands| !commands.is_empty());
    let commands = configured.or_else(|| has_ci.then(|| vec!["exec cargo xtask ci".to_owned()]));
    let finish = |text: String| as_called(&run_by(config, &text.replace("target/xtask", &own)));
    let text = |template, holes| Some(finish(fill(template, &holes)));
    vec![
        checkout.file("build.yml", Some(finish(build(config, &checkout)))),
        checkout.file("deploy.yml", Some(finish(deploy(environments, &checkout)))),
        checkout.file(
            "rescan.yml",
            config
                .workflows
                .rescan
                .as_ref()
                .and_then(|cron| text(include_str!("workflows/rescan.yml"), holes::rescan(config, &checkout, cron))),
        ),
        checkout.file(
            "ci.yml",
            commands.and_then(|run| text(include_str!("workflows/ci.yml"), holes::ci(config, &checkout, &run))),
        ),
    ]
}

/// The same with cargo told which package it is, where that is no member called `xtask` with an alias of that name.
fn run_by(config: &Config, text: &str) -> String {
    let Some(manifest) = &config.workflows.manifest else { return text.to_owned() };
    let relative = manifest.strip_prefix(&config.root).unwrap_or(manifest).display().to_string();
    let manifest = format!("--manifest-path {}", fill::scalar(&relative));
    text.replace("--package xtask", &manifest)
        .replace("exec cargo xtask ", &format!("exec cargo run --quiet --locked {manifest} -- "))
}

/// One job, or one for each part and one that puts the tags.
fn build(config: &Config, checkout: &Checkout) -> String {
    let template = include_str!("workflows/build.yml");
    let (head, job) = template.split_once("\njobs:\n").expect("the template has jobs");
    let part = config.workflows.matrix.map(|by| fill(job, &holes::part(config, checkout, by)) + "\n");
    let release = fill(job, &holes::release(config, checkout));
    let jobs = format!("{}{}{release}", refusal(config, &[]), part.unwrap_or_default());
    format!("{}\njobs:\n{jobs}", fill(head, &holes::pushed(config, checkout, &jobs)))
}

/// One job an environment, each after the one before.
fn deploy(environments: &[Config], checkout: &Checkout) -> String {
    let template = include_str!("workflows/deploy.yml");
    let (head, job) = template.split_once("\njobs:\n").expect("the template has jobs");
    let jobs = (0..environments.len()).map(|place| fill(job, &holes::deploy(environments, place, checkout)));
    let jobs = jobs.gather::<Vec<_>>().join("\n");
    let jobs = refusal(&environments[0], &holes::names(environments)) + &jobs;
    format!("{}\njobs:\n{jobs}", fill(head, &holes::started(environments, checkout, &jobs)))
}

/// The job that refuses a call which does not say what it has to, where there are calls.
fn refusal(config: &Config, environments: &[String]) -> String {
    let (_, job) = include_str!("workflows/called.yml").split_once("\njobs:\n").expect("the template has jobs");
    config.workflows.call.map_or(String::new(), |_| fill(job, &call::refusal(config, environments)) + "\n")
}

/// Makes the files what [`render`] says: what was done, and to which file. A file that nobody wrote here stays.
/// Fails with [`Ending::Usage`](crate::failure::Ending::Usage), with nothing done, where a file is of another workspace of the same repository.
pub(crate) fn write(environments: &[Config], has_ci: bool) -> Result<Vec<(&'static str, String)>> {
    let files = render(environments, has_ci);
    let mut found = Vec::new();
    for file in &files {
        found.push(read(file)?);
    }
    refuse_foreign(&files, &found)?;
    let mut done = Vec::new();
    for (file, found) in files.into_iter().zip(found) {
        match (file.text, found) {
            (Some(wanted), found) if found.as_ref() != Some(&wanted) => {
                let folder = file.path.parent().unwrap_or(Path::new(""));
                std::fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
                std::fs::write(&file.path, wanted)
                    .with_context(|| format!("failed to write {}", file.path.display()))?;
                done.push(("Wrote", file.name));
            }
            (None, Some(found)) if is_ours(&found) => {
                std::fs::remove_file(&file.path)
                    .with_context(|| format!("failed to remove {}", file.path.display()))?;
                done.push(("Removed", file.name));
            }
            _ => {}
        }
    }
    Ok(done)
}

/// What somebody else wrote is not written over.
fn refuse_foreign(files: &[File], found: &[Option<String>]) -> Result<()> {
    let is_foreign = |(file, found): &(&File, &Option<String>)| {
        found.as_ref().is_some_and(|found| !is_ours(found) && file.text.is_some())
    };
    let foreign: Vec<&str> = files.iter().zip(found).filter(is_foreign).map(|(file, _)| file.name.as_str()).gather();
    if foreign.is_empty() {
        return Ok(());
    }
    let message =
        format!("{} was not written by `{} workflows`, and is not written over", foreign.join(", "), program());
    Err(Failure::usage(message).help(as_called(
        "rename it or remove it, `cargo xtask workflows --check` shows what would be there; \
         `workflows.ci.run` says what CI runs",
    )))
}

/// Whether the files are what [`render`] gives. Fails with [`Ending::Usage`](crate::failure::Ending::Usage) and the differences: `-` is what a file
/// has, `+` what it should have. Line endings are no difference.
pub(crate) fn check(environments: &[Config], has_ci: bool) -> Result<()> {
    let mut differences = Vec::new();
    for file in render(environments, has_ci) {
        let name = &file.name;
        let difference = match (read(&file)?, &file.text) {
            (None, Some(_)) => format!("{name} is missing"),
            (Some(found), None) if is_ours(&found) => {
                let asks = if name.ends_with("ci.yml") {
                    "what CI should run: `workflows.ci.run`"
                } else {
                    "when: `workflows.rescan`"
                };
                format!("{name} is there, and nothing says {asks} would")
            }
            (Some(found), Some(wanted)) => match diff::diff(&found.replace("\r\n", "\n"), wanted) {
                same if same.is_empty() => continue,
                diff => format!("{name}\n{diff}"),
            },
            (_, None) => continue,
        };
        differences.push(difference);
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format_args!("the workflows are not what the configuration says")).said(differences).help(
        as_called(
            "`cargo xtask workflows` writes them, and what they should say otherwise goes into \
         [workspace.metadata.xtask.workflows]",
        ),
    ))
}

/// What a file holds, if it is there. Another workspace's is not this one's to look at.
fn read(file: &File) -> Result<Option<String>> {
    let found = match std::fs::read_to_string(&file.path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let failure = Failure::caused_by(error.into());
            return Err(failure.during(format_args!("failed to read {}", file.path.display())));
        }
    };
    let (theirs, ours) = (folder(&found), file.text.as_deref().map(folder));
    if is_ours(&found) && ours.is_some_and(|ours| ours != theirs) {
        return Err(Failure::usage(format_args!(
            "{} was written for the workspace in {}",
            file.name,
            theirs.map_or("the repository's root".to_owned(), |folder| format!("its folder {folder}"))
        ))
        .help(
            "a repository has one Build Stage and one Deploy Stage; where this workspace should have them, delete that \
             file first",
        ));
    }
    Ok(Some(found))
}

/// The folder that a workflow's commands run in, as YAML; `None` for the repository's root.
fn folder(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("    working-directory: "))
}

/// Where what is ours lies, relative to the workspace's root: in cargo's target folder, which git
/// passes over, unless that is elsewhere.
fn own_folder(config: &Config) -> String {
    let relative = config.target.strip_prefix(&config.root).ok().and_then(Path::to_str);
    format!("{}/xtask", relative.filter(|path| !path.is_empty()).unwrap_or("target"))
}

#[cfg(test)]
mod tests;
