#!/usr/bin/env bash
# One task definition with a misspelt member, two AWS clients: botocore 1.44.8 (PyPI), @aws-sdk/client-ecs 3.1161.0 (npm).
#
# A container has `enviroment` (one n is missing) and "cpu": "256", a string where a number belongs. botocore refuses both before
# anything is sent. The JavaScript client drops the misspelt member without a word, sends the string as it is, and the answer is
# stripped the same way: what ECS may say about a member newer than the client cannot be seen. Seen:
#     botocore: Unknown parameter in containerDefinitions[0]: "enviroment"
#     JavaScript sends: {"name":"app","image":"app:1","cpu":"256"}
# A document that works with one tool loses its environment with the other, and the service starts without it. Compare the keys of
# the document with those of what was registered.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" \
  botocore==1.44.8 jmespath==1.1.0 python-dateutil==2.9.0.post0 six==1.17.0 urllib3==2.8.0
cd "$work"
npm install --silent --no-audit --no-fund --prefix "$work" @aws-sdk/client-ecs@3.1161.0
cat > document.json <<'JSON'
{"family": "app", "containerDefinitions": [
  {"name": "app", "image": "app:1", "cpu": "256", "enviroment": [{"name": "MODE", "value": "live"}]}]}
JSON

python=$(PYTHONPATH=$work/py python3 - <<'PYTHON'
import json
import botocore.exceptions, botocore.session

ecs = botocore.session.get_session().create_client("ecs", "eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
try:
    ecs.register_task_definition(**json.load(open("document.json")))
except botocore.exceptions.ParamValidationError as error:
    print(error)
PYTHON
)
cat > register.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { ECSClient, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs";

// Answers with what it got, as ECS answers with what it registered.
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    console.log(JSON.stringify(JSON.parse(body).containerDefinitions[0]));
    response.writeHead(200, { "content-type": "application/x-amz-json-1.1" });
    response.end('{"taskDefinition": {"family": "app", "containerDefinitions": [{"name": "app", "newMember": "kept"}]}}');
  });
});
server.listen(0, "127.0.0.1", async () => {
  const endpoint = `http://127.0.0.1:${server.address().port}`;
  const credentials = { accessKeyId: "none", secretAccessKey: "none" };
  const client = new ECSClient({ region: "eu-west-1", endpoint, credentials });
  const answer = await client.send(new RegisterTaskDefinitionCommand(JSON.parse(readFileSync("document.json"))));
  console.log(JSON.stringify(answer.taskDefinition.containerDefinitions[0]));
  client.destroy();
  server.close();
});
JAVASCRIPT
{ read -r sent; read -r answered; } < <(node register.mjs 2> /dev/null)

echo "botocore: $(grep -o 'Unknown parameter in containerDefinitions\[0\]: "[a-z]*"' <<< "$python")"
echo "JavaScript sends: $sent"
[[ $python == *enviroment* && $python == *"containerDefinitions[0].cpu"* ]] || changed "botocore says: $python"
[ "$sent" = '{"name":"app","image":"app:1","cpu":"256"}' ] || changed "JavaScript sends other members"
[ "$answered" = '{"name":"app"}' ] || changed "JavaScript reads more of the answer: $answered"
