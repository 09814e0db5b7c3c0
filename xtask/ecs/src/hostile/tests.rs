use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{TARGETS, run};
use crate::reader::record::samples::Random;

/// No input may take longer; a build without optimisation on a busy machine is given time.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

fn fuzz() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz"))
}

/// What is kept for a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut kept: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            (path.display().to_string(), fs::read(&path).expect("it can be read"))
        })
        .collect();
    kept.sort();
    assert!(!kept.is_empty(), "nothing is kept for {target}");
    kept
}

fn runs_in_time(target: &str, name: &str, bytes: &[u8]) {
    let began = Instant::now();
    run(target, bytes);
    let took = began.elapsed();
    assert!(took < LONGEST, "{target} takes {took:?} with {name}: {:?}", String::from_utf8_lossy(bytes));
}

#[test]
fn what_fuzzing_kept_is_read_without_a_panic_or_a_hang() {
    for (target, _) in TARGETS {
        for (name, bytes) in corpus(target) {
            runs_in_time(target, &name, &bytes);
        }
    }
}

#[test]
fn what_a_few_changes_make_of_it_is_read_without_a_panic_or_a_hang() {
    // More of them by hand: XTASK_MUTATIONS=100000 cargo test … hostile
    let rounds = std::env::var("XTASK_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    std::thread::scope(|scope| {
        for (number, (target, _)) in TARGETS.iter().enumerate() {
            scope.spawn(move || {
                let (mut random, kept) = (Random(number as u64), corpus(target));
                for round in 0..rounds {
                    let bytes = changed(&mut random, &kept);
                    runs_in_time(target, &format!("round {round}"), &bytes);
                }
            });
        }
    });
}

/// One of them after up to eight changes.
fn changed(random: &mut Random, kept: &[(String, Vec<u8>)]) -> Vec<u8> {
    const PIECES: [&str; 26] = [
        "\n",
        "\r",
        "\0",
        "\u{1b}[2J",
        "\u{1b}]0;",
        "::add-mask::",
        "##[error]",
        "${",
        "$${",
        "}",
        "{",
        "[",
        "]",
        "\"",
        "\\",
        "|",
        "```",
        "<",
        "&",
        "<<EOF\n",
        "日本",
        "\u{202e}",
        "18446744073709551616",
        "-1",
        ".",
        ",",
    ];
    let one = |random: &mut Random| &kept[random.below(kept.len())].1;
    let mut bytes = one(random).clone();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(12)).min(bytes.len());
        match random.below(7) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            2 => drop(bytes.splice(at..end, PIECES[random.below(PIECES.len())].bytes())),
            3 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            4 => bytes.truncate(at),
            5 => {
                let again = bytes[at..end].repeat(1 + random.below(30));
                drop(bytes.splice(at..at, again));
            }
            _ => {
                let other = one(random);
                let from = random.below(other.len() + 1);
                drop(bytes.splice(at..end, other[from..(from + 40).min(other.len())].iter().copied()));
            }
        }
    }
    bytes
}

#[test]
fn depth_and_length_are_no_harm() {
    let deep = |open: &str, close: &str| [open.repeat(200_000), close.repeat(200_000)].concat().into_bytes();
    let flat = format!(
        "{{\"version\":3,\"modules\":[{{\"path\":[\"root\"],\"resources\":{{\"a.b\":{{\"primary\":{{\"attributes\":{{\"{}x\":\"1\"}}}}}}}}}}]}}",
        "x.".repeat(100_000)
    );
    let many: Vec<String> = (0..2_000).map(|index| format!("\"k{index}.{index}.x\":\"1\"")).collect();
    let many = format!(
        "{{\"version\":3,\"modules\":[{{\"path\":[\"root\"],\"resources\":{{\"a.b\":{{\"primary\":{{\"attributes\":{{{}}}}}}}}}}}]}}",
        many.join(",")
    );
    for (target, name, bytes) in [
        ("xml", "deep", deep("<a>", "</a>")),
        ("xml", "open", deep("<a>", "")),
        ("tfstate", "deep", [b"a.b.x\n".to_vec(), deep("[", "]")].concat()),
        ("tfstate", "a name of many parts", format!("a.b.x\n{flat}").into_bytes()),
        ("tfstate", "many names", format!("a.b.k1\n{many}").into_bytes()),
        ("tfstate", "a long address", format!("{}\n{{}}", "module.a[\"x\"].".repeat(20_000)).into_bytes()),
        ("task-definition", "deep", deep("[", "]")),
        ("report", "deep", deep("{\"a\":", "}")),
        ("manifest", "deep", deep("[", "]")),
        ("configuration", "deep", deep("[", "]")),
        ("lookups", "many", "${ssm:/a}".repeat(20_000).into_bytes()),
        ("lookups", "open", "${".repeat(100_000).into_bytes()),
        ("lookups", "dollars", "$".repeat(200_000).into_bytes()),
        ("lines", "one long line", "\u{1b}[".repeat(200_000).into_bytes()),
        ("lines", "wide", "日".repeat(100_000).into_bytes()),
        ("reason", "long", "CannotPullContainerError: ".repeat(5_000).into_bytes()),
        ("reason", "clauses", "a: b, ".repeat(20_000).into_bytes()),
        (
            "registry",
            "a long head",
            format!("401\nwww-authenticate: Bearer {}\n\n", "realm=\"x\",".repeat(5_000)).into_bytes(),
        ),
        ("dockerfile", "many stages", "FROM a AS b\nCOPY --from=b . .\n".repeat(500).into_bytes()),
        ("dockerfile", "continued", "RUN \\\n".repeat(50_000).into_bytes()),
        ("dockerfile", "heredocs", "RUN <<A <<B\nx\nA\n".repeat(5_000).into_bytes()),
        ("dockerfile", "variables", format!("ARG A={}\nFROM $A\n", "${A:-".repeat(20_000)).into_bytes()),
        ("dockerfile", "doubled", format!("ARG A=xx\n{}FROM $A\n", "ARG A=$A$A\n".repeat(64)).into_bytes()),
        ("program", "many sections", program(u16::MAX)),
    ] {
        runs_in_time(target, name, &bytes);
    }
}

/// A program whose table says that there are so many sections, all of which are its first bytes.
fn program(sections: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64 + usize::from(sections) * 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[40] = 64;
    bytes[60..62].copy_from_slice(&sections.to_le_bytes());
    bytes
}

#[test]
fn each_target_is_fuzzed_and_no_other() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("fuzz has a manifest");
    let bins: Vec<&str> =
        manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(bins[1..], names[..]);
    for name in names {
        let target = fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{name}.rs"))).expect("a target");
        assert!(target.contains(&format!("hostile::run(\"{name}\"")), "{target}");
    }
}
