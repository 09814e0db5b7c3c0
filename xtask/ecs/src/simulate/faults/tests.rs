use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::simulate::crashes::ELSEWHERE;
use crate::simulate::page;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn kept() -> String {
    fs::read_to_string(root().join("docs/FAULTS.md")).expect("the page is there")
}

#[test]
fn each_call_has_its_row_for_each_fault_in_the_documentation_or_a_test_of_its_own() {
    let kept = kept();
    let rows: Vec<Vec<&str>> =
        page::rows(&kept).map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    assert!(kept.contains(&head()), "the page has other columns than there are faults");
    let width = columns().len() + 2;
    for row in &rows[2..] {
        assert!(row.len() == width && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    for story in STORIES {
        assert!(rows.iter().any(|row| row[0] == story.name), "the page has no row of the story `{}`", story.name);
    }
    let met: Vec<&str> = rows.iter().map(|row| row[1].trim_matches('`')).collect();
    assert_eq!(unmet(&met).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_tests_that_are_named_for_other_calls_and_for_crashes_elsewhere_are_there() {
    let mut sources = String::new();
    for folder in ["xtask/tests/it", "xtask/ecs/src/aws"] {
        read(&root().join(folder), &mut sources);
    }
    for (call, test) in OTHERS.iter().chain(ELSEWHERE) {
        assert!(sources.contains(&format!("fn {test}()")), "{test}, which {call} is left to, is not there");
    }
}

fn read(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, into);
        } else {
            into.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
    }
}
