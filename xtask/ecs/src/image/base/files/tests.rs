//! Layers over one another, case by case.

#![expect(clippy::unwrap_used, reason = "a test may end there")]

use super::*;
use crate::digest::Digest;
use crate::image::tree::Owner;

/// Each entry as `ls` would show it: `folder/`, `link -> target`, `name = other name`, `file`.
fn listing(layer: &[&str]) -> Listing {
    let entry = |entry: &&str| {
        let (path, kind) = if let Some((path, target)) = entry.split_once(" -> ") {
            (path, Kind::Link(target.into()))
        } else if let Some((path, other)) = entry.split_once(" = ") {
            (path, Kind::Same(other.into()))
        } else if let Some(path) = entry.strip_suffix('/') {
            (path, Kind::Folder(Attributes::DEFAULT))
        } else {
            (*entry, Kind::File)
        };
        (PathBuf::from(path), kind)
    };
    Listing { diff_id: Digest::of(b""), entries: layer.iter().map(entry).collect() }
}

fn files(layers: &[&[&str]]) -> Files {
    let mut files = Files::default();
    for layer in layers {
        files.apply(&listing(layer));
    }
    files
}

/// Every path without links, a folder with a slash.
fn all(files: &Files) -> Vec<String> {
    let line = |(path, node): (&PathBuf, &Node)| match node {
        Node::Folder(_) => format!("{}/", path.display()),
        Node::File => path.display().to_string(),
        Node::Link(target) => format!("{} -> {}", path.display(), target.display()),
    };
    files.0.iter().map(line).collect()
}

/// Layers, and what is there at the end.
type Case<'a> = (&'a [&'a [&'a str]], &'a [&'a str]);

const CASES: &[Case<'_>] = &[
    // The later of two entries with one path.
    (&[&["a", "a -> b"]], &["a -> b"]),
    (&[&["a -> b", "a"]], &["a"]),
    (&[&["a/", "a/x", "a"]], &["a"]),
    (&[&["a", "a/", "a/x"]], &["a/", "a/x"]),
    (&[&["a/", "a/x", "a/"]], &["a/", "a/x"]),
    // The same in two layers.
    (&[&["a/", "a/x"], &["a"]], &["a"]),
    (&[&["a/", "a/x"], &["a/"]], &["a/", "a/x"]),
    (&[&["a/", "a/x"], &["a -> b"]], &["a -> b"]),
    (&[&["a/", "a/x"], &["a", "a/"]], &["a/", "a/x"]),
    (&[&["a"], &["a/x"]], &["a/", "a/x"]),
    // Whiteouts of what is below.
    (&[&["a/", "a/x", "a/y"], &["a/.wh.x"]], &["a/", "a/y"]),
    (&[&["a/", "a/x/", "a/x/y", "a/xy", "a/x.y"], &["a/.wh.x"]], &["a/", "a/x.y", "a/xy"]),
    (&[&["a"], &[".wh.a"]], &[]),
    (&[&["a"], &[".wh.b"]], &["a"]),
    // A file and its own whiteout in one layer: the later.
    (&[&["a"], &[".wh.a", "a"]], &["a"]),
    (&[&["a"], &["a", ".wh.a"]], &[]),
    // The folder takes the mark's place, and overlayfs shows it with what is below.
    (&[&["a/", "a/x"], &[".wh.a", "a/", "a/y"]], &["a/", "a/x", "a/y"]),
    // All that the layers below have in a folder, wherever the mark stands.
    (&[&["a/", "a/x"], &["a/.wh..wh..opq", "a/y"]], &["a/", "a/y"]),
    (&[&["a/", "a/x"], &["a/y", "a/.wh..wh..opq"]], &["a/", "a/y"]),
    (&[&["a/", "a/b/", "a/b/x"], &["a/b/c/y", "a/.wh..wh..opq"]], &["a/", "a/b/", "a/b/c/", "a/b/c/y"]),
    (&[&["a", "b/", "b/x"], &["c", ".wh..wh..opq"]], &["a", "b/", "b/x", "c"]),
    // Folders that no entry names.
    (&[&["a/b/c"]], &["a/", "a/b/", "a/b/c"]),
    // Links of the same layer are followed.
    (&[&["bin -> usr/bin", "bin/app"]], &["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/app"]),
    (&[&["usr/bin/", "bin -> /usr/bin", "bin/app"]], &["bin -> /usr/bin", "usr/", "usr/bin/", "usr/bin/app"]),
    (&[&["a -> b", "b -> c", "c/", "a/x"]], &["a -> b", "b -> c", "c/", "c/x"]),
    (&[&["a/up -> ../../../b", "b/", "a/up/x"]], &["a/", "a/up -> ../../../b", "b/", "b/x"]),
    (
        &[&["usr/bin/x", "bin -> usr/bin"], &["usr/bin/", "bin -> usr/bin", "bin/.wh.x"]],
        &["bin -> usr/bin", "usr/", "usr/bin/"],
    ),
    // Those of a layer below are not: a folder takes their place.
    (&[&["usr/bin/sh", "bin -> usr/bin"], &["bin/app"]], &["bin/", "bin/app", "usr/", "usr/bin/", "usr/bin/sh"]),
    (&[&["usr/bin/sh", "bin -> /usr/bin"], &["bin/app"]], &["bin/", "bin/app", "usr/", "usr/bin/", "usr/bin/sh"]),
    (&[&["a -> b", "b -> c", "c/"], &["a/x"]], &["a/", "a/x", "b -> c", "c/"]),
    (&[&["usr/bin/x", "bin -> usr/bin"], &["bin/.wh.x"]], &["bin/", "usr/", "usr/bin/", "usr/bin/x"]),
    (&[&["usr/bin/x", "bin -> usr/bin"], &["bin/", "bin/y"]], &["bin/", "bin/y", "usr/", "usr/bin/", "usr/bin/x"]),
    // Hard links
    (&[&["a", "b = a"]], &["a", "b"]),
    (&[&["a -> x", "b = a"]], &["a -> x", "b -> x"]),
    (
        &[&["usr/bin/", "bin -> usr/bin", "bin/a", "b = bin/a"]],
        &["b", "bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/a"],
    ),
];

#[test]
fn layers_are_laid_over_one_another_as_engines_do_it() {
    for (layers, expected) in CASES {
        assert_eq!(all(&files(layers)), *expected, "{layers:?}");
    }
}

#[test]
fn what_is_found_is_found_through_links() {
    let merged = files(&[
        &["usr/bin/app", "bin -> usr/bin", "lib -> /usr/lib", "a -> b", "b -> a", "gone -> nowhere", "file"],
        &["usr/lib/ld.so"],
    ]);
    for path in ["/bin/app", "usr/bin/app", "/lib/ld.so", "/bin/../bin/app", "/", "file"] {
        assert!(merged.has(Path::new(path)), "{path}");
    }
    for path in ["/bin/other", "/a", "/a/x", "/gone", "/file/x", "/app"] {
        assert!(!merged.has(Path::new(path)), "{path}");
    }
    assert_eq!(merged.find(Path::new("/bin")), Found::Folder(Attributes::DEFAULT));
    assert_eq!(merged.place(Path::new("bin/new")), Path::new("usr/bin/new"));
    assert_eq!(merged.place(Path::new("bin")), Path::new("bin"), "a new entry takes the link's place");
}

#[test]
fn the_later_entry_of_a_folder_gives_its_mode_and_owner() {
    let attributes = Attributes { mode: 0o1777, owner: Owner { uid: 7, gid: 8 } };
    let mut files = files(&[&["tmp/", "tmp/x"]]);
    let entries = vec![("tmp".into(), Kind::Folder(attributes))];
    files.apply(&Listing { diff_id: Digest::of(b""), entries });
    assert_eq!(files.find(Path::new("/tmp")), Found::Folder(attributes));
    assert!(files.has(Path::new("/tmp/x")));
}

/// A layout of these layers in an archive that `docker load` takes.
fn archive_of(name: &str, layers: &[&[&str]]) -> Vec<u8> {
    use serde_json::json;
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, bytes).unwrap();
    };
    let mut blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        add(&format!("blobs/sha256/{}", digest.hex()), bytes);
        json!({ "digest": digest, "size": bytes.len() })
    };
    let layer = |entries: &&[&str]| {
        let mut layer = tar::Builder::new(Vec::new());
        for entry in *entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o755);
            header.set_size(0);
            if let Some((path, target)) = entry.split_once(" -> ").or_else(|| entry.split_once(" = ")) {
                let kind = if entry.contains(" -> ") { tar::EntryType::Symlink } else { tar::EntryType::Link };
                header.set_entry_type(kind);
                layer.append_link(&mut header, path, target).unwrap();
            } else {
                let folder = entry.ends_with('/');
                header.set_entry_type(if folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
                layer.append_data(&mut header, entry, io::empty()).unwrap();
            }
        }
        layer.into_inner().unwrap()
    };
    let layers: Vec<_> = layers.iter().map(layer).map(|bytes| blob(&bytes)).collect();
    let ids: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    let with_type = |mut descriptor: Value, kind: &str| {
        descriptor["mediaType"] = json!(format!("application/vnd.oci.image.{kind}"));
        descriptor
    };
    let rootfs = json!({ "type": "layers", "diff_ids": ids });
    let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/x"] }, "rootfs": rootfs });
    let config = with_type(blob(config.to_string().as_bytes()), "config.v1+json");
    let layers: Vec<_> = layers.into_iter().map(|layer| with_type(layer, "layer.v1.tar")).collect();
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": layers });
    let mut entry = with_type(blob(manifest.to_string().as_bytes()), "manifest.v1+json");
    entry["annotations"] = json!({ "io.containerd.image.name": name });
    add("index.json", json!({ "schemaVersion": 2, "manifests": [entry] }).to_string().as_bytes());
    add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    archive.into_inner().unwrap()
}

/// Runs docker on the engine that `cargo xtask ci` started; `None` where it fails.
fn docker(arguments: &[&str], stdin: &[u8]) -> Option<Vec<u8>> {
    let host = std::env::var("XTASK_DOCKER_CONTAINERD").expect("run this test through `cargo xtask ci`");
    let docker = crate::process::Tool::new("docker", std::time::Duration::from_secs(120));
    let docker = docker.args(["--host", &host]).args(arguments).stdin(stdin.to_vec());
    let ended = docker.run(&Interrupt::default(), |_| {}).expect("docker starts");
    ended.status.success().then_some(ended.stdout)
}

/// Every path of a container, as [`all`] shows those of layers; without what the engine puts there itself.
fn exported(image: &str) -> Option<Vec<String>> {
    let container = String::from_utf8(docker(&["create", image], b"")?).unwrap();
    let export = docker(&["export", container.trim()], b"")?;
    docker(&["rm", container.trim()], b"")?;
    let mut archive = tar::Archive::new(export.as_slice());
    let mut paths = BTreeSet::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let of_engine = ["dev", "proc", "sys", "etc", ".dockerenv"];
        if of_engine.iter().any(|top| path.starts_with(top)) {
            continue;
        }
        let kind = entry.header().entry_type();
        // Which of two names of one file is the link is the archive's choice.
        let linked = |other: &Path| {
            let start = format!("{} -> ", other.display());
            paths.iter().find_map(|line: &String| line.strip_prefix(&start).map(str::to_owned))
        };
        paths.insert(match entry.link_name().unwrap() {
            Some(target) if kind.is_symlink() => format!("{} -> {}", path.display(), target.display()),
            Some(other) if let Some(target) = linked(&other) => format!("{} -> {target}", path.display()),
            _ if kind.is_dir() => format!("{}/", path.display().to_string().trim_end_matches('/')),
            _ => path.display().to_string(),
        });
    }
    Some(paths.into_iter().collect())
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_real_engine_lays_layers_over_one_another_in_the_same_way() {
    for (index, (layers, expected)) in CASES.iter().enumerate() {
        let image = format!("registry.example/case/{index}:1");
        docker(&["load"], &archive_of(&image, layers)).expect("it is loaded");
        let mut expected: Vec<_> = expected.iter().map(|path| (*path).to_owned()).collect();
        expected.sort();
        match exported(&image) {
            Some(found) => assert_eq!(found, expected, "{layers:?}"),
            // A mark over an entry of its own layer: engines stop there, and nothing runs.
            None => assert_eq!(layers, &[&["a"][..], &["a", ".wh.a"]], "it does not unpack"),
        }
    }
}

/// Holds the question that is asked of a few layers to the answer for all of them.
#[test]
fn what_hides_a_file_of_a_layer_below_is_what_is_no_longer_there_or_is_another() {
    for (layers, _) in CASES {
        for (at, own) in layers.iter().enumerate() {
            let below = files(&layers[..=at]);
            for path in own.iter().filter(|entry| !entry.contains([' ', '/']) && !entry.starts_with(".wh.")) {
                let path = Path::new(path);
                if below.0.get(path) != Some(&Node::File) {
                    continue;
                }
                let above: Vec<Listing> = layers[at + 1..].iter().map(|entries| listing(entries)).collect();
                let hidden = above.iter().any(|above| hides(above, path));
                let named_again = layers[at + 1..].iter().any(|entries| entries.iter().any(|it| Path::new(it) == path));
                let there = files(layers).find(path) == Found::File && !named_again;
                assert_eq!(hidden, !there, "{} of {layers:?}", path.display());
            }
        }
    }
    for (above, hidden) in [
        (&["usr/bin/app"][..], true),
        (&["usr/bin/.wh.app"], true),
        (&["usr/.wh.bin"], true),
        (&["usr/bin/.wh..wh..opq"], true),
        (&["usr/bin -> sbin"], true),
        (&["usr/bin"], true),
        (&["usr/bin/app/"], true),
        (&["bin -> usr/bin", "bin/app"], true),
        (&["usr/bin/", "usr/bin/other", "usr/bin/.wh.old", "app", ".wh.bin"], false),
        (&["bin/app"], false),
    ] {
        assert_eq!(hides(&listing(above), Path::new("usr/bin/app")), hidden, "{above:?}");
    }
}
