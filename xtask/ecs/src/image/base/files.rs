//! Which paths a base has: its layers one over another, as engines mount them.
//!
//! Each layer is unpacked into a folder of its own, entry by entry, the later over the earlier, and overlayfs shows these
//! folders as one. So a link leads to other places for the entries of its own layer alone: `bin/app` in a layer above
//! `bin -> usr/bin` makes a folder `bin`, behind which the link is gone. Tried on docker 28 with either store; what
//! unpacks all layers into one folder (containerd's snapshotter `native`) follows the link, and has `/bin/app` as well.
//! Source: OCI image specification 1.1, layer.md, section Applying Changesets; containerd 2.4, pkg/archive/tar.go and
//! core/diff/apply/apply_linux.go; moby's go-archive 0.3, diff.go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::BaseLayer;
use super::listing::{Attributes, Kind, Listing};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::partial::PartialFile;

/// More links in a row than this are a circle. Linux has the same number.
const LINKS: usize = 40;

/// The files of an image by path, relative to its root.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<PathBuf, Node>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Folder(Attributes),
    File,
    Link(PathBuf),
}

/// What is at a path after following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Folder(Attributes),
    File,
}

impl Files {
    /// Reads the layers, each once and for all: what a layer holds is kept in the cache under its digest. The
    /// configuration's `diff_ids` are checked on the way.
    pub(crate) fn of(layers: &[BaseLayer], config: &Value, cache: &Path, interrupt: &Interrupt) -> Result<Self> {
        let stated: Vec<&str> = config
            .pointer("/rootfs/diff_ids")
            .and_then(Value::as_array)
            .map(|ids| ids.iter().filter_map(Value::as_str).gather())
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
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.find(path) != Found::Nothing
    }

    pub(crate) fn find(&self, path: &Path) -> Found {
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
    pub(crate) fn place(&self, path: &Path) -> PathBuf {
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
        let layer = Layer::of(listing, self);
        for folder in &layer.opaque {
            self.remove_below(folder);
        }
        for path in &layer.gone {
            self.remove(path);
        }
        for (path, node) in layer.files.0 {
            self.put(&path, node);
        }
    }

    /// Makes a path what an entry says.
    fn put(&mut self, path: &Path, node: Node) {
        // A folder over a folder keeps what is in it.
        if !matches!((&node, self.0.get(path)), (Node::Folder(_), Some(Node::Folder(_)))) {
            self.remove(path);
        }
        self.0.insert(path.to_owned(), node);
    }

    /// Adds the folders that a path is in, which archives may leave out, as the layers below have them.
    fn add_folders(&mut self, path: &Path, below: &Self) {
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            if !matches!(self.0.get(folder), Some(Node::Folder(_))) {
                let attributes = match below.0.get(folder) {
                    Some(Node::Folder(attributes)) => *attributes,
                    _ => Attributes::DEFAULT,
                };
                self.0.insert(folder.to_owned(), Node::Folder(attributes));
            }
        }
    }

    fn remove(&mut self, path: &Path) {
        self.0.remove(path);
        self.remove_below(path);
    }

    fn remove_below(&mut self, folder: &Path) {
        let below = self.0.range(folder.to_owned()..).map(|(path, _)| path);
        let below = below.take_while(|path| path.starts_with(folder)).filter(|path| *path != folder);
        for path in below.cloned().gather::<Vec<_>>() {
            self.0.remove(&path);
        }
    }
}

/// One layer, unpacked by itself.
#[derive(Default)]
struct Layer {
    files: Files,
    /// Paths that are no longer there, whatever the layers below have.
    gone: BTreeSet<PathBuf>,
    /// Folders of which nothing below is there.
    opaque: BTreeSet<PathBuf>,
}

impl Layer {
    fn of(listing: &Listing, below: &Files) -> Self {
        let mut layer = Self::default();
        for (path, kind) in &listing.entries {
            let path = layer.files.place(path);
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            layer.files.add_folders(&path, below);
            match path.file_name().map(|name| name.to_string_lossy()) {
                // overlayfs knows no such mark on its own root.
                Some(name) if name == ".wh..wh..opq" && folder.as_os_str().is_empty() => {}
                Some(name) if name == ".wh..wh..opq" => {
                    layer.opaque.insert(folder);
                }
                Some(name) if name.starts_with(".wh.") => {
                    let gone = folder.join(&name[".wh.".len()..]);
                    layer.files.remove(&gone);
                    layer.gone.insert(gone);
                }
                _ => {
                    let node = match kind {
                        Kind::Folder(attributes) => Node::Folder(*attributes),
                        Kind::File => Node::File,
                        Kind::Link(target) => Node::Link(target.clone()),
                        Kind::Same(other) => layer.same(other, below),
                    };
                    layer.files.put(&path, node);
                    // It takes the place of the mark that stood there.
                    layer.gone.remove(&path);
                }
            }
        }
        layer
    }

    fn same(&self, other: &Path, below: &Files) -> Node {
        let node = self.files.0.get(&self.files.place(other)).or_else(|| below.0.get(&below.place(other)));
        node.cloned().unwrap_or(Node::File)
    }
}

/// Whether a layer that lies somewhere above has anything in the place of the file at this path, or takes it away. A path
/// has no link in it: it is one that the file's own layer names.
pub(super) fn hides(above: &Listing, path: &Path) -> bool {
    let layer = Layer::of(above, &Files::default());
    let is_no_folder = |at: &Path| layer.files.0.get(at).is_some_and(|node| !matches!(node, Node::Folder(_)));
    layer.files.0.contains_key(path)
        || path.ancestors().any(|at| layer.gone.contains(at))
        || path.ancestors().skip(1).any(|folder| layer.opaque.contains(folder) || is_no_folder(folder))
}

/// Writes a file of the cache in one step.
pub(super) fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = PartialFile::create_in(folder, ".keep-", 0o600)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        io::Result::Ok(())
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests;
