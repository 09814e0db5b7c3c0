//! Cargo's look on stderr: a right-aligned verb, then the thing. A terminal also gets live lines at the bottom:
//! one for each thing that goes on.

mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod render;
mod style;

use std::io::{IsTerminal, Stderr, Write};
use std::os::fd::AsFd;

use super::github::Defused;
use crate::event::{Event, Reader};
use crate::gather::Gather;
pub(crate) use failure::text_without_help;
use render::{Change, Live, Render, Shown};
use style::{Line, Style};

/// Shows events to a person.
pub(crate) struct Terminal<W> {
    out: W,
    style: Style,
    /// Of the terminal; `None` where there is none, and so no live line.
    size: Option<Size>,
    render: Render,
    /// What goes on, in the order it began: it comes back under every line that is printed, until it is over.
    live: Vec<Live>,
    /// How many live lines are on the screen.
    live_shown: usize,
    /// What one event shows, written at once: stdout's lines go to the same screen.
    text: String,
}

#[derive(Clone, Copy)]
struct Size {
    columns: usize,
    rows: usize,
}

impl Size {
    /// As a terminal says of itself; one that says nothing is as large as they once were, and a small one has room for something.
    fn told(columns: u16, rows: u16) -> Self {
        let or = |told: u16, usual: usize, least: usize| if told == 0 { usual } else { usize::from(told).max(least) };
        Self { columns: or(columns, 80, 20), rows: or(rows, 24, 4) }
    }

    /// Of the terminal that a stream is; `None` where it is none, or where nobody looks at more than lines.
    fn of<S: IsTerminal + AsFd>(stream: &S) -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // The runner of a job reads lines, whatever it has them written to: act's is a terminal.
        if dumb || set("GITHUB_ACTIONS") || !stream.is_terminal() {
            return None;
        }
        let told = rustix::termios::tcgetwinsize(stream);
        Some(told.map_or_else(|_| Self::told(0, 0), |size| Self::told(size.ws_col, size.ws_row)))
    }
}

/// How many columns stdout has, where that is a terminal.
pub(crate) fn columns() -> Option<usize> {
    Size::of(&std::io::stdout()).map(|size| size.columns)
}

fn set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

impl Terminal<Defused<Stderr>> {
    /// Looks at stderr, NO_COLOR, CLICOLOR_FORCE and TERM.
    /// Source: no-color.org; bixense.com/clicolors.
    pub(crate) fn stderr(out: Defused<Stderr>) -> Self {
        let size = Size::of(&out.log);
        let forced = set("CLICOLOR_FORCE") || (set("CI") && set("GITHUB_ACTIONS"));
        let style = Style { colour: (size.is_some() || forced) && !set("NO_COLOR") };
        Self::new(out, style, size)
    }
}

impl<W: Write + Send> Terminal<W> {
    fn new(out: W, style: Style, size: Option<Size>) -> Self {
        let render = Render::new(size.is_some());
        Self { out, style, size, render, live: Vec::new(), live_shown: 0, text: String::new() }
    }

    fn print(&mut self, line: &Line) {
        self.clear();
        let line = self.size.map_or_else(|| line.clone(), |size| line.clone().wrapped(size.columns));
        self.text.push_str(&self.style.paint(&line));
        self.text.push('\n');
    }

    /// As many as leave half of the screen to what was printed.
    fn show_live(&mut self) {
        self.clear();
        let Some(Size { columns, rows }) = self.size else { return };
        let room = if self.live.len() <= rows / 2 { self.live.len() } else { rows / 2 - 1 };
        let mut lines: Vec<Line> =
            self.live.iter().take(room).map(|now| Line::status(&now.verb, &now.text).working()).gather();
        if self.live.len() > room {
            lines.push(Line::detail(&format!("… and {} more", self.live.len() - room)));
        }
        let painted = lines.iter().map(|line| self.style.paint(&line.clone().cut(columns.saturating_sub(1))));
        self.text.push_str(&painted.gather::<Vec<_>>().join("\n"));
        self.live_shown = lines.len();
    }

    fn clear(&mut self) {
        let shown = std::mem::take(&mut self.live_shown);
        if shown > 0 {
            self.text.push_str("\r\x1b[2K");
            self.text.push_str(&"\x1b[1A\x1b[2K".repeat(shown - 1));
        }
    }

    fn go_on(&mut self, live: Live) {
        match self.live.iter_mut().find(|known| known.of == live.of) {
            Some(known) => *known = live,
            None => self.live.push(live),
        }
    }
}

impl<W: Write + Send> Reader for Terminal<W> {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn read(&mut self, event: &Event) -> anyhow::Result<()> {
        let Shown { lines, live } = self.render.show(event);
        for line in &lines {
            self.print(line);
        }
        match live {
            Change::To(live) => self.go_on(live),
            Change::Away(of) => self.live.retain(|live| live.of != of),
            Change::AllAway => self.live.clear(),
            Change::None if lines.is_empty() => return Ok(()),
            Change::None => {}
        }
        self.show_live();
        self.out.write_all(std::mem::take(&mut self.text).as_bytes())?;
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests;
