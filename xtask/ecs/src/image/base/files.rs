//! Which paths a base has, from its layers one over another.
//! Source: OCI image specification 1.1, layer.md, sections Whiteouts and Opaque Whiteout.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::super::zstandard;
use super::BaseLayer;
use crate::digest::{Digest, Hasher};
use crate::gzip;
use crate::interrupt::Interrupt;
use crate::oci::layout::media_type;

/// More links in a row than this are a circle. Linux has the same number.
const LINKS: usize = 40;

/// The files of an image by path, relative to its root.
#[derive(Debug, Default)]
pub struct Files(BTreeMap<PathBuf, Node>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File,
    Link(PathBuf),
}

/// What is at a path after following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Folder,
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
            let kept = cache.join("listings").join(digest.hex());
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
        let mut left = LINKS;
        self.resolve(Path::new(""), path, &mut left).map_or(Found::Nothing, |real| match self.0.get(&real) {
            _ if real.as_os_str().is_empty() => Found::Folder,
            Some(Node::Folder) => Found::Folder,
            Some(_) => Found::File,
            None => Found::Nothing,
        })
    }

    /// The real path of `path` as seen from the folder `from`; `None` where a part of it is missing.
    fn resolve(&self, from: &Path, path: &Path, left: &mut usize) -> Option<PathBuf> {
        let mut at = from.to_owned();
        for component in path.components() {
            match component {
                Component::RootDir => at = PathBuf::new(),
                Component::ParentDir => drop(at.pop()),
                Component::Normal(name) => {
                    let next = at.join(name);
                    at = match self.0.get(&next)? {
                        Node::Link(target) => {
                            *left = left.checked_sub(1)?;
                            self.resolve(&at, target, left)?
                        }
                        _ => next,
                    };
                }
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Some(at)
    }

    fn apply(&mut self, listing: &Listing) {
        // Whiteouts speak of the layers below, wherever they stand in their own.
        for (path, _) in &listing.entries {
            let (Some(name), Some(folder)) = (path.file_name().and_then(|name| name.to_str()), path.parent()) else {
                continue;
            };
            if name == ".wh..wh..opq" {
                self.0.retain(|below, _| below == folder || !below.starts_with(folder));
            } else if let Some(name) = name.strip_prefix(".wh.") {
                let gone = folder.join(name);
                self.0.retain(|below, _| !below.starts_with(&gone));
            }
        }
        for (path, node) in &listing.entries {
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".wh.")) {
                continue;
            }
            // Archives may leave folders out.
            for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
                self.0.entry(folder.to_owned()).or_insert(Node::Folder);
            }
            if *node != Node::Folder && self.0.get(path) == Some(&Node::Folder) {
                self.0.retain(|below, _| !below.starts_with(path));
            }
            self.0.insert(path.clone(), node.clone());
        }
    }
}

/// One layer's entries, in their order.
#[derive(Debug, PartialEq, Eq)]
struct Listing {
    diff_id: Digest,
    entries: Vec<(PathBuf, Node)>,
}

impl Listing {
    fn read(layer: &BaseLayer, interrupt: &Interrupt) -> Result<Self> {
        let file = BufReader::with_capacity(256 * 1024, File::open(&layer.file)?);
        let archive: Box<dyn Read> = match layer.descriptor.media_type.as_str() {
            media_type::LAYER_GZIP => Box::new(gzip::Decoder::new(file)),
            media_type::LAYER_ZSTD => zstandard::decoder(file)?,
            media_type::LAYER => Box::new(file),
            other => bail!("its media type {other} is not one of a layer that can be read here"),
        };
        let mut archive = tar::Archive::new(Hashing { inner: archive, hasher: Hasher::new() });
        let mut entries = Vec::new();
        for entry in archive.entries()? {
            if interrupt.is_set() {
                bail!(super::super::interrupted());
            }
            let entry = entry?;
            let path: PathBuf =
                entry.path()?.components().filter(|part| matches!(part, Component::Normal(_))).collect();
            let node = match entry.header().entry_type() {
                kind if kind.is_dir() => Node::Folder,
                kind if kind.is_symlink() => Node::Link(entry.link_name()?.unwrap_or_default().into_owned()),
                _ => Node::File,
            };
            if !path.as_os_str().is_empty() {
                entries.push((path, node));
            }
        }
        let mut rest = archive.into_inner();
        // The digest is over the padding too.
        io::copy(&mut rest, &mut io::sink())?;
        Ok(Self { diff_id: rest.hasher.finish(), entries })
    }

    /// `DIFF-ID NUL (KIND PATH NUL [TARGET NUL])…`; paths may hold anything else.
    fn bytes(&self) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        let mut bytes = self.diff_id.as_str().as_bytes().to_vec();
        for (path, node) in &self.entries {
            let (kind, target) = match node {
                Node::Folder => (b'd', None),
                Node::File => (b'f', None),
                Node::Link(target) => (b'l', Some(target)),
            };
            bytes.extend([0, kind]);
            bytes.extend(path.as_os_str().as_bytes());
            if let Some(target) = target {
                bytes.push(0);
                bytes.extend(target.as_os_str().as_bytes());
            }
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let mut fields = bytes.split(|byte| *byte == 0);
        let diff_id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let mut entries = Vec::new();
        while let Some(field) = fields.next() {
            let (kind, name) = field.split_first()?;
            let node = match kind {
                b'd' => Node::Folder,
                b'f' => Node::File,
                b'l' => Node::Link(path(fields.next()?)),
                _ => return None,
            };
            entries.push((path(name), node));
        }
        Some(Self { diff_id, entries })
    }
}

struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
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
