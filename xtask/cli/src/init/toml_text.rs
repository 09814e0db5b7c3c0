//! Where something goes in the text of a TOML file: places by spans, so that all else stays as it is written.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::insert::Insertion;

/// A TOML text and what it says.
pub struct TomlText<'a> {
    pub text: &'a str,
    table: DeTable<'a>,
}

impl<'a> TomlText<'a> {
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|error| error.message().to_owned())?;
        Ok(Self { text, table: table.into_inner() })
    }

    /// The value at a path of keys.
    pub fn get(&self, path: &[&str]) -> Option<&DeValue<'a>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.table.get(*first)?.get_ref();
        for key in rest {
            value = value.get(*key)?.get_ref();
        }
        Some(value)
    }

    pub fn str(&self, path: &[&str]) -> Option<&str> {
        self.get(path)?.as_str()
    }

    pub fn strings(&self, path: &[&str]) -> Vec<&str> {
        let items = self.get(path).and_then(DeValue::as_array).into_iter().flat_map(|items| items.iter());
        items.filter_map(|item| item.get_ref().as_str()).collect()
    }

    /// A block of lines behind everything that belongs to a top-level key, such as `workspace` and all its tables, or at
    /// the end of the file where there is no such key.
    pub fn behind(&self, key: &str, block: &str) -> Insertion {
        let end = self.table.get(key).map(|value| value.span().end.max(end_of(value.get_ref())));
        self.lines_at(end.map_or(self.text.len(), |end| self.end_of_block(end)), &format!("\n{block}"))
    }

    /// A line in a top-level table, behind its last entry, in the form that the others have; `None` where there is no such
    /// table, or it is written in one line.
    pub fn entry(&self, table: &str, line: &str) -> Option<Insertion> {
        let value = self.table.get(table)?;
        let end = self.end_of_own(value.get_ref().as_table()?);
        match self.text[value.span()].chars().next() {
            Some('[') => Some(self.lines_at(self.line_end(end.unwrap_or(value.span().end)), &format!("{line}\n"))),
            Some('{') => None,
            _ => end.map(|end| self.lines_at(self.line_end(end), &format!("{table}.{line}\n"))),
        }
    }

    /// Where the last entry of a table ends that is written under its own header: tables below it have headers, too.
    fn end_of_own(&self, table: &DeTable<'_>) -> Option<usize> {
        let end = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::Table(below) => match self.text[value.span()].chars().next() {
                Some('[') => None,
                Some('{') => Some(value.span().end),
                // Dotted keys, or a table that only its own tables name.
                _ => self.end_of_own(below),
            },
            DeValue::Array(items) => {
                let has_header = items
                    .iter()
                    .next()
                    .is_some_and(|first| first.get_ref().is_table() && !self.text[first.span()].starts_with('{'));
                (!has_header).then(|| value.span().end)
            }
            _ => Some(value.span().end),
        };
        table.values().filter_map(end).max()
    }

    /// One more element of an array of strings: in its place where they are sorted, and last where not.
    pub fn element(&self, path: &[&str], new: &str) -> Option<Insertion> {
        let items = self.get(path)?.as_array()?;
        let quoted = format!("\"{new}\"");
        let names: Vec<&str> = items.iter().filter_map(|item| item.get_ref().as_str()).collect();
        let is_sorted = names.is_sorted();
        let place = if is_sorted { names.iter().position(|name| *name > new) } else { None };
        if let Some(next) = place.and_then(|place| items.get(place)) {
            let start = next.span().start;
            let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
            let indent = &self.text[line..start];
            return Some(if indent.trim().is_empty() {
                Insertion { at: line, text: format!("{indent}{quoted},\n") }
            } else {
                Insertion { at: start, text: format!("{quoted}, ") }
            });
        }
        let Some(last) = items.iter().last() else {
            let open = self.span(path)?.start + 1;
            return Some(Insertion { at: open, text: quoted });
        };
        let (start, end) = (last.span().start, last.span().end);
        let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let indent = &self.text[line..start];
        let comma = self.comma(end);
        Some(match (indent.trim().is_empty(), comma) {
            (true, Some(_)) => self.lines_at(self.line_end(end), &format!("{indent}{quoted},\n")),
            (true, None) => Insertion { at: end, text: format!(",\n{indent}{quoted}") },
            (false, Some(comma)) => Insertion { at: comma + 1, text: format!(" {quoted},") },
            (false, None) => Insertion { at: end, text: format!(", {quoted}") },
        })
    }

    fn span(&self, path: &[&str]) -> Option<std::ops::Range<usize>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.table.get(*first)?;
        for key in rest {
            value = value.get_ref().get(*key)?;
        }
        Some(value.span())
    }

    /// The comma behind an element, comments and blanks aside.
    fn comma(&self, from: usize) -> Option<usize> {
        let mut rest = self.text[from..].char_indices();
        while let Some((at, letter)) = rest.next() {
            match letter {
                ',' => return Some(from + at),
                ']' => return None,
                '#' => drop(rest.find(|(_, letter)| *letter == '\n')),
                _ => {}
            }
        }
        None
    }

    /// Whole lines, which begin on a line of their own even behind a last line without an end.
    fn lines_at(&self, at: usize, lines: &str) -> Insertion {
        let unended = at == self.text.len() && !self.text.is_empty() && !self.text.ends_with('\n');
        let mut text = if unended { format!("\n{lines}") } else { lines.to_owned() };
        if at == 0 {
            text = text.trim_start_matches('\n').to_owned();
        }
        Insertion { at, text }
    }

    fn line_end(&self, from: usize) -> usize {
        self.text[from..].find('\n').map_or(self.text.len(), |at| from + at + 1)
    }

    /// Behind the line, and behind comments that follow it at once and belong to nothing below.
    fn end_of_block(&self, from: usize) -> usize {
        let end = self.line_end(from);
        let mut at = end;
        for line in self.text[end..].split_inclusive('\n') {
            let line = (line.trim(), line.len());
            match line {
                (text, length) if text.starts_with('#') => at += length,
                ("", _) => return at,
                _ => return end,
            }
        }
        at
    }
}

/// Where the last of what a value holds ends.
fn end_of(value: &DeValue<'_>) -> usize {
    match value {
        DeValue::Table(table) => {
            table.values().map(|value| value.span().end.max(end_of(value.get_ref()))).max().unwrap_or(0)
        }
        DeValue::Array(items) => {
            items.iter().map(|value| value.span().end.max(end_of(value.get_ref()))).max().unwrap_or(0)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::insert::Edit;

    fn applied(text: &str, insertion: impl Fn(&TomlText<'_>) -> Insertion) -> String {
        let parsed = TomlText::parse(text).expect("TOML");
        Edit::new("f".into(), text.to_owned(), vec![insertion(&parsed)]).new_text()
    }

    #[test]
    fn a_member_comes_last_or_where_the_order_has_it() {
        let member =
            |text: &str| applied(text, |toml| toml.element(&["workspace", "members"], "xtask").expect("a list"));
        assert_eq!(member("[workspace]\nmembers = []\n"), "[workspace]\nmembers = [\"xtask\"]\n");
        assert_eq!(member("[workspace]\nmembers = [\"app\"]\n"), "[workspace]\nmembers = [\"app\", \"xtask\"]\n");
        assert_eq!(
            member("[workspace]\nmembers = [\"b\", \"a\",]\n"),
            "[workspace]\nmembers = [\"b\", \"a\", \"xtask\",]\n"
        );
        assert_eq!(
            member("[workspace]\nmembers = [\n  \"app\", # it\n  \"zoo\"\n]\n"),
            "[workspace]\nmembers = [\n  \"app\", # it\n  \"xtask\",\n  \"zoo\"\n]\n"
        );
        assert_eq!(
            member("[workspace]\nmembers = [\n  \"zoo\",\n  \"app\" # it\n]\n"),
            "[workspace]\nmembers = [\n  \"zoo\",\n  \"app\",\n  \"xtask\" # it\n]\n"
        );
        assert_eq!(
            member("[workspace]\nmembers = [\n\t\"zoo\",\n\t\"app\", # it\n]\n"),
            "[workspace]\nmembers = [\n\t\"zoo\",\n\t\"app\", # it\n\t\"xtask\",\n]\n"
        );
    }

    #[test]
    fn a_block_comes_behind_the_tables_of_its_kind_and_their_comments() {
        let behind = |text: &str| applied(text, |toml| toml.behind("workspace", "[new]\n"));
        assert_eq!(
            behind("[workspace]\nmembers = [\n\"a\",\n] # all\n# and b\n\n[profile.dev]\n"),
            "[workspace]\nmembers = [\n\"a\",\n] # all\n# and b\n\n[new]\n\n[profile.dev]\n"
        );
        assert_eq!(
            behind("[workspace.package]\nversion = \"1\"\n# Of the profile.\n[profile.dev]\n"),
            "[workspace.package]\nversion = \"1\"\n\n[new]\n# Of the profile.\n[profile.dev]\n"
        );
        assert_eq!(behind("[workspace]"), "[workspace]\n\n[new]\n");
        assert_eq!(behind("[package]\nname = \"a\""), "[package]\nname = \"a\"\n\n[new]\n");
    }

    #[test]
    fn an_entry_comes_behind_the_last_one_of_its_table() {
        let entry = |text: &str| applied(text, |toml| toml.entry("alias", "xtask = \"x\"").expect("a table"));
        assert_eq!(
            entry("[alias]\nb = \"build\" # b\n\n[build]\n"),
            "[alias]\nb = \"build\" # b\nxtask = \"x\"\n\n[build]\n"
        );
        assert_eq!(
            entry("[alias]\nb = [\"build\",\n  \"-v\"]\n"),
            "[alias]\nb = [\"build\",\n  \"-v\"]\nxtask = \"x\"\n"
        );
        assert_eq!(entry("[alias]"), "[alias]\nxtask = \"x\"\n");
        assert_eq!(entry("alias.b = \"build\"\n[build]\n"), "alias.b = \"build\"\nalias.xtask = \"x\"\n[build]\n");
        for text in ["alias = { b = \"build\" }\n", "[build]\n", "[alias.b]\n"] {
            let toml = TomlText::parse(text).expect("TOML");
            assert_eq!(toml.entry("alias", "xtask = \"x\""), None, "{text}");
        }
    }
}
