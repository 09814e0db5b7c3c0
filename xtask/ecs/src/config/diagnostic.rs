//! What is wrong with the configuration, and where.

use std::ops::Range;

use crate::failure::{Ending, Excerpt, Failure, Fault, Place};
use crate::gather::Gather;
use crate::sorted::Arrange;
use crate::text::{nearest, width};

/// One that no file can be blamed for.
pub(super) fn anywhere(message: impl Into<String>, help: impl AsRef<str>) -> Fault {
    Fault { message: message.into(), help: lines(help.as_ref()), ..Fault::default() }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).gather()
}

/// Everything that is wrong with the configuration, in the order of the files and lines: exit code 2.
pub(super) fn invalid(mut faults: Vec<Fault>) -> Failure {
    let position = |fault: &Fault| {
        fault.place.as_ref().map(|place| (place.file != "Cargo.toml", place.file.clone(), place.line, place.column))
    };
    faults.arrange_by_key(position);
    faults.dedup();
    Failure::of_faults(Ending::Usage, faults, |count| format!("the configuration has {count} faults"))
}

/// A file's text, and its name as people know it: relative to the workspace's root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// Line and column, counted in characters from 1, of a byte offset; the end of the text for one beyond it.
    pub(super) fn place(&self, offset: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset);
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// Points at `span`, as far as it lies on its first line.
    pub(super) fn fault(&self, span: Range<usize>, message: impl Into<String>, help: impl AsRef<str>) -> Fault {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |newline| start + newline);
        let width = |text: &str| width(&expand(text));
        Fault {
            message: message.into(),
            place: Some(self.place(start)),
            excerpt: Some(Excerpt {
                line: expand(self.text[line_start..line_end].trim_end()),
                start: width(&self.text[line_start..start]),
                width: width(self.text[start..end.min(line_end)].trim_end()).max(1),
            }),
            help: lines(help.as_ref()),
            ..Fault::default()
        }
    }
}

/// The text as a terminal can show it: tabs as four spaces, other control characters made visible.
fn expand(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push_str("    "),
            '\r' | '\u{feff}' => {}
            control if control.is_control() => shown.push('\u{fffd}'),
            other => shown.push(other),
        }
    }
    shown
}

/// ``did you mean `near`?``, or what there is: ``images are `app`, `worker` ``.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone, plural: &str) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let known: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).gather();
    match known.as_slice() {
        [] => format!("there are no {plural}"),
        known => format!("{plural} are {}", known.join(", ")),
    }
}
