//! Text from elsewhere, made harmless for a log that GitHub's runner reads.
//!
//! The runner acts on every line of a log that looks like a command, whoever wrote it: a build step that prints
//! `::add-mask::` or `##[set-output name=digest]…` would be obeyed.

use std::borrow::Cow;
use std::io::Write;

const BREAK: char = '\u{200b}';

/// A log that the runner reads, or none: what others wrote is no command in it. Each write is of whole lines.
pub(crate) struct Defused<W> {
    pub log: W,
    pub is_read_by_runner: bool,
}

impl<W: Write> Write for Defused<W> {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<usize> {
        match std::str::from_utf8(lines) {
            Ok(text) if self.is_read_by_runner => self.log.write_all(defuse(text).as_bytes())?,
            _ => self.log.write_all(lines)?,
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.log.flush()
    }
}

/// The same text, with no line that the runner would act on.
pub(crate) fn defuse(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive(['\n', '\r']) {
        let start = line.len() - line.trim_start().len();
        let line = if line[start..].starts_with("::") {
            Cow::Owned(format!("{}:{BREAK}{}", &line[..start], &line[start + 1..]))
        } else {
            Cow::Borrowed(line)
        };
        safe.push_str(&line.replace("##[", &format!("##{BREAK}[")));
    }
    if safe == text { Cow::Borrowed(text) } else { Cow::Owned(safe) }
}

#[cfg(test)]
mod tests {
    use super::super::command::runner;
    use super::*;
    use crate::reader::record::samples::Random;

    #[test]
    fn nothing_that_a_build_prints_is_a_command() {
        let mut random = Random(11);
        let mut defused_some = false;
        for _ in 0..5000 {
            let text = random.text(12);
            let safe = defuse(&text);
            assert_eq!(runner::commands(&safe), [""; 0], "{text:?} became {safe:?}");
            assert_eq!(safe.replace(BREAK, ""), text.replace(BREAK, ""), "only the break is added");
            defused_some |= !runner::commands(&text).is_empty();
        }
        assert!(defused_some, "the generator makes commands at all");
    }

    #[test]
    fn an_ordinary_line_is_not_copied_and_a_command_is_broken_by_what_nobody_sees() {
        assert!(matches!(defuse("#5 [2/3] RUN cargo build --bin app::main\n"), Cow::Borrowed(_)));
        assert_eq!(
            defuse("a\n  ::set-output name=digest::sha256:0"),
            "a\n  :\u{200b}:set-output name=digest::sha256:0"
        );
        for (is_read_by_runner, written) in [(true, "x ##\u{200b}[add-mask]y\n"), (false, "x ##[add-mask]y\n")] {
            let mut log = Vec::new();
            Defused { log: &mut log, is_read_by_runner }
                .write_all(b"x ##[add-mask]y\n")
                .expect("a Vec takes everything");
            assert_eq!(String::from_utf8_lossy(&log), written);
        }
    }
}
