//! Which paths a base has: its layers one over another, each entry in its turn, as engines apply them.
//! Source: OCI image specification 1.1, layer.md, section Applying Changesets; containerd 2.4, pkg/archive/tar.go;
//! moby's go-archive 0.3, diff.go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::BaseLayer;
use super::listing::{Attributes, Kind, Listing};
use crate::interrupt::Interrupt;

/// More links in a row than this are a circle. Linux has the same number.
const LINKS: usize = 40;

/// The files of an image by path, relative to its root.
#[derive(Debug, Default)]
pub struct Files(BTreeMap<PathBuf, Node>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Folder(Attributes),
    File,
    Link(PathBuf),
}

/// What is at a path after following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Folder(Attributes),
    File,
}

impl Files {
    /// Reads the layers, each once and for all: what a layer holds is kept in the cache under its digest. The
    /// configuration's `diff_ids` are checked on the way.
    pub fn of(layers: &[BaseLayer], config: &Value, cache: &Path, interrupt: &Interrupt) -> Result<Self> {
        let stated: Vec<&str> = config
            .pointer("/rootfs/diff_ids")
            .and_then(Value::as_array)
            .map(|ids| ids.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        ensure!(
            stated.len() == layers.len(),
            "the base's configuration names {} layers, and its manifest {}",
            stated.len(),
            layers.len()
        );
        let mut files = Self::default();
        for (layer, stated) in layers.iter().zip(stated) {
            let digest = &layer.descriptor.digest;
            // A new folder for each form that listings have had.
            let kept = cache.join("listings-2").join(digest.hex());
            let listing = if let Some(listing) = fs::read(&kept).ok().and_then(|bytes| Listing::parse(&bytes)) {
                listing
            } else {
                let listing = Listing::read(layer, interrupt)
                    .with_context(|| format!("failed to read the base's layer {digest}"))?;
                keep(&kept, &listing.bytes())?;
                listing
            };
            ensure!(
                listing.diff_id.as_str() == stated,
                "the base's layer {digest} unpacks to {}, and its configuration says {stated}",
                listing.diff_id
            );
            files.apply(&listing);
        }
        Ok(files)
    }

    /// Whether there is anything at this path, absolute or relative to the root.
    pub fn has(&self, path: &Path) -> bool {
        self.find(path) != Found::Nothing
    }

    pub fn find(&self, path: &Path) -> Found {
        match self.real(path) {
            Some(real) if real.as_os_str().is_empty() => Found::Folder(Attributes::DEFAULT),
            Some(real) => match self.0.get(&real) {
                Some(Node::Folder(attributes)) => Found::Folder(*attributes),
                Some(_) => Found::File,
                None => Found::Nothing,
            },
            None => Found::Nothing,
        }
    }

    /// Where a new entry at this path goes: the links on the way to it are followed, one at its end is not.
    pub fn place(&self, path: &Path) -> PathBuf {
        let folder = path.parent().and_then(|folder| self.real(folder));
        match (folder, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        }
    }

    /// The path with all links followed; `None` where they go in a circle. What is missing stands for itself.
    fn real(&self, path: &Path) -> Option<PathBuf> {
        let mut left = LINKS;
        self.follow(PathBuf::new(), path, &mut left)
    }

    fn follow(&self, from: PathBuf, path: &Path, left: &mut usize) -> Option<PathBuf> {
        let mut at = from;
        for component in path.components() {
            match component {
                Component::RootDir => at = PathBuf::new(),
                Component::ParentDir => drop(at.pop()),
                Component::Normal(name) => {
                    at.push(name);
                    if let Some(Node::Link(target)) = self.0.get(&at) {
                        *left = left.checked_sub(1)?;
                        at.pop();
                        at = self.follow(at, target, left)?;
                    }
                }
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Some(at)
    }

    fn apply(&mut self, listing: &Listing) {
        let mut own = BTreeSet::new();
        for (path, kind) in &listing.entries {
            let path = self.place(path);
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            match path.file_name().map(|name| name.to_string_lossy()) {
                // It speaks of the layers below, wherever it stands in its own.
                Some(name) if name == ".wh..wh..opq" => {
                    self.remove_below(&folder, &own);
                }
                Some(name) if name.starts_with(".wh.") => {
                    self.remove(&folder.join(&name[".wh.".len()..]));
                }
                _ => {
                    self.put(&path, kind);
                    own.extend(path.ancestors().map(Path::to_owned));
                }
            }
        }
    }

    fn put(&mut self, path: &Path, kind: &Kind) {
        let node = match kind {
            Kind::Folder(attributes) => Node::Folder(*attributes),
            Kind::File => Node::File,
            Kind::Link(target) => Node::Link(target.clone()),
            Kind::Same(other) => self.0.get(&self.place(other)).cloned().unwrap_or(Node::File),
        };
        // Archives may leave folders out.
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            if !matches!(self.0.get(folder), Some(Node::Folder(_))) {
                self.0.insert(folder.to_owned(), Node::Folder(Attributes::DEFAULT));
            }
        }
        // A folder over a folder keeps what is in it.
        if !matches!((&node, self.0.get(path)), (Node::Folder(_), Some(Node::Folder(_)))) {
            self.remove(path);
        }
        self.0.insert(path.to_owned(), node);
    }

    fn remove(&mut self, path: &Path) {
        self.0.remove(path);
        self.remove_below(path, &BTreeSet::new());
    }

    fn remove_below(&mut self, folder: &Path, except: &BTreeSet<PathBuf>) {
        let below = self.0.range(folder.to_owned()..).map(|(path, _)| path);
        let below = below.take_while(|path| path.starts_with(folder)).filter(|path| *path != folder);
        let gone: Vec<PathBuf> = below.filter(|path| !except.contains(*path)).cloned().collect();
        for path in gone {
            self.0.remove(&path);
        }
    }
}

/// Writes a file of the cache in one step.
pub fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        io::Result::Ok(())
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests;
