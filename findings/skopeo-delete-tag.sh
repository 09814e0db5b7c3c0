#!/usr/bin/env bash
# skopeo 1.9.3 and docker-registry 2.8.2 (Debian bookworm): deleting one of two tags.
#
# `skopeo delete docker://HOST/app:old` asks for the tag's digest and deletes the manifest of that digest: every tag
# that names the same bytes is gone with it, and the exit code is 0. Seen, where `old` and `live` are one image:
#     before: ["live","old"]    after: null    GET of live: 404
# A clean-up of old tags thus deletes what is promoted and running, as promotion means two tags of one digest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${registry_process:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }
. "$here/parts/debian"
. "$here/parts/registry"
debian $skopeo_packages

python3 "$here/parts/layout.py" write "$work/layout" v1 amd64 > /dev/null
for tag in old live; do python3 "$here/parts/layout.py" push "$work/layout" "$registry/app:$tag" > /dev/null; done
tags() { curl -s "http://$registry/v2/app/tags/list" | jq -c .tags; }
before=$(tags)
skopeo delete --tls-verify=false "docker://$registry/app:old" || changed "the deletion is refused"
after=$(tags)
live=$(curl -s -o /dev/null -w '%{http_code}' -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/app/manifests/live")
echo "before: $before    after: $after    GET of live: $live"
[ "$after $live" = "null 404" ] || changed "the other tag is still there"
