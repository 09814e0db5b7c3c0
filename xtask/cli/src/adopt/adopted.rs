//! What comes of another tool's configuration.

use xtask_ecs::Failure;
use xtask_ecs::config::Partition;
use xtask_ecs::event::Events;

use super::quoted;
use crate::init::{Change, Survey, Table};

/// What is going to be written, and what is to be said about it.
#[derive(Default)]
pub struct Adopted {
    /// Empty where the tool does not tell it.
    pub account: String,
    pub region: String,
    pub cluster: String,
    /// Empty where it is the account's own.
    pub registry: String,
    /// Tables below `[workspace.metadata.xtask]`: a name such as `images.app`, and the lines.
    pub tables: Vec<Table>,
    /// Task definitions: paths from the root, and texts.
    pub documents: Vec<(String, String)>,
    /// What somebody has to know at once.
    pub warnings: Vec<String>,
    /// Where a new document says otherwise than the old one.
    pub differences: Vec<String>,
    /// What is left as it is, and that is well.
    pub kept: Vec<String>,
    /// `FILE:LINE: what has no counterpart`.
    pub todo: Vec<String>,
}

impl Adopted {
    pub fn table(&mut self, name: impl Into<String>, lines: &[String]) {
        self.tables.push((name.into(), lines.join("\n") + "\n"));
    }

    /// Says all that is to be said about it.
    pub fn tell(&self, events: &Events) {
        for warning in &self.warnings {
            events.warn(warning.clone());
        }
        for (verb, lines) in [("Differs", &self.differences), ("Kept", &self.kept), ("To do", &self.todo)] {
            for line in lines {
                events.note(verb, line.clone());
            }
        }
    }

    /// Of a tool that knows no clusters.
    pub fn takes_default_cluster(&mut self) {
        "default".clone_into(&mut self.cluster);
        self.todo.push("Cargo.toml: cluster = \"default\", where it is another".to_owned());
    }

    /// What the tool does not tell is given, or known of this repository.
    pub fn complete(&mut self, found: &Survey, account: Option<String>, region: Option<String>) -> Result<(), Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let fill = |known: &mut String, given: Option<String>, hint: &Option<String>, names: &[&str]| {
            if let Some(given) = given {
                *known = given;
            } else if known.is_empty() {
                let here = hint.clone().or_else(|| names.iter().find_map(|name| variable(name)));
                *known = here.unwrap_or_default();
            }
        };
        fill(&mut self.account, account, &found.hints.account, &["AWS_ACCOUNT_ID"]);
        fill(&mut self.region, region, &found.hints.region, &["AWS_REGION", "AWS_DEFAULT_REGION"]);
        for (what, flag, value) in [("account", "--account", &self.account), ("region", "--region", &self.region)] {
            if value.is_empty() {
                return Err(
                    Failure::usage(format_args!("nothing here tells the AWS {what}")).help(format!("say it: {flag}"))
                );
            }
        }
        let of = Partition::of(&self.region);
        for text in self.documents.iter_mut().map(|(_, text)| text).chain(&mut self.differences) {
            for (stands, what) in
                [(ACCOUNT, &*self.account), (REGION, &*self.region), (PARTITION, of.name), (DOMAIN, of.dns_suffix)]
            {
                *text = text.replace(stands, what);
            }
        }
        Ok(())
    }

    /// What is written into Cargo.toml, with these behind the images.
    pub fn all_tables(&self, more: Option<Table>) -> Vec<Table> {
        let is_image = |table: &&Table| table.0.starts_with("images.");
        let images = self.tables.iter().filter(is_image).cloned();
        let others = self.tables.iter().filter(|table| !is_image(table)).cloned();
        std::iter::once((String::new(), self.top())).chain(images).chain(more).chain(others).collect()
    }

    /// The documents that are not there yet.
    pub fn new_documents(&self, found: &Survey) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        for (name, text) in &self.documents {
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
        Ok(changes)
    }

    /// The lines of the table at the top.
    fn top(&self) -> String {
        let lines = [
            ("account", &self.account),
            ("region", &self.region),
            ("registry", &self.registry),
            ("cluster", &self.cluster),
        ];
        let lines = lines.iter().filter(|(_, value)| !value.is_empty());
        let lines: Vec<String> = lines.map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
        lines.join("\n") + "\n"
    }
}

/// Stand in documents for what is known at the end.
pub const ACCOUNT: &str = "<account>";
pub const REGION: &str = "<region>";
pub const PARTITION: &str = "<partition>";
pub const DOMAIN: &str = "<domain>";
