//! Files and folders that a configuration names: relative to the workspace's root, and never outside of the git
//! repository that it is in.

use std::path::{Path, PathBuf};

use super::path::{normalise, relative};
use super::value::Value;
use super::workspace::repository;
use crate::gather::Gather;
use crate::text::nearest;

/// A file of the workspace, absolute; `what` is its name in an error, such as `Dockerfile`.
pub(super) fn file(value: &Value<'_>, what: &str) -> Option<PathBuf> {
    let path = inside(value, what)?;
    if path.is_dir() {
        value.error(format!("the {what} `{}` is a folder, and should be a file", value.text()?.escape_debug()), "");
        return None;
    }
    exists(value, what, path)
}

/// A folder of the workspace, absolute.
pub(super) fn folder(value: &Value<'_>, what: &str) -> Option<PathBuf> {
    let path = inside(value, what)?;
    if path.is_file() {
        value.error(format!("the {what} `{}` is a file, and should be a folder", value.text()?.escape_debug()), "");
        return None;
    }
    exists(value, what, path)
}

/// A file or a folder of the workspace, absolute.
pub(super) fn file_or_folder(value: &Value<'_>, what: &str) -> Option<PathBuf> {
    let path = inside(value, what)?;
    exists(value, what, path)
}

fn exists(value: &Value<'_>, what: &str, path: PathBuf) -> Option<PathBuf> {
    match path.try_exists() {
        Ok(true) => Some(path),
        Ok(false) => {
            let near = neighbour(&path).map_or_else(
                || "paths are relative to the workspace's root, where this Cargo.toml is".to_owned(),
                |near| format!("did you mean `{}`?", relative(&value.reading.workspace.root, &near)),
            );
            value.error(format!("the {what} `{}` does not exist", value.text()?.escape_debug()), near);
            None
        }
        Err(error) => {
            value.error(format!("cannot look at the {what} `{}`: {error}", value.text()?.escape_debug()), "");
            None
        }
    }
}

/// What lies beside a missing file under a similar name.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).gather();
    nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str)).map(|name| folder.join(name))
}

/// The absolute path, which neither `..` nor a link may lead out of the repository, or of a workspace without one.
fn inside(value: &Value<'_>, what: &str) -> Option<PathBuf> {
    let root = &value.reading.workspace.root;
    let text = value.string()?;
    if text.contains('\0') {
        value.error(format!("the {what} `{}` is not a path", text.escape_debug()), "");
        return None;
    }
    let path = normalise(&root.join(&text));
    let whole = repository(root);
    let resolved = path.canonicalize().ok().zip(whole.canonicalize().ok());
    let link_leads_out = resolved.is_some_and(|(path, whole)| !path.starts_with(whole));
    if !path.starts_with(whole) || link_leads_out {
        let of = if whole == root { "workspace" } else { "repository" };
        let hint = format!("only files of the {of} are used, so that every clone builds the same");
        value.error(format!("the {what} `{}` is outside the {of}", text.escape_debug()), hint);
        return None;
    }
    Some(path)
}
