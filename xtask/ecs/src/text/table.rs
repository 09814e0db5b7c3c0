//! Rows that stand in columns.

use super::{pad, width};
use crate::gather::Gather;

/// Each row as a line, every column as wide as its widest cell. Columns in which nothing stands are left out.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let wide = |column: usize| rows.iter().filter_map(|row| Some(width(row.get(column)?))).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(wide).gather();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).filter(|(_, wide)| **wide > 0).map(|(cell, wide)| pad(cell, *wide));
        cells.gather::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).gather()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other_and_empty_columns_are_left_out() {
        let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            table(&[row(&["a", "", "ずっと", "x"]), row(&["bcd", "", "", "y"])]),
            ["a    ずっと  x", "bcd          y"]
        );
        assert!(table(&[]).is_empty());
    }
}
