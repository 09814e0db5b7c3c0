//! What differs between two texts, line by line.

use crate::gather::Gather;

/// Lines shown around a change.
const AROUND: usize = 2;

enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// Lines of `old` alone behind `-`, of `new` alone behind `+`, with two lines around each change and `…` where more are
/// the same.
pub(crate) fn diff(old: &str, new: &str) -> String {
    let lines = compare(&old.lines().gather::<Vec<_>>(), &new.lines().gather::<Vec<_>>());
    let changed: Vec<usize> = (0..lines.len()).filter(|index| !matches!(lines[*index], Line::Same(_))).gather();
    let mut text = String::new();
    let mut hidden = false;
    for (index, line) in lines.iter().enumerate() {
        if !changed.iter().any(|change| change.abs_diff(index) <= AROUND) {
            hidden = true;
            continue;
        }
        if std::mem::take(&mut hidden) {
            text.push_str("  …\n");
        }
        let (mark, line) = match line {
            Line::Same(line) => (' ', line),
            Line::Gone(line) => ('-', line),
            Line::New(line) => ('+', line),
        };
        text.push(mark);
        text.push(' ');
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// By the longest common subsequence; the files have a hundred lines.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            common[i][j] =
                if left == right { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(Line::Gone(old[i]));
            i += 1;
        } else {
            lines.push(Line::New(new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_two_around_it() {
        let old = "a\nb\nc\nd\ne\nf\ng\n";
        assert_eq!(diff(old, &old.replace('d', "D")), "  …\n  b\n  c\n- d\n+ D\n  e\n  f\n");
        assert_eq!(diff(old, old), "");
        assert_eq!(diff("a\n", ""), "- a\n");
        assert_eq!(diff("", "a\n"), "+ a\n");
    }
}
