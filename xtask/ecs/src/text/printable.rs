//! What other programs write, made fit to stand among our lines.

/// A line of another program as it looks when all of it has been written: without escape sequences, which may move the cursor
/// or never end a colour, and of a line that was written over only the last.
pub(crate) fn printable(line: &str) -> String {
    let line = line.trim_end();
    let mut characters = line.rsplit('\r').next().unwrap_or(line).chars();
    let mut shown = String::with_capacity(line.len());
    while let Some(character) = characters.next() {
        match character {
            '\x1b' => match characters.next() {
                // Source: ECMA-48, control sequences end with a byte from @ to ~; operating system commands with BEL
                // or ESC.
                Some('[') => drop(characters.find(|end| matches!(end, '@'..='~'))),
                Some(']') => drop(characters.find(|end| matches!(end, '\x07' | '\x1b'))),
                _ => {}
            },
            '\t' => shown.push_str("    "),
            control if control.is_control() => {}
            other => shown.push(other),
        }
    }
    shown
}
