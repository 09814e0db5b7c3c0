//! Paths as they are spelt, without looking at a disk.

use std::path::{Component, Path, PathBuf};

/// The path without `.` and `..`, as it is spelt: links are not resolved.
pub(super) fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

/// A file's name relative to the root where it is below it.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
