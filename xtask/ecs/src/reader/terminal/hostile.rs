//! For [`crate::hostile`]: what is printed.

use super::style::Style;
use super::{Size, Terminal};
use crate::event::{Event, Reader};

pub(crate) fn shown(events: &[Event]) -> String {
    // What a narrow terminal is shown holds sequences of our own.
    drop(print(events, Some(Size { columns: 20, rows: 4 })));
    print(events, None)
}

/// What a terminal of 24 rows gets.
#[cfg(test)]
pub(crate) fn narrow(events: &[Event], columns: usize) -> String {
    print(events, Some(Size { columns, rows: 24 }))
}

fn print(events: &[Event], size: Option<Size>) -> String {
    let mut out = Vec::new();
    let mut terminal = Terminal::new(&mut out, Style { colour: false }, size);
    for event in events {
        terminal.read(event).expect("a Vec takes everything");
    }
    String::from_utf8(out).expect("output is UTF-8")
}
