//! `adopt` from workflows, Copilot, Kamal, Compose and bake.

use serde_json::Value;
use xtask_ecs::config::{self, Config};

use crate::miniature::Miniature;

/// The workspace of two services with files of another tool.
pub fn with(files: &[(&str, &str)]) -> Miniature {
    let miniature = Miniature::of("many");
    for (name, text) in files {
        let path = miniature.root().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    if !files.is_empty() {
        miniature.commit();
    }
    miniature
}

/// Takes over what is found, twice, and reads the configuration that comes of it.
#[track_caller]
pub fn adopted(miniature: &Miniature, args: &[&str], said: &[&str], lines: &[&str]) -> String {
    let before = miniature.files();
    let args = [&["adopt"], args].concat();
    let run = miniature.xtask_ecs(&args);
    run.ends(0);
    for text in said {
        run.says(text);
    }
    let after = miniature.files();
    for (file, old) in before.iter().filter(|(file, _)| *file != "Cargo.toml") {
        assert_eq!(after.get(file), Some(old), "{file} changed");
    }
    let manifest = miniature.read("Cargo.toml");
    for line in lines {
        assert!(manifest.contains(line), "{line}\n{manifest}");
    }
    let again = [&args[..], &["--force"]].concat();
    miniature.xtask_ecs(&again).ends(0).says("Nothing to add");
    assert_eq!(miniature.files(), after, "the second time did something");
    run.stderr
}

#[track_caller]
pub fn configuration(miniature: &Miniature) -> Config {
    config::load(&miniature.root(), &|_| None).unwrap_or_else(|error| panic!("{error}")).config
}

const ACTIONS: &str = "\
name: Ship
on:
  push:
    branches: [main]
env:
  REPOSITORY: shop/api
jobs:
  ship:
    runs-on: ubuntu-latest
    env:
      CLUSTER: shop
    steps:
      - uses: actions/checkout@v6
      - run: cargo test
      - uses: aws-actions/configure-aws-credentials@v6
        with:
          role-to-assume: arn:aws:iam::210987654321:role/ship
          aws-region: eu-central-1
      - uses: aws-actions/amazon-ecr-login@v2
        id: login
      - uses: docker/build-push-action@v7
        with:
          file: services/api/Dockerfile
          push: true
          tags: |
            ${{ steps.login.outputs.registry }}/${{ env.REPOSITORY }}:${{ github.sha }}
          platforms: linux/amd64
          cache-from: type=gha
          cache-to: type=gha,mode=max
          build-args: |
            PROFILE=release
            COMMIT=${{ github.sha }}
          secret-files: npm=./npm
      - uses: aquasecurity/trivy-action@0.36.0
        with:
          image-ref: ${{ steps.login.outputs.registry }}/${{ env.REPOSITORY }}:${{ github.sha }}
          severity: CRITICAL,HIGH
          ignore-unfixed: true
      - id: proxied
        uses: aws-actions/amazon-ecs-render-task-definition@v1
        with:
          task-definition: deploy/api.json
          container-name: api
          image: ${{ steps.login.outputs.registry }}/${{ env.REPOSITORY }}:${{ github.sha }}
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with:
          task-definition: ${{ steps.proxied.outputs.task-definition }}
          service: api
          cluster: ${{ env.CLUSTER }}
          wait-for-service-stability: true
          wait-for-minutes: 20
          run-task: true
      - uses: slackapi/slack-github-action@v3
        with:
          webhook: ${{ secrets.SLACK_WEBHOOK_URL }}
";

#[test]
fn a_workflow_of_actions_is_taken_over_and_goes_on_with_the_same_document() {
    let miniature = with(&[(".github/workflows/ship.yml", ACTIONS)]);
    adopted(
        &miniature,
        &[],
        &[
            "To do .github/workflows/ship.yml:30: the value of the argument COMMIT is known to the workflow alone",
            "To do .github/workflows/ship.yml:33: `secret-files` has no counterpart",
            "To do .github/workflows/ship.yml:34: its findings stop nothing (no `exit-code: 1`); here they refuse the image",
            "To do .github/workflows/ship.yml:52: `run-task`: a table under `tasks`",
            "Kept .github/workflows/ship.yml:19: `aws-actions/amazon-ecr-login`: release logs in by itself",
            "Kept .github/workflows/ship.yml: the file stays",
        ],
        &[
            "account = \"210987654321\"\nregion = \"eu-central-1\"\ncluster = \"shop\"\n",
            "[workspace.metadata.xtask.images.api]\nrepository = \"shop/api\"\ntag = { package = \"api\" }\nplatforms = [\"linux/amd64\"]\ndockerfile = \"services/api/Dockerfile\"\nargs = { PROFILE = \"release\" }\ncache = \"gha\"\n",
            "[workspace.metadata.xtask.services.api]\ntask-definition = \"deploy/api.json\"\ncontainers = { api = \"api\" }\nrollout = { deadline = \"20m\" }\n",
            "[workspace.metadata.xtask.scan]\nseverity = [\"CRITICAL\", \"HIGH\"]\nignore-unfixed = true\n",
            "[workspace.metadata.xtask.workflows]\nrole = \"arn:aws:iam::210987654321:role/ship\"\nslack = \"webhook\"\n",
        ],
    );
    assert_eq!(configuration(&miniature).services["api"].service, "api");
    miniature.xtask_ecs(&["adopt", "--strict", "--force"]).ends(2).says("have no counterpart, and nothing was written");
}

const COMMANDS: &str = "\
on: push
jobs:
  ship:
    runs-on: ubuntu-latest
    steps:
      - name: Build
        env:
          REGISTRY: ${{ steps.login.outputs.registry }}
        run: |
          IMAGE=$REGISTRY/shop/worker:${GITHUB_SHA::7}
          docker build -t \"$IMAGE\" -f services/worker/Dockerfile .
          docker push \"$IMAGE\"
          aws ecs describe-task-definition --task-definition shop-worker-live --query taskDefinition > task.json
      - id: render
        uses: aws-actions/amazon-ecs-render-task-definition@v1
        with:
          task-definition: task.json
          container-name: worker
          image: ${{ steps.build.outputs.image }}
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with:
          task-definition: ${{ steps.render.outputs.task-definition }}
          service: shop-worker
          cluster: shop
      - run: |
          aws ecs update-service --cluster shop --service mailer --force-new-deployment
          ecs deploy shop reports -i worker $REGISTRY/shop/worker:$TAG --timeout 600 -e worker LOG debug
          ecs-deploy -c other -n ${{ vars.NAME }} -i $REGISTRY/shop/worker:$TAG
";

#[test]
fn command_lines_in_a_workflow_are_taken_over_as_far_as_they_tell() {
    let miniature = with(&[(".github/workflows/ship.yml", COMMANDS)]);
    adopted(
        &miniature,
        &[],
        &[
            "Kept .github/workflows/ship.yml:9: `docker push …/shop/worker:…`: release does it",
            "Kept .github/workflows/ship.yml:20: `aws-actions/amazon-ecs-deploy-task-definition`: it does not wait",
            "To do .github/workflows/ship.yml:25: `-e` has no counterpart",
            "To do .github/workflows/ship.yml:25: the service's name is known to the workflow alone and taken to be worker: `services.worker.service`",
            "To do .github/workflows/ship.yml: the family of mailer is not told and taken to be its name",
        ],
        &[
            "[workspace.metadata.xtask.images.worker]\nrepository = \"shop/worker\"\ntag = { package = \"worker\" }\ndockerfile = \"services/worker/Dockerfile\"\n",
            "[workspace.metadata.xtask.services.shop-worker]\ntask-definition = { family = \"shop-worker-live\" }\ncontainers = { worker = \"worker\" }\n",
            "[workspace.metadata.xtask.services.mailer]\ntask-definition = { family = \"mailer\" }\ncontainers = { worker = \"worker\" }\nforce-new-deployment = true\n",
            "[workspace.metadata.xtask.services.reports]\ntask-definition = { family = \"reports\" }\ncontainers = { worker = \"worker\" }\nrollout = { deadline = \"10m\" }\n",
        ],
    );
    assert_eq!(configuration(&miniature).services.len(), 4);
}

#[test]
fn copilots_manifests_become_environments_on_what_it_has_made() {
    let api = "\
name: api
type: Load Balanced Web Service
http:
  path: '/'
image:
  build: services/api/Dockerfile
  port: 8080
cpu: 256
memory: 512
count: 2
platform: linux/arm64
variables:
  LOG: info
secrets:
  KEY: /copilot/${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}/secrets/KEY
environments:
  production:
    count: 4
";
    let job = "\
name: worker
type: Scheduled Job
image:
  build:
    dockerfile: services/worker/Dockerfile
    context: .
    args:
      PROFILE: release
on:
  schedule: '@daily'
";
    let site = "name: site\ntype: Static Site\nfiles:\n  - source: web\n";
    let miniature = with(&[
        ("copilot/.workspace", "application: shop\n"),
        ("copilot/environments/test/manifest.yml", "name: test\ntype: Environment\n"),
        ("copilot/api/manifest.yml", api),
        ("copilot/worker/manifest.yml", job),
        ("copilot/site/manifest.yml", site),
    ]);
    adopted(
        &miniature,
        &["copilot"],
        &[
            "Kept copilot/api/manifest.yml: `http`, `cpu`, `memory`, `count`, `variables`, `secrets`: in the live task definition",
            "To do copilot/site/manifest.yml:2: `site` is a Static Site, which is not of ECS",
            "To do copilot/worker/manifest.yml:9: the schedule of worker starts a state machine",
            "To do Cargo.toml: environments.*.services.api.service: CloudFormation made the name's end",
            "Kept copilot/: the stacks of shop stay",
        ],
        &[
            "[workspace.metadata.xtask]\naccount = \"210987654321\"\nregion = \"eu-central-1\"\n\n",
            "[workspace.metadata.xtask.images.api]\nrepository = \"shop/api\"\ntag = { package = \"api\" }\nplatforms = [\"linux/arm64\"]\ndockerfile = \"services/api/Dockerfile\"\ncontext = \"services/api\"\n",
            "[workspace.metadata.xtask.images.worker]\nrepository = \"shop/worker\"\ntag = { package = \"worker\" }\ndockerfile = \"services/worker/Dockerfile\"\nargs = { PROFILE = \"release\" }\n",
            "[workspace.metadata.xtask.environments.test]\ncluster = \"${cfn:shop-test.ClusterId}\"\n",
            "[workspace.metadata.xtask.environments.production.services.api]\ntask-definition = { family = \"shop-production-api\" }\n# service = \"shop-production-api-Service-…\"",
            "[workspace.metadata.xtask.tasks.worker]\ncontainers = { worker = \"worker\" }\n",
        ],
    );
    miniature.xtask_ecs(&["config", "--environment", "nowhere"]).ends(2).says("`test`, `production`");
}

const KAMAL: &str = "\
service: shop
image: acme/shop
servers:
  web:
    - 192.0.2.1
    - 192.0.2.2
  job:
    hosts:
      - 192.0.2.3
    cmd: /usr/local/bin/worker --queue orders
proxy:
  host: shop.example.org
  app_port: 3000
registry:
  username: acme
  password:
    - KAMAL_REGISTRY_PASSWORD
builder:
  arch: amd64
  dockerfile: services/api/Dockerfile
  args:
    PROFILE: release
  secrets:
    - CARGO_TOKEN
  cache:
    type: gha
env:
  clear:
    PORT: 3000
    GREETING: costs ${none}
  secret:
    - DATABASE_URL
accessories:
  db:
    image: postgres:18
    host: 192.0.2.9
aliases:
  console: app exec --interactive bash
";

#[test]
fn each_role_of_kamal_becomes_a_service_with_a_document_of_its_own() {
    let miniature = with(&[("config/deploy.yml", KAMAL)]);
    adopted(
        &miniature,
        &["config/deploy.yml", "--account", "123456789012", "--region", "eu-west-1"],
        &[
            "Kept config/deploy.yml:3: `servers`: Fargate has none",
            "To do config/deploy.yml:34: db runs postgres:18, which is not built here: it stays out",
            "To do ecs/shop.json: the secrets DATABASE_URL are to be parameters of Systems Manager below /shop/",
            "To do ecs/shop-job.json: config/deploy.yml says no execution role",
        ],
        &[
            "[workspace.metadata.xtask]\naccount = \"123456789012\"\nregion = \"eu-west-1\"\ncluster = \"default\"\n",
            "[workspace.metadata.xtask.images.shop]\nrepository = \"acme/shop\"\ntag = { package = \"api\" }\nplatforms = [\"linux/amd64\"]\ndockerfile = \"services/api/Dockerfile\"\nargs = { PROFILE = \"release\" }\nsecrets = { CARGO_TOKEN = \"CARGO_TOKEN\" }\ncache = \"gha\"\n",
            "[workspace.metadata.xtask.services.shop]\ntask-definition = \"ecs/shop.json\"\ncontainers = { shop = \"shop\" }\ndesired-count = 2\n",
            "[workspace.metadata.xtask.services.shop-job]\ntask-definition = \"ecs/shop-job.json\"\ncontainers = { shop-job = \"shop\" }\n",
        ],
    );
    let document = |name: &str| serde_json::from_str::<Value>(&miniature.read(name)).expect("JSON");
    let web = &document("ecs/shop.json")["containerDefinitions"][0];
    assert_eq!(web["image"], "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/shop");
    assert_eq!(web["portMappings"][0]["containerPort"], 3000);
    assert_eq!(web["environment"][1]["value"], "costs $${none}");
    assert_eq!(web["secrets"][0]["valueFrom"], "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/DATABASE_URL");
    let job = &document("ecs/shop-job.json")["containerDefinitions"][0];
    assert_eq!(job["command"], serde_json::json!(["/usr/local/bin/worker", "--queue", "orders"]));
    assert!(job["portMappings"].is_null());
    assert_eq!(configuration(&miniature).services.len(), 2);

    let ruby = KAMAL.replace("app_port: 3000", "app_port: <%= `port` %>");
    let miniature = with(&[("config/deploy.yml", &ruby)]);
    miniature.xtask_ecs(&["adopt"]).ends(2).says("config/deploy.yml:13: Ruby in it is not run").says("kamal config");
}

const COMPOSE: &str = "\
services:
  api:
    build: services/api
    platform: linux/amd64
    ports:
      - \"8080:80\"
    environment:
      DATABASE_URL: postgres://db/${DATABASE:-shop}
      TOKEN:
      MUST: ${MUST:+set}
    env_file: .env
    healthcheck:
      test: curl --fail http://localhost/
      interval: 1m30s
      retries: 5
    deploy:
      replicas: 3
      resources:
        limits:
          cpus: '0.5'
          memory: 600M
    depends_on: [db, worker]
  worker:
    build:
      context: .
      dockerfile: services/worker/Dockerfile
    command: worker --queue \"all orders\"
  db:
    image: postgres:18
    volumes: [data:/var/lib/postgresql]
volumes:
  data:
";

#[test]
fn what_compose_builds_becomes_services_and_what_it_only_runs_stays_out() {
    let miniature = with(&[("compose.yaml", COMPOSE)]);
    adopted(
        &miniature,
        &[],
        &[
            "To do compose.yaml:10: `${MUST:+set}` is no lookup: write what it stands for",
            "To do compose.yaml:11: `env_file`: its variables go into `environment` or `secrets`",
            "To do compose.yaml:29: db runs postgres:18, which is not built here: it stays out",
        ],
        &[
            "[workspace.metadata.xtask.images.api]\nrepository = \"api\"\ntag = { package = \"api\" }\nplatforms = [\"linux/amd64\"]\ndockerfile = \"services/api/Dockerfile\"\ncontext = \"services/api\"\n",
            "[workspace.metadata.xtask.services.api]\ntask-definition = \"ecs/api.json\"\ncontainers = { api = \"api\" }\ndesired-count = 3\nafter = [\"worker\"]\n",
        ],
    );
    let document: Value = serde_json::from_str(&miniature.read("ecs/api.json")).expect("JSON");
    assert_eq!((document["cpu"].as_str(), document["memory"].as_str()), (Some("512"), Some("1024")));
    let api = &document["containerDefinitions"][0];
    assert_eq!(api["environment"][0]["value"], "postgres://db/${env:DATABASE:-shop}");
    assert_eq!(api["environment"][1]["value"], "${env:TOKEN}");
    assert_eq!(api["portMappings"], serde_json::json!([{ "containerPort": 80 }]));
    assert_eq!(api["healthCheck"]["command"][0], "CMD-SHELL");
    assert_eq!((api["healthCheck"]["interval"].as_u64(), api["healthCheck"]["retries"].as_u64()), (Some(90), Some(5)));
    let worker: Value = serde_json::from_str(&miniature.read("ecs/worker.json")).expect("JSON");
    assert_eq!(worker["containerDefinitions"][0]["command"], serde_json::json!(["worker", "--queue", "all orders"]));
}

/// What buildx prints, of a stand-in for docker that checks what it is asked.
const BAKE: &str = r#"#!/bin/sh
[ "$*" = "buildx bake --file docker-bake.hcl --print" ] || { echo "unexpected: $*" >&2; exit 1; }
cat <<'END'
{
  "group": { "default": { "targets": ["api", "worker"] } },
  "target": {
    "api": {
      "context": "services/api", "dockerfile": "Dockerfile", "args": { "PROFILE": "release" },
      "tags": ["210987654321.dkr.ecr.eu-central-1.amazonaws.com/shop/api:dev"],
      "platforms": ["linux/amd64", "linux/arm64"], "cache-to": [{ "type": "registry", "ref": "x" }]
    },
    "worker": { "context": ".", "dockerfile": "services/worker/Dockerfile", "ssh": [{ "id": "default" }] }
  }
}
END
"#;

#[test]
fn targets_of_a_bake_file_become_images() {
    let miniature = with(&[("docker-bake.hcl", "target \"api\" {}\n"), ("tools/docker", BAKE)]);
    miniature.executable("tools/docker");
    adopted(
        &miniature,
        &[],
        &[
            "To do docker-bake.hcl: `ssh` of target worker is not taken over",
            "To do docker-bake.hcl: a bake file says nothing of services",
        ],
        &[
            "[workspace.metadata.xtask.images.api]\nrepository = \"shop/api\"\ntag = { package = \"api\" }\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\ndockerfile = \"services/api/Dockerfile\"\ncontext = \"services/api\"\nargs = { PROFILE = \"release\" }\ncache = \"registry\"\n",
            "[workspace.metadata.xtask.images.worker]\nrepository = \"worker\"\n",
        ],
    );
}

#[test]
fn the_tool_that_is_here_is_found_and_of_several_one_has_to_be_named() {
    let miniature = with(&[]);
    miniature.xtask_ecs(&["adopt"]).ends(2).says("nothing here is another tool's configuration");
    let miniature = with(&[
        ("config/deploy.yml", KAMAL),
        (".github/workflows/ship.yml", COMMANDS),
        (".github/workflows/test.yml", "on: push\njobs: {}\n"),
        ("compose.yaml", COMPOSE),
    ]);
    let run = miniature.xtask_ecs(&["adopt"]);
    run.ends(2).says("several tools are configured here: config/deploy.yml, .github/workflows/ship.yml");
    miniature.xtask_ecs(&["adopt", "compose.yaml", "--dry-run"]).ends(0);
    let run = miniature.xtask_ecs(&["adopt", ".github/workflows/test.yml"]);
    run.ends(2).says(".github/workflows/test.yml deploys no service to ECS");
}
