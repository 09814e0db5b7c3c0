//! A layout, written beside its destination and moved into place when it is complete.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Descriptor, Layout, Manifest, Platform, media_type, name};
use crate::digest::Hasher;
use crate::partial::{PartialFile, PartialFolder};

/// Writes a layout. Dropped before [`LayoutWriter::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct LayoutWriter {
    destination: PathBuf,
    partial: PartialFolder,
}

impl LayoutWriter {
    /// `destination` is the layout folder to be; its parents are created. What is there already stays in place
    /// until the new layout is complete.
    pub fn create(destination: &Path) -> Result<Self> {
        let name = destination.file_name().with_context(|| format!("{} is no folder's name", destination.display()))?;
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let prefix = format!(".{}.partial-", name.to_string_lossy());
        let create = || {
            fs::create_dir_all(parent)?;
            // Others may read a layout: an engine does, or a scanner under another name.
            let partial = PartialFolder::create_in(parent, &prefix, 0o755)?;
            fs::create_dir_all(partial.path().join("blobs").join("sha256"))?;
            Ok(partial)
        };
        let partial = create().map_err(|error| failed(destination, error))?;
        Ok(Self { destination: destination.to_owned(), partial })
    }

    /// Writes a whole blob, such as a configuration.
    pub fn add_bytes(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let mut blob = self.add_stream(media_type)?;
        blob.write_all(bytes)?;
        blob.finish()
    }

    /// Begins a blob whose bytes arrive in pieces; [`BlobWriter::finish`] makes it part of the layout.
    pub fn add_stream(&self, media_type: &str) -> Result<BlobWriter> {
        let blobs = self.blobs();
        let file = PartialFile::create_in(&blobs, ".blob-", 0o644).map_err(|error| failed(&self.destination, error))?;
        Ok(BlobWriter {
            file,
            blobs,
            destination: self.destination.clone(),
            media_type: media_type.to_owned(),
            hasher: Hasher::new(),
            size: 0,
        })
    }

    /// Takes a blob from a file that is not changed any more, by a hard link where the file system can, else by a
    /// copy. Its size is checked here, its digest when it is uploaded or verified.
    pub fn link_blob(&self, from: &Path, descriptor: &Descriptor) -> Result<()> {
        let actual = fs::metadata(from).with_context(|| format!("failed to read {}", from.display()))?.len();
        ensure!(
            actual == descriptor.size,
            "{} has {actual} bytes; blob {} has {}",
            from.display(),
            descriptor.digest,
            descriptor.size
        );
        let to = self.blobs().join(descriptor.digest.hex());
        match fs::hard_link(from, &to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(_) => {
                let mut source = fs::File::open(from).with_context(|| format!("failed to read {}", from.display()))?;
                let mut blob = self.add_stream(&descriptor.media_type)?;
                io::copy(&mut source, &mut blob)?;
                let copied = blob.finish()?;
                ensure!(
                    copied.digest == descriptor.digest,
                    "{} is corrupt: expected {}, found {}; remove it",
                    from.display(),
                    descriptor.digest,
                    copied.digest
                );
                Ok(())
            }
        }
    }

    /// Writes the manifest and the index that names it, and moves the whole layout to its destination, in place of
    /// what was there. The same input gives the same bytes.
    ///
    /// `manifest` is the manifest's JSON as it is to be stored. Fails where a blob that it names was not written.
    pub fn finish(self, manifest: Vec<u8>, platform: &str) -> Result<(Layout, Manifest)> {
        let platform: Platform = platform.parse()?;
        let manifest = Manifest::parse(manifest, media_type::MANIFEST).context("the new manifest is not valid")?;
        for blob in manifest.blobs() {
            let path = self.blobs().join(blob.digest.hex());
            let size = fs::metadata(&path).map(|data| data.len()).ok();
            ensure!(size == Some(blob.size), "the new manifest names blob {}, which was not written", blob.digest);
        }
        self.add_bytes(media_type::MANIFEST, &manifest.bytes)?;

        let index = name::index(&manifest, &platform);
        let root = self.partial.path();
        fs::write(root.join("index.json"), index.to_string())
            .and_then(|()| fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#))
            .and_then(|()| self.move_into_place())
            .map_err(|error| failed(&self.destination, error))?;
        Ok((Layout::open(&self.destination)?, manifest))
    }

    fn blobs(&self) -> PathBuf {
        self.partial.path().join("blobs").join("sha256")
    }

    /// A folder cannot be renamed over another that has files: the old one steps aside first. A process that ends
    /// between the two renames leaves no layout, never a mixed one.
    fn move_into_place(&self) -> io::Result<()> {
        if !self.destination.try_exists()? {
            return self.partial.persist(&self.destination);
        }
        let parent = self.partial.path().parent().unwrap_or(Path::new("."));
        let aside = PartialFolder::create_in(parent, ".replaced-", 0o700)?;
        fs::rename(&self.destination, aside.path().join("layout"))?;
        self.partial.persist(&self.destination)
    }
}

/// A blob being written; hashes and counts what passes. Not part of the layout before [`BlobWriter::finish`].
pub struct BlobWriter {
    file: PartialFile,
    blobs: PathBuf,
    destination: PathBuf,
    media_type: String,
    hasher: Hasher,
    size: u64,
}

impl BlobWriter {
    /// Makes it a blob of the layout, under the digest of what was written.
    pub fn finish(self) -> Result<Descriptor> {
        let digest = self.hasher.finish();
        let path = self.blobs.join(digest.hex());
        self.file.persist(&path).map_err(|error| failed(&self.destination, error))?;
        Ok(Descriptor { media_type: self.media_type, digest, size: self.size })
    }

    /// A compressor between the caller and this passes on an error and nothing else, so it has to say all.
    fn stopped(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{:#}", failed(&self.destination, error)))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes).map_err(|error| self.stopped(error))?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.stopped(error))
    }
}

/// Writing stopped; the partial folder is removed when the writer goes.
pub(super) fn failed(destination: &Path, error: io::Error) -> anyhow::Error {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let context = if full {
        format!(
            "failed to write the layout {}: the disk is full; free some space and run again, nothing half written is left",
            destination.display()
        )
    } else {
        format!("failed to write the layout {}", destination.display())
    };
    anyhow::Error::new(error).context(context)
}
