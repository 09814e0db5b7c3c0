//! What comes of another tool's configuration.

use xtask_ecs::Failure;

use super::quoted;
use crate::init::Survey;

/// What is going to be written, and what is to be said about it.
#[derive(Default)]
pub struct Adopted {
    /// Empty where the tool does not tell it.
    pub account: String,
    pub region: String,
    pub cluster: String,
    /// Tables below `[workspace.metadata.xtask]`: a name such as `images.app`, and the lines.
    pub tables: Vec<(String, String)>,
    /// Task definitions: paths from the root, and texts.
    pub documents: Vec<(String, String)>,
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
        for (_, text) in &mut self.documents {
            *text = text.replace(ACCOUNT, &self.account).replace(REGION, &self.region);
        }
        Ok(())
    }

    /// The lines of the table at the top.
    pub fn top(&self) -> String {
        let lines = [("account", &self.account), ("region", &self.region), ("cluster", &self.cluster)];
        let lines = lines.iter().filter(|(_, value)| !value.is_empty());
        let lines: Vec<String> = lines.map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
        lines.join("\n") + "\n"
    }
}

/// Stand in documents for what is known at the end.
pub const ACCOUNT: &str = "<account>";
pub const REGION: &str = "<region>";
