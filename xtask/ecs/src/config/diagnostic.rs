//! What is wrong with the configuration, in the look of the Rust compiler's messages.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::event::Place;
use crate::failure::Failure;
use crate::text::{nearest, width};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A lowercase sentence, such as ``unknown key `repositry` ``.
    pub message: String,
    /// Absent where no file holds the fault, as with an environment variable.
    pub place: Option<Place>,
    /// The line at `place`, tabs expanded; empty without a place.
    pub excerpt: String,
    /// The columns of `excerpt` to underline, from 0, as a terminal counts them.
    pub underline: Range<usize>,
    /// The likely fix; empty where the message says it all.
    pub hint: String,
}

impl Diagnostic {
    /// One that no file can be blamed for.
    pub(super) fn anywhere(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, excerpt: String::new(), underline: 0..0, hint: hint.into() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let Some(place) = &self.place else {
            return if self.hint.is_empty() { Ok(()) } else { write_help(f, "", &self.hint) };
        };
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        write!(f, "\n{gutter}--> {}:{}:{}", place.file, place.line, place.column)?;
        write!(f, "\n{gutter} |\n{number} | {}", self.excerpt)?;
        let before = " ".repeat(self.underline.start);
        let carets = "^".repeat(self.underline.len().max(1));
        write!(f, "\n{gutter} | {before}{carets}")?;
        match self.hint.as_str() {
            "" => Ok(()),
            hint if hint.chars().count() <= 60 && !hint.contains('\n') => write!(f, " {hint}"),
            hint => {
                write!(f, "\n{gutter} |")?;
                write_help(f, &gutter, hint)
            }
        }
    }
}

fn write_help(f: &mut fmt::Formatter<'_>, gutter: &str, hint: &str) -> fmt::Result {
    let (first, rest) = hint.split_once('\n').unwrap_or((hint, ""));
    write!(f, "\n{gutter} = help: {first}")?;
    rest.lines().try_for_each(|line| match line {
        "" => f.write_str("\n"),
        line => write!(f, "\n{gutter}{:9}{line}", ""),
    })
}

/// Everything that is wrong with the configuration, in the order of the files and lines; never empty.
/// Becomes [`Failure::Usage`], exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigErrors {
    pub diagnostics: Vec<Diagnostic>,
}

impl ConfigErrors {
    pub(super) fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        let position =
            |d: &Diagnostic| d.place.as_ref().map(|p| (p.file != "Cargo.toml", p.file.clone(), p.line, p.column));
        diagnostics.sort_by_cached_key(position);
        diagnostics.dedup();
        Self { diagnostics }
    }

    /// All of them as a person reads them, each with `error: ` before it.
    pub fn render(&self) -> String {
        format!("error: {self}")
    }
}

/// As [`ConfigErrors::render`], without the first `error: `, which whoever prints a [`Failure`] adds.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            let between = if index == 0 { "" } else { "\n\nerror: " };
            write!(f, "{between}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<Diagnostic> for ConfigErrors {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic] }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Usage(errors.to_string())
    }
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
    pub(super) fn diagnostic(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnostic {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |newline| start + newline);
        let width = |text: &str| width(&expand(text));
        let before = width(&self.text[line_start..start]);
        let marked = width(self.text[start..end.min(line_end)].trim_end());
        Diagnostic {
            message: message.into(),
            place: Some(self.place(start)),
            excerpt: expand(self.text[line_start..line_end].trim_end()),
            underline: before..before + marked.max(1),
            hint: hint.into(),
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
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone, plural: &str) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let known: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
    match known.as_slice() {
        [] => format!("there are no {plural}"),
        known => format!("{plural} are {}", known.join(", ")),
    }
}
