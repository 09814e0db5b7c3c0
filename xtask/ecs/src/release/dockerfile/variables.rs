//! Variables of a Dockerfile: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`.
//! Source: Dockerfile reference, "Environment replacement"; BuildKit, frontend/dockerfile/shell/lex.go.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Values by name. What `ENV` sets wins over what `ARG` sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    pub args: BTreeMap<String, String>,
    pub env: BTreeMap<String, String>,
}

impl Variables {
    fn get(&self, name: &str) -> Option<&str> {
        self.env.get(name).or_else(|| self.args.get(name)).map(String::as_str)
    }

    /// The word with its variables replaced and its quotes removed; an unknown variable is empty. `None` where
    /// it holds a replacement that is not read here (`${NAME#pattern}`, `${NAME/from/to}`), or is broken.
    pub(super) fn expand(&self, word: &str, escape: char) -> Option<String> {
        Expansion { variables: self, escape, letters: word.chars().peekable(), depth: 0 }.until(None)
    }
}

struct Expansion<'a> {
    variables: &'a Variables,
    escape: char,
    letters: Peekable<Chars<'a>>,
    /// Replacements that it is inside of.
    depth: usize,
}

/// Replacements inside of each other, and bytes of what a word becomes: nobody writes as many, and a file that does so would
/// end a thread's stack, or double a text with every line.
const DEEPEST: usize = 32;
const LONGEST: usize = 64 * 1024;

impl Expansion<'_> {
    fn until(&mut self, end: Option<char>) -> Option<String> {
        let mut text = String::new();
        let mut in_quotes = false;
        loop {
            let Some(letter) = self.letters.next() else { return (end.is_none() && !in_quotes).then_some(text) };
            match letter {
                letter if Some(letter) == end && !in_quotes => return Some(text),
                letter if letter == self.escape => text.extend(self.letters.next()),
                '"' => in_quotes = !in_quotes,
                '\'' if !in_quotes => loop {
                    match self.letters.next()? {
                        '\'' => break,
                        letter => text.push(letter),
                    }
                },
                '$' => text += &self.variable()?,
                letter => text.push(letter),
            }
            if text.len() > LONGEST {
                return None;
            }
        }
    }

    /// After the dollar sign.
    fn variable(&mut self) -> Option<String> {
        if self.letters.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Some(if name.is_empty() { "$".to_owned() } else { self.value(&name) });
        }
        let name = self.name();
        let value = self.variables.get(&name);
        match self.letters.next()? {
            '}' if !name.is_empty() => Some(self.value(&name)),
            ':' => {
                let modifier = self.letters.next()?;
                self.modified(value.filter(|value| !value.is_empty()), modifier)
            }
            modifier => self.modified(value, modifier),
        }
    }

    fn modified(&mut self, value: Option<&str>, modifier: char) -> Option<String> {
        if !['-', '+', '?'].contains(&modifier) {
            return None;
        }
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let word = self.until(Some('}'))?;
        self.depth -= 1;
        match (modifier, value) {
            ('-', None) | ('+', Some(_)) => Some(word),
            ('+', None) => Some(String::new()),
            // `${NAME:?message}` of a variable that is not set ends a build.
            (_, value) => value.map(str::to_owned),
        }
    }

    fn name(&mut self) -> String {
        std::iter::from_fn(|| self.letters.next_if(|letter| letter.is_alphanumeric() || *letter == '_')).collect()
    }

    fn value(&self, name: &str) -> String {
        self.variables.get(name).unwrap_or_default().to_owned()
    }
}
