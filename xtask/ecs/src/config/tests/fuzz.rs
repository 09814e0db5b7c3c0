//! Whatever Cargo.toml holds, reading it ends in a configuration or in faults that lie within the text.

use std::path::Path;

use super::{GOOD, load, nothing, workspace};
use crate::config::{render, to_json};

/// Every key there is.
const EVERYTHING: &str = r#"[workspace]
members = ["app"]

[workspace.package]
version = "1.4.0"

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"
registry = "localhost:5000"
cluster = "sample"

[workspace.metadata.xtask.images.äpp]

[workspace.metadata.xtask.images.web]
repository = "sample/web"
tag = { workspace-version = true }
dockerfile = "app/Dockerfile"
context = "app"
platforms = ["linux/arm64"]
args = { "日本" = "1" }
target = "final"
contexts = { data = "app" }
secrets = { token = "TOKEN" }
binaries = ["app"]
expect = ["debian"]

[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = { package = "app" }
package = "app"
bin = "app"
platforms = ["linux/amd64"]
target = "x86_64-unknown-linux-musl"
profile = "dist"
base = "debian@sha256:0000000000000000000000000000000000000000000000000000000000000000"
assets = [{ source = "app", path = "/srv", mode = 0o755, owner = "0:0" }]
user = "1:1"
workdir = "/srv"
env = { A = "b" }
ports = [8080, "53/udp"]
labels = { a = "b" }
args = ["--x"]
compression = "zstd"

[workspace.metadata.xtask.scan]
severity = ["LOW"]
ignore-unfixed = false
ignore = [{ id = "CVE-2026-1", reason = "näh", until = 2027-01-31 }]
timeout = "90s"
args = ["--quiet"]

[workspace.metadata.xtask.services.app]
service = "app"
task-definition = { family = "app" }
containers = { app = "app", web = "web" }
desired-count = 2
force-new-deployment = true
rollout = { deadline = "1h30m", poll = "200ms", on-interrupt = "rollback", fail-fast = "off", exits = 5 }
"#;

/// Values of every type and some that are nearly right.
const VALUES: [&str; 22] = [
    "1",
    "-1",
    "0o644",
    "0xff",
    "1.5",
    "inf",
    "nan",
    "true",
    "2026-01-31",
    "07:32:00",
    "\"\"",
    "\"app\"",
    "\"é\\u0000\\n\"",
    "'''\na\n'''",
    "[]",
    "[[]]",
    "[1, \"a\"]",
    "{}",
    "{ a = {} }",
    "{ package = \"app\" }",
    "{ family = \"x\" }",
    "\"../..\"",
];

/// A small generator of numbers (xorshift), the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// True if it is a configuration.
fn read(folder: &Path, manifest: &[u8]) -> bool {
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    match load(folder, &nothing) {
        Ok(loaded) => {
            assert!(toml::de::DeTable::parse(&render(&loaded)).is_ok(), "{}", render(&loaded));
            drop(to_json(&loaded));
            true
        }
        Err(errors) => {
            let lines = String::from_utf8_lossy(manifest).split('\n').count();
            assert!(!errors.faults.is_empty() && !errors.message().is_empty());
            for place in errors.faults.iter().filter_map(|fault| fault.place.as_ref()) {
                assert!((1..=lines).contains(&place.line) && place.column >= 1, "{errors}");
            }
            false
        }
    }
}

#[test]
fn any_value_under_any_key_is_answered() {
    let folder = workspace(&[]);
    let without_fault = EVERYTHING.replace("[workspace.metadata.xtask.images.äpp]\n", "");
    assert!(read(folder.path(), without_fault.as_bytes()));
    for (number, line) in EVERYTHING.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        for value in VALUES {
            let mut lines: Vec<_> = EVERYTHING.lines().collect();
            let spoilt = format!("{key} = {value}");
            lines[number] = &spoilt;
            read(folder.path(), lines.join("\n").as_bytes());
        }
    }
}

#[test]
fn any_damage_to_the_text_is_answered() {
    let folder = workspace(&[]);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..1_000 {
        let mut text = EVERYTHING.as_bytes().to_vec();
        for _ in 0..=dice.below(3) {
            let at = dice.below(text.len());
            match dice.below(4) {
                0 => drop(text.remove(at)),
                1 => text[at] = b"[]{}=\",.#\n\t\\'0x\xc3"[dice.below(16)],
                2 => text.insert(at, b"[]{}=\",.#\n\t\\'0x\xff"[dice.below(16)]),
                _ => text.truncate(at.max(1)),
            }
        }
        read(folder.path(), &text);
    }
}

#[test]
fn a_text_cut_anywhere_is_answered() {
    let folder = workspace(&[]);
    let faultless = (0..GOOD.len()).filter(|end| read(folder.path(), &GOOD.as_bytes()[..*end])).count();
    assert!(faultless > 0, "the last cuts leave a configuration");
}

#[test]
fn text_nested_deeper_than_any_stack_is_refused() {
    let folder = workspace(&[]);
    for (open, close) in [("[", "]"), ("{ a = ", " }")] {
        let nested = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(!read(folder.path(), GOOD.replace("\"sample/app\"", &nested).as_bytes()));
    }
    assert!(!read(folder.path(), format!("{GOOD}\n[{}z]\n", "z.".repeat(100_000)).as_bytes()));
}
