#!/usr/bin/env bash
# An archive as `docker save` writes it since Docker 25 (an OCI layout with Docker's manifest.json beside it), read by skopeo 1.9.3
# (Debian bookworm) and crane 0.22.1 (Go).
#
# The one image in it has three manifest digests: as `oci-archive:` skopeo gives that of index.json; as `docker-archive:` it
# writes a manifest of its own; crane reads manifest.json, too, and writes a third. Seen:
#     3 digests, config digests: 1
# The digest that a scan of the archive reports, the one noted as released and the one the registry gets are therefore three values for
# the same layers and configuration. Only the config digest (docker's image ID) is common: compare that.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }
. "$here/parts/debian"
debian $skopeo_packages
GOBIN=$work/bin go install github.com/google/go-containerregistry/cmd/crane@v0.22.1 2> "$work/log" || { cat "$work/log" >&2; exit 1; }

manifest=$(python3 "$here/parts/layout.py" write "$work/layout" v1 amd64)
jq '[{Config: ("blobs/" + (.config.digest | sub(":"; "/"))), RepoTags: ["app:v1"],
  Layers: [.layers[] | "blobs/" + (.digest | sub(":"; "/"))]}]' "$work/layout/blobs/${manifest/://}" > "$work/manifest.json"
mv "$work/manifest.json" "$work/layout/"
(cd "$work/layout" && tar -cf "$work/archive" blobs index.json manifest.json oci-layout)

oci=sha256:$(skopeo inspect --raw "oci-archive:$work/archive" | sha256sum | cut -d ' ' -f 1)
skopeo=$(skopeo inspect "docker-archive:$work/archive" | jq -r .Digest)
crane=$("$work/bin/crane" digest --tarball "$work/archive")
configs=$( { skopeo inspect --raw "oci-archive:$work/archive"; skopeo inspect --raw "docker-archive:$work/archive"; } | jq -r .config.digest | sort -u | wc -l)
printf '%s\n' "oci-archive     $oci" "docker-archive  $skopeo" "crane           $crane"
digests=$(printf '%s\n' "$oci" "$skopeo" "$crane" | sort -u | wc -l)
echo "$digests digests, config digests: $configs"
[ "$oci" = "$manifest" ] || changed "oci-archive is not the digest of index.json"
[ "$digests $configs" = "3 1" ] || changed "it was 3 digests of 1 configuration"
