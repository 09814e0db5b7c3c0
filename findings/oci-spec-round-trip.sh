#!/usr/bin/env bash
# oci-spec 0.10.0 (crates.io), Rust's types for image manifests and configurations: reading a document and writing it again.
#
# Annotations and labels are kept in a HashMap, so their order is another in every run of the same program, and with it the
# digest; members that the types do not know are dropped in silence. One of those is `Healthcheck`, which docker build
# writes for HEALTHCHECK and which docker obeys. Seen, for a configuration with eight labels: five runs, five digests
# (rarely fewer), and no "Healthcheck" in any of them.
# Whoever relabels an image or adds an annotation this way pushes other bytes each time (an immutable tag then refuses the
# re-run as another image) and turns off the health check that the Dockerfile set.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

mkdir "$work/src"
cat > "$work/Cargo.toml" <<'TOML'
[package]
name = "round-trip"
version = "0.0.0"
edition = "2021"

[dependencies]
oci-spec = { version = "=0.10.0", default-features = false, features = ["image"] }

[workspace]
TOML
cat > "$work/src/main.rs" <<'RUST'
use oci_spec::image::ImageConfiguration;

fn main() {
    let configuration = ImageConfiguration::from_reader(std::io::stdin()).expect("a valid configuration");
    println!("{}", configuration.to_string().expect("a configuration can be written"));
}
RUST
cat > "$work/config.json" <<'JSON'
{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
 "config": {"Healthcheck": {"Test": ["CMD", "/app", "--healthy"], "Interval": 30000000000},
   "Labels": {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6", "g": "7", "h": "8"}}}
JSON
CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$work/target cargo build --quiet --manifest-path "$work/Cargo.toml"

for run in 1 2 3 4 5; do "$work/target/debug/round-trip" < "$work/config.json" > "$work/written.$run"; done
digests=$(sha256sum "$work"/written.* | cut -d ' ' -f 1 | sort -u | wc -l)
echo "5 runs, $digests digests; $(cat "$work"/written.* | grep -c Healthcheck || true) of them with Healthcheck"
[ "$digests" -gt 1 ] || changed "every run writes the same bytes"
! grep -q Healthcheck "$work"/written.* || changed "Healthcheck survives"
