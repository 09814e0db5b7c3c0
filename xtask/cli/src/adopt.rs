//! `adopt`: the configuration of the tool that is there, as this one has it.
//!
//! The old files stay. What has no counterpart is named with its file and line; what the new document says otherwise than the
//! old one is listed.

mod adopted;
mod bake;
mod built;
mod command_line;
mod compose;
mod copilot;
mod draft;
mod ecspresso;
mod kamal;
mod template;
mod tool;
mod workflow;
mod yaml;

use std::path::{Path, PathBuf};

use xtask_ecs::{Command, Context, Failure};

use adopted::Adopted;
use tool::Tool;
use yaml::Document;

use crate::init::{Change, Survey, TomlText, write};

/// Take over what another deploy tool is configured with: ecspresso, Copilot, Kamal, workflows, Compose, bake
#[derive(clap::Parser)]
#[command(
    name = "adopt",
    after_help = "\
Reads ecspresso.yml, the folder copilot/, config/deploy.yml of Kamal, a workflow that deploys to ECS, a Compose file or a bake file; adds to Cargo.toml, and \
writes task definitions where there are none to point at. The old files stay. What has no counterpart is a list at the end.

Exit codes: 0 done · 1 the world failed · 2 usage, or with --strict something has no counterpart"
)]
pub struct Adopt {
    /// Its configuration; what is found here, where it is left out
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The AWS account, twelve digits, where no file tells it
    #[arg(long)]
    account: Option<String>,
    /// The region, where no file tells it
    #[arg(long)]
    region: Option<String>,
    /// Write nothing and exit with 2 where something has no counterpart
    #[arg(long)]
    strict: bool,
    /// Print what would change as a patch, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on where git could not take it back
    #[arg(long)]
    force: bool,
}

impl Command for Adopt {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let found = Survey::of_this_folder()?;
        let (tool, file) = match &self.file {
            Some(file) => {
                let file = std::path::absolute(file)?;
                (Tool::of(&file), file)
            }
            None => tool::only_one(&found)?,
        };
        let mut adopted = tool.adopt(&found, &file)?;
        adopted.complete(&found, self.account, self.region)?;
        if self.strict && !adopted.todo.is_empty() {
            let message = format!("{} things have no counterpart, and nothing was written", adopted.todo.len());
            return Err(Failure::usage(message)
                .said(&adopted.todo)
                .help("without --strict the rest is taken over")
                .into());
        }
        let changes = changes(&found, &adopted)?;
        if self.dry_run {
            let patch: String = changes.iter().map(|change| change.patch(&found.name_of(change.path()))).collect();
            context.write(patch.as_bytes());
        } else if changes.is_empty() {
            context.events().note("Nothing", "to add: the configuration and the documents are there");
        } else {
            write::refuse_what_git_cannot_take_back(&found, self.force)?;
            write::write(&changes, &found, context)?;
        }
        for (verb, lines) in [("Differs", &adopted.differences), ("Kept", &adopted.kept), ("To do", &adopted.todo)] {
            for line in lines {
                context.events().note(verb, line.clone());
            }
        }
        Ok(())
    }
}

/// Documents of their own, and in Cargo.toml whatever is not there yet.
fn changes(found: &Survey, adopted: &Adopted) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for (name, text) in &adopted.documents {
        let path = found.root.join(name);
        match std::fs::read_to_string(&path) {
            Ok(there) if there == *text => {}
            Ok(_) => {
                return Err(Failure::usage(format_args!("{name} is there already, and says otherwise"))
                    .help("rename it; nothing is written over"));
            }
            Err(_) => changes.push(Change::Create { path, text: text.clone() }),
        }
    }
    let toml = TomlText::parse(&found.manifest)
        .map_err(|why| Failure::usage(format_args!("Cargo.toml is not TOML: {why}")))?;
    let mut tables = Vec::new();
    if toml.get(&["workspace"]).is_none() {
        tables.push("[workspace]\n".to_owned());
    }
    if toml.get(&["workspace", "metadata", "xtask"]).is_none() {
        tables.push(format!("[workspace.metadata.xtask]\n{}", adopted.top()));
    }
    for (name, lines) in &adopted.tables {
        let path: Vec<&str> = ["workspace", "metadata", "xtask"].into_iter().chain(name.split('.')).collect();
        if toml.get(&path).is_none() {
            tables.push(format!("[workspace.metadata.xtask.{name}]\n{lines}"));
        }
    }
    if !tables.is_empty() {
        let key = if toml.get(&["workspace"]).is_some() { "workspace" } else { "package" };
        changes.push(Change::added(
            found.root.join("Cargo.toml"),
            &found.manifest,
            toml.behind(key, &tables.join("\n")),
        ));
    }
    Ok(changes)
}

/// A file beside another one.
fn beside(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new(".")).join(name)
}

fn read(file: &Path, name: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::usage(format_args!("could not read {name}: {error}")))
}

/// A file of the other tool in YAML, or in JSON.
fn document(file: &Path, name: &str) -> Result<Document, Failure> {
    parsed(&read(file, name)?, name)
}

fn parsed(text: &str, name: &str) -> Result<Document, Failure> {
    Document::read(text).map_err(|why| Failure::usage(format_args!("{name} is not YAML: {why}")))
}

/// Text as TOML has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name that can be a key as it stands.
fn key(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "-_".contains(letter) { letter } else { '-' })
        .collect()
}
