//! What holds a task's network: a program of two hundred bytes, which needs nothing of any registry.
//!
//! As ECS's own pause container. For every byte that it reads it writes its tables of TCP sockets and an empty line, for an
//! engine's network can be out of this machine's sight; it ends with its stdin.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Machine code for two machines, a line an instruction; the labels at the end are texts.
/// Source of the calls' numbers: the kernel's syscall_64.tbl and asm-generic/unistd.h.
const X86_64: &str = include_str!("x86_64.txt");
const AARCH64: &str = include_str!("aarch64.txt");

/// A tar with that program as `hold`, made in this folder.
pub(super) fn archive(architecture: &str, folder: &Path) -> Result<std::path::PathBuf, String> {
    let program = program(architecture).ok_or_else(|| format!("an engine on {architecture} is not known here"))?;
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    write(&folder.join("hold"), &program).map_err(failed)?;
    let archive = folder.join("hold.tar");
    let mut tar = Command::new("tar");
    // macOS's own would add what only that knows.
    tar.env("COPYFILE_DISABLE", "1").arg("--create").arg("--file").arg(&archive).arg("-C").arg(folder).arg("hold");
    let ended = tar.stdin(Stdio::null()).output().map_err(failed)?;
    if ended.status.success() { Ok(archive) } else { Err(String::from_utf8_lossy(&ended.stderr).into_owned()) }
}

fn write(file: &Path, program: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(file, program)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

/// An executable of one segment. Source: the ELF-64 object file format; its machines' numbers: elf.h.
fn program(architecture: &str) -> Option<Vec<u8>> {
    let (machine, listing): (u16, &str) = match architecture {
        "amd64" | "x86_64" => (62, X86_64),
        "arm64" | "aarch64" => (183, AARCH64),
        _ => return None,
    };
    let words = listing.lines().flat_map(|line| line.split(';').next().unwrap_or_default().split_whitespace());
    let code = words.map(|word| u8::from_str_radix(word, 16)).collect::<Result<Vec<u8>, _>>().ok()?;
    let (head, base, page) = (120_u64, 0x1_0000_u64, 0x1_0000_u64);
    let size = head + u64::try_from(code.len()).ok()?;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // An executable for this machine, which begins after the headers; the program headers follow this one, and no sections.
    elf.extend([2, machine, 1, 0].map(u16::to_le_bytes).concat());
    elf.extend([base + head, 64, 0].map(u64::to_le_bytes).concat());
    elf.extend([0, 0, 64, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    // To be loaded, read and executed: the whole file.
    elf.extend([1, 5].map(u32::to_le_bytes).concat());
    elf.extend([0, base, base, size, size, page].map(u64::to_le_bytes).concat());
    elf.extend(code);
    Some(elf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn it_writes_its_network_once_a_byte_and_ends_with_its_stdin() {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(program) = program(std::env::consts::ARCH).filter(|_| cfg!(target_os = "linux")) else { return };
        write(&folder.path().join("hold"), &program).expect("a file");
        let mut command = Command::new(folder.path().join("hold"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(b"..").expect("it reads");
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8(ended.stdout).expect("a text");
        assert!(ended.status.success(), "{said}");
        let blocks: Vec<&str> = said.split("\n\n").collect();
        assert_eq!(blocks.len(), 3, "{said}");
        assert!(blocks[..2].iter().all(|block| block.matches("local_address").count() == 2), "{said}");
    }

    #[test]
    fn there_is_one_for_each_machine_that_engines_run_on() {
        let machine = |name| program(name).map(|elf| u16::from_le_bytes([elf[18], elf[19]]));
        assert_eq!([machine("x86_64"), machine("arm64"), machine("riscv64")], [Some(62), Some(183), None]);
        for program in ["amd64", "arm64"].map(|name| program(name).expect("one")) {
            assert!(program.ends_with(b"/proc/net/tcp\0/proc/net/tcp6\0\n"));
        }
    }
}
