//! A Dockerfile as a list of instructions: directives, comments, continuations, flags, heredocs.
//! Source: BuildKit, frontend/dockerfile/parser (`parser.go`, `directives.go`, `split_command.go`) and shell/lex.go.

use crate::gather::Gather;

/// What can be read from a file, whether or not a build would take it.
#[derive(Debug)]
pub(super) struct Document {
    /// The image named by `# syntax=`, and its line.
    pub syntax: Option<(String, usize)>,
    pub escape: char,
    pub instructions: Vec<Instruction>,
}

#[derive(Debug)]
pub(super) struct Instruction {
    /// Where it begins, from 1.
    pub line: usize,
    /// In capitals.
    pub keyword: String,
    /// Its `--NAME=VALUE` words, quotes removed.
    pub flags: Vec<String>,
    /// The rest, on one line.
    pub rest: String,
}

impl Document {
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = text.lines().zip(1..);
        let (syntax, escape) = directives(text);
        let mut instructions = Vec::new();
        while let Some((first, line)) = lines.next() {
            let first = without_comment(first.trim_start());
            let (mut whole, mut goes_on) = continued(first, escape);
            while goes_on && let Some((next, _)) = lines.next() {
                // Comments between the lines of an instruction are no part of it, and neither are empty lines.
                if !without_comment(next.trim_start()).is_empty() {
                    let (next, more) = continued(next.to_owned(), escape);
                    whole += &next;
                    goes_on = more;
                }
            }
            if whole.trim().is_empty() {
                continue;
            }
            let instruction = Instruction::read(&whole, line, escape);
            for document in instruction.heredocs() {
                lines.by_ref().find(|(line, _)| document.ends_at(line));
            }
            instructions.push(instruction);
        }
        Self { syntax, escape, instructions }
    }
}

impl Instruction {
    fn read(text: &str, line: usize, escape: char) -> Self {
        let text = text.trim();
        let (keyword, rest) = text.split_once(is_blank).unwrap_or((text, ""));
        let (flags, rest) = flags(rest, escape);
        Self { line, keyword: keyword.to_ascii_uppercase(), flags, rest: rest.trim().to_owned() }
    }

    /// What `ONBUILD` holds back.
    pub(super) fn held_back(&self, escape: char) -> Option<Self> {
        (self.keyword == "ONBUILD" && !self.rest.is_empty()).then(|| Self::read(&self.rest, self.line, escape))
    }

    /// The values of one flag.
    pub(super) fn flag<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.flags.iter().filter_map(move |flag| flag.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
    }

    /// The arguments, whether as words or as a JSON list; quotes and variables are still in them.
    pub(super) fn arguments(&self, escape: char) -> Vec<String> {
        serde_json::from_str(&self.rest).unwrap_or_else(|_| words(&self.rest, escape))
    }

    fn heredocs(&self) -> Vec<Heredoc> {
        if let Some(inner) = self.held_back('\\') {
            return inner.heredocs();
        }
        let takes_some = ["RUN", "COPY", "ADD"].contains(&self.keyword.as_str());
        if !takes_some || serde_json::from_str::<Vec<String>>(&self.rest).is_ok() {
            return Vec::new();
        }
        // Whatever the file's own escape character is, here it is the shell's.
        words(&self.rest, '\\').iter().filter_map(|word| Heredoc::read(word)).gather()
    }
}

/// `<<NAME`, `<<-NAME`, `3<<"NAME"`.
struct Heredoc {
    name: String,
    /// Tabs before the name are no part of it.
    tabs: bool,
}

impl Heredoc {
    fn read(word: &str) -> Option<Self> {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
        let (tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let name = unquoted(rest.trim_start());
        (!rest.contains('<') && !name.is_empty()).then_some(Self { name, tabs })
    }

    fn ends_at(&self, line: &str) -> bool {
        let line = line.trim_end_matches('\r');
        self.name == if self.tabs { line.trim_start_matches('\t') } else { line }
    }
}

/// `# syntax=IMAGE` and `# escape=CHARACTER`, before anything else, be it a comment or an empty line.
fn directives(text: &str) -> (Option<(String, usize)>, char) {
    let (mut syntax, mut escape) = (None, '\\');
    let shebang = usize::from(text.starts_with("#!"));
    for (line, number) in text.lines().zip(1..).skip(shebang) {
        let Some((key, value)) = line.trim_start().strip_prefix('#').and_then(|rest| rest.split_once('=')) else {
            break;
        };
        match (key.trim().to_ascii_lowercase().as_str(), value.trim()) {
            (_, "") => break,
            ("syntax", value) => syntax = value.split(' ').next().map(|image| (image.to_owned(), number)),
            ("escape", "`") if shebang == 0 => escape = '`',
            ("escape" | "check", _) => {}
            _ => break,
        }
    }
    (syntax, escape)
}

fn without_comment(line: &str) -> String {
    if line.starts_with('#') { String::new() } else { line.to_owned() }
}

/// A line without the escape character that ends it, and whether there was one. Two of them are none.
fn continued(line: String, escape: char) -> (String, bool) {
    let end = line.trim_end_matches(['\r', ' ', '\t']);
    match end.strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before.to_owned(), true),
        _ => (line, false),
    }
}

fn is_blank(letter: char) -> bool {
    matches!(letter, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// The leading words that begin with `--`, and what comes after them.
fn flags(text: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let end = word_end(rest, escape);
        let word = &rest[..end];
        rest = rest[end..].trim_start();
        if word == "--" {
            break;
        }
        flags.push(without_quotes(word, escape));
    }
    (flags, rest)
}

/// The words of a line, quotes and escapes still in them. `<< NAME` is one word.
fn words(text: &str, escape: char) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = word_end(rest, escape);
        let word = &rest[..end];
        match words.last_mut() {
            Some(last) if last.ends_with("<<") => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
        rest = rest[end..].trim_start();
    }
    words
}

/// Where the first word ends: at the first blank that is neither quoted nor escaped.
fn word_end(text: &str, escape: char) -> usize {
    let mut quote = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => return at,
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (None | Some('"'), letter) if letter == escape => drop(letters.next()),
            _ => {}
        }
    }
    text.len()
}

fn without_quotes(word: &str, escape: char) -> String {
    let mut plain = String::new();
    let mut quote = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (_, letter) if letter == escape => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    plain
}

fn unquoted(word: &str) -> String {
    without_quotes(word, '\\')
}
