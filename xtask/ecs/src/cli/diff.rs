use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::context::Context;
use crate::failure::Result;
use crate::operate::compare::{Difference, compare};
use crate::text::Last;

/// Show what this environment has otherwise than another one
#[derive(Args)]
#[command(after_help = "\
stdout gets a line a difference, of the configuration, of service definitions and of task definitions: the other environment's value, then \
this one's. Values of environment variables and secrets are not shown. AWS is asked nothing.")]
pub(crate) struct Diff {
    /// Services whose task definitions are compared, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// The environment to compare with
    #[arg(long, value_name = "ENVIRONMENT")]
    against: String,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Diff {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let found = compare(context, &self.against, &self.services)?;
        if self.format == Format::Json {
            context.print(to_json(&json!({ "differences": found }))?);
            return Ok(());
        }
        let here = context.config()?.environment.as_deref().unwrap_or_default();
        if found.is_empty() {
            context.events().note("Same", format!("{here} and {} differ in nothing", self.against));
            return Ok(());
        }
        context.print_table(&side_by_side(&found, (&self.against, here)), Last::Value);
        Ok(())
    }
}

/// Three columns, with a heading for each table and document.
fn side_by_side(found: &[Difference], names: (&str, &str)) -> Vec<Vec<String>> {
    let shown = |value: &Option<String>| value.as_deref().unwrap_or("-").to_owned();
    let mut rows = vec![vec![String::new(), names.0.to_owned(), names.1.to_owned()]];
    let mut heading = None;
    for difference in found {
        if heading != Some(&difference.of) {
            heading = Some(&difference.of);
            let of = if difference.of.is_empty() { "workspace.metadata.xtask" } else { &difference.of };
            rows.push(vec![of.to_owned()]);
        }
        rows.push(vec![format!("  {}", difference.path), shown(&difference.theirs), shown(&difference.ours)]);
    }
    rows
}
