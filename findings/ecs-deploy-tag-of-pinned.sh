#!/usr/bin/env bash
# ecs-deploy 1.17.0 (PyPI, fabfuel's `ecs deploy CLUSTER SERVICE --tag TAG`) on valid image references.
#
# The tag takes the place of whatever comes after the last colon: of a digest that pins the image, and of a registry's port where
# there is no tag. Seen, with `--tag v2`:
#     example.com/app:v1                   example.com/app:v2
#     example.com/app@sha256:aaaa…         example.com/app@sha256:v2
#     example.com/app:v1@sha256:aaaa…      example.com/app:v1@sha256:v2
#     example.com:5000/app                 example.com:v2
# A service that another tool pinned by digest gets a revision that names no image, and its tasks cannot be pulled; the last one asks
# another host, and a public one may answer. Name each image in full with `--image`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

python3 -m venv "$work/py"
"$work/py/bin/pip" install -qq --disable-pip-version-check ecs-deploy==1.17.0
"$work/py/bin/python" - > "$work/seen" <<'PYTHON'
from ecs_deploy.ecs import EcsTaskDefinition

digest = "sha256:" + 64 * "a"
for image in ["example.com/app:v1", f"example.com/app@{digest}", f"example.com/app:v1@{digest}", "example.com:5000/app"]:
    definition = EcsTaskDefinition(
        containerDefinitions=[{"name": "app", "image": image}], volumes=[], family="app", revision=1, status="ACTIVE",
        taskDefinitionArn="arn:aws:ecs:eu-west-1:123456789012:task-definition/app:1",
    )
    definition.set_images("v2")
    print(f'{image.replace(digest, "sha256:aaaa…"):<36} {definition.containers[0]["image"]}')
PYTHON

cat "$work/seen"
awk '{print $2}' "$work/seen" | diff - <(printf '%s\n' example.com/app:v2 example.com/app@sha256:v2 example.com/app:v1@sha256:v2 example.com:v2) \
  || changed "what a tag takes the place of"
