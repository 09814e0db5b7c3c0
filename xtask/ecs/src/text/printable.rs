//! What other programs write, made fit to stand among our lines.

use std::borrow::Cow;
use std::str::Chars;

/// A line of another program as it looks when all of it has been written: without escape sequences, which may move the cursor
/// or never end a colour, and of a line that was written over only the last.
pub(crate) fn printable(line: &str) -> String {
    let line = line.trim_end();
    let line = plain(line.rsplit('\r').next().unwrap_or(line));
    line.replace('\t', "    ")
}

/// The same text without escape sequences and other characters that a terminal acts on, its lines and tabs kept.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' => skip_sequence(&mut characters),
            character if acts(character) => {}
            character => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal does more with a character than show it: controls, and those that turn the direction of writing, by
/// which a text shows as another one. Source: Unicode Standard Annex 9, explicit directional formatting characters.
pub(crate) fn acts(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || character.is_control() && character != '\n' && character != '\t'
}

/// Source: ECMA-48, control sequences end with a byte from @ to ~; operating system commands with BEL or ESC and a backslash.
fn skip_sequence(characters: &mut Chars<'_>) {
    let kind = characters.clone().next();
    match kind {
        Some('[') => drop(characters.skip(1).find(|end| matches!(end, '@'..='~'))),
        Some(']') => {
            let ends = characters.find(|end| matches!(end, '\x07' | '\x1b'));
            if ends == Some('\x1b') && characters.as_str().starts_with('\\') {
                characters.next();
            }
        }
        // What it is about is one character; a line goes on behind its end.
        Some(one) if !acts(one) && one != '\n' => drop(characters.next()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_left_out_and_lines_and_tabs_are_kept() {
        for (text, shown) in [
            ("as it is: é 日本\n\tx", "as it is: é 日本\n\tx"),
            ("\x1b[2J\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
            ("\x1bcreset \x1b", "reset "),
            ("\u{9b}2J\u{7f}\u{0}\u{8}\u{7}x\r\ny", "2Jx\ny"),
            ("\x1b\nnext\x1b\x1b[Hx", "\nnextx"),
            ("safe \u{202e}exe.txt\u{202c} \u{2066}x\u{2069}", "safe exe.txt x"),
            ("\x1b[ never ends", "ever ends"),
            ("\x1b[", ""),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
        assert!(matches!(plain("nothing of it\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn of_a_line_that_was_written_over_the_last_is_shown() {
        assert_eq!(printable("10 %\r55 %\r\x1b[32mall\tdone \r\n"), "all    done");
    }
}
