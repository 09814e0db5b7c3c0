//! Layers over one another, case by case.

use super::*;
use crate::digest::Digest;
use crate::image::tree::Owner;

/// Each entry as `ls` would show it: `folder/`, `link -> target`, `name = other name`, `file`.
fn files(layers: &[&[&str]]) -> Files {
    let mut files = Files::default();
    for layer in layers {
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
        files.apply(&Listing { diff_id: Digest::of(b""), entries: layer.iter().map(entry).collect() });
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
    (&[&["a/", "a/x"], &["a", "a/"]], &["a/"]),
    (&[&["a"], &["a/x"]], &["a/", "a/x"]),
    // Whiteouts of what is below.
    (&[&["a/", "a/x", "a/y"], &["a/.wh.x"]], &["a/", "a/y"]),
    (&[&["a/", "a/x/", "a/x/y", "a/xy", "a/x.y"], &["a/.wh.x"]], &["a/", "a/x.y", "a/xy"]),
    (&[&["a"], &[".wh.a"]], &[]),
    (&[&["a"], &[".wh.b"]], &["a"]),
    // A file and its own whiteout in one layer: the later.
    (&[&["a"], &[".wh.a", "a"]], &["a"]),
    (&[&["a"], &["a", ".wh.a"]], &[]),
    (&[&["a/", "a/x"], &[".wh.a", "a/", "a/y"]], &["a/", "a/y"]),
    // All that the layers below have in a folder, wherever the mark stands.
    (&[&["a/", "a/x"], &["a/.wh..wh..opq", "a/y"]], &["a/", "a/y"]),
    (&[&["a/", "a/x"], &["a/y", "a/.wh..wh..opq"]], &["a/", "a/y"]),
    (&[&["a/", "a/b/", "a/b/x"], &["a/b/c/y", "a/.wh..wh..opq"]], &["a/", "a/b/", "a/b/c/", "a/b/c/y"]),
    (&[&["a", "b/", "b/x"], &["c", ".wh..wh..opq"]], &["c"]),
    // Folders that no entry names, and what leads through links.
    (&[&["a/b/c"]], &["a/", "a/b/", "a/b/c"]),
    (&[&["usr/bin/", "bin -> usr/bin"], &["bin/app"]], &["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/app"]),
    (&[&["usr/bin/", "bin -> /usr/bin"], &["bin/app"]], &["bin -> /usr/bin", "usr/", "usr/bin/", "usr/bin/app"]),
    (&[&["bin -> usr/bin", "bin/app"]], &["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/app"]),
    (&[&["a -> b", "b -> c", "c/"], &["a/x"]], &["a -> b", "b -> c", "c/", "c/x"]),
    (&[&["a/up -> ../../../b", "b/"], &["a/up/x"]], &["a/", "a/up -> ../../../b", "b/", "b/x"]),
    (&[&["usr/bin/x", "bin -> usr/bin"], &["bin/.wh.x"]], &["bin -> usr/bin", "usr/", "usr/bin/"]),
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
fn layers_are_applied_as_engines_apply_them() {
    for (layers, expected) in CASES {
        assert_eq!(all(&files(layers)), *expected, "{layers:?}");
    }
}

#[test]
fn what_is_found_is_found_through_links() {
    let merged = files(&[
        &["usr/bin/", "bin -> usr/bin", "lib -> /usr/lib", "a -> b", "b -> a", "gone -> nowhere", "file"],
        &["bin/app", "usr/lib/ld.so"],
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
