//! Just enough of ELF: what machine a program is for, whether it wants an interpreter, and one more section.
//! Source: System V ABI, chapters 4 and 5; 64-bit little-endian, which is all that ECS runs.

use crate::gather::Gather;

/// The parsed outline of an ELF file; borrows its bytes.
#[derive(Debug)]
pub(super) struct Elf<'data> {
    bytes: &'data [u8],
    sections: Vec<Section>,
    /// The index of the section that holds the sections' names.
    names: usize,
}

#[derive(Clone, Debug)]
struct Section {
    header: [u8; SECTION_HEADER],
    name: usize,
    offset: usize,
    size: usize,
}

/// The file is not an ELF program this module understands; the message says which part.
#[derive(Debug)]
pub(super) struct NotElf(&'static str);

impl std::fmt::Display for NotElf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a 64-bit little-endian ELF program: {}", self.0)
    }
}

impl std::error::Error for NotElf {}

const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;
const PT_INTERP: u32 = 3;
const SHT_PROGBITS: u32 = 1;
const SHT_NOBITS: u32 = 8;

impl<'data> Elf<'data> {
    pub(super) fn parse(bytes: &'data [u8]) -> Result<Self, NotElf> {
        if bytes.len() < FILE_HEADER || !bytes.starts_with(b"\x7fELF\x02\x01") {
            return Err(NotElf("its first bytes are other ones"));
        }
        let mut elf = Self { bytes, sections: Vec::new(), names: 0 };
        let (table, count) = (elf.long(40)?, usize::from(elf.short(60)?));
        elf.names = usize::from(elf.short(62)?);
        if count == 0 {
            return Err(NotElf("it has no section table"));
        }
        for index in 0..count {
            let header = elf.slice(table.saturating_add(index * SECTION_HEADER), SECTION_HEADER)?;
            let header: [u8; SECTION_HEADER] = header.try_into().map_err(|_| NotElf("its section table is cut"))?;
            elf.sections.push(Section {
                header,
                name: int(&header[0..4]),
                offset: int(&header[24..32]),
                size: int(&header[32..40]),
            });
        }
        if elf.names >= count {
            return Err(NotElf("its sections have no names"));
        }
        Ok(elf)
    }

    /// The architecture in the spelling of OCI platforms; `None` for one that ECS does not run.
    pub(super) fn architecture(&self) -> Option<&'static str> {
        match self.short(18) {
            Ok(62) => Some("amd64"),
            Ok(183) => Some("arm64"),
            _ => None,
        }
    }

    /// The dynamic loader that must be in the image for this program to start; `None` for a static one.
    pub(super) fn interpreter(&self) -> Result<Option<String>, NotElf> {
        let (table, count) = (self.long(32)?, usize::from(self.short(56)?));
        for index in 0..count {
            let header = self.slice(table.saturating_add(index * PROGRAM_HEADER), PROGRAM_HEADER)?;
            if int(&header[0..4]) == PT_INTERP as usize {
                let path = self.slice(int(&header[8..16]), int(&header[32..40]))?;
                let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
                return Ok(Some(String::from_utf8_lossy(path).into_owned()));
            }
        }
        Ok(None)
    }

    /// The bytes of the section of this name.
    pub(super) fn section(&self, name: &str) -> Option<&'data [u8]> {
        let names = &self.sections[self.names];
        let names = self.slice(names.offset, names.size).ok()?;
        let found = self.sections.iter().find(|section| {
            let rest = names.get(section.name..).unwrap_or_default();
            rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
                && int(&section.header[4..8]) != SHT_NOBITS as usize
        })?;
        self.slice(found.offset, found.size).ok()
    }

    /// A copy of the program with one more section, which is not loaded into memory at run time.
    ///
    /// Nothing that the linker placed is moved: the section, a longer table of names and a longer section table
    /// are appended, and three fields of the file header are pointed at them.
    pub(super) fn with_section(&self, name: &str, data: &[u8]) -> Result<Vec<u8>, NotElf> {
        let old_names = &self.sections[self.names];
        let mut names = self.slice(old_names.offset, old_names.size)?.to_vec();
        let name_offset = names.len();
        names.extend_from_slice(name.as_bytes());
        names.push(0);

        let mut file = self.bytes.to_vec();
        let data_offset = file.len();
        file.extend_from_slice(data);
        let names_offset = file.len();
        file.extend_from_slice(&names);
        file.resize(file.len().next_multiple_of(8), 0);
        let table_offset = file.len();

        let mut headers: Vec<[u8; SECTION_HEADER]> = self.sections.iter().map(|section| section.header).gather();
        headers[self.names][24..32].copy_from_slice(&(names_offset as u64).to_le_bytes());
        headers[self.names][32..40].copy_from_slice(&(names.len() as u64).to_le_bytes());
        let mut header = [0; SECTION_HEADER];
        let name_offset = u32::try_from(name_offset).map_err(|_| NotElf("its table of names is too long"))?;
        header[0..4].copy_from_slice(&name_offset.to_le_bytes());
        header[4..8].copy_from_slice(&SHT_PROGBITS.to_le_bytes());
        header[24..32].copy_from_slice(&(data_offset as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(data.len() as u64).to_le_bytes());
        header[48..56].copy_from_slice(&1u64.to_le_bytes());
        headers.push(header);

        let count = u16::try_from(headers.len()).map_err(|_| NotElf("it has too many sections"))?;
        file.extend(headers.into_iter().flatten());
        file[40..48].copy_from_slice(&(table_offset as u64).to_le_bytes());
        file[60..62].copy_from_slice(&count.to_le_bytes());
        Ok(file)
    }

    fn short(&self, at: usize) -> Result<u16, NotElf> {
        self.slice(at, 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn long(&self, at: usize) -> Result<usize, NotElf> {
        self.slice(at, 8).map(int)
    }

    fn slice(&self, at: usize, length: usize) -> Result<&'data [u8], NotElf> {
        at.checked_add(length).and_then(|end| self.bytes.get(at..end)).ok_or(NotElf("it is shorter than it says"))
    }
}

/// An unsigned little-endian integer of up to eight bytes; one too large for memory points outside every file.
fn int(bytes: &[u8]) -> usize {
    let value = bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

    use super::*;

    #[test]
    fn a_section_is_added_and_the_program_still_runs() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = Elf::parse(&own).unwrap();
        assert_eq!(elf.section(".dep-v0"), None);
        let more = elf.with_section(".dep-v0", b"given").unwrap();
        assert_eq!(more[64..own.len()], own[64..], "nothing that the linker placed has moved");

        let again = Elf::parse(&more).unwrap();
        assert_eq!(again.section(".dep-v0"), Some(&b"given"[..]));
        assert_eq!(again.section(".text"), elf.section(".text"));
        assert_eq!(again.architecture(), elf.architecture());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        std::fs::write(&path, &more).unwrap();
        let answer = crate::binary::fixture::answer(&path, &["--list"]);
        assert!(answer.contains("a_section_is_added"), "{answer}");
    }

    #[test]
    fn a_dynamic_program_names_its_interpreter() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let interpreter = Elf::parse(&own).unwrap().interpreter().unwrap();
        assert!(interpreter.is_some_and(|path| path.contains("ld-")), "tests are linked dynamically");
    }

    #[test]
    fn a_cut_or_foreign_file_is_an_error_and_never_a_panic() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(Elf::parse(b"#!/bin/sh\n").is_err());
        for length in [0, 4, 63, 64, 200, own.len() / 2, own.len() - 1] {
            assert!(Elf::parse(&own[..length]).is_err(), "{length}");
        }
    }
}
