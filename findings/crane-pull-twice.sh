#!/usr/bin/env bash
# crane 0.22.1 (Go) and skopeo 1.9.3 (Debian bookworm): pulling the same image twice into one OCI layout.
#
# `crane pull --format oci` into a folder that has the image already lists the same digest a second time, with exit code 0. The
# layout is valid and holds the bytes of one image, but it has no "only image" any more: skopeo refuses it as ambiguous, and so does
# crane itself when it is to push it. Seen:
#     entries: 2, digests: 1    skopeo: more than one image in oci    crane push: layout contains 2 entries
# A cached folder or a step that runs twice breaks the next tool, which names neither the digest nor that both entries are one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${registry_process:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }
. "$here/parts/debian"
. "$here/parts/registry"
debian $skopeo_packages
GOBIN=$work/bin go install github.com/google/go-containerregistry/cmd/crane@v0.22.1 2> "$work/log" || { cat "$work/log" >&2; exit 1; }

python3 "$here/parts/layout.py" write "$work/layout" v1 amd64 > /dev/null
python3 "$here/parts/layout.py" push "$work/layout" "$registry/app:v1" > /dev/null
for run in 1 2; do "$work/bin/crane" pull --format oci "$registry/app:v1" "$work/pulled"; done
entries=$(jq '.manifests | length' "$work/pulled/index.json")
digests=$(jq '[.manifests[].digest] | unique | length' "$work/pulled/index.json")
skopeo=$(skopeo inspect "oci:$work/pulled" 2>&1 || true)
push=$("$work/bin/crane" push "$work/pulled" "$registry/app:v2" 2>&1 || true)
echo "entries: $entries, digests: $digests    skopeo: $(grep -o 'more than one image in oci' <<< "$skopeo")    crane push: $(grep -o 'layout contains 2 entries' <<< "$push")"
[ "$entries $digests" = "2 1" ] || changed "the second pull lists the image once"
[[ $skopeo == *"more than one image in oci"* ]] || changed "skopeo says: $skopeo"
[[ $push == *"layout contains 2 entries"* ]] || changed "crane push says: $push"
