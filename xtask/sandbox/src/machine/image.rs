//! Images out of the registry's own store: their settings, and their files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use super::container::text;
use super::locked;
use crate::ecs::earnest::Launch;
use crate::home::Home;
use crate::world::World;

pub(super) struct Images {
    folder: PathBuf,
    /// By digest: where its files are.
    unpacked: Mutex<BTreeMap<String, PathBuf>>,
}

impl Images {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, unpacked: Mutex::default() }
    }

    /// The image's `config`.
    pub fn settings(&self, world: &World, home: &Home, launch: &Launch) -> Result<Value, String> {
        let (manifest, blobs, link) = world.lock().image(home, &launch.image, &launch.digest)?;
        let config = read(&blobs, &manifest["config"])?;
        let program = config["config"]["Entrypoint"][0].as_str();
        self.unpack(&launch.digest, &manifest, &blobs, link.as_deref().zip(program))?;
        Ok(config["config"].clone())
    }

    /// The image's files, unpacked once, with a link to one of them.
    fn unpack(&self, digest: &str, manifest: &Value, blobs: &Path, link: Option<(&str, &str)>) -> Result<(), String> {
        let mut unpacked = locked(&self.unpacked);
        if unpacked.contains_key(digest) {
            return Ok(());
        }
        let root = root(&self.folder, digest);
        let failed =
            |what: &dyn std::fmt::Display| format!("CannotPullContainerError: {digest} was not unpacked: {what}");
        fs::create_dir_all(&root).map_err(|error| failed(&error))?;
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let compression = match text(&layer["mediaType"]) {
                kind if kind.ends_with("gzip") => Some("--gzip"),
                kind if kind.ends_with("zstd") => Some("--zstd"),
                _ => None,
            };
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--no-same-owner", "--directory"]).arg(&root).args(compression);
            tar.arg("--file").arg(path(blobs, layer)).stdin(Stdio::null());
            let ended = tar.output().map_err(|error| failed(&format!("tar: {error}")))?;
            if !ended.status.success() {
                return Err(failed(&String::from_utf8_lossy(&ended.stderr).trim()));
            }
            remove_whiteouts(&root).map_err(|error| failed(&error))?;
        }
        if let Some((from, to)) = link {
            let from = root.join(from.trim_start_matches('/'));
            if from.symlink_metadata().is_err() {
                std::os::unix::fs::symlink(to, from).map_err(|error| failed(&error))?;
            }
        }
        furnish(&root).map_err(|error| failed(&error))?;
        unpacked.insert(digest.to_owned(), root);
        Ok(())
    }
}

/// Where the files of an image are.
pub(super) fn root(folder: &Path, digest: &str) -> PathBuf {
    folder.join("images").join(digest.trim_start_matches("sha256:"))
}

fn path(blobs: &Path, descriptor: &Value) -> PathBuf {
    blobs.join(text(&descriptor["digest"]).trim_start_matches("sha256:"))
}

fn read(blobs: &Path, descriptor: &Value) -> Result<Value, String> {
    let bytes = fs::read(path(blobs, descriptor)).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// What a layer deletes of those below it. Source: OCI Image Format, "Image Layer Filesystem Changeset", Whiteouts.
fn remove_whiteouts(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(gone) = name.strip_prefix(".wh.") {
            fs::remove_file(entry.path())?;
            let gone = folder.join(gone);
            if gone.is_dir() && !gone.is_symlink() {
                fs::remove_dir_all(gone)?;
            } else if gone.symlink_metadata().is_ok() {
                fs::remove_file(gone)?;
            }
        } else if entry.file_type()?.is_dir() {
            remove_whiteouts(&entry.path())?;
        }
    }
    Ok(())
}

/// What an engine puts into every container.
fn furnish(root: &Path) -> std::io::Result<()> {
    for folder in ["dev", "etc", "proc", "tmp"] {
        fs::create_dir_all(root.join(folder))?;
    }
    for (file, content) in [
        ("dev/null", ""),
        ("dev/zero", ""),
        ("dev/full", ""),
        ("dev/random", ""),
        ("dev/urandom", ""),
        ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ] {
        let file = root.join(file);
        if !file.exists() {
            fs::write(file, content)?;
        }
    }
    for (link, to) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        let link = root.join("dev").join(link);
        if link.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(format!("/proc/self/{to}"), link)?;
        }
    }
    Ok(())
}
