//! Rows that stand in columns, and go on below where a terminal has fewer.

use super::{pad, plain, width};
use crate::gather::Gather;

/// A cell that is wider than this moves what stands behind it, and no other row.
const WIDE: usize = 80;

/// What stands between two cells, and in front of what goes on below.
const GAP: usize = 2;

/// What stands in a table's last column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// Something to read, which may be broken between its words.
    Prose,
    /// Something as it is written elsewhere.
    Value,
}

/// Each row as a line, every column as wide as its widest cell. Columns in which nothing stands are left out; a row of one cell
/// is a heading.
///
/// Where a terminal has only so many columns, what does not fit beside the others goes on below its row. Nothing is cut, for it
/// may be what one came for, and no cell is broken that may be copied: only the last one where it is prose, between its words,
/// where it is longer than a line.
pub(crate) fn table(rows: &[Vec<String>], last: Last, columns: Option<usize>) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| on_a_line(cell)).gather()).gather();
    let cells = |column: usize| rows.iter().filter(|row| row.len() > 1).filter_map(move |row| row.get(column));
    let used: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0))
        .filter(|column| cells(*column).any(|cell| !cell.is_empty()))
        .gather();
    let wide = |column: &usize| cells(*column).map(|cell| width(cell)).filter(|wide| *wide <= WIDE).max().unwrap_or(0);
    let widths: Vec<usize> = used.iter().map(wide).gather();
    let mut lines = Vec::new();
    for row in &rows {
        match row.as_slice() {
            [heading] => lines.push(heading.trim_end().to_owned()),
            row => {
                let cells: Vec<&str> = used.iter().map(|column| row.get(*column).map_or("", String::as_str)).gather();
                match columns {
                    Some(columns) if width(&beside(&cells, &widths)) > columns => {
                        go_on_below(&cells, &widths, (last, columns), &mut lines);
                    }
                    _ => lines.push(beside(&cells, &widths)),
                }
            }
        }
    }
    lines
}

/// One row that is wider than the terminal: the columns that all rows can have beside each other and the rest below, or one cell
/// behind the other.
fn go_on_below(cells: &[&str], widths: &[usize], (last, columns): (Last, usize), lines: &mut Vec<String>) {
    let mut end = 0;
    let fits = |wide: &&usize| {
        end += **wide + GAP;
        end - GAP <= columns
    };
    let fit = widths.iter().take_while(fits).count();
    let line = beside(&cells[..fit], widths);
    if fit > 0 && width(&line) <= columns {
        // Nothing is in it where the first cells are empty, as in a heading row.
        lines.extend(Some(line).filter(|line| !line.is_empty()));
        flow(&cells[fit..], GAP, (last, columns), lines);
    } else {
        flow(cells, 0, (last, columns), lines);
    }
}

fn beside(cells: &[&str], widths: &[usize]) -> String {
    let padded = cells.iter().enumerate().map(|(at, cell)| pad(cell, widths.get(at).copied().unwrap_or(0)));
    padded.gather::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Cells behind each other, on as many lines as they need, all but a row's first indented. What is longer than a line is left
/// to the terminal.
fn flow(cells: &[&str], indent: usize, (last, columns): (Last, usize), lines: &mut Vec<String>) {
    let (mut line, mut indent) = (String::new(), indent);
    for (at, cell) in cells.iter().enumerate() {
        let is_prose = last == Last::Prose && at + 1 == cells.len() && GAP + width(cell) > columns;
        let pieces: Vec<&str> = if is_prose { cell.split(' ').gather() } else { vec![cell] };
        for (number, piece) in pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
            let gap = if number > 0 { 1 } else { GAP };
            if !line.is_empty() && width(&line) + gap + width(piece) <= columns {
                line.push_str(&" ".repeat(gap));
            } else if line.is_empty() {
                line.push_str(&" ".repeat(indent));
            } else {
                lines.push(std::mem::take(&mut line));
                indent = GAP;
                line.push_str(&" ".repeat(indent));
            }
            line.push_str(piece);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
}

/// What others wrote stays in its cell.
fn on_a_line(cell: &str) -> String {
    plain(cell).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn cells_stand_under_each_other_and_empty_columns_are_left_out() {
        assert_eq!(
            table(&[row(&["a", "", "ずっと", "x"]), row(&["bcd", "", "", "y"])], Last::Prose, None),
            ["a    ずっと  x", "bcd          y"]
        );
        assert!(table(&[], Last::Prose, Some(40)).is_empty());
        assert_eq!(
            table(&[row(&["\u{1b}[1ma\nb", "c"]), row(&["a heading",])], Last::Prose, None),
            ["a b  c", "a heading"]
        );
    }

    #[test]
    fn where_a_terminal_is_narrower_a_row_goes_on_below_and_nothing_is_cut() {
        let rows = [
            row(&["app", "app:41", "sha256:0123456789", "2/2", "well"]),
            row(&["worker", "worker:7", "sha256:abcdef0123", "1/2 +1", "the task was stopped because it said no"]),
        ];
        assert_eq!(table(&rows, Last::Prose, Some(200)), table(&rows, Last::Prose, None));
        assert_eq!(
            table(&rows, Last::Prose, Some(40)),
            [
                "app     app:41    sha256:0123456789",
                "  2/2  well",
                "worker  worker:7  sha256:abcdef0123",
                "  1/2 +1  the task was stopped because",
                "  it said no",
            ]
        );
        assert_eq!(
            table(&rows[1..], Last::Prose, Some(12)),
            [
                "worker",
                "  worker:7",
                "  sha256:abcdef0123",
                "  1/2 +1",
                "  the task",
                "  was",
                "  stopped",
                "  because it",
                "  said no"
            ]
        );
        // A row that fits stays on its line.
        assert_eq!(table(&rows, Last::Prose, Some(60))[0], "app     app:41    sha256:0123456789  2/2     well");
    }

    #[test]
    fn a_value_and_a_heading_are_never_broken_however_narrow_the_terminal_is() {
        let written = r#"{ id = "CVE-2026-1",  reason = "a  long reason" }"#;
        let rows = [row(&[&format!("    {written}")]), row(&["  ignore", "-", written])];
        assert_eq!(
            table(&rows, Last::Value, Some(20)),
            [format!("    {written}"), "  ignore  -".to_owned(), format!("  {written}")]
        );
        let prose = table(&rows, Last::Prose, Some(20));
        assert_eq!((prose[0].trim(), prose.len() > 3), (written, true), "{prose:?}");
    }

    #[test]
    fn a_row_whose_first_cells_are_empty_leaves_no_line_empty() {
        let rows = [row(&["", "staging", "production"]), row(&["  scan.fail-on", "HIGH", "CRITICAL"])];
        assert_eq!(
            table(&rows, Last::Value, Some(22)),
            ["  staging  production", "  scan.fail-on", "  HIGH  CRITICAL"]
        );
    }

    #[test]
    fn one_long_name_breaks_its_own_row_and_no_other() {
        let name = "n".repeat(255);
        let rows = [row(&["app", "app:41", "2/2"]), row(&[&name, "other:7", "1/1"])];
        assert_eq!(table(&rows, Last::Prose, Some(40)), ["app  app:41   2/2", &name, "  other:7  1/1"]);
        assert_eq!(table(&rows, Last::Prose, None), ["app  app:41   2/2".to_owned(), format!("{name}  other:7  1/1")]);
    }

    #[test]
    fn two_hundred_services_with_names_from_right_to_left_fit_into_forty_columns() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let reason = "המשימה נעצרה כי הבדיקה נכשלה (exit code 137)";
        let one = |number: usize| {
            row(&[&format!("שירות-{number}"), &format!("family:{number}"), "app 1.4.0", &digest, "2/2", reason])
        };
        let rows: Vec<_> = (0..200).map(one).collect();
        let lines = table(&rows, Last::Prose, Some(40));
        let long: Vec<_> = lines.iter().filter(|line| width(line) > 40).collect();
        assert!(long.iter().all(|line| line.trim() == digest), "only what has no place to break: {long:?}");
        assert_eq!(long.len(), 200);
        let words = lines.join(" ").split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        for number in 0..200 {
            assert!(
                words.contains(&format!("שירות-{number} family:{number} app 1.4.0 {digest} 2/2 {reason}")),
                "{words}"
            );
        }
    }
}
