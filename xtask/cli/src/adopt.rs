//! `adopt`: the configuration of the tool that is there, as this one has it.
//!
//! The old files stay. What has no counterpart is named with its file and line; what the new document says otherwise than the
//! old one is listed.

mod ecspresso;
mod template;
mod yaml;

use std::path::{Path, PathBuf};

use xtask_ecs::{Command, Context, Failure};

use crate::init::{Change, Survey, TomlText, write};

/// Take over what another deploy tool is configured with: ecspresso's YAML or JSON
#[derive(clap::Parser)]
#[command(
    name = "adopt",
    after_help = "\
Reads ecspresso.yml, its task definition and its service definition; writes a task definition of its own and adds to Cargo.toml. The old files stay. \
Templates become lookups. What has no counterpart is a list at the end.

Exit codes: 0 done · 1 the world failed · 2 usage, or with --strict something has no counterpart"
)]
pub struct Adopt {
    /// Its configuration
    #[arg(value_name = "FILE", default_value = "ecspresso.yml")]
    file: PathBuf,
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

/// What comes of a configuration.
#[derive(Default)]
pub struct Adopted {
    pub account: String,
    pub region: String,
    pub cluster: String,
    /// Tables below `[workspace.metadata.xtask]`: a name such as `images.app`, and the lines.
    pub tables: Vec<(String, String)>,
    /// The task definition: its path from the root, and its text.
    pub document: (String, String),
    /// Where the new document says otherwise than the old one.
    pub differences: Vec<String>,
    /// What is left as it is, and that is well.
    pub kept: Vec<String>,
    /// `FILE:LINE: what has no counterpart`.
    pub todo: Vec<String>,
}

impl Command for Adopt {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let found = Survey::of_this_folder()?;
        let file = std::path::absolute(&self.file)?;
        let adopted = ecspresso::adopt(&found, &file)?;
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
            context.events().note("Nothing", "to add: the configuration and the document are there");
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

/// A document of its own, and in Cargo.toml whatever is not there yet.
fn changes(found: &Survey, adopted: &Adopted) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    let (name, text) = &adopted.document;
    let path = found.root.join(name);
    match std::fs::read_to_string(&path) {
        Ok(there) if there == *text => {}
        Ok(_) => {
            return Err(Failure::usage(format_args!("{name} is there already, and says otherwise"))
                .help("rename it; nothing is written over"));
        }
        Err(_) => changes.push(Change::Create { path, text: text.clone() }),
    }
    let toml = TomlText::parse(&found.manifest)
        .map_err(|why| Failure::usage(format_args!("Cargo.toml is not TOML: {why}")))?;
    let mut tables = Vec::new();
    if toml.get(&["workspace"]).is_none() {
        tables.push("[workspace]\n".to_owned());
    }
    if toml.get(&["workspace", "metadata", "xtask"]).is_none() {
        let Adopted { account, region, cluster, .. } = adopted;
        tables.push(format!(
            "[workspace.metadata.xtask]\naccount = \"{account}\"\nregion = \"{region}\"\ncluster = \"{cluster}\"\n"
        ));
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
