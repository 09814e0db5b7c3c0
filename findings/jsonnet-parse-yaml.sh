#!/usr/bin/env bash
# std.parseYaml of one YAML text, by the two Jsonnets: jsonnet 0.22.0 (C++) and gojsonnet 0.22.0 (Go), both from PyPI.
#
# A YAML file of accounts is read by a template that writes a registry's host. An account number that begins with a zero stays a text
# in C++. In Go, which ecspresso has inside, it is a number and has eleven digits; 0123 is 83, a stage that is called `on` and a key
# `y` are the text "true". Of an anchor the C++ one knows nothing at all. Seen:
#     C++  012345678901.dkr.ecr 0123 on {"y":"a"}
#     Go   12345678901.dkr.ecr 83 true {"true":"a"}
#     C++  {"api":{"<<":"*base"},"base":{"cpu":256}}
#     Go   {"api":{"cpu":256},"base":{"cpu":256}}
# A template that was looked at with one of them deploys something else with the other. Quote account numbers and YAML 1.1's words in
# what parseYaml reads, and write out what anchors stand for.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" jsonnet==0.22.0 gojsonnet==0.22.0
cat > "$work/accounts.yaml" <<'YAML'
account: 012345678901
group: 0123
stage: on
keys:
  y: a
YAML
cat > "$work/host.jsonnet" <<'JSONNET'
local of = std.parseYaml(importstr 'accounts.yaml');
std.join(' ', [of.account + '.dkr.ecr', '' + of.group, '' + of.stage, std.manifestJsonMinified(of.keys)])
JSONNET
evaluate() {
  PYTHONPATH=$work/py python3 -c 'import importlib, json, sys; print(json.loads(importlib.import_module(sys.argv[1]).evaluate_file(sys.argv[2])))' \
    "$1" "$work/host.jsonnet"
}
cplusplus=$(evaluate _jsonnet)
go=$(evaluate _gojsonnet)
printf 'C++  %s\nGo   %s\n' "$cplusplus" "$go"
[ "$cplusplus" = '012345678901.dkr.ecr 0123 on {"y":"a"}' ] || changed "C++ reads it otherwise"
[ "$go" = '12345678901.dkr.ecr 83 true {"true":"a"}' ] || changed "Go reads it otherwise"

printf 'base: &base { cpu: 256 }\napi:\n  <<: *base\n' > "$work/accounts.yaml"
echo "std.manifestJsonMinified(std.parseYaml(importstr 'accounts.yaml'))" > "$work/host.jsonnet"
cplusplus=$(evaluate _jsonnet)
go=$(evaluate _gojsonnet)
printf 'C++  %s\nGo   %s\n' "$cplusplus" "$go"
[ "$cplusplus" = '{"api":{"<<":"*base"},"base":{"cpu":256}}' ] || changed "C++ knows anchors"
[ "$go" = '{"api":{"cpu":256},"base":{"cpu":256}}' ] || changed "Go merges otherwise"
