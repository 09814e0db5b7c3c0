#!/usr/bin/env bash
# The package URL of one image, normalised by packageurl-python 0.17.6 (PyPI) and by packageurl-js 2.0.1 (npm).
#
# Both read the same `pkg:oci/…` and write it again in what each takes for the canonical form. Python leaves the slashes of
# repository_url as they are, JavaScript escapes them. Seen:
#     Python      …?repository_url=registry.example/team/app
#     JavaScript  …?repository_url=registry.example%2Fteam%2Fapp
# Neither is the input, which escapes the colon of the digest as well. An SBOM or a VEX statement of one toolchain that is looked up
# as a string in one of the other finds nothing: compare the parsed parts.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" packageurl-python==0.17.6
npm install --silent --no-audit --no-fund --prefix "$work" packageurl-js@2.0.1
digest=$(printf '%064d' 0)
purl="pkg:oci/app@sha256%3A$digest?repository_url=registry.example%2Fteam%2Fapp"
python=$(PYTHONPATH=$work/py python3 -c 'import sys, packageurl; print(packageurl.PackageURL.from_string(sys.argv[1]))' "$purl")
javascript=$(cd "$work" && node -e 'console.log(require("packageurl-js").PackageURL.fromString(process.argv[1]).toString())' "$purl")

printf '%s\n' "$python" "$javascript"
[ "$python" = "pkg:oci/app@sha256:$digest?repository_url=registry.example/team/app" ] || changed "Python writes another form"
[ "$javascript" = "pkg:oci/app@sha256:$digest?repository_url=registry.example%2Fteam%2Fapp" ] || changed "JavaScript writes another form"
