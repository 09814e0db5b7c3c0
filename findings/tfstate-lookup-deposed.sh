#!/usr/bin/env bash
# tfstate-lookup 1.12.1 (Go; what ecspresso's `tfstate` lookups are): a resource that Terraform is replacing.
#
# With `create_before_destroy`, a resource has two objects in the state until the old one is destroyed, and keeps both if that
# fails: the current one and, after it, the old one with the member `deposed`. The lookup does not know that member. Of a
# resource with for_each the old object's attributes come out; without for_each nothing does any more. All exit with 0. Seen:
#     aws_subnet.app["a"].id: subnet-old (now subnet-new)    aws_lb_target_group.app.arn: null (now arn:new)
# A deploy whose documents look their subnets or target groups up moves back to what is about to be destroyed, or gets the word
# `null`, and only while a `terraform apply` is half done or has failed at its end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

GOBIN=$work/bin go install github.com/fujiwara/tfstate-lookup/cmd/tfstate-lookup@v1.12.1 2> "$work/log" || { cat "$work/log" >&2; exit 1; }

# state WITH_DEPOSED: as Terraform writes them, the current object first.
state() {
  jq -n --argjson with "$1" 'def resource(type; instances): {mode: "managed", type: type, name: "app", instances: instances,
      provider: "provider[\"registry.terraform.io/hashicorp/aws\"]"};
    def old(object; attributes): if $with then [object + {deposed: "3d2f1a0b", attributes: attributes}] else [] end;
    {schema_version: 0, sensitive_attributes: [], create_before_destroy: true} as $object
    | ($object + {index_key: "a"}) as $keyed
    | {version: 4, terraform_version: "1.9.5", serial: 3, lineage: "6f1f5c1e-0d7e-4a51-9d0b-5d7a7e1f0c11", outputs: {}, resources: [
        resource("aws_subnet"; [$keyed + {attributes: {id: "subnet-new"}}] + old($keyed; {id: "subnet-old"})),
        resource("aws_lb_target_group"; [$object + {attributes: {arn: "arn:new"}}] + old($object; {arn: "arn:old"}))]}'
}
look() { "$work/bin/tfstate-lookup" -s "$work/$1.tfstate" "$2"; }

state false > "$work/one.tfstate"
state true > "$work/replacing.tfstate"
subnet='aws_subnet.app["a"].id'
group=aws_lb_target_group.app.arn
echo "$subnet: $(look replacing "$subnet") (now $(look one "$subnet"))    $group: $(look replacing "$group") (now $(look one "$group"))"
[ "$(look one "$subnet") $(look one "$group")" = "subnet-new arn:new" ] || changed "without a deposed object it finds something else"
[ "$(look replacing "$subnet")" = subnet-old ] || changed "with for_each it finds $(look replacing "$subnet")"
[ "$(look replacing "$group")" = null ] || changed "without for_each it finds $(look replacing "$group")"
