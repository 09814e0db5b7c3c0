//! A failure as lines: in the look of the Rust compiler where a file's line is known, else as a list.

use super::style::{Line, Style};
use crate::failure::{Excerpt, Failure, Fault, Place};
use crate::gather::Gather;

/// Columns of help that stands beside the carets; a longer one stands below.
const BESIDE: usize = 60;

pub(super) fn lines(failure: &Failure) -> Vec<Line> {
    let mut lines = Vec::new();
    match failure.faults.as_slice() {
        [] => lines.push(Line::error(failure.message())),
        // Each line of a file that is wrong is an error of its own.
        faults if faults.len() == 1 || faults.iter().any(|fault| fault.excerpt.is_some()) => {
            for (index, fault) in faults.iter().enumerate() {
                if index > 0 {
                    lines.push(Line::plain(""));
                }
                own_error(fault, &mut lines);
            }
        }
        faults => {
            lines.push(Line::error(&format!("{}:", failure.message())));
            lines.extend(faults.iter().flat_map(item));
        }
    }
    below("  ", &failure.said, &failure.help, &mut lines);
    lines
}

/// The same without colour, and without the help of the whole, for who shows that elsewhere.
pub(crate) fn text_without_help(failure: &Failure) -> String {
    let mut failure = failure.clone();
    failure.help.clear();
    let lines: Vec<String> = lines(&failure).iter().map(|line| Style { colour: false }.paint(line)).gather();
    let text = lines.join("\n");
    text.strip_prefix("error: ").map(str::to_owned).unwrap_or(text)
}

fn own_error(fault: &Fault, lines: &mut Vec<Line>) {
    if let Some((place, excerpt)) = fault.place.as_ref().zip(fault.excerpt.as_ref()) {
        lines.push(Line::error(&fault.message));
        excerpted(place, excerpt, &fault.help, lines);
        below("  ", &fault.said, &[], lines);
    } else {
        lines.push(Line::error(&headline(fault)));
        below("  ", &fault.said, &fault.help, lines);
    }
}

fn item(fault: &Fault) -> Vec<Line> {
    let mut lines = vec![Line::plain(&format!("  - {}", headline(fault)))];
    below("    ", &fault.said, &fault.help, &mut lines);
    lines
}

fn headline(fault: &Fault) -> String {
    let place = fault.place.as_ref().map_or(String::new(), |place| format!("{place}: "));
    format!("{place}{}", fault.message)
}

fn below(indent: &str, said: &[String], help: &[String], lines: &mut Vec<Line>) {
    lines.extend(said.iter().map(|line| Line::plain(&format!("{indent}  | {line}"))));
    lines.extend(help.iter().map(|line| Line::plain(&format!("{indent}{line}"))));
}

fn excerpted(place: &Place, Excerpt { line, start, width }: &Excerpt, help: &[String], lines: &mut Vec<Line>) {
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let marks = format!("{}{}", " ".repeat(*start), "^".repeat(*width));
    let mut push = |text: String| lines.push(Line::plain(&text));
    push(format!("{gutter}--> {place}"));
    push(format!("{gutter} |"));
    push(format!("{number} | {line}"));
    match help {
        [] => push(format!("{gutter} | {marks}")),
        [short] if short.chars().count() <= BESIDE => push(format!("{gutter} | {marks} {short}")),
        [first, rest @ ..] => {
            push(format!("{gutter} | {marks}"));
            push(format!("{gutter} |"));
            push(format!("{gutter} = help: {first}"));
            for line in rest {
                push(format!("{gutter}{:9}{line}", "").trim_end().to_owned());
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests;
