#!/usr/bin/env bash
# docker-registry 2.8.2, umoci 0.4.7 and skopeo 1.9.3 (Debian bookworm) and a layout whose digests are SHA-512, which the
# image specification registers next to SHA-256.
#
# The registry takes the blobs under their sha512 digests with 201 and answers for them under those names with a sha256 digest; it
# refuses the manifest under its own digest with DIGEST_INVALID, and takes the same bytes under a tag. umoci lists the layout's tag and
# cannot open it. skopeo stops at the first blob, even from layout to layout, since it was "saved with digest sha256:…". Seen:
#     PUT blob: 201    HEAD blob: 200 sha256    PUT manifest by digest: 400 DIGEST_INVALID    by tag: 201
# A builder that switches algorithm gets through or not depending on how the client sends the manifest, "did not match uploaded
# content" sends one looking for a broken upload, and what is pinned as sha512 afterwards is not found.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${registry_process:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }
. "$here/parts/debian"
. "$here/parts/registry"
debian $skopeo_packages umoci=0.4.7+ds-3+b7

manifest=$(python3 "$here/parts/layout.py" write "$work/layout" v1 amd64 --sha512)
blob() { echo "$work/layout/blobs/${1/://}"; }
for digest in $(jq -r '.config.digest, .layers[].digest' "$(blob "$manifest")"); do
  upload=$(curl -s -o /dev/null -D - -X POST "http://$registry/v2/app/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //p')
  put=$(curl -s -o /dev/null -w '%{http_code}' -X PUT -H 'Content-Type: application/octet-stream' --data-binary @"$(blob "$digest")" "$upload&digest=$digest")
  [ "$put" = 201 ] || changed "the registry answers $put to a sha512 blob"
  head=$(curl -s -I "http://$registry/v2/app/blobs/$digest" | tr -d '\r' | sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p; s/^Docker-Content-Digest: \([a-z0-9]*\):.*/\1/p' | sort | tr '\n' ' ')
  [ "$head" = "200 sha256 " ] || changed "HEAD of the blob says $head"
done
manifest_as() { # REFERENCE: status, and the code of an error
  curl -s -o "$work/body" -w '%{http_code}' -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
    --data-binary @"$(blob "$manifest")" "http://$registry/v2/app/manifests/$1"
  grep -o 'DIGEST_INVALID' "$work/body" | sed 's/^/ /' || true
}
by_digest=$(manifest_as "$manifest" | tr -d '\n')
by_tag=$(manifest_as v1 | tr -d '\n')
echo "PUT blob: $put    HEAD blob: $head   PUT manifest by digest: $by_digest    by tag: $by_tag"
[ "$by_digest" = "400 DIGEST_INVALID" ] || changed "the manifest's digest is answered otherwise"
[ "$by_tag" = 201 ] || changed "the tag is answered otherwise"

[ "$(umoci ls --layout "$work/layout")" = v1 ] || changed "umoci ls does not list the tag"
stat=$(umoci stat --image "$work/layout:v1" 2>&1 || true)
echo "umoci ls: v1    stat: $(grep -o "unsupported algorithm" <<< "$stat" || true)"
[[ $stat == *"unsupported algorithm"* ]] || changed "umoci stat says: $stat"
copied=$(skopeo --insecure-policy copy --quiet "oci:$work/layout:v1" "oci:$work/copy:v1" 2>&1 || true)
[[ $copied == *"saved with digest sha256:"* ]] || changed "skopeo says: $copied"
