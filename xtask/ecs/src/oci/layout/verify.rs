//! Blobs against their descriptors.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Result;

use super::{Descriptor, Layout};
use crate::digest::{Digest, Hasher};

/// A blob of a layout that is not what its descriptor says.
#[derive(Debug)]
pub struct CorruptBlob {
    /// The blob's file.
    pub path: PathBuf,
    /// The layout's folder.
    pub layout: PathBuf,
    /// A digest, or a size as `123 bytes`.
    pub expected: String,
    /// In the form of `expected`.
    pub found: String,
}

impl std::fmt::Display for CorruptBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, layout, expected, found } = self;
        let (path, layout) = (path.display(), layout.display());
        write!(
            f,
            "the blob {path} of the layout is corrupt: expected {expected}, found {found}; remove the folder {layout} and build again"
        )
    }
}

impl std::error::Error for CorruptBlob {}

impl Layout {
    pub(super) fn verify_blob(&self, descriptor: &Descriptor) -> Result<()> {
        let mut file = self.open_blob(descriptor)?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self, descriptor, error)),
            }
        }
        let found = hasher.finish();
        if found == descriptor.digest { Ok(()) } else { Err(other_digest(self, descriptor, &found)) }
    }

    /// The blob's file, its size checked.
    pub(in crate::oci) fn open_blob(&self, descriptor: &Descriptor) -> Result<File> {
        let opened = File::open(self.blob(&descriptor.digest)).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (size, file) = opened.map_err(|error| unreadable(self, descriptor, error))?;
        if size == descriptor.size { Ok(file) } else { Err(other_size(self, descriptor, size)) }
    }
}

pub(in crate::oci) fn other_digest(layout: &Layout, descriptor: &Descriptor, found: &Digest) -> anyhow::Error {
    corrupt(layout, descriptor, descriptor.digest.to_string(), found.to_string())
}

pub(super) fn other_size(layout: &Layout, descriptor: &Descriptor, found: u64) -> anyhow::Error {
    corrupt(layout, descriptor, format!("{} bytes", descriptor.size), format!("{found} bytes"))
}

pub(in crate::oci) fn unreadable(layout: &Layout, descriptor: &Descriptor, error: io::Error) -> anyhow::Error {
    let path = layout.blob(&descriptor.digest);
    let fix = format!("remove the folder {} and build again", layout.root().display());
    match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("the blob {} of the layout is missing; {fix}", path.display()),
        _ => anyhow::Error::new(error).context(format!("failed to read the blob {}; {fix}", path.display())),
    }
}

fn corrupt(layout: &Layout, descriptor: &Descriptor, expected: String, found: String) -> anyhow::Error {
    let path = layout.blob(&descriptor.digest);
    anyhow::Error::new(CorruptBlob { path, layout: layout.root().to_owned(), expected, found })
}
