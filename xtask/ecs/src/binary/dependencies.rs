//! The list of crates in a binary, as cargo-auditable writes it and scanners read it: the section `.dep-v0`.
//! Source: cargo-auditable, `auditable-serde` (format 1) and its JSON schema.

use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Serialize;

use super::metadata::{Metadata, Package};
use crate::gather::Gather as _;
use crate::sorted::{Arrange, SortedMap, SortedSet};

/// The ELF section that holds the list: zlib over JSON.
pub(super) const SECTION: &str = ".dep-v0";

/// What cargo compiled for a binary: package id → whether any of it was compiled for the binary's own target.
/// Packages of which all was compiled for the building machine (build scripts, procedural macros and what they
/// need) are build dependencies.
pub(super) type Compiled = SortedMap<String, bool>;

#[derive(Serialize)]
struct List<'a> {
    packages: Vec<Entry<'a>>,
    format: u32,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Entry<'a> {
    name: &'a str,
    version: &'a str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    root: bool,
}

/// The section's content for the binary of package `root` (an id). Lists exactly the packages that cargo
/// compiled for it, which is less than the lock file or the resolved graph of a workspace holds.
pub(super) fn section(metadata: &Metadata, root: &str, compiled: &Compiled) -> Vec<u8> {
    let mut packages: Vec<&Package> =
        metadata.packages.iter().filter(|package| compiled.contains_key(&package.id)).gather();
    packages.arrange_by_key(|package| (&package.name, &package.version, source(package)));
    let index: SortedMap<&str, usize> =
        packages.iter().enumerate().map(|(index, package)| (package.id.as_str(), index)).gather();
    let nodes: SortedMap<&str, _> =
        metadata.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|node| (node.id.as_str(), node)).gather();

    let entries = packages.iter().map(|package| {
        let dependencies: SortedSet<usize> = nodes
            .get(package.id.as_str())
            .into_iter()
            .flat_map(|node| &node.deps)
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev")))
            .filter_map(|dependency| index.get(dependency.pkg.as_str()).copied())
            .gather();
        Entry {
            name: &package.name,
            version: &package.version,
            source: source(package),
            kind: (!compiled[&package.id]).then_some("build"),
            dependencies: dependencies.into_iter().gather(),
            root: package.id == root,
        }
    });
    let list = List { packages: entries.gather(), format: 1 };
    let json = serde_json::to_vec(&list).expect("plain strings and numbers are JSON");
    // Called by name, as for layers: the section is part of the program, and so of its layer's digest.
    compress_to_vec_zlib(&json, 7)
}

/// The format knows four kinds of sources, and deliberately no addresses.
fn source(package: &Package) -> &'static str {
    match package.source.as_deref() {
        None => "local",
        Some("registry+https://github.com/rust-lang/crates.io-index" | "sparse+https://index.crates.io/") => {
            "crates.io"
        }
        Some(source) if source.starts_with("git+") => "git",
        Some(_) => "registry",
    }
}
