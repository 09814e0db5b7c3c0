//! `init`: from somebody's workspace to the first rehearsal.
//!
//! Looked at is everything that is there; asked is what that does not tell; changed is nothing but by insertions.

mod choice;
mod docker;
mod insert;
mod plan;
mod questions;
mod survey;
mod tables;
mod toml_text;
pub mod write;

use xtask_ecs::{Command, Context};

use choice::{Configuration, Given, Place};
pub use choice::{Shipped, candidates};
pub use insert::Change;
pub use plan::MODULE;
pub use survey::Survey;
pub use tables::{Head, Table, block, image_lines, tag, version_of};
use write::WayBack;

/// Begin an xtask of this workspace's own: a package, an alias, and the configuration of what it ships
#[derive(clap::Parser)]
#[command(
    name = "init",
    after_help = "\
Files that exist are extended by insertions, and none is written over. On a terminal it asks what it cannot tell, five \
questions at the most. At its end it says which commands of git take it back."
)]
pub struct Init {
    #[command(flatten)]
    given: Given,
    /// Print what would change as a patch, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on where git could not take it back: in a tree with changes, or outside of git
    #[arg(long)]
    force: bool,
}

impl Command for Init {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        choice::refuse_old_toolchain(&std::env::current_dir()?)?;
        let found = Survey::of_this_folder()?;
        let choice = choice::choose(&found, self.given)?;
        let plan = plan::plan(&found, &choice)?;
        if let Some(Configuration::Adopted(adopted)) = &choice.configuration {
            adopted.tell(context.events());
        }
        for (verb, what) in &plan.notes {
            context.events().note(verb, what.clone());
        }
        if plan.changes.is_empty() {
            context.events().note("Nothing", "to add: the package, the alias and the configuration are there");
            // One that was killed before its last effect.
            return if found.is_unlocked() && !self.dry_run {
                Ok(write::lock(&found, &choice, &write::way_back(&found, &[], true)?, context)?)
            } else {
                Ok(())
            };
        }
        if self.dry_run {
            let patches = plan.changes.iter().map(|change| change.patch(&found.name_of(change.path())));
            let patch: String = patches.collect();
            context.write(patch.as_bytes());
            return Ok(());
        }
        let back = write::way_back(&found, &plan.changes, self.force)?;
        write::write(&plan.changes, &found, context)?;
        write::lock(&found, &choice, &back, context)?;
        for (verb, what) in plan.next {
            context.events().note(verb, what);
        }
        if let WayBack::Git(_) = back {
            context.events().note("Or back", back.says());
        }
        if choice.rehearse && choice.place != Place::Module {
            write::rehearse(&found, &choice, &back, context)?;
        }
        Ok(())
    }
}
