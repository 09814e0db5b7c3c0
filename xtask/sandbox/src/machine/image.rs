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
use crate::world::{Stored, World};

/// An image that a container is made of.
pub(super) struct Image {
    pub stored: Stored,
    /// As `linux/arm64`.
    pub platform: String,
    /// Its `config`: `Env`, `Entrypoint`, `Cmd`, `User`, `WorkingDir`.
    pub settings: Value,
}

impl Image {
    pub fn find(world: &World, home: &Home, launch: &Launch) -> Result<Self, String> {
        let stored = world.lock().image(home, &launch.image, &launch.digest)?;
        let config = fs::read(path(&stored.blobs, &stored.manifest()["config"])).map_err(|error| error.to_string())?;
        let config: Value = serde_json::from_slice(&config).map_err(|error| error.to_string())?;
        let (os, architecture) = (text(&config["os"]), text(&config["architecture"]));
        Ok(Self { stored, platform: format!("{os}/{architecture}"), settings: config["config"].clone() })
    }

    /// A further path of its program, and the program.
    pub fn link(&self) -> Option<(&str, &str)> {
        self.stored.link.as_deref().zip(self.settings["Entrypoint"][0].as_str())
    }
}

/// Images that were unpacked, each once.
pub(super) struct Unpacked {
    pub folder: PathBuf,
    /// By digest: where its files are.
    done: Mutex<BTreeMap<String, PathBuf>>,
}

impl Unpacked {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, done: Mutex::default() }
    }

    /// Where the image's files are, with a link to one of them.
    pub fn root(&self, image: &Image) -> Result<PathBuf, String> {
        let mut done = locked(&self.done);
        let digest = &image.stored.digest;
        if let Some(root) = done.get(digest) {
            return Ok(root.clone());
        }
        let root = self.folder.join("images").join(digest.trim_start_matches("sha256:"));
        let failed =
            |what: &dyn std::fmt::Display| format!("CannotPullContainerError: {digest} was not unpacked: {what}");
        fs::create_dir_all(&root).map_err(|error| failed(&error))?;
        for layer in image.stored.manifest()["layers"].as_array().into_iter().flatten() {
            let compression = match text(&layer["mediaType"]) {
                kind if kind.ends_with("gzip") => Some("--gzip"),
                kind if kind.ends_with("zstd") => Some("--zstd"),
                _ => None,
            };
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--no-same-owner", "--directory"]).arg(&root).args(compression);
            tar.arg("--file").arg(path(&image.stored.blobs, layer)).stdin(Stdio::null());
            let ended = tar.output().map_err(|error| failed(&format!("tar: {error}")))?;
            if !ended.status.success() {
                return Err(failed(&String::from_utf8_lossy(&ended.stderr).trim()));
            }
            remove_whiteouts(&root).map_err(|error| failed(&error))?;
        }
        if let Some((from, to)) = image.link() {
            let from = root.join(from.trim_start_matches('/'));
            if from.symlink_metadata().is_err() {
                std::os::unix::fs::symlink(to, from).map_err(|error| failed(&error))?;
            }
        }
        furnish(&root).map_err(|error| failed(&error))?;
        done.insert(digest.clone(), root.clone());
        Ok(root)
    }
}

/// Where a blob of this store is.
pub(super) fn path(blobs: &Path, descriptor: &Value) -> PathBuf {
    blobs.join(text(&descriptor["digest"]).trim_start_matches("sha256:"))
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
