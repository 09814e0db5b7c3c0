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
mod live;
mod plain;
mod running;
mod template;
mod tool;
mod workflow;
mod yaml;

use std::path::{Path, PathBuf};

use xtask_ecs::{Command, Context, Failure};

pub use adopted::Adopted;
pub use live::{Live, Wanted};
use tool::Tool;
use yaml::Document;

use crate::init::{Change, Head, Survey, block, write};

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
            write::way_back(&found, &[], self.force)?;
            write::write(&changes, &found, context)?;
        }
        adopted.tell(context.events());
        Ok(())
    }
}

/// Documents of their own, and in Cargo.toml whatever is not there yet.
fn changes(found: &Survey, adopted: &Adopted) -> Result<Vec<Change>, Failure> {
    let mut changes = adopted.new_documents(found)?;
    let command = found.own_name().unwrap_or_else(|| "xtask-ecs".to_owned());
    let head = Head { command: &format!("cargo {command}"), member: None };
    let tables = block(found, &head, &adopted.all_tables(None))?;
    changes.extend(tables.map(|tables| Change::added(found.root.join("Cargo.toml"), &found.manifest, tables)));
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
