use clap::Args;
use serde_json::json;

use super::{Format, to_json};
use crate::context::Context;
use crate::failure::Result;
use crate::gather::Gather;
use crate::operate::compare::{Difference, compare};
use crate::text::{cut, pad, width};

/// The widest that one side is shown.
const WIDE: usize = 60;

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
        for line in side_by_side(&found, (&self.against, here)) {
            context.print(line);
        }
        Ok(())
    }
}

/// Three columns, with a heading for each table and document.
fn side_by_side(found: &[Difference], names: (&str, &str)) -> Vec<String> {
    let shown = |value: &Option<String>| cut(value.as_deref().unwrap_or("-"), WIDE);
    let rows: Vec<_> = found.iter().map(|it| (it.path.as_str(), shown(&it.theirs), shown(&it.ours))).gather();
    let paths = rows.iter().map(|(path, ..)| width(path)).max().unwrap_or(0);
    let theirs = rows.iter().map(|(_, theirs, _)| width(theirs)).chain([width(names.0)]).max().unwrap_or(0);
    let row = |path: &str, theirs_is: &str, ours: &str| {
        format!("{}  {}  {ours}", pad(path, paths + 2), pad(theirs_is, theirs)).trim_end().to_owned()
    };
    let mut lines = vec![row("", names.0, names.1)];
    let mut heading = None;
    for (difference, (path, theirs, ours)) in found.iter().zip(&rows) {
        if heading != Some(&difference.of) {
            heading = Some(&difference.of);
            let of = if difference.of.is_empty() { "workspace.metadata.xtask" } else { &difference.of };
            lines.push(of.to_owned());
        }
        lines.push(row(&format!("  {path}"), theirs, ours));
    }
    lines
}
