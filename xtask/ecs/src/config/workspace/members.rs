//! Which packages a workspace has, as cargo decides it.
//! Source: the Cargo book, "Workspaces", the `members` and `exclude` fields.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::super::diagnostic::Source;
use super::super::path::{normalise, relative};
use super::{Member, Workspace, inherits, version};
use crate::gather::Gather;
use crate::sorted::{Arrange, SortedSet};

/// The root package, the members, and the packages in the workspace's folder that these depend on by path.
/// A manifest that cannot be read is left out: cargo refuses such a workspace before it starts this program.
pub(super) fn packages(workspace: &Workspace<'_>) -> Vec<Member> {
    let Some(table) = workspace.document.get("workspace").and_then(|value| value.get_ref().as_table()) else {
        return Vec::new();
    };
    let excluded: Vec<PathBuf> = strings(table, "exclude").map(|path| normalise(&workspace.root.join(path))).gather();
    let mut waiting = vec![workspace.root.clone()];
    for pattern in strings(table, "members") {
        waiting.extend(expand(&workspace.root, pattern).into_iter().filter(|folder| {
            !excluded.iter().any(|excluded| folder.starts_with(excluded)) || !pattern.contains(['*', '?', '['])
        }));
    }
    let mut seen = SortedSet::new();
    let mut packages = Vec::new();
    while let Some(folder) = waiting.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let Ok(manifest) = DeTable::parse(&text) else { continue };
        let manifest = manifest.get_ref();
        packages.extend(member(workspace, &folder, manifest, &text));
        waiting.extend(path_dependencies(manifest, &folder, &workspace.root, table).into_iter().filter(|folder| {
            folder.starts_with(&workspace.root) && !excluded.iter().any(|excluded| folder.starts_with(excluded))
        }));
    }
    packages
}

fn member(workspace: &Workspace<'_>, folder: &Path, manifest: &DeTable<'_>, text: &str) -> Option<Member> {
    let package = manifest.get("package")?.get_ref().as_table()?;
    let name = package.get("name")?.get_ref().as_str()?.to_owned();
    let version = match package.get("version") {
        Some(value) if inherits(value.get_ref()) => workspace.version(),
        _ => {
            let file = relative(&workspace.root, &folder.join("Cargo.toml"));
            version(package, Source { file: &file, text })
        }
    };
    Some(Member { name, version })
}

fn strings<'a>(table: &'a DeTable<'_>, key: &str) -> impl Iterator<Item = &'a str> {
    let items = table.get(key).and_then(|value| value.get_ref().as_array());
    items.into_iter().flat_map(|items| items.iter()).filter_map(|item| item.get_ref().as_str())
}

/// Folders of the packages that a manifest depends on by path, whichever the kind of dependency and platform.
fn path_dependencies(manifest: &DeTable<'_>, folder: &Path, root: &Path, workspace: &DeTable<'_>) -> Vec<PathBuf> {
    let platforms = manifest.get("target").and_then(|value| value.get_ref().as_table());
    let platforms =
        platforms.into_iter().flat_map(|table| table.values()).filter_map(|value| value.get_ref().as_table());
    let shared = workspace.get("dependencies").and_then(|value| value.get_ref().as_table());
    let mut folders = Vec::new();
    for table in platforms.chain([manifest]) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(kind).and_then(|value| value.get_ref().as_table()) else { continue };
            for (name, dependency) in dependencies {
                let path = |value: &toml::de::DeValue<'_>| value.get("path")?.get_ref().as_str().map(str::to_owned);
                let found = if inherits(dependency.get_ref()) {
                    let shared = shared.and_then(|shared| shared.get(name.get_ref().as_ref()));
                    shared.and_then(|shared| path(shared.get_ref())).map(|path| root.join(path))
                } else {
                    path(dependency.get_ref()).map(|path| folder.join(path))
                };
                folders.extend(found.map(|folder| normalise(&folder)));
            }
        }
    }
    folders
}

/// The folders that a member pattern such as `crates/*` names.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
        folders = match segment {
            "**" => folders.into_iter().flat_map(|folder| below(&folder)).gather(),
            segment if segment.contains(['*', '?', '[']) => {
                let fits = |folder: &PathBuf| {
                    folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| matches(segment, name))
                };
                folders.iter().flat_map(|folder| subfolders(folder)).filter(fits).gather()
            }
            segment => folders.into_iter().map(|folder| normalise(&folder.join(segment))).gather(),
        };
    }
    folders
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).gather();
    folders.arrange_by(Ord::cmp);
    folders
}

/// The folder and everything below it; links are not followed, so that this ends.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next) {
        let inner = subfolders(folder).into_iter().filter(|folder| !folder.is_symlink()).gather::<Vec<_>>();
        found.extend(inner);
        next += 1;
    }
    found
}

/// Whether a name fits a pattern with `*`, `?` and `[…]`, as the shell has them.
fn matches(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    let Some(first) = rest.next() else { return name.is_empty() };
    let mut letters = name.chars();
    match first {
        '*' => matches(rest.as_str(), name) || (letters.next().is_some() && matches(pattern, letters.as_str())),
        '?' => letters.next().is_some() && matches(rest.as_str(), letters.as_str()),
        '[' if rest.as_str().contains(']') => {
            let (class, after) = rest.as_str().split_once(']').unwrap_or_default();
            letters.next().is_some_and(|letter| in_class(class, letter)) && matches(after, letters.as_str())
        }
        literal => letters.next() == Some(literal) && matches(rest.as_str(), letters.as_str()),
    }
}

fn in_class(class: &str, letter: char) -> bool {
    let (negated, class) = class.strip_prefix('!').map_or((false, class), |class| (true, class));
    let class: Vec<char> = class.chars().gather();
    let range = class.windows(3).any(|three| three[1] == '-' && (three[0]..=three[2]).contains(&letter));
    (range || class.contains(&letter)) != negated
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn member_patterns_fit_names_as_in_the_shell() {
        for (pattern, name) in
            [("*", "app"), ("a*", "app"), ("a?p", "app"), ("*-core", "my-core"), ("[a-c]*", "app"), ("[!x]pp", "app")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a?", "app"), ("*-core", "core"), ("[!a]*", "app"), ("", "app"), ("app", "")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
