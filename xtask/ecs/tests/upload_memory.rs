//! However large a layout, its upload needs the same memory: at most 32 MiB for the whole process.
//!
//! A program of its own: what the other tests hold, and the pages of a program that holds them all, would count too.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write, copy, sink};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use xtask_ecs::digest::{Digest, Hasher};
use xtask_ecs::event::Events;
use xtask_ecs::interrupt::Interrupt;
use xtask_ecs::oci::layout::{Descriptor, LayoutWriter, media_type};
use xtask_ecs::oci::registry::Registry;

const MIB: u64 = 1024 * 1024;
const LAYERS: u64 = 8;

/// Takes every upload and forgets it.
fn swallow(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let begins = line.starts_with("POST");
        let mut length = 0;
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line).ok()?;
            if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                length = value.trim_end().parse().ok()?;
            }
        }
        copy(&mut Read::by_ref(&mut reader).take(length), &mut sink()).ok()?;
        let status = if begins { "202 Accepted\r\nlocation: /v2/sample/app/blobs/uploads/1" } else { "201 Created" };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

fn digest(path: &Path) -> std::io::Result<Digest> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Hasher::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// The most memory this process has had resident, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok().map(|kib: u64| kib * 1024)
}

#[test]
fn half_a_gibibyte_in_eight_layers_passes_through_32_mib() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let writer = LayoutWriter::create(&folder.path().join("layout"))?;
    let config = writer.add_bytes(media_type::CONFIG, b"{}")?;
    let mut layers = Vec::new();
    for number in 0..LAYERS {
        // A hole, which takes no place on the disk.
        let (path, size) = (folder.path().join(number.to_string()), 64 * MIB + number);
        File::create(&path)?.set_len(size)?;
        let layer = Descriptor { media_type: media_type::LAYER.to_owned(), digest: digest(&path)?, size };
        writer.link_blob(&path, &layer)?;
        layers.push(layer);
    }
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": layers,
    });
    let (layout, manifest) = writer.finish(manifest.to_string().into_bytes(), "linux/amd64")?;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let registry = Registry::new(&listener.local_addr()?.to_string(), None);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || swallow(&stream));
        }
    });
    let blobs: Vec<Descriptor> = manifest.blobs().cloned().collect();
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let uploaded =
        registry.repository(&"sample/app".parse()?, &events, &interrupt).upload(&layout, &blobs, &|_, _| {})?;
    assert!(uploaded.bytes > LAYERS * 64 * MIB);

    if let Some(peak) = peak() {
        assert!(peak < 32 * MIB, "the peak was {} MiB", peak / MIB);
    }
    Ok(())
}
