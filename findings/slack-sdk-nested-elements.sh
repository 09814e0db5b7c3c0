#!/usr/bin/env bash
# slack_sdk 3.47.0 (PyPI): `validate_json` of a block that was read from JSON does not look at the elements in it.
#
# A button's text may have 75 characters. The button by itself is refused at 76; the same button inside an actions block passes, and so
# does a section's field of 2,001 characters (Slack allows 2,000). Seen:
#     button: refused    actions with that button: passed    field of 2001: passed
# A deployment's message that this check calls valid is answered with invalid_blocks by Slack, at the moment when the
# message matters. Check the elements one by one, and the fields' lengths yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" slack_sdk==3.47.0
seen=$(PYTHONPATH=$work/py python3 - <<'PYTHON'
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block, BlockElement

def check(parsed):
    try:
        parsed.validate_json()
        return "passed"
    except SlackObjectFormationError:
        return "refused"

button = {"type": "button", "action_id": "log", "text": {"type": "plain_text", "text": "x" * 76}}
field = {"type": "mrkdwn", "text": "x" * 2001}
print("button:", check(BlockElement.parse(button)), end="    ")
print("actions with that button:", check(Block.parse({"type": "actions", "elements": [button]})), end="    ")
print("field of 2001:", check(Block.parse({"type": "section", "fields": [field]})))
PYTHON
)
echo "$seen"
[ "$seen" = "button: refused    actions with that button: passed    field of 2001: passed" ] || changed "it was refused, passed, passed"
