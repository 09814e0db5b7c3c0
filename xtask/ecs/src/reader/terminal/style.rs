//! Lines with a verb, and how they are coloured.

use crate::text::{cut, plain, width};

/// Columns that verbs are right-aligned in, as cargo does.
const VERB: usize = 12;
/// Terminals with fewer columns have none to spare for deep indents.
const NARROW: usize = 60;

/// What a verb's colour says. Without colour the verb says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Done,
    Working,
    Warning,
    Error,
    Plain,
}

/// One line of output: a head that is coloured, and the rest that is not. Nothing in either moves a cursor or colours
/// anything: much of it is of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    tone: Tone,
    head: String,
    text: String,
    /// Whether it may be broken between words. Lines that people copy, such as commands, are left to the terminal.
    wraps: bool,
}

impl Line {
    /// `      Verb text`
    pub(super) fn status(verb: &str, text: &str) -> Self {
        Self {
            tone: Tone::Done,
            head: format!("{:>VERB$}", plain(verb)),
            text: format!(" {}", plain(text)),
            wraps: false,
        }
    }

    /// `warning: text`
    pub(super) fn warning(text: &str) -> Self {
        Self { tone: Tone::Warning, head: "warning".to_owned(), text: format!(": {}", plain(text)), wraps: true }
    }

    /// `error: text`
    pub(super) fn error(text: &str) -> Self {
        Self { tone: Tone::Error, head: "error".to_owned(), text: format!(": {}", plain(text)), wraps: true }
    }

    /// Indented under the verbs.
    pub(super) fn detail(text: &str) -> Self {
        Self { tone: Tone::Plain, head: " ".repeat(VERB), text: format!(" {}", plain(text)), wraps: false }
    }

    /// As it is.
    pub(super) fn plain(text: &str) -> Self {
        Self { tone: Tone::Plain, head: String::new(), text: plain(text).into_owned(), wraps: false }
    }

    /// Its verb in the colour of what goes on.
    #[must_use]
    pub(super) fn working(mut self) -> Self {
        self.tone = Tone::Working;
        self
    }

    /// Its verb in the colour of trouble.
    #[must_use]
    pub(super) fn bad(mut self) -> Self {
        self.tone = Tone::Error;
        self
    }

    /// To be broken between words where it is too long.
    #[must_use]
    pub(super) fn prose(mut self) -> Self {
        self.wraps = true;
        self
    }

    /// In lines of so many columns, the further ones indented under the first. A word that is longer than a line
    /// stays whole.
    #[must_use]
    pub(super) fn wrapped(mut self, columns: usize) -> Self {
        let used = width(&self.head);
        if !self.wraps || used + width(&self.text) <= columns {
            return self;
        }
        // Under the text of a verb, where that leaves room to read.
        let indent = if used == VERB && columns >= NARROW { VERB + 1 } else { 4 };
        let (mut text, mut column) = (String::new(), used);
        for (place, word) in self.text.split(' ').enumerate() {
            let wide = width(word);
            if place > 0 && column + 1 + wide > columns && column > indent {
                text.push('\n');
                text.push_str(&" ".repeat(indent));
                column = indent;
            } else if place > 0 {
                text.push(' ');
                column += 1;
            }
            text.push_str(word);
            column += wide;
        }
        self.text = text;
        self
    }

    /// At most so many columns, with an ellipsis where something was cut.
    #[must_use]
    pub(super) fn cut(mut self, columns: usize) -> Self {
        self.text = cut(&self.text, columns.saturating_sub(width(&self.head)));
        self
    }
}

/// Whether and how colour is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub colour: bool,
}

impl Style {
    pub(super) fn paint(self, line: &Line) -> String {
        let code = match line.tone {
            Tone::Done => "1;32",
            Tone::Working => "1;36",
            Tone::Warning => "1;33",
            Tone::Error => "1;31",
            Tone::Plain => return format!("{}{}", line.head, line.text),
        };
        if self.colour {
            format!("\x1b[{code}m{}\x1b[0m{}", line.head, line.text)
        } else {
            format!("{}{}", line.head, line.text)
        }
    }
}
