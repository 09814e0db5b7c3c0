#!/usr/bin/env bash
# oras 1.3.0 and regctl 0.11.7 (Go): an image and what is attached to it, through an OCI layout.
#
# Both copy an image with its referrers into a layout and back. The image specification has no referrers API for layouts: oras
# lists each attached manifest in index.json and finds it there by its `subject`, regctl keeps the tag `sha256-DIGEST` that
# registries without that API have. oras reads both; regctl sees nothing in what oras wrote, and both exit with 0. Seen:
#     written by oras:   read by oras 1, by regctl 0
#     written by regctl: read by oras 1, by regctl 1
# A signature, SBOM or verdict that was carried over an air gap is gone behind it, though each side ran "copy with referrers".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

export GOBIN=$work/bin REGCTL_CONFIG=$work/regctl.json
for tool in oras.land/oras/cmd/oras@v1.3.0 github.com/regclient/regclient/cmd/regctl@v0.11.7; do
  go install "$tool" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
done
export PATH=$work/bin:$PATH
. "$here/parts/crane_registry"
regctl registry set --tls disabled "$registry" > "$work/log" 2>&1

cd "$work"
echo '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}' > config.json
echo layer > layer
oras push --plain-http "$registry/app:v1" --config config.json:application/vnd.oci.image.config.v1+json layer:application/vnd.oci.image.layer.v1.tar > log
echo '{"passed":true}' > verdict.json
oras attach --plain-http --artifact-type application/vnd.example.verdict "$registry/app:v1" verdict.json:application/json > log
oras cp -r --from-plain-http --to-oci-layout "$registry/app:v1" by-oras:v1 > log
regctl image copy --referrers "$registry/app:v1" ocidir://by-regctl:v1 > log

attached() { oras discover --plain-http --format json "$registry/$1:v1" | jq '.referrers | length'; }
for writer in oras regctl; do
  oras cp -r --from-oci-layout --to-plain-http "by-$writer:v1" "$registry/$writer-oras:v1" > log
  regctl image copy --referrers "ocidir://by-$writer:v1" "$registry/$writer-regctl:v1" > log
  echo "written by $writer: read by oras $(attached "$writer-oras"), by regctl $(attached "$writer-regctl")"
done
[ "$(attached app)" = 1 ] || changed "the source has $(attached app)"
[ "$(attached oras-oras) $(attached regctl-oras) $(attached regctl-regctl)" = "1 1 1" ] || changed "what was found is not there"
[ "$(attached oras-regctl)" = 0 ] || changed "regctl reads what oras wrote"
