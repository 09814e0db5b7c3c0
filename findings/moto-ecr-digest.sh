#!/usr/bin/env bash
# moto 5.2.5 (PyPI), which stands in for AWS in tests: what digest ECR gives an image.
#
# ECR's digest is that of the manifest's bytes. moto's is that of the layers' digests, one after the other, and an index gets a random
# one. Seen, of two valid images whose configurations alone differ (another entry point, the same layers), and of one index in two
# repositories:
#     two configurations, one digest: True, of the bytes: False
#     one index, two digests: True
# Tests of a pipeline that pins by digest pass on it where the wrong image would be deployed, and fail where a copy is
# right. Compute the digest in the test, and put images with a stand-in that hashes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

python3 -m venv "$work/py"
"$work/py/bin/pip" install -qq --disable-pip-version-check "moto[ecr]==5.2.5" boto3==1.44.8 botocore==1.44.8
"$work/py/bin/python" - > "$work/seen" <<'PYTHON'
import hashlib
import json
import os

os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="eu-west-1")
import boto3
from moto import mock_aws

OCI = "application/vnd.oci.image"


def described(kind, content):
    data = json.dumps(content).encode()
    return {"mediaType": f"{OCI}.{kind}", "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def image(entrypoint):
    layer = described("layer.v1.tar", "a layer")
    config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": [entrypoint]},
              "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    return {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": described("config.v1+json", config), "layers": [layer]}


with mock_aws():
    ecr = boto3.client("ecr")
    ecr.create_repository(repositoryName="app")
    ecr.create_repository(repositoryName="copy")

    def put(manifest, repository="app", **more):
        text = json.dumps(manifest)
        answer = ecr.put_image(repositoryName=repository, imageManifest=text, imageManifestMediaType=manifest["mediaType"], **more)
        return answer["image"]["imageId"]["imageDigest"], "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    one, own = put(image("/one"), imageTag="1")
    two, _ = put(image("/two"), imageTag="2")
    print(f"two configurations, one digest: {one == two}, of the bytes: {one == own}")
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json",
             "manifests": [{**described("manifest.v1+json", image("/one")), "platform": {"os": "linux", "architecture": "amd64"}}]}
    print(f"one index, two digests: {put(index, imageTag='3')[0] != put(index, 'copy', imageTag='3')[0]}")
PYTHON

cat "$work/seen"
grep -qx 'two configurations, one digest: True, of the bytes: False' "$work/seen" || changed "the digest of an image"
grep -qx 'one index, two digests: True' "$work/seen" || changed "the digest of an index"
