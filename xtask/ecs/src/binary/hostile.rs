//! For [`crate::hostile`]: a program that somebody else has built.

use super::elf::Elf;

pub(crate) fn program(bytes: &[u8]) {
    let Ok(elf) = Elf::parse(bytes) else { return };
    // What it says may be anything; it is asked for all of it.
    let (_, _, _) = (elf.architecture(), elf.interpreter().is_ok(), elf.section(".dep-v0"));
    let Ok(more) = elf.with_section(".more", b"given") else { return };
    assert!(Elf::parse(&more).is_ok(), "one more section is no harm");
}
