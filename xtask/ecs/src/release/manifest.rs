//! The release manifest: what was released, from what, for whoever comes after.

use std::path::PathBuf;

use serde::Serialize;

use super::Released;
use crate::commit::Commit;
use crate::config::Config;
use crate::failure::{Failure, Result};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    /// Absent outside a repository.
    commit: Option<&'a str>,
    images: &'a [Released],
}

/// Writes `target/xtask/release.json`, whole or not at all, and says where.
pub(super) fn write(config: &Config, commit: &Commit, images: &[Released]) -> Result<PathBuf> {
    let path = config.target.join("xtask/release.json");
    let document = Document { version: 1, commit: commit.revision.as_deref(), images };
    let text = serde_json::to_string_pretty(&document).map_err(|error| Failure::caused_by(error.into()))?;
    let written = std::fs::create_dir_all(config.target.join("xtask")).and_then(|()| {
        let partial = path.with_extension("json.partial");
        std::fs::write(&partial, text + "\n")?;
        std::fs::rename(&partial, &path)
    });
    match written {
        Ok(()) => Ok(path),
        Err(error) => Err(Failure::world(format_args!("could not write {}: {error}", path.display()))),
    }
}
