//! What goes into a layer, as a tree of paths: from the configured assets, and what every image wants.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use super::base::{Attributes, Files, Found};
use crate::config::Asset;
use crate::failure::{Failure, Result};

/// Entries by path, relative to the image's root; a folder comes before what is in it.
///
/// No entry lies behind a link of the base: an engine that gives each layer a folder of its own would put a folder in
/// the link's place, and hide all that it led to.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    base: &'a Files,
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    pub owner: Owner,
}

#[derive(Debug)]
pub(super) enum Kind {
    Folder,
    File(Content),
    /// A symbolic link, and what it says.
    Link(PathBuf),
}

#[derive(Debug)]
pub(super) enum Content {
    Disk(PathBuf),
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub uid: u64,
    pub gid: u64,
}

impl Owner {
    pub(super) const ROOT: Self = Self { uid: 0, gid: 0 };

    /// `UID[:GID]`; without a group, that of the same number, as Dockerfiles' `--chown` has it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        Some(Self { uid: uid.parse::<u32>().ok()?.into(), gid: gid.parse::<u32>().ok()?.into() })
    }
}

impl Entry {
    pub(super) fn file(content: Content, mode: u32, owner: Owner) -> Self {
        Self { kind: Kind::File(content), mode, owner }
    }

    pub(super) fn folder(Attributes { mode, owner }: Attributes) -> Self {
        Self { kind: Kind::Folder, mode, owner }
    }

    fn attributes(&self) -> Attributes {
        Attributes { mode: self.mode, owner: self.owner }
    }
}

impl<'a> Tree<'a> {
    /// Nothing yet, above a base.
    pub(super) fn on(base: &'a Files) -> Self {
        Self { base, entries: BTreeMap::new() }
    }

    /// Reads what the assets name. A later one takes the place of an earlier one at the same path.
    pub(super) fn collect(assets: &[Asset], root: &Path, base: &'a Files) -> Result<Self> {
        let root = fs::canonicalize(root).with_context(|| format!("failed to read {}", root.display()))?;
        let mut tree = Self::on(base);
        for asset in assets {
            let from = inside(&asset.source, &root)?;
            let owner = Owner::parse(&asset.owner).ok_or_else(|| {
                Failure::usage(format_args!("the owner `{}` of the asset {} is not `UID:GID`", asset.owner, asset.path))
            })?;
            let mut to = relative(&asset.path)?;
            if from.is_file() && asset.path.ends_with('/') {
                to.push(asset.source.file_name().unwrap_or_default());
            }
            let walk = Walk { asset, root: &root, top: &from, owner };
            walk.add(&mut tree, &from, &to)?;
        }
        Ok(tree)
    }

    pub(super) fn put(&mut self, path: &Path, entry: Entry) {
        self.entries.insert(self.place(path), entry);
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.entries.contains_key(&self.place(path))
    }

    /// Whether neither this nor the base has anything there.
    pub(super) fn lacks(&self, path: &Path) -> bool {
        !self.contains(path) && !self.base.has(path)
    }

    /// Where the entry for a path is: behind the base's links, but for those that a folder of this tree replaces.
    fn place(&self, path: &Path) -> PathBuf {
        let own = |folder: &&Path| {
            matches!(self.entries.get(*folder), Some(Entry { kind: Kind::Folder, .. }))
                && !matches!(self.base.find(folder), Found::Folder(_))
        };
        match path.ancestors().skip(1).find(own).map(|folder| (folder, path.strip_prefix(folder))) {
            Some((folder, Ok(rest))) => folder.join(rest),
            _ => self.base.place(path),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_path(), entry))
    }

    /// Adds the folders that the entries are in, as `below` or else the base has them: engines take the mode and owner
    /// of a folder from the highest layer that holds anything in it. Fails where something is at such a path that is no
    /// folder.
    pub(super) fn add_folders(&mut self, below: Option<&Self>) -> Result<()> {
        self.entries.retain(|path, entry| {
            !(matches!(entry.kind, Kind::Folder) && matches!(self.base.find(path), Found::Folder(_)))
        });
        let mut folders = BTreeMap::new();
        for (path, entry) in &self.entries {
            if !matches!(entry.kind, Kind::Folder) && matches!(self.base.find(path), Found::Folder(_)) {
                return Err(Failure::usage(format_args!(
                    "the base image has a folder at /{}, where a file is to go",
                    path.display()
                ))
                .help("choose another path"));
            }
            for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
                let own = self.entries.get(folder).or_else(|| below?.entries.get(folder));
                let attributes = match (own, self.base.find(folder)) {
                    (Some(entry), _) if matches!(entry.kind, Kind::Folder) => entry.attributes(),
                    (None, Found::Folder(attributes)) => attributes,
                    (None, Found::Nothing) => Attributes::DEFAULT,
                    _ => {
                        return Err(Failure::usage(format_args!(
                            "/{} cannot go into the image: /{} is a file there, not a folder",
                            path.display(),
                            folder.display()
                        )));
                    }
                };
                folders.insert(folder.to_owned(), Entry::folder(attributes));
            }
        }
        self.entries.extend(folders);
        Ok(())
    }
}

/// One asset being read.
struct Walk<'a> {
    asset: &'a Asset,
    root: &'a Path,
    /// The asset's own file or folder.
    top: &'a Path,
    owner: Owner,
}

impl Walk<'_> {
    /// `from` is a real file or folder of this machine, `to` its path in the image.
    fn add(&self, tree: &mut Tree<'_>, from: &Path, to: &Path) -> Result<()> {
        let read = || format!("failed to read the asset {}", from.display());
        let data = fs::symlink_metadata(from).with_context(read)?;
        if data.is_dir() {
            if !to.as_os_str().is_empty() {
                let mode = self.asset.mode.map_or(0o755, |mode| mode | (mode & 0o444) >> 2);
                tree.put(to, Entry { kind: Kind::Folder, mode, owner: self.owner });
            }
            for child in fs::read_dir(from).with_context(read)? {
                let name = child.with_context(read)?.file_name();
                self.add(tree, &from.join(&name), &to.join(&name))?;
            }
            Ok(())
        } else if data.is_symlink() {
            self.link(tree, from, to)
        } else if data.is_file() {
            let mode = if data.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            let content = Content::Disk(from.to_owned());
            tree.put(to, Entry::file(content, self.asset.mode.unwrap_or(mode), self.owner));
            Ok(())
        } else {
            Err(Failure::usage(format_args!("the asset {} is neither a file nor a folder", from.display()))
                .help("leave it out"))
        }
    }

    /// A link within the asset stays a link; one to a file elsewhere in the workspace becomes that file.
    fn link(&self, tree: &mut Tree<'_>, from: &Path, to: &Path) -> Result<()> {
        let target = fs::read_link(from).with_context(|| format!("failed to read the asset {}", from.display()))?;
        let real = inside(from, self.root)?;
        if target.is_relative() && real.starts_with(self.top) {
            tree.put(to, Entry { kind: Kind::Link(target), mode: 0o777, owner: self.owner });
            Ok(())
        } else if real.is_file() {
            self.add(tree, &real, to)
        } else {
            Err(Failure::usage(format_args!(
                "the link {} leads out of the asset to the folder {}",
                from.display(),
                real.display()
            ))
            .help("name that folder as an asset of its own"))
        }
    }
}

/// The real path of something that must be in the repository; `root` is a real path.
fn inside(path: &Path, root: &Path) -> Result<PathBuf> {
    let real = fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::usage(format_args!("the asset {} does not exist", path.display()))
            .help("create it, or correct `source`"),
        _ => Failure::caused_by(error.into()).during(format_args!("failed to read the asset {}", path.display())),
    })?;
    if real.starts_with(root) {
        Ok(real)
    } else {
        Err(Failure::usage(format_args!(
            "the asset {} points outside the repository, to {}",
            path.display(),
            real.display()
        ))
        .help("copy it into the workspace"))
    }
}

/// An absolute path in the image, without its first slash; empty for the root.
pub(super) fn relative(path: &str) -> Result<PathBuf> {
    let mut components = Path::new(path).components();
    let absolute = components.next() == Some(Component::RootDir);
    let rest: PathBuf = components.clone().collect();
    if absolute && components.all(|component| matches!(component, Component::Normal(_))) {
        Ok(rest)
    } else {
        Err(Failure::usage(format_args!("`{path}` is not an absolute path in the image"))
            .help("begin it with `/`, without `..`"))
    }
}
