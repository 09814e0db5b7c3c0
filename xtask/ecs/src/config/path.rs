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

/// A file's name relative to the root, by way of `..` where that is shorter than its whole name.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let mut up = PathBuf::new();
    // What has no more in common than `/` is elsewhere.
    for folder in root.ancestors().filter(|folder| folder.parent().is_some()) {
        if let Ok(rest) = path.strip_prefix(folder) {
            up.extend(rest);
            return up.display().to_string();
        }
        up.push("..");
    }
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_relative_to_the_root_where_they_are_near() {
        let root = Path::new("/srv/repository/backend");
        for (path, name) in [
            ("/srv/repository/backend/app/x", "app/x"),
            ("/srv/repository/backend", ""),
            ("/srv/repository/shared/x", "../shared/x"),
            ("/srv/repository", ".."),
            ("/srv/x", "../../x"),
            ("/etc/x", "/etc/x"),
        ] {
            assert_eq!(relative(root, Path::new(path)), name);
        }
    }
}
