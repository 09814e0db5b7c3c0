//! Which logs a post-mortem reads, and what of them it shows.

use serde_json::Value;

use super::{Evidence, blame_of, is_aside, without_names};
use crate::aws::logs::Stream;
use crate::event::LogTail;
use crate::gather::Gather;
use crate::sorted::Arrange;
use crate::text::printable;

/// Causes whose logs are shown, and tasks of each.
const CAUSES: usize = 3;
const TASKS: usize = 2;
/// Bytes of all logs together, and characters of one line. Slack and a page of a summary hold more, and nobody reads it.
const MOST: usize = 16 * 1024;
const LINE: usize = 1000;

/// A log that would say more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::deploy) struct Wanted {
    pub container: String,
    /// The task's id.
    pub task: String,
    pub from: From,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// `whole` says that nothing of it is lost when the container ends.
    Stream { stream: Stream, whole: bool },
    /// Somewhere that is not read from here, in words.
    Elsewhere(String),
}

/// What tasks that ended alike have in common.
#[derive(PartialEq)]
struct Cause {
    container: String,
    code: Option<i32>,
    reason: String,
}

/// The logs of the containers that are to blame, of at most two tasks a cause.
pub(in crate::deploy) fn wanted(evidence: &Evidence<'_>) -> Vec<Wanted> {
    let Some(document) = evidence.document else { return Vec::new() };
    let mut causes: Vec<(Cause, usize)> = Vec::new();
    let mut wanted = Vec::new();
    for task in evidence.tasks.iter().filter(|task| !is_aside(&task.stopped_reason)) {
        let Some(name) = blame_of(task, evidence).container else { continue };
        let Some(container) = task.containers.iter().find(|container| container.name == name) else { continue };
        // What never started wrote nothing.
        if task.stop_code == "TaskFailedToStart" {
            continue;
        }
        let (code, reason) = (container.exit_code, without_names(&task.stopped_reason));
        let cause = Cause { container: name.clone(), code, reason };
        let place = causes.iter().position(|(known, _)| *known == cause).unwrap_or(causes.len());
        if place == causes.len() {
            causes.push((cause, 0));
        }
        if place >= CAUSES || causes[place].1 >= TASKS {
            continue;
        }
        let from = from(document, &name, task.id(), evidence.region);
        // That it is elsewhere is said once.
        let told = |known: &Wanted| known.container == name && matches!(known.from, From::Elsewhere(_));
        if wanted.iter().any(told) {
            continue;
        }
        causes[place].1 += 1;
        wanted.push(Wanted { container: name, task: task.id().to_owned(), from });
    }
    wanted
}

/// Source: Amazon ECS Developer Guide, "Send Amazon ECS logs to CloudWatch"; since June 2025 the default of `mode` is
/// `non-blocking`, which may lose the last lines of a container that crashes.
pub(crate) fn from(document: &Value, container: &str, task: &str, own_region: &str) -> From {
    let declared = document["containerDefinitions"].as_array().into_iter().flatten();
    let configured = declared.filter(|declared| declared["name"] == container).map(|it| &it["logConfiguration"]).next();
    let configured = configured.unwrap_or(&Value::Null);
    let option = |name: &str| configured["options"][name].as_str().unwrap_or_default();
    match configured["logDriver"].as_str() {
        None => From::Elsewhere("it has no log configuration".to_owned()),
        Some("awslogs") if option("awslogs-stream-prefix").is_empty() => From::Elsewhere(format!(
            "its stream in {} is called by the runtime's own id, for it has no `awslogs-stream-prefix`",
            option("awslogs-group")
        )),
        Some("awslogs") => {
            let region = option("awslogs-region");
            From::Stream {
                stream: Stream {
                    group: option("awslogs-group").to_owned(),
                    name: format!("{}/{container}/{task}", option("awslogs-stream-prefix")),
                    region: if region.is_empty() { own_region } else { region }.to_owned(),
                },
                whole: option("mode") == "blocking",
            }
        }
        Some(driver) => From::Elsewhere(format!("its log driver is {driver}, which is not read from here")),
    }
}

/// What is shown of what was read; `Err` in words.
pub(in crate::deploy) fn shown(wanted: Wanted, read: Result<Vec<String>, String>, masks: &Masks) -> LogTail {
    let Wanted { container, task, from } = wanted;
    let (lines, note) = match (&from, read) {
        (_, Err(why)) => (Vec::new(), why),
        (_, Ok(lines)) if lines.is_empty() => (Vec::new(), "nothing was written".to_owned()),
        (From::Stream { whole: true, .. }, Ok(lines)) => (lines, String::new()),
        (_, Ok(lines)) => (lines, "may be incomplete: its log driver's mode is not `blocking`".to_owned()),
    };
    let source = match from {
        From::Stream { stream, .. } => format!("{} {}", stream.group, stream.name),
        From::Elsewhere(_) => String::new(),
    };
    let lines = lines.iter().flat_map(|event| event.lines());
    LogTail { container, task, source, lines: lines.map(|line| masks.hide(line)).gather(), note }
}

/// The last lines of each that fit together, none of them very long.
pub(in crate::deploy) fn fit(tails: &mut [LogTail], count: u32) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let share = MOST / tails.len().max(1);
    for tail in tails {
        for line in &mut tail.lines {
            if line.chars().count() > LINE {
                *line = line.chars().take(LINE - 1).chain(['…']).collect();
            }
        }
        let mut bytes = 0;
        let fitting = tail.lines.iter().rev().take(count).take_while(|line| {
            bytes += line.len() + 1;
            bytes <= share
        });
        tail.lines.drain(..tail.lines.len() - fitting.count());
    }
}

/// What no log of these containers may show: values of the environment, and what follows the name of a secret.
pub(in crate::deploy) struct Masks {
    values: Vec<String>,
    names: Vec<String>,
}

/// Values that are shorter are words that stand everywhere, such as `info` and `8080`.
const TELLING: usize = 6;

impl Masks {
    pub(in crate::deploy) fn of(document: Option<&Value>) -> Self {
        let containers = || document.and_then(|it| it["containerDefinitions"].as_array()).into_iter().flatten();
        let members = |list: &'static str| containers().flat_map(move |it| it[list].as_array().into_iter().flatten());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let values = members("environment").filter_map(|it| text(&it["value"]));
        let mut values: Vec<String> = values
            .flat_map(|value| value.lines().map(str::to_owned).gather::<Vec<_>>())
            .filter(|it| it.len() >= TELLING)
            .gather();
        // What holds another is hidden first.
        values.arrange_by_key(|value| std::cmp::Reverse(value.len()));
        let names = members("secrets").chain(members("environment")).filter_map(|it| text(&it["name"])).gather();
        Self { values, names }
    }

    /// A line of a log as it may be shown: no escape sequence, no value that is known.
    pub(in crate::deploy) fn hide(&self, line: &str) -> String {
        let mut line = printable(line);
        for value in &self.values {
            line = line.replace(value, "***");
        }
        for name in &self.names {
            line = after_name(&line, name);
        }
        without_passwords(&line)
    }
}

/// `NAME=value`, `NAME: value` and `"NAME":"value"` without the value.
fn after_name(line: &str, name: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(name) {
        let (before, found) = rest.split_at(at + name.len());
        shown.push_str(before);
        let value = found.trim_start_matches(['"', '\'', ' ', '=', ':']);
        let between = &found[..found.len() - value.len()];
        let end = value.find([' ', '"', '\'', ',', ';', '}']).unwrap_or(value.len());
        shown.push_str(between);
        let whole_word = !before[..at].ends_with(|it: char| it.is_ascii_alphanumeric() || it == '_');
        let given = between.contains(['=', ':']) && end > 0 && whole_word;
        shown.push_str(if given { "***" } else { &value[..end] });
        rest = &value[end..];
    }
    shown + rest
}

/// `postgres://user:password@host` without the password. Source: RFC 3986, 3.2.1.
fn without_passwords(line: &str) -> String {
    let hide = |word: &str| {
        let authority = word.find("://").map(|at| at + 3)?;
        let at = authority + word[authority..].split('/').next()?.rfind('@')?;
        let colon = authority + word[authority..at].find(':')?;
        Some(format!("{}***{}", &word[..=colon], &word[at..]))
    };
    line.split(' ').map(|word| hide(word).unwrap_or_else(|| word.to_owned())).gather::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
