#![expect(clippy::unwrap_used)]

mod copy;
mod pull;
mod sandbox;
mod server;
mod upload;

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use self::server::{Fault, Head, Server, complaint};
use super::*;
use crate::event::Event;
use crate::failure::{Ending, Failure};
use crate::oci::layout::{Layout, LayoutWriter, media_type};

/// A registry of one test: no pauses, but for those that a test asks about.
fn registry(server: &Server) -> Registry {
    Registry::new(&server.host, None).with_backoff(quick())
}

fn quick() -> Backoff {
    Backoff { attempts: 4, first: Duration::ZERO, longest: Duration::ZERO, ..Backoff::default() }
}

fn repository() -> Repository {
    "sample/app".parse().unwrap()
}

/// Bytes that do not repeat within a piece.
fn bytes(size: usize, seed: u32) -> Vec<u8> {
    let (mut bytes, mut state) = (vec![0; size], u64::from(seed));
    for word in bytes.chunks_mut(8) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.copy_from_slice(&state.to_be_bytes()[..word.len()]);
    }
    bytes
}

struct Image {
    layout: Layout,
    manifest: Manifest,
    blobs: Vec<Descriptor>,
    _folder: TempDir,
}

/// An image with layers of these sizes.
fn image(sizes: &[usize]) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let writer = LayoutWriter::create(&folder.path().join("layout")).unwrap();
    let config = writer.add_bytes(media_type::CONFIG, br#"{"os":"linux","architecture":"amd64"}"#).unwrap();
    let mut layers = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let mut blob = writer.add_stream(media_type::LAYER_GZIP).unwrap();
        blob.write_all(&bytes(*size, u32::try_from(index).unwrap())).unwrap();
        layers.push(blob.finish().unwrap());
    }
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": layers,
    });
    let (layout, manifest) = writer.finish(manifest.to_string().into_bytes(), "linux/amd64").unwrap();
    let blobs = manifest.blobs().cloned().collect();
    Image { layout, manifest, blobs, _folder: folder }
}

/// Hands out `Basic token-1`, and a new number whenever the last is stale.
#[derive(Default)]
struct Tokens {
    number: Mutex<usize>,
    stale: AtomicUsize,
}

impl Credentials for Tokens {
    fn authorization(&self, stale: bool) -> Result<Option<String>> {
        let mut number = self.number.lock().unwrap();
        if stale {
            self.stale.fetch_add(1, Ordering::SeqCst);
        }
        if stale || *number == 0 {
            *number += 1;
        }
        Ok(Some(format!("Basic token-{number}")))
    }
}

fn send(registry: &Registry, image: &Image) -> Result<Uploaded> {
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    registry.repository(&repository(), &events, &interrupt).upload(&image.layout, &image.blobs, &|_, _| {})
}

fn retries(events: &std::sync::mpsc::Receiver<Event>) -> Vec<(String, f64)> {
    let retry = |event| match event {
        Event::Retrying { error, seconds, .. } => Some((error, seconds)),
        _ => None,
    };
    events.try_iter().filter_map(retry).collect()
}
