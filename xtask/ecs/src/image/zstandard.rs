//! Zstandard, behind the feature `zstd`: its C library takes a fifth of the time that everything here takes to compile.

use std::fs::File;
use std::io::{BufReader, Read};

use anyhow::Result;

pub(super) use available::{Encoder, decoder, encoder};

#[cfg(any(test, not(feature = "zstd")))]
use crate::failure::Failure;
use crate::oci::layout::BlobWriter;

#[cfg(feature = "zstd")]
mod available {
    use super::{BlobWriter, BufReader, File, Read, Result};

    /// zstd's own default.
    const LEVEL: i32 = 3;

    pub(crate) type Encoder = zstd::Encoder<'static, BlobWriter>;

    pub(crate) fn encoder(blob: BlobWriter) -> Result<Encoder> {
        Ok(zstd::Encoder::new(blob, LEVEL)?)
    }

    pub(crate) fn decoder(file: BufReader<File>) -> Result<Box<dyn Read>> {
        Ok(Box::new(zstd::Decoder::with_buffer(file)?))
    }
}

#[cfg(not(feature = "zstd"))]
mod available {
    use std::io::{self, Write};

    use super::{BlobWriter, BufReader, File, Read, Result, missing};

    /// There is none.
    pub(crate) enum Encoder {}

    impl Encoder {
        pub(crate) fn finish(self) -> io::Result<BlobWriter> {
            match self {}
        }
    }

    impl Write for Encoder {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            match *self {}
        }

        fn flush(&mut self) -> io::Result<()> {
            match *self {}
        }
    }

    pub(crate) fn encoder(_: BlobWriter) -> Result<Encoder> {
        Err(missing().into())
    }

    pub(crate) fn decoder(_: BufReader<File>) -> Result<Box<dyn Read>> {
        Err(missing().into())
    }
}

/// What is said where the feature is off.
#[cfg(any(test, not(feature = "zstd")))]
pub(super) fn missing() -> Failure {
    Failure::usage("a layer compressed with zstd needs the feature `zstd` of xtask-ecs, which is off")
        .help("turn it on: `xtask-ecs = { …, features = [\"zstd\"] }` in the package xtask")
}
