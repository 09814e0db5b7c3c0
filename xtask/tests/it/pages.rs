//! The pages that people read, held against the repository: each path, link, test and commit that they name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// A page: its path from the root, and its text.
pub struct Page {
    pub path: String,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

pub fn pages() -> Vec<Page> {
    let mut paths = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned(), "findings/README.md".to_owned()];
    for folder in ["docs", ".github"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let pages = files.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
        paths.extend(pages.map(|file| file.strip_prefix(root()).unwrap().display().to_string()));
    }
    let text = |path: &String| fs::read_to_string(root().join(path)).unwrap();
    paths.into_iter().map(|path| Page { text: text(&path), path }).collect()
}

impl Page {
    /// The text without its blocks of code.
    fn prose(&self) -> String {
        self.text.split("```").step_by(2).collect()
    }

    /// What stands between backticks.
    fn words(&self) -> Vec<String> {
        let inline = Regex::new("`([^`\n]+)`").unwrap();
        inline.captures_iter(&self.prose()).map(|found| found[1].to_owned()).collect()
    }

    /// Where its paths may begin.
    fn bases(&self) -> &[&str] {
        match self.path.as_str() {
            "docs/ARCHITECTURE.md" => &["", "xtask/ecs/src"],
            "docs/GITHUB.md" => &["", ".github/workflows"],
            _ => &[""],
        }
    }
}

/// As GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

fn sources(folder: &Path, into: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// What git says, in the repository's root; `None` where it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn every_path_that_a_page_names_exists() {
    let path = Regex::new(r"^[\w.-]+(/[\w.-]+)*/?$").unwrap();
    let file = Regex::new(r"\.(rs|md|yml|toml|tsv|py)$").unwrap();
    let top: BTreeSet<String> =
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let ours = |word: &str| word.split_once('/').is_some_and(|(first, _)| first != "target" && top.contains(first));
    let (mut seen, mut dead) = (0, Vec::new());
    for page in pages() {
        for word in page.words().iter().filter(|word| path.is_match(word) && (ours(word) || file.is_match(word))) {
            seen += 1;
            if !page.bases().iter().any(|base| root().join(base).join(word).exists()) {
                dead.push(format!("{}: `{word}`", page.path));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(seen > 100, "only {seen} paths were found");
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut dead = Vec::new();
    for page in pages() {
        for found in link.captures_iter(&page.prose()) {
            let address = &found[1];
            if address.contains("://") {
                continue;
            }
            let (file, anchor) = address.split_once('#').unwrap_or((address, ""));
            let here = root().join(&page.path);
            let target: PathBuf = if file.is_empty() { here } else { here.parent().unwrap().join(file) };
            let text = fs::read_to_string(&target);
            let holds = match text {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                Err(_) => anchor.is_empty() && target.is_dir(),
            };
            if !holds {
                dead.push(format!("{}: {address}", page.path));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_test_that_a_page_names_exists() {
    let name = Regex::new(r"^[a-z0-9]+(_[a-z0-9]+){3,}$").unwrap();
    let mut code = String::new();
    sources(&root().join("xtask"), &mut code);
    let words = pages().into_iter().flat_map(|page| page.words());
    let named: Vec<String> = words.filter(|word| name.is_match(word)).collect();
    assert!(named.len() > 10, "only {} tests were found", named.len());
    let dead: Vec<_> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_commit_that_a_page_names_is_in_this_history() {
    // An archive has no history, and a shallow clone has its end.
    if git(&["rev-parse", "--is-shallow-repository"]).as_deref() != Some("false") {
        return;
    }
    let commit = Regex::new(r"`([0-9a-f]{7})` ([^|\n]+?) \|").unwrap();
    let (mut seen, mut dead) = (0, Vec::new());
    for page in pages() {
        for found in commit.captures_iter(&page.text) {
            seen += 1;
            let is_ours = git(&["merge-base", "--is-ancestor", &found[1], "HEAD"]).is_some();
            let subject = git(&["log", "-1", "--format=%s", &found[1]]).unwrap_or_default();
            if !is_ours || subject != found[2] {
                dead.push(format!("{}: {} {}, and git says `{subject}`", page.path, &found[1], &found[2]));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(seen > 5, "only {seen} commits were found");
}

#[test]
fn rust_in_a_page_is_compiled_as_a_documentation_test() {
    let library = fs::read_to_string(root().join("xtask/ecs/src/lib.rs")).unwrap();
    for page in pages().into_iter().filter(|page| page.text.contains("```rust")) {
        let included = format!("include_str!(\"../../../{}\")", page.path);
        assert!(library.contains(&included), "lib.rs has no {included}");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= 150, "{lines} lines; what a newcomer does not need yet belongs under docs/");
}
