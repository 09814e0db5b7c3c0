#!/usr/bin/env bash
# crane 0.22.1 (Go): `crane ls` of a repository with 1,001 tags in `crane registry serve`.
#
# It prints 1,000 and exits 0. The client asks for pages of a thousand and goes on where a Link header says so; the server cuts at
# `n` and never sends that header, so the last tags in the order of their names, mostly the newest, are not there for the client.
# Whoever pages by `last` instead never comes to an end: after the last tag the server begins again with the first. Seen:
#     crane ls: 1000 of 1001, the last is v2000    Link: none    after v2001: v1001
# A clean-up or promotion that lists tags is tested against this server and finds less than there is, or does not end.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

. "$here/parts/crane_registry"

# One manifest without layers, under a tag a line.
printf '{}' > "$work/config"
digest=sha256:$(sha256sum "$work/config" | cut -d' ' -f1)
location=$(curl -si -X POST "http://$registry/v2/app/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //Ip')
curl -sf -X PUT --data-binary "@$work/config" "http://$registry$location?digest=$digest"
type=application/vnd.oci.image.manifest.v1+json
jq -n --arg type "$type" --arg digest "$digest" '{schemaVersion: 2, mediaType: $type, layers: [],
  config: {mediaType: "application/vnd.oci.image.config.v1+json", size: 2, digest: $digest}}' > "$work/manifest"
for tag in $(seq 1001 2001); do
  printf 'next\nsilent\nfail\nrequest = PUT\nheader = "Content-Type: %s"\ndata-binary = "@%s"\nurl = "http://%s/v2/app/manifests/v%s"\n' \
    "$type" "$work/manifest" "$registry" "$tag"
done | tail -n +2 > "$work/requests"
curl -K "$work/requests"

all=$(curl -sf "http://$registry/v2/app/tags/list" | jq '.tags | length')
"$work/bin/crane" ls "$registry/app" > "$work/listed"
link=$(curl -si "http://$registry/v2/app/tags/list?n=1000" | grep -i '^link:' || echo none)
after=$(curl -sf "http://$registry/v2/app/tags/list?n=1&last=v2001" | jq -r '.tags[0]')
echo "crane ls: $(wc -l < "$work/listed") of $all, the last is $(tail -n 1 "$work/listed")    Link: $link    after v2001: $after"
[ "$all" = 1001 ] || changed "the server holds $all tags"
[ "$(wc -l < "$work/listed")" = 1000 ] || changed "crane ls prints $(wc -l < "$work/listed") tags"
[ "$link" = none ] || changed "the server sends $link"
[ "$after" = v1001 ] || changed "after the last tag comes $after"
