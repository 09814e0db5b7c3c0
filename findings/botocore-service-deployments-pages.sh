#!/usr/bin/env bash
# botocore 1.44.8 (PyPI), which the AWS CLI asks which answers come in pages.
#
# ListServices, ListTasks and their kind have a paginator, ListServiceDeployments has none, although it takes and gives
# `nextToken` like them. Seen:
#     ECS lists without: ListDaemonDeployments ListDaemonTaskDefinitions ListDaemons ListServiceDeployments
#     ECR lists without: ListImageReferrers ListPullTimeUpdateExclusions
# `aws ecs list-services` thus gives everything, `aws ecs list-service-deployments` the first page, and the same script that reads the
# newest deployment of a busy service, or the signatures of an image with many referrers, silently reads a part. Follow nextToken by hand.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" \
  botocore==1.44.8 jmespath==1.1.0 python-dateutil==2.9.0.post0 six==1.17.0 urllib3==2.8.0
PYTHONPATH=$work/py python3 - > "$work/seen" <<'PYTHON'
import botocore.session
from botocore import xform_name

session = botocore.session.get_session()
for service in ("ecs", "ecr"):
    client = session.create_client(service, "eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    model = client.meta.service_model
    shapes = {name: model.operation_model(name) for name in model.operation_names if name.startswith("List")}
    paged = {name for name, each in shapes.items() if {"nextToken"} <= set(each.input_shape.members) & set(each.output_shape.members)}
    without = sorted(name for name in paged if not client.can_paginate(xform_name(name)))
    print(service.upper(), "lists without:", *without)
    assert service == "ecr" or client.can_paginate("list_services")
PYTHON

cat "$work/seen"
grep -q '^ECS .*ListServiceDeployments' "$work/seen" || changed "service deployments are paged now"
grep -q '^ECR .*ListImageReferrers' "$work/seen" || changed "referrers are paged now"
