#!/usr/bin/env bash
# docker-registry 2.8.2 (Debian bookworm): whether a tag exists, and which digest it has, depends on the Accept header.
#
# An index of two platforms, pushed once as OCI index and once as Docker manifest list. Seen:
#     OCI index      Accept */*: 404       image manifest: 404      index: 200, the index's digest
#     Docker list    Accept */*: 400       image manifest: 200, the digest of its linux/amd64 CHILD    list: 200, its own
# The 404 of a tag that is there has code MANIFEST_UNKNOWN, as if nothing had been released. And a client that
# names only Docker's image type, as older deployment scripts do, gets a digest that no tag has: pinned, it runs amd64 on every
# host. Send all four media types, and compare Content-Type before trusting Docker-Content-Digest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${registry_process:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }
. "$here/parts/registry"

python3 "$here/parts/layout.py" write "$work/layout" v1 amd64 arm64 > /dev/null
oci=$(python3 "$here/parts/layout.py" push "$work/layout" "$registry/app:oci")
list=$(python3 "$here/parts/layout.py" push "$work/layout" "$registry/app:list" --docker)
ask() { # TAG ACCEPT: status, error code or digest
  curl -s -o "$work/body" -D "$work/head" -w '%{http_code} ' -H "Accept: $2" "http://$registry/v2/app/manifests/$1"
  jq -r '.errors[0].code // empty' "$work/body"
  tr -d '\r' < "$work/head" | sed -n 's/^Docker-Content-Digest: //p'
}
docker=application/vnd.docker.distribution.manifest
expect() { # TAG ACCEPT ANSWER
  local answer
  answer=$(ask "$1" "$2" | tr '\n' ' ')
  echo "$1, Accept $2: $answer"
  [ "${answer% }" = "$3" ] || changed "$3 before"
}
expect oci '*/*' '404 MANIFEST_UNKNOWN'
expect oci application/vnd.oci.image.manifest.v1+json '404 MANIFEST_UNKNOWN'
expect oci application/vnd.oci.image.index.v1+json "200 $oci"
expect list $docker.list.v2+json "200 $list"
child=$(jq -r '.manifests[] | select(.platform.architecture == "amd64") | .digest' "$work/body")
expect list $docker.v2+json "200 $child"
expect list '*/*' '400 MANIFEST_INVALID'
