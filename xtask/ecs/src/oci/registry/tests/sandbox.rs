//! The upload against the sandbox's registry, which has ECR's manners.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Event, Events};
use crate::interrupt::Interrupt;
use crate::oci::layout::{Descriptor, Layout, LayoutWriter, Manifest, media_type};
use crate::oci::registry::{Credentials, Registry, RegistryError};
use crate::reference::Repository;
use crate::time::Backoff;
use serde_json::json;
use tempfile::TempDir;
use xtask_sandbox::{Effect, Fault, Options, Sandbox, Which};

struct Token(Arc<Sandbox>);

impl Credentials for Token {
    fn authorization(&self, _stale: bool) -> anyhow::Result<Option<String>> {
        let answer = self.0.ecr("GetAuthorizationToken", json!({}));
        let answer = answer.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let token = answer["authorizationData"][0]["authorizationToken"].as_str().unwrap_or_default();
        Ok(Some(format!("Basic {token}")))
    }
}

struct Bench {
    sandbox: Arc<Sandbox>,
    registry: Registry,
    layout: Layout,
    manifest: Manifest,
    blobs: Vec<Descriptor>,
    _folder: TempDir,
}

fn repository() -> Repository {
    "sample/app".parse().unwrap()
}

/// A sandbox that has these faults, and an image of three layers to send to it.
fn bench(faults: Vec<Fault>) -> Bench {
    bench_of(faults, &[2_000_000, 900_000, 3])
}

/// The same with layers of so many bytes.
fn bench_of(faults: Vec<Fault>, sizes: &[usize]) -> Bench {
    let sandbox = Arc::new(Sandbox::start(Options { faults, ..Options::default() }).unwrap());
    sandbox.ecr("CreateRepository", json!({"repositoryName": "sample/app"})).unwrap();
    let pauses = Backoff { first: Duration::ZERO, longest: Duration::ZERO, ..Backoff::default() };
    let registry = Registry::new(&sandbox.registry(), Some(Arc::new(Token(sandbox.clone())))).with_backoff(pauses);

    let folder = tempfile::tempdir().unwrap();
    let writer = LayoutWriter::create(&folder.path().join("layout")).unwrap();
    let config = json!({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers"}});
    let config = writer.add_bytes(media_type::CONFIG, config.to_string().as_bytes()).unwrap();
    let layers: Vec<Descriptor> = sizes
        .iter()
        .map(|size| {
            let mut blob = writer.add_stream(media_type::LAYER_GZIP).unwrap();
            let bytes: Vec<u8> = (0..*size).map(|number| number.to_le_bytes()[number % 2]).collect();
            blob.write_all(&bytes).unwrap();
            blob.finish().unwrap()
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": layers,
    });
    let (layout, manifest) = writer.finish(manifest.to_string().into_bytes(), "linux/amd64").unwrap();
    let blobs = manifest.blobs().cloned().collect();
    Bench { sandbox, registry, layout, manifest, blobs, _folder: folder }
}

impl Bench {
    fn upload(&self, events: &Events) -> anyhow::Result<()> {
        let nobody = |_, _| {};
        let interrupt = Interrupt::default();
        self.registry.repository(&repository(), events, &interrupt).upload(&self.layout, &self.blobs, &nobody).map(drop)
    }

    /// Whether the image is there; then each byte of it is the layout's.
    fn is_whole(&self, seed: u64) -> bool {
        let input = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageDigest": self.manifest.digest.to_string() }] });
        let found = self.sandbox.ecr("BatchGetImage", input).unwrap();
        let Some(image) = found["images"].get(0) else { return false };
        assert_eq!(image["imageManifest"].as_str().unwrap().as_bytes(), self.manifest.bytes, "seed {seed}");
        let folder = tempfile::tempdir().unwrap();
        let honest = Registry::new(&self.sandbox.registry(), Some(Arc::new(Token(self.sandbox.clone()))));
        let (events, interrupt, repository) = (Events::discard(), Interrupt::default(), repository());
        let remote = honest.repository(&repository, &events, &interrupt);
        for blob in &self.blobs {
            let path = folder.path().join(blob.digest.hex());
            remote.blob(blob, &path).unwrap_or_else(|error| panic!("seed {seed}: {}: {error:#}", blob.digest));
            assert_eq!(
                std::fs::read(path).unwrap(),
                std::fs::read(self.layout.blob(&blob.digest)).unwrap(),
                "seed {seed}"
            );
        }
        true
    }

    /// How many uploads the registry saw through to their end.
    fn stored(&self) -> usize {
        let calls = self.sandbox.calls();
        calls.iter().filter(|call| call.operation == "registry:PUT blob" && call.status == 201).count()
    }
}

fn fault(call: &str, which: Which, effect: Effect) -> Fault {
    Fault { call: call.to_owned(), which, effect }
}

fn error(status: u16, code: &str) -> Effect {
    Effect::Error { status, code: code.to_owned(), message: "injected".to_owned(), retry_after: Some(0) }
}

#[test]
fn what_was_sent_is_read_back_by_digest() {
    let bench = bench(Vec::new());
    let (events, interrupt, repository) = (Events::discard(), Interrupt::default(), repository());
    bench.upload(&events).unwrap();
    let remote = bench.registry.repository(&repository, &events, &interrupt);
    assert_eq!(remote.missing(&bench.blobs).unwrap(), []);
    remote.put_manifest(&bench.manifest).unwrap();
    let found = remote.manifest(&bench.manifest.digest, "linux/amd64").unwrap();
    assert_eq!(found, bench.manifest);
    let folder = tempfile::tempdir().unwrap();
    for blob in &bench.blobs {
        let path = folder.path().join(blob.digest.hex());
        remote.blob(blob, &path).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), std::fs::read(bench.layout.blob(&blob.digest)).unwrap());
    }
}

#[test]
fn everything_that_passes_is_got_over_in_one_upload() {
    let bench = bench(vec![
        fault("registry:POST blob", Which::Nth(1), error(500, "UNKNOWN")),
        fault("registry:POST blob", Which::Nth(3), error(429, "TOOMANYREQUESTS")),
        fault("registry:PUT blob", Which::Nth(1), Effect::Cut { after_bytes: 1000 }),
        fault("registry:PUT blob", Which::Nth(3), Effect::Corrupt),
        fault("registry:PUT blob", Which::Nth(4), Effect::ExpireToken),
    ]);
    let (events, received) = Events::collect();
    bench.upload(&events).unwrap();
    let (quiet, interrupt) = (Events::discard(), Interrupt::default());
    assert_eq!(bench.registry.repository(&repository(), &quiet, &interrupt).missing(&bench.blobs).unwrap(), []);
    assert_eq!(bench.stored(), bench.blobs.len(), "nothing that was stored is sent twice");
    let retries = received.try_iter().filter(|event| matches!(event, Event::Retrying { .. })).count();
    assert!(retries >= 3, "{retries}");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % bound as u64).unwrap()
    }
}

/// What a registry may do to one request: refuse it, cut it, lose its answer, spoil its bytes, forget who asks, or lie that it
/// was done.
fn trouble(random: &mut Random) -> Fault {
    let calls = [
        "registry:HEAD blob",
        "registry:POST blob",
        "registry:PATCH blob",
        "registry:PUT blob",
        "registry:PUT manifest",
    ];
    let which = match random.below(4) {
        0 => Which::First(1 + u32::try_from(random.below(3)).unwrap()),
        _ => Which::Nth(1 + u32::try_from(random.below(6)).unwrap()),
    };
    let effect = match random.below(12) {
        0 => error(500, "UNKNOWN"),
        1 => error(429, "TOOMANYREQUESTS"),
        2 => error(404, "BLOB_UPLOAD_UNKNOWN"),
        3 => error(416, "BLOB_UPLOAD_INVALID"),
        4 => error(400, "DIGEST_INVALID"),
        5 => error(201, "LIE"),
        6 => error(202, "LIE"),
        7 => Effect::Cut { after_bytes: random.below(4000) as u64 },
        8 => Effect::Lose,
        9 => Effect::ExpireToken,
        10 => Effect::StaleRange,
        _ => Effect::Corrupt,
    };
    fault(calls[random.below(calls.len())], which, effect)
}

#[test]
fn whatever_a_registry_does_to_a_push_its_manifest_is_absent_or_every_byte_behind_it_is_right() {
    // More of them by hand: XTASK_PUSHES=10000 cargo test … whatever_a_registry
    let pushes = std::env::var("XTASK_PUSHES").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let (mut whole, mut failed) = (0, 0);
    for seed in 0..pushes {
        let mut random = Random(seed);
        let faults = (0..=random.below(4)).map(|_| trouble(&mut random)).collect();
        let bench = bench_of(faults, &[3000, 1 + random.below(5000), 7]);
        let (events, interrupt, repository) = (Events::discard(), Interrupt::default(), repository());
        let remote = bench.registry.repository(&repository, &events, &interrupt);
        let push = || {
            let missing = remote.missing(&bench.blobs)?;
            remote.upload(&bench.layout, &missing, &|_, _| {})?;
            remote.put_manifest(&bench.manifest)
        };
        failed += u64::from(push().is_err());
        whole += u64::from(bench.is_whole(seed));
        // The registry comes to its senses.
        bench.sandbox.calm();
        let stored = bench.stored();
        push().unwrap_or_else(|error| panic!("seed {seed}: run again it fails: {error:#}"));
        assert!(bench.is_whole(seed), "seed {seed}: it is not there");
        assert!(bench.stored() <= bench.blobs.len().max(stored), "seed {seed}: what was stored was sent again");
    }
    assert!(pushes < 20 || whole > 0 && failed > 0, "{whole} of {pushes} were whole and {failed} failed: too tame");
}

#[test]
fn a_repository_that_is_not_there_is_said_to_be_missing() {
    let bench = bench(Vec::new());
    let other: Repository = "sample/other".parse().unwrap();
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let error = bench
        .registry
        .repository(&other, &events, &interrupt)
        .upload(&bench.layout, &bench.blobs, &|_, _| {})
        .unwrap_err();
    let error = error.downcast_ref::<RegistryError>().unwrap();
    assert_eq!((error.status, error.code.as_str()), (Some(404), "NAME_UNKNOWN"));
    assert!(error.to_string().contains("create the repository sample/other"), "{error}");
}
