//! The page that has the table of faults: held against what is, or written.

/// The lines of its table, which is the first that it has.
pub(super) fn rows(page: &str) -> impl Iterator<Item = &str> {
    let is_row = |line: &&str| line.starts_with('|');
    page.lines().skip_while(move |line| !is_row(line)).take_while(is_row)
}

/// The page with this table in the place of its own.
pub(super) fn written(page: &str, table: &str) -> String {
    let end = if page.ends_with("\n|") { "" } else { "\n" };
    let before: Vec<&str> = page.lines().take_while(|line| !line.starts_with('|')).collect();
    let after: Vec<&str> = page.lines().skip(before.len()).skip_while(|line| line.starts_with('|')).collect();
    let rest = if after.is_empty() { String::new() } else { format!("{}{end}", after.join("\n")) };
    format!("{}\n{}\n{rest}", before.join("\n"), table.trim_end())
}

/// Rows of the table that the page does not have, and where it is all of the table, those that only the page has.
pub(super) fn stale(page: &str, table: &str, is_all: bool) -> Vec<String> {
    let (kept, found): (Vec<&str>, Vec<&str>) = (rows(page).collect(), rows(table).collect());
    let new = found.iter().filter(|row| !kept.contains(row)).map(|row| format!("the page lacks: {row}"));
    let gone = kept.iter().filter(|row| is_all && !found.contains(row)).map(|row| format!("only the page has: {row}"));
    new.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_held_against_a_table_and_written_anew() {
        let page = "# Faults\n\n| a | b |\n|---|---|\n| x | 0 |\n\nThe end.\n";
        let table = "| a | b |\n|---|---|\n| x | 1 |\n| y | 0 |\n";
        assert_eq!(written(page, table), "# Faults\n\n| a | b |\n|---|---|\n| x | 1 |\n| y | 0 |\n\nThe end.\n");
        assert_eq!(stale(page, "| x | 0 |\n", false), [""; 0]);
        assert_eq!(
            stale(page, table, true),
            ["the page lacks: | x | 1 |", "the page lacks: | y | 0 |", "only the page has: | x | 0 |"]
        );
        assert_eq!(stale(&written(page, table), table, true), [""; 0]);
    }
}
