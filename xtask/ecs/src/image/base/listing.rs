//! What one layer holds, entry by entry, in the archive's order.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, bail};
use tar::{Entry, EntryType};

use super::super::tree::Owner;
use super::super::{interrupted, zstandard};
use super::BaseLayer;
use crate::digest::{Digest, Hasher};
use crate::gzip;
use crate::interrupt::Interrupt;
use crate::oci::layout::media_type;

/// One layer's entries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub diff_id: Digest,
    pub entries: Vec<(PathBuf, Kind)>,
}

/// What an entry makes of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder(Attributes),
    File,
    /// A symbolic link, and what it says.
    Link(PathBuf),
    /// Another name for what is at this path.
    Same(PathBuf),
}

/// What a folder has besides its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Permission bits.
    pub mode: u32,
    pub owner: Owner,
}

impl Attributes {
    /// Those of a folder that no entry names.
    pub(crate) const DEFAULT: Self = Self { mode: 0o755, owner: Owner::ROOT };
}

impl Listing {
    pub(super) fn read(layer: &BaseLayer, interrupt: &Interrupt) -> Result<Self> {
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
                bail!(interrupted());
            }
            let mut entry = entry?;
            // What holds for a whole archive (`git archive` writes its commit so) is no file of it.
            if entry.header().entry_type().is_pax_global_extensions() {
                continue;
            }
            let path = cleaned(&path(&mut entry)?);
            if !path.as_os_str().is_empty() {
                entries.push((path, kind(&entry)?));
            }
        }
        let mut rest = archive.into_inner();
        // The digest is over the padding too.
        io::copy(&mut rest, &mut io::sink())?;
        Ok(Self { diff_id: rest.hasher.finish(), entries })
    }

    /// `DIFF-ID NUL (KIND PATH NUL [TARGET NUL])…`, a folder's path after its mode and owner; paths may hold anything
    /// but NUL.
    pub(super) fn bytes(&self) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        let mut bytes = self.diff_id.as_str().as_bytes().to_vec();
        for (path, kind) in &self.entries {
            let (head, target) = match kind {
                Kind::Folder(Attributes { mode, owner }) => (format!("d{mode} {} {} ", owner.uid, owner.gid), None),
                Kind::File => ("f".to_owned(), None),
                Kind::Link(target) => ("l".to_owned(), Some(target)),
                Kind::Same(target) => ("h".to_owned(), Some(target)),
            };
            bytes.push(0);
            bytes.extend(head.as_bytes());
            bytes.extend(path.as_os_str().as_bytes());
            if let Some(target) = target {
                bytes.push(0);
                bytes.extend(target.as_os_str().as_bytes());
            }
        }
        bytes
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let mut fields = bytes.split(|byte| *byte == 0);
        let diff_id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let mut entries = Vec::new();
        while let Some(field) = fields.next() {
            let (kind, rest) = field.split_first()?;
            entries.push(match kind {
                b'd' => {
                    let mut parts = rest.splitn(4, |byte| *byte == b' ');
                    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
                    let (mode, uid, gid) = (number()?, number()?, number()?);
                    let attributes = Attributes { mode: mode.try_into().ok()?, owner: Owner { uid, gid } };
                    (path(parts.next()?), Kind::Folder(attributes))
                }
                b'f' => (path(rest), Kind::File),
                b'l' => (path(rest), Kind::Link(path(fields.next()?))),
                b'h' => (path(rest), Kind::Same(path(fields.next()?))),
                _ => return None,
            });
        }
        Some(Self { diff_id, entries })
    }
}

/// An entry's path. Of a sparse file in pax form, as Debian's tar writes one, the header's is made up.
/// Source: GNU tar manual, "Storing Sparse Files", PAX Format, Versions 0.1 and 1.0.
fn path<R: Read>(entry: &mut Entry<'_, R>) -> Result<PathBuf> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let extension = extension?;
        if extension.key_bytes() == b"GNU.sparse.name" {
            return Ok(OsStr::from_bytes(extension.value_bytes()).into());
        }
    }
    Ok(entry.path()?.into_owned())
}

fn kind<R: Read>(entry: &Entry<'_, R>) -> Result<Kind> {
    let header = entry.header();
    let target = || entry.link_name().map(|target| target.unwrap_or_default().into_owned());
    Ok(match header.entry_type() {
        EntryType::Symlink => Kind::Link(target()?),
        EntryType::Link => Kind::Same(cleaned(&target()?)),
        // Archives from before the kind existed end the names of folders with a slash.
        kind if kind.is_dir() || (header.as_old().linkflag == [0] && entry.path_bytes().ends_with(b"/")) => {
            // An empty field is a zero to engines, and no number to this reader.
            let owner = Owner { uid: header.uid().unwrap_or_default(), gid: header.gid().unwrap_or_default() };
            Kind::Folder(Attributes { mode: header.mode().unwrap_or_default() & 0o7777, owner })
        }
        _ => Kind::File,
    })
}

/// A path relative to the image's root, which `..` does not leave.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;
    use crate::oci::layout::Descriptor;

    /// Records before an entry: `LENGTH KEY=VALUE` and a line's end, the length over all of it.
    fn records(kind: EntryType, records: &[(&str, &str)]) -> Vec<u8> {
        let record = |(key, value): &(&str, &str)| {
            let rest = key.len() + value.len() + 3;
            let length = (1..4).map(|digits| rest + digits).find(|length| length.to_string().len() + rest == *length);
            format!("{} {key}={value}\n", length.unwrap())
        };
        let text: String = records.iter().map(record).collect();
        entry(kind, "./PaxHeaders/x", text.as_bytes())
    }

    fn entry(kind: EntryType, path: &str, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path(path).unwrap();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        header.set_cksum();
        let mut bytes = [header.as_bytes().as_slice(), content].concat();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn listed(archive: &[Vec<u8>]) -> Vec<(PathBuf, Kind)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("layer");
        let bytes = [archive.concat(), vec![0; 1024]].concat();
        std::fs::write(&file, &bytes).unwrap();
        let digest = Digest::of(&bytes);
        let descriptor =
            Descriptor { media_type: media_type::LAYER.to_owned(), digest: digest.clone(), size: bytes.len() as u64 };
        let listing = Listing::read(&BaseLayer { descriptor, file }, &Interrupt::default()).unwrap();
        assert_eq!(listing.diff_id, digest);
        assert_eq!(Listing::parse(&listing.bytes()).as_ref(), Some(&listing), "it is the same out of the cache");
        listing.entries
    }

    #[test]
    fn a_header_for_the_whole_archive_is_no_file() {
        let archive =
            [records(EntryType::XGlobalHeader, &[("comment", "c0ffee")]), entry(EntryType::Regular, "app", b"x")];
        assert_eq!(listed(&archive), [("app".into(), Kind::File)]);
    }

    #[test]
    fn a_sparse_file_in_pax_form_has_its_own_name() {
        let sparse = [
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "var/disk"),
            ("GNU.sparse.realsize", "9000000"),
        ];
        let archive = [
            records(EntryType::XHeader, &sparse),
            entry(EntryType::Regular, "./var/GNUSparseFile.7/disk", &[b'0'; 512]),
            entry(EntryType::Regular, "after", b""),
        ];
        assert_eq!(listed(&archive), [("var/disk".into(), Kind::File), ("after".into(), Kind::File)]);
    }

    #[test]
    fn names_are_paths_below_the_root_however_they_are_written() {
        let long = "l".repeat(200);
        let archive = [
            entry(EntryType::Directory, "./", b""),
            entry(EntryType::Regular, "./etc/passwd", b""),
            records(EntryType::XHeader, &[("path", &long)]),
            entry(EntryType::Regular, "short", b""),
            entry(EntryType::new(0), "old/", b""),
        ];
        let mut paths: Vec<String> = listed(&archive).iter().map(|(path, _)| path.display().to_string()).collect();
        assert_eq!(paths.remove(1), long);
        assert_eq!(paths, ["etc/passwd", "old"]);
        for (written, meant) in [("/a/b", "a/b"), ("../../a", "a"), ("a/../b", "b"), ("./a//b/.", "a/b"), ("..", "")] {
            assert_eq!(cleaned(Path::new(written)), Path::new(meant), "{written}");
        }
    }
}
