//! A layer: a tar archive, compressed and hashed on its way into the layout, in constant memory.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};

use anyhow::{Context, Result};
use tar::{EntryType, Header};

use super::tree::{Content, Kind, Tree};
use super::zstandard;
use crate::config::Compression;
use crate::digest::{Digest, Hasher};
use crate::gzip;
use crate::interrupt::Interrupt;
use crate::oci::layout::{BlobWriter, Descriptor, LayoutWriter, media_type};

/// A layer of the layout.
pub(super) struct Written {
    pub descriptor: Descriptor,
    /// The digest of the archive before compression, which the configuration lists.
    pub diff_id: Digest,
}

/// Writes a tree as a layer whose entries all have this time.
pub(super) fn write_layer(
    writer: &LayoutWriter,
    tree: &Tree,
    compression: Compression,
    seconds: u64,
    interrupt: &Interrupt,
) -> Result<Written> {
    let mut archive = tar::Builder::new(LayerWriter::create(writer, compression)?);
    for (path, entry) in tree.entries() {
        let mut header = Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_uid(entry.owner.uid);
        header.set_gid(entry.owner.gid);
        header.set_mtime(seconds);
        header.set_size(0);
        let shown = || format!("failed to put /{} into a layer", path.display());
        match &entry.kind {
            Kind::Folder => {
                header.set_entry_type(EntryType::Directory);
                let mut name = OsString::from(path);
                name.push("/");
                archive.append_data(&mut header, name, io::empty()).with_context(shown)?;
            }
            Kind::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                archive.append_link(&mut header, path, target).with_context(shown)?;
            }
            Kind::File(Content::Bytes(bytes)) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, path, bytes.as_slice()).with_context(shown)?;
            }
            Kind::File(Content::Disk(source)) => {
                header.set_entry_type(EntryType::Regular);
                let read = || format!("failed to read {}", source.display());
                let file = File::open(source).with_context(read)?;
                let size = file.metadata().with_context(read)?.len();
                header.set_size(size);
                // The header is written first: a file that changes its length meanwhile would spoil the archive.
                let mut content = Exactly { file, left: size, interrupt };
                archive.append_data(&mut header, path, &mut content).map_err(|error| {
                    if interrupt.is_set() {
                        super::interrupted().into()
                    } else {
                        anyhow::Error::new(error).context(shown())
                    }
                })?;
            }
        }
    }
    archive.into_inner().context("failed to end a layer")?.finish()
}

/// A file of which exactly so many bytes are read.
struct Exactly<'a> {
    file: File,
    left: u64,
    interrupt: &'a Interrupt,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_set() {
            return Err(io::Error::other("interrupted"));
        }
        let count = (&mut self.file).take(self.left).read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Hashes what comes in, compresses it, and hands it to the blob, which hashes what goes out.
struct LayerWriter {
    hasher: Hasher,
    encoder: Encoder,
}

#[cfg_attr(not(feature = "zstd"), expect(clippy::large_enum_variant, reason = "the small one is never made"))]
enum Encoder {
    Gzip(gzip::Encoder<BlobWriter>),
    Zstd(zstandard::Encoder),
}

impl LayerWriter {
    fn create(writer: &LayoutWriter, compression: Compression) -> Result<Self> {
        let encoder = match compression {
            Compression::Gzip => {
                let blob = writer.add_stream(media_type::LAYER_GZIP)?;
                Encoder::Gzip(gzip::Encoder::new(blob)?)
            }
            Compression::Zstd => {
                let blob = writer.add_stream(media_type::LAYER_ZSTD)?;
                Encoder::Zstd(zstandard::encoder(blob)?)
            }
        };
        Ok(Self { hasher: Hasher::new(), encoder })
    }

    fn finish(self) -> Result<Written> {
        let blob = match self.encoder {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        };
        let descriptor = blob.context("failed to end a layer")?.finish()?;
        Ok(Written { descriptor, diff_id: self.hasher.finish() })
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write(bytes),
        }?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Zstd(encoder) => encoder.flush(),
        }
    }
}
