//! A workspace of one package, with a build script, a module that the script writes, line tables, no dependencies.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::{Binary, Request, build};
use crate::config::Program;
use crate::event::Events;
use crate::interrupt::Interrupt;

const MANIFEST: &str = r#"[workspace]
[package]
name = "hello"
version = "0.3.0"
edition = "2024"
license = "MIT"
[profile.release]
debug = "line-tables-only"
"#;

const LOCK: &str = r#"version = 4

[[package]]
name = "hello"
version = "0.3.0"
"#;

const SCRIPT: &str = r##"fn main() {
    let made = r#"pub fn at(n: usize) -> u8 { b"made"[n] }"#;
    std::fs::write(std::env::var("OUT_DIR").unwrap() + "/made.rs", made).unwrap();
}
"##;

const MAIN: &str = r#"mod made {
    include!(concat!(env!("OUT_DIR"), "/made.rs"));
}

fn main() {
    println!("hello {}", made::at(std::env::args().count()));
}
"#;

pub(crate) fn fixture(root: &Path) {
    for (name, text) in [("Cargo.toml", MANIFEST), ("Cargo.lock", LOCK), ("build.rs", SCRIPT), ("src/main.rs", MAIN)] {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Compiles the fixture in its own folder, for the machine that runs the tests.
pub(crate) fn request(root: &Path) -> Request {
    Request {
        image: "hello".to_owned(),
        root: root.to_owned(),
        program: Program::new("hello"),
        platform: if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" }.to_owned(),
        target: None,
        profile: "release".to_owned(),
        target_dir: root.join("target/xtask/build"),
        out_dir: root.join("target/xtask/binaries"),
        source_date_epoch: 1_700_000_000,
    }
}

/// The fixture as it came out of one folder, which is gone.
pub(crate) struct Compiled {
    pub root: PathBuf,
    pub binary: Binary,
    pub program: Vec<u8>,
    /// What it said when it ran where it was put.
    pub answer: String,
}

/// Compiled in two folders, once for all tests that only look at what came out.
pub(crate) static TWICE: LazyLock<[Compiled; 2]> = LazyLock::new(|| {
    ["checkout", "a/deeper/folder"].map(|name| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(name);
        fixture(&root);
        let binary = build(&request(&root), &Events::discard(), &Interrupt::default()).unwrap();
        let program = std::fs::read(&binary.path).unwrap();
        Compiled { answer: answer(&binary.path, &[]), root, binary, program }
    })
});

/// What a program that was just written answers. Another test's thread that forks at the wrong moment holds the file
/// open for writing until its child has started, and till then nobody can run it.
pub(crate) fn answer(program: &Path, args: &[&str]) -> String {
    let program = program.to_str().unwrap();
    (0..100).find_map(|_| crate::process::ask(Path::new("/"), program, args)).unwrap()
}
