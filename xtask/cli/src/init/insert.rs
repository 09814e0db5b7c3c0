//! Changes that only add: a file that exists is changed by insertions and by nothing else, so that no byte that somebody
//! wrote can go or move past another.

use std::path::{Path, PathBuf};

/// What is to be done to one file.
#[derive(Debug)]
pub enum Change {
    Create { path: PathBuf, text: String },
    Extend(Edit),
}

/// A file that exists, and what comes in between.
#[derive(Debug)]
pub struct Edit {
    pub path: PathBuf,
    pub old: String,
    insertions: Vec<Insertion>,
}

/// A text that is put in front of the byte at `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    pub at: usize,
    pub text: String,
}

impl Edit {
    pub fn new(path: PathBuf, old: String, insertions: Vec<Insertion>) -> Self {
        Self { path, old, insertions }
    }

    pub fn is_empty(&self) -> bool {
        self.insertions.is_empty()
    }

    /// The file as it will be, with the line ends that it has.
    pub fn new_text(&self) -> String {
        let (mut text, mut done) = (String::new(), 0);
        for (at, more) in self.sorted() {
            text += &self.old[done..at];
            text += &more;
            done = at;
        }
        text + &self.old[done..]
    }

    /// By place, with the file's line ends.
    fn sorted(&self) -> Vec<(usize, String)> {
        let crlf = self.old.contains("\r\n");
        let ends = |text: &str| if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        let mut sorted: Vec<_> = self.insertions.iter().map(|one| (one.at, ends(&one.text))).collect();
        sorted.sort_by_key(|(at, _)| *at);
        sorted
    }

    /// Its lines: what stays, what goes because something comes into it, what comes.
    fn lines(&self) -> Vec<(char, String)> {
        let (insertions, mut lines, mut start) = (self.sorted(), Vec::new(), 0);
        for line in self.old.split_inclusive('\n') {
            let end = start + line.len();
            // What is put behind a file without a last line end is put into its last line.
            let into = |at: usize| (start < at && at < end) || (at == end && !line.ends_with('\n'));
            let before = insertions.iter().filter(|(at, _)| *at == start);
            lines.extend(before.flat_map(|(_, text)| text.split_inclusive('\n')).map(|line| ('+', line.to_owned())));
            let (mut grown, mut done) = (String::new(), start);
            for (at, more) in insertions.iter().filter(|(at, _)| into(*at)) {
                grown = grown + &self.old[done..*at] + more;
                done = *at;
            }
            grown += &self.old[done..end];
            if grown == line {
                lines.push((' ', grown));
            } else {
                lines.push(('-', line.to_owned()));
                lines.extend(grown.split_inclusive('\n').map(|line| ('+', line.to_owned())));
            }
            start = end;
        }
        if self.old.is_empty() || self.old.ends_with('\n') {
            let last = insertions.iter().filter(|(at, _)| *at == start);
            lines.extend(last.flat_map(|(_, text)| text.split_inclusive('\n')).map(|line| ('+', line.to_owned())));
        }
        lines
    }
}

impl Change {
    /// One insertion into a file.
    pub fn added(path: PathBuf, old: &str, insertion: Insertion) -> Self {
        Self::Extend(Edit::new(path, old.to_owned(), vec![insertion]))
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Create { path, .. } => path,
            Self::Extend(edit) => &edit.path,
        }
    }

    /// The file as it will be.
    pub fn text(&self) -> String {
        match self {
            Self::Create { text, .. } => text.clone(),
            Self::Extend(edit) => edit.new_text(),
        }
    }

    /// The change as `git apply` and `patch -p1` take it.
    pub fn patch(&self, name: &str) -> String {
        let (head, lines) = match self {
            Self::Create { text, .. } => {
                let lines = text.split_inclusive('\n').map(|line| ('+', line.to_owned())).collect();
                (format!("--- /dev/null\n+++ b/{name}\n"), lines)
            }
            Self::Extend(edit) => (format!("--- a/{name}\n+++ b/{name}\n"), edit.lines()),
        };
        head + &hunks(&lines)
    }
}

/// Lines shown around a change.
const AROUND: usize = 3;

fn hunks(lines: &[(char, String)]) -> String {
    let changed: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].0 != ' ').collect();
    let mut text = String::new();
    // Changes whose surroundings touch are one hunk.
    for hunk in changed.chunk_by(|one, next| next - one <= 2 * AROUND + 1) {
        let (from, to) = (hunk[0].saturating_sub(AROUND), (hunk[hunk.len() - 1] + AROUND + 1).min(lines.len()));
        let range = |side: char| {
            let of = |lines: &[(char, String)]| lines.iter().filter(|(mark, _)| [' ', side].contains(mark)).count();
            let (before, count) = (of(&lines[..from]), of(&lines[from..to]));
            format!("{},{count}", if count == 0 { before } else { before + 1 })
        };
        text.push_str(&["@@ -", &range('-'), " +", &range('+'), " @@\n"].concat());
        for (mark, line) in &lines[from..to] {
            text.push(*mark);
            text += line;
            if !line.ends_with('\n') {
                text += "\n\\ No newline at end of file\n";
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(old: &str, insertions: &[(usize, &str)]) -> Edit {
        let insertions = insertions.iter().map(|(at, text)| Insertion { at: *at, text: (*text).to_owned() });
        Edit::new("Cargo.toml".into(), old.to_owned(), insertions.collect())
    }

    #[test]
    fn what_is_inserted_has_the_line_ends_of_its_file() {
        assert_eq!(edit("a\r\nb\r\n", &[(3, "x\ny\n")]).new_text(), "a\r\nx\r\ny\r\nb\r\n");
        assert_eq!(edit("a\nb", &[(3, "\nc\n"), (0, "z\n")]).new_text(), "z\na\nb\nc\n");
    }

    #[test]
    fn a_patch_shows_a_line_that_grew_as_gone_and_come_and_others_as_come() {
        let change = Change::Extend(edit("a\nb = []\nc\n", &[(7, "1"), (11, "d\n")]));
        assert_eq!(change.patch("f"), "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n a\n-b = []\n+b = [1]\n c\n+d\n");
        let change = Change::Extend(edit("a", &[(1, "\nb\n")]));
        assert_eq!(change.patch("f"), "--- a/f\n+++ b/f\n@@ -1,1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n");
        let change = Change::Create { path: "f".into(), text: "a\n".to_owned() };
        assert_eq!(change.patch("f"), "--- /dev/null\n+++ b/f\n@@ -0,0 +1,1 @@\n+a\n");
    }
}
