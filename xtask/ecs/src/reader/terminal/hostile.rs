//! For [`crate::hostile`]: what is printed.

use super::style::Style;
use super::{Size, Terminal};
use crate::event::{Event, Reader};

pub(crate) fn shown(events: &[Event]) -> String {
    let print = |size: Option<Size>| {
        let mut out = Vec::new();
        let mut terminal = Terminal::new(&mut out, Style { colour: false }, size);
        for event in events {
            terminal.read(event).expect("a Vec takes everything");
        }
        String::from_utf8(out).expect("output is UTF-8")
    };
    // What a narrow terminal is shown holds sequences of our own.
    drop(print(Some(Size { columns: 20, rows: 4 })));
    print(None)
}
