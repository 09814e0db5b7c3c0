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
    let sandbox = Arc::new(Sandbox::start(Options { faults, ..Options::default() }).unwrap());
    sandbox.ecr("CreateRepository", json!({"repositoryName": "sample/app"})).unwrap();
    let pauses = Backoff { first: Duration::ZERO, longest: Duration::ZERO, ..Backoff::default() };
    let registry = Registry::new(&sandbox.registry(), Some(Arc::new(Token(sandbox.clone())))).with_backoff(pauses);

    let folder = tempfile::tempdir().unwrap();
    let writer = LayoutWriter::create(&folder.path().join("layout")).unwrap();
    let config = json!({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers"}});
    let config = writer.add_bytes(media_type::CONFIG, config.to_string().as_bytes()).unwrap();
    let layers: Vec<Descriptor> = [2_000_000_usize, 900_000, 3]
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
