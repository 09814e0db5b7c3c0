//! A workflow's template: YAML that is a workflow by itself, with samples where the configuration has its say.
//!
//! No YAML crate: what is written is the file's text, comments and all, and an editor and actionlint read the
//! templates as they are.

use crate::gather::Gather;
use crate::sorted::SortedMap;

/// What goes into the holes of a template, by name.
pub(super) type Holes = SortedMap<&'static str, String>;

/// A line that ends in `#= NAME` is a sample: the lines of that hole take its place, indented as it is. What stands
/// from a line `#? NAME` to its `#.` is left out where the hole is empty; such parts may stand in each other.
pub(super) fn fill(template: &str, holes: &Holes) -> String {
    let (mut text, mut parts) = (String::new(), Vec::new());
    for line in template.lines() {
        let start = line.trim_start();
        let indent = &line[..line.len() - start.len()];
        let kept = !parts.contains(&false);
        if let Some(name) = start.strip_prefix("#? ") {
            parts.push(!holes[name].is_empty());
        } else if start == "#." {
            parts.pop();
        } else if let Some((_, name)) = line.split_once(" #= ").filter(|_| kept) {
            text.extend(holes[name].lines().flat_map(|filled| [indent, filled, "\n"]));
        } else if kept {
            text.extend([line, "\n"]);
        }
    }
    text
}

/// A scalar: plain where no reader could take it for something else, else in double quotes, which are JSON's.
pub(super) fn scalar(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./ ".contains(letter);
    let ambiguous = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(plain)
        && !ambiguous.contains(&text.to_ascii_lowercase().as_str());
    if is_word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

pub(super) fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| scalar(item)).gather();
    format!("[{}]", items.join(", "))
}

/// `KEY: |` and the lines under it, or a single one behind its key.
pub(super) fn script(key: &str, commands: &[String]) -> String {
    match commands {
        [command] if !command.contains('\n') && scalar(command) == *command => format!("{key}: {command}"),
        commands => {
            let lines = commands.iter().flat_map(|command| command.lines()).map(|line| format!("\n  {line}"));
            format!("{key}: |{}", lines.collect::<String>())
        }
    }
}
