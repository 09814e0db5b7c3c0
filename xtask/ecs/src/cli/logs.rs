use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::Format;
use crate::config::parse_duration;
use crate::context::Context;
use crate::event::Event;
use crate::failure::Result;
use crate::operate::logs::{Line, Wanted, read};
use crate::reader::github::{Defused, is_read_by_runner};
use crate::sorted::SortedMap;
use crate::text::{plain, printable};
use crate::time::timestamp;

/// Show what the containers of services write, merged by time
#[derive(Args)]
#[command(
    after_help = "stdout gets a line an event: time, task, container and what was written; with `--format json` a JSON document a line. \
                  `--follow` ends with Ctrl-C, which is its good end."
)]
pub(crate) struct Logs {
    /// Services to read, by their name in the configuration; all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Wait for what is still to be written
    #[arg(short, long)]
    follow: bool,
    /// How far to go back, such as `90s`, `2h` or `1h30m`
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    since: Duration,
    /// Only lines that hold this text
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Only the tasks whose id begins like this
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Only the container of this name
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Logs {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let Self { services, follow, since, grep, task, container, format } = self;
        let mut shown = Shown::new(format, services.len() != 1 && context.config()?.services.len() > 1);
        let wanted = Wanted { services, since, grep, task, container, follow };
        let mut unwritten = None;
        read(context, &wanted, &mut |line| match shown.show(line) {
            Ok(()) => true,
            Err(error) => {
                unwritten = Some(error);
                false
            }
        })?;
        match unwritten {
            // Whoever pipes it into `head` has seen enough.
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                context.events().warn(format!("stdout could not be written: {error}"));
            }
            _ => {}
        }
        context.events().emit(Event::LogsRead { lines: shown.lines, tasks: shown.tasks.len() });
        Ok(())
    }
}

/// One after the other, so that no two tasks that are seen together look alike; red is left to what the lines mean.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 96];

struct Shown {
    format: Format,
    names_services: bool,
    colour: bool,
    is_read_by_runner: bool,
    lines: usize,
    /// The tasks in the order in which they were first heard of.
    tasks: SortedMap<String, usize>,
}

impl Shown {
    fn new(format: Format, names_services: bool) -> Self {
        let unset = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = unset && std::io::stdout().is_terminal();
        let is_read_by_runner = is_read_by_runner(&|name| std::env::var(name).ok());
        Self { format, names_services, colour, is_read_by_runner, lines: 0, tasks: SortedMap::new() }
    }

    fn show(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        let text = self.text(line);
        Defused { log: std::io::stdout(), is_read_by_runner: self.is_read_by_runner }.write_all(text.as_bytes())
    }

    fn text(&mut self, line: &Line<'_>) -> String {
        let Line { service, container, task, at, message } = line;
        self.lines += 1;
        if !self.tasks.contains_key(*task) {
            self.tasks.insert((*task).to_owned(), self.tasks.len());
        }
        let time = timestamp(at / 1000);
        let time = format!("{}.{:03}Z", time.trim_end_matches('Z'), at % 1000);
        if self.format == Format::Json {
            let document =
                json!({ "time": time, "service": service, "container": container, "task": task, "message": message });
            return format!("{document}\n").replace("##[", "##\\u005b");
        }
        let of = if self.names_services { format!("{service} ") } else { String::new() };
        let head = format!("{of}{} {}", task.get(..8).unwrap_or(task), plain(container));
        let head = match (self.colour, COLOURS[self.tasks[*task] % COLOURS.len()]) {
            (true, colour) => format!("\x1b[{colour}m{head}\x1b[0m"),
            (false, _) => head,
        };
        message.lines().map(|line| [time.as_str(), " ", &head, " ", &printable(line), "\n"].concat()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(task: &'a str, message: &'a str) -> Line<'a> {
        Line { service: "app", container: "proxy", task, at: 1_795_766_400_042, message }
    }

    #[test]
    fn each_task_has_a_colour_of_its_own_and_keeps_it() {
        let mut shown = Shown { colour: true, ..Shown::new(Format::Text, false) };
        let first = shown.text(&line("0123456789abcdef", "hello\n"));
        assert_eq!(first, "2026-11-27T08:00:00.042Z \x1b[36m01234567 proxy\x1b[0m hello\n");
        let second = shown.text(&line("1123456789abcdef", "hello"));
        assert_eq!(second, "2026-11-27T08:00:00.042Z \x1b[33m11234567 proxy\x1b[0m hello\n");
        assert_eq!(shown.text(&line("0123456789abcdef", "hello")), first);
    }

    #[test]
    fn every_line_of_an_event_has_its_head_and_nothing_that_moves_the_cursor() {
        let mut shown = Shown { colour: false, ..Shown::new(Format::Text, true) };
        let text = shown.text(&line("0123456789abcdef", "panicked at\n\x1b[31m  main.rs\x1b[0m\n"));
        let head = "2026-11-27T08:00:00.042Z app 01234567 proxy";
        assert_eq!(text, format!("{head} panicked at\n{head}   main.rs\n"));
    }

    #[test]
    fn a_document_a_line_holds_the_event_as_it_is() {
        let mut shown = Shown::new(Format::Json, true);
        let text = shown.text(&line("0123456789abcdef", "a\n\"b\""));
        let document: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(
            (text.lines().count(), &document["message"], &document["task"]),
            (1, &json!("a\n\"b\""), &json!("0123456789abcdef"))
        );
    }
}
