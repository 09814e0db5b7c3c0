//! gzip, written and read through one compressor that is called by name.
//!
//! flate2 would hide which compressor runs: a feature that any crate of the workspace turns on decides it, and with it
//! every layer's digest. miniz_oxide's compressor has no such features. Measured on a 42 MB program, level 4, two cores:
//! it takes twice zlib-rs's second, and compiles in a third of zlib-rs's seven; and zlib-rs's bytes depend on the
//! pieces that the input comes in, at levels 1, 5 and 6. libdeflate is faster than both, and C.
//! Source: RFC 1952.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus, StreamResult};

/// Twice as fast as gzip's default of 6, for a layer that is a hundredth larger; still smaller than BuildKit's.
const LEVEL: i32 = 4;

/// No name, no time, no operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, DEFLATE, 0, 0, 0, 0, 0, 0, 255];
const DEFLATE: u8 = 8;

// Flags of a header.
const HEADER_CHECK: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Compresses what is written to it; [`Encoder::finish`] ends the stream. The same bytes in, in whatever pieces, the
/// same bytes out.
pub(crate) struct Encoder<W> {
    into: W,
    compressor: Box<CompressorOxide>,
    /// Compressed bytes on their way out.
    buffer: Vec<u8>,
    check: Check,
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(mut into: W) -> io::Result<Self> {
        into.write_all(&HEADER)?;
        // A negative window size is deflate without a wrapper of zlib's.
        let flags = create_comp_flags_from_zip_params(LEVEL, -15, 0);
        Ok(Self {
            into,
            compressor: Box::new(CompressorOxide::new(flags)),
            buffer: vec![0; 64 * 1024],
            check: Check::default(),
        })
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        while self.step(&[], MZFlush::Finish)?.status != Ok(MZStatus::StreamEnd) {}
        self.into.write_all(&self.check.trailer())?;
        Ok(self.into)
    }

    fn step(&mut self, bytes: &[u8], flush: MZFlush) -> io::Result<StreamResult> {
        let result = deflate(&mut self.compressor, bytes, &mut self.buffer, flush);
        if let Err(error) = result.status
            && error != MZError::Buf
        {
            return Err(io::Error::other(format!("the compressor stopped: {error:?}")));
        }
        self.into.write_all(&self.buffer[..result.bytes_written])?;
        Ok(result)
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut left = bytes;
        while !left.is_empty() {
            let taken = self.step(left, MZFlush::None)?.bytes_consumed;
            self.check.add(&left[..taken]);
            left = &left[taken..];
        }
        Ok(bytes.len())
    }

    /// A flush in the middle would change the bytes, and nobody reads a layer that is being written.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a file of one or more gzip members, each of which is checked. Ends where the file ends.
pub(crate) struct Decoder<R> {
    from: R,
    /// The member being read.
    member: Option<Member>,
    begun: bool,
}

struct Member {
    state: Box<InflateState>,
    check: Check,
}

impl<R: BufRead> Decoder<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, member: None, begun: false }
    }

    /// Begins the next member; `None` at the end of the file.
    fn next_member(&mut self) -> io::Result<Option<Member>> {
        if self.begun && self.from.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.begun = true;
        let [id1, id2, method, flags, _, _, _, _, _, _] = self.bytes()?;
        if [id1, id2] != HEADER[..2] {
            return Err(invalid("it is not gzip"));
        }
        if method != DEFLATE || flags & RESERVED != 0 {
            return Err(invalid("it is of a gzip that is not known here"));
        }
        if flags & EXTRA != 0 {
            let length = u16::from_le_bytes(self.bytes()?).into();
            io::copy(&mut (&mut self.from).take(length), &mut io::sink())?;
        }
        for _ in 0..(flags & (NAME | COMMENT)).count_ones() {
            self.from.skip_until(0)?;
        }
        if flags & HEADER_CHECK != 0 {
            self.bytes::<2>()?;
        }
        Ok(Some(Member { state: InflateState::new_boxed(DataFormat::Raw), check: Check::default() }))
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(mut member) = self.member.take().map_or_else(|| self.next_member(), |member| Ok(Some(member)))?
            else {
                return Ok(0);
            };
            let input = self.from.fill_buf()?;
            let at_end = input.is_empty();
            let result = inflate(&mut member.state, input, buffer, MZFlush::None);
            self.from.consume(result.bytes_consumed);
            member.check.add(&buffer[..result.bytes_written]);
            match result.status {
                Ok(MZStatus::StreamEnd) if self.bytes()? != member.check.trailer() => {
                    return Err(invalid("what it holds is not what its checksum says"));
                }
                Ok(MZStatus::StreamEnd) => {}
                Ok(_) | Err(MZError::Buf) if at_end && result.bytes_written == 0 => {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                Ok(_) | Err(MZError::Buf) => self.member = Some(member),
                Err(_) => return Err(invalid("its compressed data is damaged")),
            }
            if result.bytes_written > 0 {
                return Ok(result.bytes_written);
            }
        }
    }
}

/// What a member's end says of its content.
#[derive(Default)]
struct Check {
    crc: crc32fast::Hasher,
    /// Modulo 2^32, as the format has it.
    size: u32,
}

impl Check {
    fn add(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "the format counts modulo 2^32")]
        let length = bytes.len() as u32;
        self.size = self.size.wrapping_add(length);
    }

    fn trailer(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.crc.clone().finalize().to_le_bytes());
        bytes[4..].copy_from_slice(&self.size.to_le_bytes());
        bytes
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;
    use crate::digest::Digest;

    /// Half of it repeats itself, as programs do.
    fn content() -> Vec<u8> {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let words: Vec<Vec<u8>> = (0..200).map(|_| (0..noise() % 30 + 3).map(|_| noise()).collect()).collect();
        (0..10_000).flat_map(|_| words[usize::from(noise()) % words.len()].clone()).collect()
    }

    fn compress(content: &[u8], piece: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new()).unwrap();
        content.chunks(piece).for_each(|piece| encoder.write_all(piece).unwrap());
        encoder.finish().unwrap()
    }

    fn decompress(bytes: &[u8]) -> io::Result<Vec<u8>> {
        // Small pieces, so that every boundary is met.
        let mut content = Vec::new();
        Decoder::new(io::BufReader::with_capacity(7, bytes)).read_to_end(&mut content)?;
        Ok(content)
    }

    fn by_flate2(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::new(4));
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_bytes_are_these_whatever_another_crate_turns_on_in_flate2() {
        let content = content();
        let compressed = compress(&content, content.len());
        assert_eq!(
            Digest::of(&compressed).as_str(),
            "sha256:546fd087201c971f79dcf74d0245c3b93e00266d2d2c8505f4573821e40152b4"
        );
        // These tests turn zlib-rs on in flate2, and so would change what comes from there.
        assert_ne!(by_flate2(&content), compressed);
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_pieces_that_the_content_comes_in() {
        let content = content();
        let whole = compress(&content, content.len());
        for piece in [1, 777, 8192, 65_536] {
            assert_eq!(compress(&content, piece), whole, "in pieces of {piece}");
        }
    }

    #[test]
    fn another_implementation_reads_what_is_written_and_the_other_way_round() {
        for content in [content(), Vec::new(), vec![0; 1 << 20]] {
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(compress(&content, 1000).as_slice()).read_to_end(&mut read).unwrap();
            assert!(read == content);
            assert!(decompress(&by_flate2(&content)).unwrap() == content);
        }
    }

    #[test]
    fn members_are_read_one_after_another_with_all_that_a_header_can_hold() {
        let mut file = flate2::GzBuilder::new()
            .extra("extra")
            .filename("name")
            .comment("comment")
            .write(Vec::new(), flate2::Compression::fast());
        file.write_all(b"one ").unwrap();
        let file = [file.finish().unwrap(), compress(b"", 1), compress(b"two", 1)].concat();
        assert_eq!(decompress(&file).unwrap(), b"one two");
        let checked = [&[0x1f, 0x8b, 8, HEADER_CHECK, 0, 0, 0, 0, 0, 255, 1, 2], &compress(b"x", 1)[10..]].concat();
        assert_eq!(decompress(&checked).unwrap(), b"x");
    }

    #[test]
    fn a_file_that_is_cut_short_or_damaged_anywhere_is_an_error() {
        let whole = compress(&content()[..3000], 3000);
        for end in 0..whole.len() {
            let error = decompress(&whole[..end]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut at {end}");
        }
        for at in (0..4).chain(whole.len() - 8..whole.len()) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x80;
            assert!(decompress(&damaged).is_err(), "changed at {at}");
        }
        assert!(decompress(&[whole.as_slice(), b"rest"].concat()).is_err());
    }
}
