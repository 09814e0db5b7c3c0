use clap::{Args, CommandFactory};
use serde_json::{Map, Value, json};

use super::{Cli, Format, to_json};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::text::{as_called, nearest};

/// The reference of this version: a link, so that the package has it.
const REFERENCE: &str = include_str!("reference.md");

/// Say what a key, an event, an exit code, an action or a command is
#[derive(Args)]
#[command(after_help = "From docs/REFERENCE.md of this version; all of it where nothing is named. \
`services.NAME.cluster` is a key of its table, `cluster` each key of that name, `scan` all keys of a table.")]
pub(crate) struct Docs {
    /// Such as `fail-fast`, `services.NAME.rollout`, `rollout-ended`, `4`, `ecs:RunTask` or `deploy`
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A row of one of the reference's tables.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    /// The headings that it stands under.
    part: &'static str,
    section: &'static str,
    /// Headings of columns and what stands in them, the name first.
    cells: Vec<(&'static str, &'static str)>,
}

impl Row {
    fn name(&self) -> &'static str {
        self.cells.first().map_or("", |(_, cell)| cell.trim_matches('`'))
    }

    /// The table without what forms of it have in common.
    fn table(&self) -> &'static str {
        let table = self.section.split(", ").next().unwrap_or_default();
        if table.starts_with('[') { "" } else { table }
    }

    fn is(&self, asked: &str) -> bool {
        let table = self.table();
        asked == self.name()
            || (!table.is_empty()
                && (asked == table || asked.strip_prefix(table) == Some(&format!(".{}", self.name()))))
    }

    fn text(&self) -> String {
        let heading = if self.section.is_empty() { self.part } else { self.section };
        let rest = self.cells.iter().skip(1).filter(|(_, cell)| !cell.is_empty());
        let rest =
            rest.map(|(head, cell)| if head.is_empty() { format!("  {cell}") } else { format!("  {head}: {cell}") });
        let lines: Vec<String> = std::iter::once(format!("{} ({heading})", self.name())).chain(rest).gather();
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let cells = self.cells.iter().skip(1).map(|(head, cell)| {
            let head = if head.is_empty() { "note" } else { head };
            (head.replace(' ', "-"), Value::from(*cell))
        });
        let mut object = Map::from_iter([("name".to_owned(), Value::from(self.name()))]);
        object.insert("part".to_owned(), Value::from(self.part));
        object.insert("section".to_owned(), Value::from(self.section));
        object.extend(cells);
        Value::Object(object)
    }
}

impl Docs {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let rows = rows(REFERENCE);
        let Some(asked) = &self.name else {
            match self.format {
                Format::Text => context.print(as_called(REFERENCE.trim_end())),
                Format::Json => context.print(as_called(&to_json(&rows.iter().map(Row::json).gather::<Vec<_>>())?)),
            }
            return Ok(());
        };
        let found: Vec<&Row> = rows.iter().filter(|row| row.is(asked)).gather();
        let help = help(asked);
        if found.is_empty() && help.is_none() {
            return Err(unknown(asked, &rows));
        }
        match self.format {
            Format::Text => {
                let texts = help.into_iter().chain(found.iter().map(|row| row.text()));
                context.print(as_called(&texts.gather::<Vec<_>>().join("\n\n")));
            }
            Format::Json => {
                let command = help.map(|help| json!({ "name": asked, "part": "Commands", "help": help }));
                let all: Vec<Value> = command.into_iter().chain(found.iter().map(|row| row.json())).gather();
                context.print(as_called(&to_json(&all)?));
            }
        }
        Ok(())
    }
}

/// The help of a built-in command.
fn help(name: &str) -> Option<String> {
    let mut cli = super::command_line();
    cli.build();
    let command = cli.find_subcommand_mut(name)?;
    Some(command.render_long_help().to_string().trim_end().to_owned())
}

fn unknown(asked: &str, rows: &[Row]) -> Failure {
    let commands: Vec<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).gather();
    let mut names: Vec<&str> = commands.iter().map(String::as_str).gather();
    for row in rows {
        names.push(row.name());
    }
    let near = nearest(asked, names).map_or(String::new(), |near| format!("did you mean `{near}`?"));
    Failure::usage(format_args!("the reference has nothing called `{asked}`"))
        .help(near)
        .help(as_called("`cargo xtask docs` prints all of it"))
}

/// The rows of all tables of the reference.
fn rows(text: &'static str) -> Vec<Row> {
    let (mut part, mut section, mut heads, mut rows) = ("", "", Vec::new(), Vec::new());
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split(" |").map(|cell| cell.trim_start_matches('|').trim()).gather()
    };
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            section = heading;
        } else if let Some(heading) = line.strip_prefix("## ") {
            (part, section) = (heading, "");
        } else if !line.starts_with('|') {
            heads.clear();
        } else if heads.is_empty() {
            heads = cells(line);
        } else if !line.starts_with("|---") {
            let cells = heads.iter().copied().zip(cells(line)).gather();
            rows.push(Row { part, section, cells });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_reference_is_found_by_its_name() {
        let rows = rows(REFERENCE);
        assert!(rows.len() > 200, "only {} rows", rows.len());
        for row in &rows {
            assert!(!row.name().is_empty() && row.is(row.name()), "{row:?}");
            assert_eq!(row.cells.len(), if row.part == "Exit codes" { 2 } else { row.cells.len().max(3) }, "{row:?}");
        }
    }

    #[test]
    fn a_key_is_found_by_its_table_too() {
        let rows = rows(REFERENCE);
        let found = |asked: &str| rows.iter().filter(|row| row.is(asked)).count();
        assert_eq!(found("services.NAME.cluster"), 1);
        assert!(found("cluster") > 1 && found("services.NAME") > 5);
        assert_eq!((found("ecs:RunTask"), found("4"), found("rollout-ended"), found("nothing")), (1, 1, 1, 0));
    }
}
