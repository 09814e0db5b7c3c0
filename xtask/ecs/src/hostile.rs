//! Everything here that reads what others have written, one function each: none of it panics, hangs, or says what is not so,
//! whatever it is given. `fuzz/` runs them on what libFuzzer makes, the test below on what was kept of that and on what a few
//! changes make of it.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::cause::{self, Message};
use crate::config;
use crate::deploy::load_with_stand_ins;
use crate::digest::Digest;
use crate::evidence::{Attached, Envelope, PublicKey, believed};
use crate::gate::{Record, Report};
use crate::lookup::{self, tfstate};
use crate::oci::layout::{Index, Layout, Manifest, Platform, media_type};
use crate::text;

/// A name, and what reads bytes.
type Target = (&'static str, fn(&[u8]));

/// By the names of their folders under `fuzz/corpus`.
const TARGETS: &[Target] = &[
    ("configuration", configuration),
    ("dockerfile", crate::release::hostile::dockerfile),
    ("evidence", evidence),
    ("layout", layout),
    ("lines", lines),
    ("log", crate::aws::hostile::log),
    ("lookups", lookups),
    ("manifest", manifest),
    ("program", crate::binary::hostile::program),
    ("reason", reason),
    ("registry", crate::oci::registry::hostile::answer),
    ("report", report),
    ("shown", crate::reader::hostile::shown),
    ("task-definition", task_definition),
    ("tfstate", state),
    ("xml", crate::aws::hostile::xml),
];

/// Gives the bytes to the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("there is such a target");
    target(bytes);
}

/// A folder that lasts as long as the process.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("there is room")).path()
}

fn configuration(bytes: &[u8]) {
    let root = folder().join(format!("{:?}", std::thread::current().id()));
    std::fs::create_dir_all(root.join("app")).expect("there is room");
    for (name, bytes) in [("app/Dockerfile", &b"FROM scratch"[..]), ("app/td.json", b"{}"), ("Cargo.toml", bytes)] {
        std::fs::write(root.join(name), bytes).expect("there is room");
    }
    match config::load(&root, &|_| None) {
        Ok(loaded) => {
            assert!(toml::de::DeTable::parse(&config::render(&loaded)).is_ok(), "{}", config::render(&loaded));
            drop(config::to_json(&loaded));
        }
        Err(failure) => assert!(!failure.to_string().is_empty()),
    }
}

/// A document, and after a line of three dashes what is laid over it.
fn task_definition(bytes: &[u8]) {
    let root = folder().join(format!("{:?}-td", std::thread::current().id()));
    std::fs::create_dir_all(&root).expect("there is room");
    let cut = bytes.windows(5).position(|window| window == b"\n---\n");
    let (document, over) = cut.map_or((bytes, None), |at| (&bytes[..at], Some(&bytes[at + 5..])));
    let (file, overlay) = (root.join("td.json"), root.join("over.json"));
    std::fs::write(&file, document).expect("there is room");
    std::fs::write(&overlay, over.unwrap_or_default()).expect("there is room");
    match load_with_stand_ins((&file, over.map(|_| overlay.as_path())), config::Kind::Service, &root) {
        Ok(loaded) => assert!(loaded.document.value().is_object()),
        Err(failure) => assert!(!failure.to_string().is_empty()),
    }
}

fn lookups(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match lookup::parse(&text) {
        Ok(Some(template)) => {
            for (at, found) in template.lookups() {
                assert!(text.get(at.clone()).is_some_and(|whole| whole.contains(&found.source)), "{at:?} of {text:?}");
            }
            let value = Value::from("value");
            let filled = template.fill(|_| Some(&value));
            assert!(filled.is_ok_and(|filled| filled.is_string()), "{text:?}");
        }
        Ok(None) => {}
        Err(flaw) => assert!(text.get(flaw.at).is_some() && !flaw.message.is_empty()),
    }
    for at in 0..=text.len().min(64) {
        assert!(lookup::offset(&text, at) <= text.len());
    }
}

/// An address, and from the next line on a state.
fn state(bytes: &[u8]) {
    let cut = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (address, state) = bytes.split_at(cut);
    let address = String::from_utf8_lossy(address);
    if let Ok(state) = tfstate::read(state)
        && let Err(missing) = state.find(&address)
    {
        assert!(!missing.message.is_empty());
    }
}

fn report(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(mut report) = Report::parse(bytes) else {
        let mut report = Report::default();
        text.lines().for_each(|line| report.hear(line));
        return;
    };
    for program in report.programs.clone() {
        report.unsee(&program);
    }
    assert!(report.packages() <= bytes.len());
}

/// A manifest that is attached, a bundle, a statement or a key: whoever may push has made each of them.
fn evidence(bytes: &[u8]) {
    let key = PublicKey::of_pem("alias/evidence", include_str!("../../../fuzz/evidence.pem")).expect("it is one");
    if let Some(attached) = Attached::read(bytes) {
        let unsigned = believed(&attached, Some(&key)).is_err();
        assert!(unsigned || attached.sealed, "what is in no envelope is signed by nobody");
    }
    if let Some(envelope) = Envelope::read(bytes) {
        let said = envelope.clone().unverified();
        match envelope.open(&key) {
            Ok(payload) => assert_eq!(payload, said),
            Err(doubt) => assert!(!doubt.to_string().is_empty()),
        }
    }
    if let Some(record) = Record::read(bytes) {
        assert_eq!(Record::read(&record.statement()), Some(record));
    }
    drop(PublicKey::of_der("", bytes));
    drop(PublicKey::of_pem("", &String::from_utf8_lossy(bytes)));
}

fn manifest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let platform: Platform = "linux/arm64".parse().expect("a platform");
    if let Ok(index) = Index::parse(bytes) {
        let chosen = index.choose(&platform).ok();
        assert!(chosen.is_none_or(|chosen| text.contains(chosen.digest.hex())));
        assert!(index.entries().count() <= index.members().count());
    }
    for kind in [media_type::MANIFEST, media_type::DOCKER_MANIFEST] {
        if let Ok(manifest) = Manifest::parse(bytes.to_vec(), kind) {
            assert!(manifest.blobs().count() <= manifest.layers.len() + 1);
            assert_eq!((manifest.descriptor().size, manifest.is_image()), (bytes.len() as u64, manifest.is_image()));
        }
    }
    if let Ok(config) = serde_json::from_slice(bytes)
        && let Ok(platform) = Platform::of_config(&config)
    {
        assert_eq!(
            platform.to_string().parse::<Platform>().ok(),
            Some(platform).filter(|it| !it.to_string().is_empty())
        );
    }
}

/// An index, and after each line of three dashes a blob. `@1` stands for the digest of the first blob and `#1` for its size, in
/// the index and in the blobs before it, as no fuzzer finds a digest.
fn layout(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts: Vec<String> = text.split("\n---\n").take(10).map(str::to_owned).collect();
    let root = folder().join(format!("{:?}-layout", std::thread::current().id()));
    drop(std::fs::remove_dir_all(&root));
    let blobs = root.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("there is room");
    for place in (1..parts.len()).rev() {
        let (digest, size) = (Digest::of(parts[place].as_bytes()), parts[place].len().to_string());
        std::fs::write(blobs.join(digest.hex()), &parts[place]).expect("there is room");
        for part in &mut parts[..place] {
            *part = part.replace(&format!("@{place}"), digest.as_str()).replace(&format!("#{place}"), &size);
        }
    }
    std::fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("there is room");
    std::fs::write(root.join("index.json"), &parts[0]).expect("there is room");
    let layout = Layout::open(&root).expect("it says that it is one");
    let Ok(manifest) = layout.manifest("linux/amd64") else { return };
    drop(layout.config(&manifest));
    let whole = |digest: &Digest| std::fs::read(layout.blob(digest)).is_ok_and(|found| Digest::of(&found) == *digest);
    assert!(whole(&manifest.digest), "it was read from there");
    assert_eq!(
        layout.verify(&manifest).is_ok(),
        manifest.blobs().all(|blob| {
            let size = std::fs::metadata(layout.blob(&blob.digest)).map(|found| found.len());
            whole(&blob.digest) && size.is_ok_and(|size| size == blob.size)
        })
    );
}

/// What ECS says of a task or a service.
fn reason(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let message = Message::parse(&text);
    let (_, fix) = cause::answered(Some(400), "ClientException", &message);
    assert!(!fix.contains('\n'), "{fix:?}");
    if let Some(blamed) = cause::explain_event(&text, None, &[]) {
        assert!(!blamed.finding.sentence.contains(['\n', '\r']), "{:?}", blamed.finding.sentence);
    }
    let _ = cause::printed(&text.lines().map(str::to_owned).collect::<Vec<_>>(), &["no space left on device"]);
}

/// What a program prints, line by line.
fn lines(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        let shown = text::printable(line);
        assert!(!shown.contains(char::is_control), "{line:?} is shown as {shown:?}");
        for columns in [1, 7, 80] {
            assert!(text::width(&text::cut(&shown, columns)) <= columns, "{shown:?} in {columns}");
        }
        assert!(text::width(&text::pad(&shown, 20)) >= 20);
        let _ = (text::version::order(line, "1.0.0"), text::version::is_version(line));
    }
}

#[cfg(test)]
mod tests;
