//! Workflow commands: the lines of a log that GitHub's runner acts on.
//! Source: actions/runner, ActionCommand.cs and ActionCommandManager.cs; GitHub's "Workflow commands".

use crate::failure::Place;
use crate::gather::Gather;

/// The runner cuts an annotation's message at 4,096 characters.
const MESSAGE: usize = 4000;

/// How loud an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Warning,
    Error,
}

/// What stands after the second `::`.
pub(super) fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value between a command's name and the second `::`.
pub(super) fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

pub(super) fn group(title: &str) -> String {
    format!("::group::{}\n", escape_data(title))
}

pub(super) fn end_group() -> String {
    "::endgroup::\n".to_owned()
}

/// An annotation, which GitHub shows beside the file where there is a place.
pub(super) fn annotation(level: Level, place: Option<&Place>, title: &str, message: &str) -> String {
    let mut properties = Vec::new();
    if let Some(Place { file, line, column }) = place {
        properties.push(format!("file={}", escape_property(file)));
        properties.push(format!("line={line}"));
        properties.push(format!("col={column}"));
    }
    if !title.is_empty() {
        properties.push(format!("title={}", escape_property(title)));
    }
    let name = match level {
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let space = if properties.is_empty() { "" } else { " " };
    let message: String = message.chars().take(MESSAGE).collect();
    format!("::{name}{space}{}::{}\n", properties.join(","), escape_data(&message))
}

/// Has the runner replace the secret by `***` in every log from here on. It compares line by line, so that each line
/// of a secret is masked by itself; lines as short as a lone brace are left, for they would blank out the log.
pub(super) fn mask(secret: &str) -> String {
    let mut lines: Vec<&str> = secret.lines().map(str::trim).filter(|line| !line.is_empty()).gather();
    if lines.len() > 1 {
        lines.retain(|line| line.len() >= 4);
    }
    lines.into_iter().flat_map(|line| ["::add-mask::".to_owned(), escape_data(line), "\n".to_owned()]).collect()
}

#[cfg(any(test, fuzzing))]
pub(super) mod runner {
    //! What the runner does with a line, as its source has it.

    type Properties = Vec<(String, String)>;

    /// Name, properties and data of a command, where the line is one.
    pub(crate) fn parse(line: &str) -> Option<(String, Properties, String)> {
        let rest = line.trim_start().strip_prefix("::")?;
        let (info, data) = rest.split_once("::")?;
        let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
        let properties = properties
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.trim().to_owned(), unescape(value, true)))
            .collect();
        Some((name.to_owned(), properties, unescape(data, false)))
    }

    fn unescape(text: &str, property: bool) -> String {
        let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
        if property {
            text = text.replace("%3A", ":").replace("%2C", ",");
        }
        text.replace("%25", "%")
    }

    /// Every line as .NET's reader splits them.
    pub(crate) fn lines(log: &str) -> Vec<&str> {
        log.split(['\r', '\n']).filter(|line| !line.is_empty()).collect()
    }

    /// The names of all commands that the runner would act on.
    pub(crate) fn commands(log: &str) -> Vec<String> {
        let old_style = |line: &str| {
            let (_, rest) = line.split_once("##[")?;
            rest.split_once(']').map(|(name, _)| format!("##[{name}"))
        };
        lines(log)
            .into_iter()
            .filter_map(|line| parse(line).map(|(name, ..)| name).or_else(|| old_style(line)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::record::samples::Random;

    #[test]
    fn a_place_becomes_properties_and_the_message_stays_on_its_line() {
        let place = Place { file: "a,b:c.toml".to_owned(), line: 3, column: 7 };
        let line = annotation(Level::Error, Some(&place), "release", "one\ntwo 100%");
        assert_eq!(line, "::error file=a%2Cb%3Ac.toml,line=3,col=7,title=release::one%0Atwo 100%25\n");
        assert_eq!(annotation(Level::Warning, None, "", "plain"), "::warning::plain\n");
    }

    #[test]
    fn each_line_of_a_secret_is_masked_and_a_brace_is_not() {
        assert_eq!(mask("hunter2"), "::add-mask::hunter2\n");
        assert_eq!(mask("{\n  \"key\": \"a%b\"\n}\n"), "::add-mask::\"key\": \"a%25b\"\n");
        assert_eq!(mask(" \n"), "");
    }

    #[test]
    fn whatever_stands_in_a_message_comes_back_from_the_runner_as_it_was() {
        let mut random = Random(7);
        for _ in 0..5000 {
            let (file, title, message) = (random.text(8), random.text(8), random.text(30));
            let place = Place { file: file.clone(), line: 1, column: 2 };
            let log = annotation(Level::Error, Some(&place), &title, &message);
            let lines = runner::lines(&log);
            assert_eq!(lines.len(), 1, "{log:?}");
            let (name, properties, data) = runner::parse(lines[0]).expect("a command");
            assert_eq!(name, "error");
            assert_eq!(data, message);
            let property = |name: &str| {
                let found = properties.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            assert_eq!(property("file"), file);
            assert_eq!(property("title"), title);
            assert_eq!(runner::commands(&group(&title)), ["group"]);
        }
    }
}
