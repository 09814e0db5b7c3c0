//! Cargo's look on stderr: a right-aligned verb, then the thing. A terminal also gets one live line at the bottom.

mod failure;
mod render;
mod style;

use std::io::{IsTerminal, Write};

use crate::event::{Event, Reader};
pub(crate) use failure::text_without_help;
use render::{Change, Live, Render, Shown};
use style::{Line, Style};

/// Shows events to a person.
pub(crate) struct Terminal<W> {
    out: W,
    style: Style,
    /// Columns of the terminal; `None` where there is none, and so no live line.
    columns: Option<usize>,
    render: Render,
    /// What goes on: it comes back under every line that is printed, until it is over.
    live: Option<Live>,
    live_shown: bool,
    /// What one event shows, written at once: stdout's lines go to the same screen.
    text: String,
}

impl Terminal<std::io::Stderr> {
    /// Looks at stderr, NO_COLOR, CLICOLOR_FORCE and TERM.
    /// Source: no-color.org; bixense.com/clicolors.
    pub(crate) fn stderr() -> Self {
        let out = std::io::stderr();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = out.is_terminal() && !dumb;
        let forced = set("CLICOLOR_FORCE") || (set("CI") && set("GITHUB_ACTIONS"));
        let style = Style { colour: (terminal || forced) && !set("NO_COLOR") };
        let columns =
            terminal.then(|| rustix::termios::tcgetwinsize(&out).map_or(80, |size| usize::from(size.ws_col).max(20)));
        Self::new(out, style, columns)
    }
}

impl<W: Write + Send> Terminal<W> {
    fn new(out: W, style: Style, columns: Option<usize>) -> Self {
        Self {
            out,
            style,
            columns,
            render: Render::new(columns.is_some()),
            live: None,
            live_shown: false,
            text: String::new(),
        }
    }

    fn print(&mut self, line: &Line) {
        self.clear();
        let line = self.columns.map_or_else(|| line.clone(), |columns| line.clone().wrapped(columns));
        self.text.push_str(&self.style.paint(&line));
        self.text.push('\n');
    }

    fn show_live(&mut self) {
        self.clear();
        let (Some(columns), Some(now)) = (self.columns, &self.live) else { return };
        let line = Line::status(&now.verb, &now.text).working().cut(columns.saturating_sub(1));
        self.text.push_str(&self.style.paint(&line));
        self.live_shown = true;
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.live_shown) {
            self.text.push_str("\r\x1b[2K");
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
            Change::To(live) => self.live = Some(live),
            Change::Away => self.live = None,
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
