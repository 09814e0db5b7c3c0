#![expect(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::reference::Reference;

/// Writes a one-layer image into the folder and returns its manifest.
fn write(to: &Path, layer: &[u8], platform: &str) -> Manifest {
    let writer = LayoutWriter::create(to).unwrap();
    let (os, architecture) = platform.split_once('/').unwrap();
    let config = json!({"architecture": architecture, "os": os, "rootfs": {"type": "layers", "diff_ids": []}});
    let config = writer.add_bytes(media_type::CONFIG, config.to_string().as_bytes()).unwrap();
    let mut blob = writer.add_stream(media_type::LAYER_GZIP).unwrap();
    for piece in layer.chunks(7) {
        blob.write_all(piece).unwrap();
    }
    let layer = blob.finish().unwrap();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": [layer, layer],
    });
    writer.finish(manifest.to_string().into_bytes(), platform).unwrap().1
}

fn written(layer: &[u8]) -> (TempDir, Layout, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(&folder.path().join("layout"), layer, "linux/amd64");
    let layout = Layout::open(&folder.path().join("layout")).unwrap();
    (folder, layout, manifest)
}

/// Puts a document into the layout as a blob and returns its entry for an index.
fn put(layout: &Layout, media_type: &str, document: &Value) -> Value {
    let bytes = document.to_string();
    let digest = Digest::of(bytes.as_bytes());
    fs::write(layout.blob(&digest), &bytes).unwrap();
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

fn write_index(layout: &Layout, entries: &[Value]) {
    let index = json!({"schemaVersion": 2, "manifests": entries});
    fs::write(layout.root().join("index.json"), index.to_string()).unwrap();
}

fn with_platform(mut entry: Value, os: &str, architecture: &str) -> Value {
    entry["platform"] = json!({"os": os, "architecture": architecture});
    entry
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn what_was_written_is_read_back_and_each_blob_counts_once() {
    let (_folder, layout, manifest) = written(b"some layer");
    let read = layout.manifest("linux/amd64").unwrap();
    assert_eq!(read, manifest);
    assert_eq!(read.layers.len(), 2);
    assert_eq!(read.blobs().count(), 2, "a layer that occurs twice is one blob");
    assert_eq!(fs::read(layout.blob(&read.layers[0].digest)).unwrap(), b"some layer");
    assert_eq!(layout.config(&read).unwrap()["architecture"], "amd64");
    layout.verify(&read).unwrap();
}

#[test]
fn the_same_input_gives_the_same_bytes_elsewhere() {
    let (one, _, _) = written(b"layer");
    let (other, _, _) = written(b"layer");
    assert_eq!(files(one.path()), files(other.path()));
    assert_eq!(files(one.path()).len(), 5, "two documents and three blobs, and nothing left over");
}

#[test]
fn a_marked_image_says_who_made_it_of_which_commit_and_has_one_digest_a_commit() {
    let marked = |commit: Option<&str>| {
        let (folder, layout, manifest) = written(b"layer");
        let marked = layout.mark(&manifest, commit, "linux/amd64").unwrap();
        (folder, layout, manifest, marked)
    };
    let (_folder, layout, before, one) = marked(Some("c0ffee"));
    let reference = Reference {
        registry: "registry.example".to_owned(),
        repository: "sample/app".parse().unwrap(),
        tag: "1.4.0".parse().unwrap(),
    };
    layout.name(&one, "linux/amd64", &reference).unwrap();
    assert_eq!(layout.manifest("linux/amd64").unwrap(), one);
    layout.verify(&one).unwrap();
    assert!(!layout.blob(&before.digest).exists(), "nothing is left of the manifest before");
    assert_eq!((&one.config, &one.layers), (&before.config, &before.layers));

    let amd64 = || vec!["linux/amd64".parse().unwrap()];
    let text = |manifest: &Manifest| String::from_utf8(manifest.bytes.clone()).unwrap();
    assert_eq!(Marks::of(&text(&one)), Marks { released: true, commit: Some("c0ffee".to_owned()), platforms: amd64() });
    assert_eq!(Marks::of(&text(&before)), Marks::default());
    assert_eq!(Marks::of("no JSON"), Marks::default());
    assert_eq!(marked(Some("c0ffee")).3.digest, one.digest);
    assert_ne!(marked(Some("decaf")).3.digest, one.digest);
    let (.., without) = marked(None);
    assert_eq!(Marks::of(&text(&without)), Marks { released: true, commit: None, platforms: amd64() });
    // Marking again changes nothing, and takes nothing away.
    let again = layout.mark(&one, Some("c0ffee"), "linux/amd64").unwrap();
    assert_eq!(again, one);
    assert!(layout.blob(&one.digest).exists());
}

#[test]
fn a_layout_replaces_the_one_before_it_whole() {
    let (folder, layout, before) = written(b"first");
    let after = write(layout.root(), b"second", "linux/amd64");
    assert_ne!(before, after);
    assert_eq!(layout.manifest("linux/amd64").unwrap(), after);
    assert!(!layout.blob(&before.digest).exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "neither the old one nor a partial one is left");
}

#[test]
fn a_writer_that_gives_up_leaves_what_was_there() {
    let (folder, layout, before) = written(b"first");
    let writer = LayoutWriter::create(layout.root()).unwrap();
    let mut blob = writer.add_stream(media_type::LAYER).unwrap();
    blob.write_all(b"half").unwrap();
    drop((blob, writer));
    assert_eq!(layout.manifest("linux/amd64").unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_manifest_that_names_a_blob_nobody_wrote_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let writer = LayoutWriter::create(&folder.path().join("layout")).unwrap();
    let config = writer.add_bytes(media_type::CONFIG, b"{}").unwrap();
    let missing = Descriptor { media_type: media_type::LAYER.into(), digest: Digest::of(b"nobody"), size: 6 };
    let manifest =
        json!({"schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": [missing]});
    let error = writer.finish(manifest.to_string().into_bytes(), "linux/amd64").unwrap_err();
    assert!(error.to_string().contains("which was not written"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_manifest_whose_blobs_are_larger_than_can_be_added_up_is_refused() {
    let blob = |size: u64| json!({ "mediaType": media_type::LAYER, "digest": Digest::of(b""), "size": size });
    let parse = |layers: &[u64]| {
        let layers: Vec<Value> = layers.iter().map(|size| blob(*size)).collect();
        let manifest = json!({ "schemaVersion": 2, "config": blob(2), "layers": layers });
        Manifest::parse(manifest.to_string().into_bytes(), media_type::MANIFEST)
    };
    assert!(parse(&[1 << 40, 1 << 40]).is_ok());
    for layers in [&[u64::MAX, u64::MAX][..], &[1 << 50], &[1 << 49, 1 << 49]] {
        let error = parse(layers).unwrap_err().to_string();
        assert!(error.ends_with("no image is that large"), "{error}");
    }
}

#[test]
fn a_linked_blob_is_the_same_file_and_of_the_stated_size() {
    let (folder, layout, manifest) = written(b"base layer");
    let layer = &manifest.layers[0];
    let writer = LayoutWriter::create(&folder.path().join("second")).unwrap();
    writer.link_blob(&layout.blob(&layer.digest), layer).unwrap();
    writer.link_blob(&layout.blob(&layer.digest), layer).unwrap();
    let other = Descriptor { size: 3, ..layer.clone() };
    assert!(writer.link_blob(&layout.blob(&layer.digest), &other).unwrap_err().to_string().contains("10 bytes"));
}

#[test]
fn attestations_and_nested_indexes_are_seen_through() {
    let (_folder, layout, amd64) = written(b"layer");
    let config = put(&layout, media_type::CONFIG, &json!({"os": "linux", "architecture": "arm64", "variant": "v8"}));
    let arm64 = json!({"schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": []});
    let arm64 = put(&layout, media_type::MANIFEST, &arm64);
    let amd64_entry = serde_json::to_value(amd64.descriptor()).unwrap();
    let attestation = with_platform(amd64_entry.clone(), "unknown", "unknown");
    let nested = json!({"schemaVersion": 2, "manifests": [
        with_platform(amd64_entry.clone(), "linux", "amd64"), arm64.clone(), attestation,
    ]});
    let nested = put(&layout, media_type::INDEX, &nested);
    // The same image a second time, under another name, is no second image.
    write_index(&layout, &[nested, with_platform(amd64_entry, "linux", "amd64")]);

    assert_eq!(layout.manifest("linux/amd64").unwrap().digest, amd64.digest);
    // No platform in the index: the configuration says it, and `v8` is what arm64 is without a word.
    assert_eq!(layout.manifest("linux/arm64").unwrap().digest.as_str(), arm64["digest"]);
    let error = layout.manifest("linux/arm/v7").unwrap_err().to_string();
    assert!(error.contains("no image for linux/arm/v7, only for linux/amd64, linux/arm64"), "{error}");
}

#[test]
fn two_images_for_one_platform_are_an_error_and_so_is_none() {
    let (_folder, layout, first) = written(b"first");
    let second = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": first.config, "layers": [],
    });
    let second = with_platform(put(&layout, media_type::MANIFEST, &second), "linux", "amd64");
    let first = with_platform(serde_json::to_value(first.descriptor()).unwrap(), "linux", "amd64");
    write_index(&layout, &[first, second]);
    let error = layout.manifest("linux/amd64").unwrap_err().to_string();
    assert!(error.contains("2 different images for linux/amd64") && error.contains("remove the folder"), "{error}");

    write_index(&layout, &[]);
    let error = layout.manifest("linux/amd64").unwrap_err().to_string();
    assert!(error.contains("holds no image"), "{error}");
}

#[test]
fn damage_is_named_with_file_and_digests() {
    let (_folder, layout, manifest) = written(b"some layer");
    let layer = &manifest.layers[0];
    let path = layout.blob(&layer.digest);
    fs::write(&path, b"some lager").unwrap();
    let error = layout.verify(&manifest).unwrap_err();
    assert!(error.downcast_ref::<CorruptBlob>().is_some());
    let text = error.to_string();
    let root = layout.root().display().to_string();
    for part in [path.to_str().unwrap(), layer.digest.as_str(), Digest::of(b"some lager").as_str(), &root] {
        assert!(text.contains(part), "{part} is not in {text}");
    }

    fs::write(&path, b"some").unwrap();
    let text = layout.verify(&manifest).unwrap_err().to_string();
    assert!(text.contains("expected 10 bytes, found 4 bytes"), "{text}");

    fs::remove_file(&path).unwrap();
    let text = layout.verify(&manifest).unwrap_err().to_string();
    assert!(text.contains("is missing; remove the folder"), "{text}");

    fs::write(layout.blob(&manifest.digest), vec![b' '; manifest.bytes.len()]).unwrap();
    let text = layout.manifest("linux/amd64").unwrap_err().to_string();
    assert!(text.contains("is corrupt") && text.contains(manifest.digest.as_str()), "{text}");
}

#[test]
fn other_folders_and_versions_are_not_layouts() {
    let folder = tempfile::tempdir().unwrap();
    let error = Layout::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("is not an OCI image layout"), "{error}");
    fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    let error = Layout::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("version 2.0.0"), "{error}");
}

#[test]
fn indexes_are_not_followed_for_ever() {
    let (_folder, layout, _) = written(b"layer");
    // A digest of itself nobody can write; a long chain stands for it.
    let empty = put(&layout, media_type::INDEX, &json!({"schemaVersion": 2, "manifests": []}));
    let chain = |inner, _| put(&layout, media_type::INDEX, &json!({"schemaVersion": 2, "manifests": [inner]}));
    write_index(&layout, &[(0..6).fold(empty, chain)]);
    let error = layout.manifest("linux/amd64").unwrap_err();
    assert!(format!("{error:#}").contains("more than 4 deep"), "{error:#}");
}

#[test]
fn what_an_index_names_a_hundred_times_is_read_once() {
    let (_folder, layout, manifest) = written(b"layer");
    // Each names the next a hundred times: followed each time, that would be a million reads.
    let image = with_platform(serde_json::to_value(manifest.descriptor()).unwrap(), "linux", "amd64");
    let other = with_platform(image.clone(), "linux", "riscv64");
    let hundred =
        |inner: Value, _| put(&layout, media_type::INDEX, &json!({"schemaVersion": 2, "manifests": vec![inner; 100]}));
    let began = std::time::Instant::now();
    write_index(&layout, &[(0..3).fold(image, hundred), other]);
    assert_eq!(layout.manifest("linux/amd64").unwrap(), manifest);
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    let error = layout.manifest("linux/arm64").unwrap_err();
    assert!(error.to_string().ends_with("only for linux/amd64, linux/riscv64"), "{error}");
}

#[test]
fn a_full_disk_is_said_to_be_full() {
    let Ok(mut full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let error = full.write_all(b"x").unwrap_err();
    let error = format!("{:#}", writer::failed(Path::new("target/xtask/app"), error));
    assert!(error.contains("target/xtask/app: the disk is full; free some space"), "{error}");
}

#[test]
fn a_name_is_written_as_each_tool_reads_it_and_the_image_stays_as_it_is() {
    let (_folder, layout, manifest) = written(b"layer");
    let other = put(&layout, media_type::MANIFEST, &json!({}));
    let before = fs::read(layout.root().join("index.json")).unwrap();
    let mut index: Value = serde_json::from_slice(&before).unwrap();
    index["manifests"].as_array_mut().unwrap().insert(0, other);
    fs::write(layout.root().join("index.json"), index.to_string()).unwrap();

    let reference = crate::reference::Reference {
        registry: "registry.example:5000".to_owned(),
        repository: "sample/app".parse().unwrap(),
        tag: "1.4.0".parse().unwrap(),
    };
    layout.name(&manifest, "linux/amd64", &reference).unwrap();
    assert_eq!(layout.manifest("linux/amd64").unwrap(), manifest);
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(layout.root().join(name)).unwrap()).unwrap() };
    let mut named: Value = serde_json::from_slice(&before).unwrap();
    named["manifests"][0]["annotations"] = json!({
        "io.containerd.image.name": "registry.example:5000/sample/app:1.4.0",
        "org.opencontainers.image.ref.name": "registry.example:5000/sample/app:1.4.0",
    });
    assert_eq!(read("index.json"), named, "other images are out of it");
    let docker = read("manifest.json");
    assert_eq!(docker[0]["RepoTags"], json!(["registry.example:5000/sample/app:1.4.0"]));
    let files = |value: &Value| value.as_str().map(|path| layout.root().join(path));
    assert_eq!(files(&docker[0]["Config"]), Some(layout.blob(&manifest.config.digest)));
    assert_eq!(docker[0]["Layers"].as_array().unwrap().len(), 2);
    assert_eq!(files(&docker[0]["Layers"][1]), Some(layout.blob(&manifest.layers[1].digest)));
}
