//! Configurations as they are found in public repositories, in other words: each has been one that was refused, or taken over
//! wrongly.

use serde_json::{Value, json};

use crate::adopt_others::{adopted, configuration, with};
use crate::miniature::Miniature;

const ACCOUNT: [&str; 4] = ["--account", "123456789012", "--region", "eu-west-1"];

fn document(miniature: &Miniature, name: &str) -> Value {
    serde_json::from_str(&miniature.read(name)).expect("JSON")
}

#[test]
fn an_image_that_is_known_when_it_is_deployed_is_one_that_is_built_here() {
    let config = "\
region: ''
cluster: {{ env \"CLUSTER\" \"shop\" }}
service: '{{ must_env `NAME` }}'
task_definition: task.json
plugins:
  - name: tfstate
    func_prefix: net_
    config:
      path: ../state/terraform.tfstate
  - name: cloudformation
";
    // As `aws ecs describe-task-definition` prints it, with the empty texts that `ecspresso init` writes.
    let task = r#"{ "taskDefinition": {
  "family": "shop", "pidMode": "", "ipcMode": "", "volumes": [],
  "executionRoleArn": "{{ net_tfstate `aws_iam_role.execution.arn` }}",
  "containerDefinitions": [
    { "name": "api", "image": "{{ net_tfstate `aws_ecr_repository.api.repository_url` }}:{{ must_env `TAG` }}", "cpu": 0,
      "environment": [{ "name": "EMPTY", "value": "" }] },
    { "name": "worker", "image": "{{ must_env `ID` }}.dkr.ecr.eu-west-1.amazonaws.com/shop/worker:{{ env `TAG` `latest` }}" },
    { "name": "retry", "image": "{{ must_env `ID` }}.dkr.ecr.eu-west-1.amazonaws.com/shop/worker:{{ env `TAG` `latest` }}" },
    { "name": "logs", "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable" }
  ] } }
"#;
    let miniature = with(&[("ecspresso/ecspresso.yml", config), ("ecspresso/task.json", task)]);
    adopted(
        &miniature,
        &["--region", "eu-west-1"],
        &[
            "To do ecspresso/task.json: `${tfstate:aws_ecr_repository.api.repository_url}` is the image of api, and its repository is taken to be api: `images.api.repository`",
            "Kept ecspresso/task.json: container logs runs public.ecr.aws/aws-observability/aws-for-fluent-bit, which nothing here builds: its image stays as it is",
        ],
        &[
            "account = \"${env:ID}\"\nregion = \"eu-west-1\"\ncluster = \"${env:CLUSTER:-shop}\"\n",
            "[workspace.metadata.xtask.images.worker]\nrepository = \"shop/worker\"\ntag = { package = \"worker\" }\ndockerfile = \"services/worker/Dockerfile\"\n",
            "[workspace.metadata.xtask.lookups]\ntfstate = \"state/terraform.tfstate\"\n",
            "[workspace.metadata.xtask.services.api]\nservice = \"${env:NAME}\"\ntask-definition = \"ecs/api.json\"\ncontainers = { api = \"api\", worker = \"worker\", retry = \"worker\" }\n",
        ],
    );
    let document = document(&miniature, "ecs/api.json");
    assert_eq!(document["executionRoleArn"], "${tfstate:aws_iam_role.execution.arn}");
    let members: Vec<&String> = document.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["family", "executionRoleArn", "containerDefinitions"]);
    let containers = &document["containerDefinitions"];
    assert_eq!(containers[0]["image"], "${env:ID}.dkr.ecr.eu-west-1.amazonaws.com/api");
    assert_eq!(containers[0]["environment"], json!([{ "name": "EMPTY", "value": "" }]));
    assert_eq!(containers[2]["image"], "${env:ID}.dkr.ecr.eu-west-1.amazonaws.com/shop/worker");
    assert_eq!(containers[3]["image"], "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable");
}

#[test]
fn each_leg_of_a_matrix_is_an_image_and_a_service_of_its_own() {
    let workflow = "\
on: push
env:
  REGISTRY: ${{ secrets.ID }}.dkr.ecr.eu-west-1.amazonaws.com
jobs:
  build:
    strategy:
      matrix:
        service:
          - { name: api, folder: services/api }
          - { name: worker, folder: services/worker }
    steps:
      - run: |
          docker buildx build --push --file ${{ matrix.service.folder }}/Dockerfile \\
            --build-arg COMMIT=$GITHUB_SHA --tag $REGISTRY/shop/${{ matrix.service.name }}:$GITHUB_SHA .
  deploy:
    needs: build
    strategy:
      matrix:
        include: [{ service: shop-api }, { service: shop-worker }, { service: collector }]
    steps:
      - run: aws --region eu-west-1 ecs update-service --cluster shop --service ${{ matrix.service }} --force-new-deployment
";
    let miniature = with(&[(".github/workflows/ship.yml", workflow)]);
    let said = adopted(
        &miniature,
        &ACCOUNT,
        &[
            "To do .github/workflows/ship.yml:12: the value of the argument COMMIT is known to the workflow alone",
            "To do .github/workflows/ship.yml:21: no image that is built here is that of collector: it stays out",
        ],
        &[
            "[workspace.metadata.xtask.images.api]\nrepository = \"shop/api\"\ntag = { package = \"api\" }\ndockerfile = \"services/api/Dockerfile\"\n",
            "[workspace.metadata.xtask.services.shop-api]\ntask-definition = { family = \"shop-api\" }\ncontainers = { api = \"api\" }\nforce-new-deployment = true\n",
            "[workspace.metadata.xtask.services.shop-worker]\ntask-definition = { family = \"shop-worker\" }\ncontainers = { worker = \"worker\" }\nforce-new-deployment = true\n",
        ],
    );
    assert_eq!(said.matches("argument COMMIT").count(), 1, "{said}");
    assert_eq!(configuration(&miniature).services.len(), 2);
}

#[test]
fn what_a_workflow_calls_is_read_with_what_it_is_given() {
    let caller = "\
on: { workflow_dispatch: { inputs: { stage: { default: live } } } }
jobs:
  api:
    uses: ./.github/workflows/one.yml
    with: { service: api, cluster: \"shop-${{ github.event.inputs.stage }}\" }
  worker:
    uses: ./.github/workflows/one.yml
    with: { service: worker, cluster: \"shop-${{ inputs.stage || 'none' }}\" }
";
    let one = "\
on:
  workflow_call:
    inputs:
      service: { type: string, required: true }
      cluster: { type: string }
      minutes: { type: number, default: 20 }
defaults:
  run:
    working-directory: services
jobs:
  ship:
    steps:
      - run: |
          cd ${{ inputs.service }}
          docker build -t ${{ steps.login.outputs.registry }}/shop/${{ inputs.service }}:${{ github.sha }} .
      - run: aws ecs describe-task-definition --task-definition ${{ inputs.service }}-live --query taskDefinition | jq 'del(.revision)' > task.json
      - id: render
        uses: aws-actions/amazon-ecs-render-task-definition@v1
        with:
          task-definition: services/task.json
          container-name: ${{ inputs.service }}
          image: ${{ steps.build.outputs.image }}
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with:
          task-definition: ${{ steps.render.outputs.task-definition }}
          service: ${{ inputs.service }}
          cluster: ${{ inputs.cluster }}
          wait-for-minutes: ${{ inputs.minutes }}
          wait-for-service-stability: true
";
    let miniature = with(&[(".github/workflows/ship.yml", caller), (".github/workflows/one.yml", one)]);
    adopted(
        &miniature,
        &[&[".github/workflows/ship.yml"], &ACCOUNT[..]].concat(),
        &[],
        &[
            "cluster = \"shop-live\"\n",
            "[workspace.metadata.xtask.images.worker]\nrepository = \"shop/worker\"\ntag = { package = \"worker\" }\ndockerfile = \"services/worker/Dockerfile\"\ncontext = \"services/worker\"\n",
            "[workspace.metadata.xtask.services.api]\ntask-definition = { family = \"api-live\" }\ncontainers = { api = \"api\" }\nrollout = { deadline = \"20m\" }\n",
            "[workspace.metadata.xtask.services.worker]\ntask-definition = { family = \"worker-live\" }\n",
        ],
    );
}

/// As ECR's console has it under "view push commands".
#[test]
fn an_image_that_is_built_under_a_name_without_a_registry_is_in_that_repository_or_where_it_is_tagged_to() {
    let workflow = "\
on: push
jobs:
  ship:
    steps:
      - run: |
          docker build -t shop/api services/api
          docker tag shop/api:latest 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:latest
          docker push 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:latest
      - run: |
          docker build -t worker:${{ github.sha }} -f services/worker/Dockerfile .
          docker tag worker:${{ github.sha }} $REGISTRY/team/jobs:${{ github.sha }}
      - run: |
          aws ecs update-service --cluster live --service api --force-new-deployment
          ecs deploy live worker -i worker $REGISTRY/team/jobs:${{ github.sha }}
";
    let miniature = with(&[(".github/workflows/ship.yml", workflow)]);
    adopted(
        &miniature,
        &ACCOUNT,
        &[],
        &[
            "[workspace.metadata.xtask.images.api]\nrepository = \"shop/api\"\n",
            "[workspace.metadata.xtask.images.jobs]\nrepository = \"team/jobs\"\ntag = { package = \"worker\" }\ndockerfile = \"services/worker/Dockerfile\"\n",
            "containers = { api = \"api\" }\n",
            "containers = { worker = \"jobs\" }\n",
        ],
    );
}

#[test]
fn what_a_workflow_keeps_in_secrets_is_taken_to_be_what_its_containers_are_called() {
    let workflow = "\
on: push
env:
  DOCUMENT: deploy/api.json
jobs:
  ship:
    steps:
      - uses: docker/build-push-action@v6
        with:
          context: services/api
          tags: ${{ secrets.REGISTRY }}/${{ secrets.REPOSITORY }}:latest
      - uses: docker/build-push-action@v6
        with:
          file: ${{ secrets.OTHER }}/Dockerfile
      - run: jq --arg role ${{ secrets.ROLE }} '.taskRoleArn = $role' \"$DOCUMENT\" > filled.json
      - id: render
        uses: aws-actions/amazon-ecs-render-task-definition@v1
        with: { task-definition: filled.json, container-name: api, image: \"${{ steps.build.outputs.image }}\" }
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with:
          task-definition: ${{ steps.render.outputs.task-definition }}
          service: ${{ secrets.SERVICE }}
          cluster: ${{ secrets.CLUSTER }}
          wait-for-service-stability: true
      - run: aws ecs run-task --cluster x --task-definition migrate
";
    let miniature = with(&[(".github/workflows/ship.yml", workflow)]);
    adopted(
        &miniature,
        &ACCOUNT,
        &[
            "To do .github/workflows/ship.yml:11: which Dockerfile it builds is known to the workflow alone: write a table `images.NAME`",
            "To do .github/workflows/ship.yml:18: what the steps before fill into deploy/api.json is to be lookups or an overlay",
            "To do .github/workflows/ship.yml:18: the service's name is known to the workflow alone and taken to be api: `services.api.service`",
            "To do .github/workflows/ship.yml:18: the cluster of api is known to the workflow alone: write `cluster` into its table",
            "To do .github/workflows/ship.yml:24: `aws ecs run-task`: a table under `tasks`",
            "To do Cargo.toml: cluster = \"default\", where it is another",
        ],
        &[
            "[workspace.metadata.xtask.images.api]\nrepository = \"api\"\ntag = { package = \"api\" }\ndockerfile = \"services/api/Dockerfile\"\ncontext = \"services/api\"\n",
            "[workspace.metadata.xtask.services.api]\ntask-definition = \"deploy/api.json\"\ncontainers = { api = \"api\" }\n",
        ],
    );
    assert!(!miniature.read("Cargo.toml").contains("\\u0000"));
    assert_eq!(configuration(&miniature).services["api"].service, "api");
}

#[test]
fn the_environments_of_copilot_are_those_of_its_pipelines_where_it_has_no_others() {
    let manifest = "name: api\ntype: Backend Service\nimage: { build: services/api/Dockerfile }\n";
    let pipeline = "name: main\nstages:\n  - name: staging\n  - name: production\n    requires_approval: true\n";
    let mut files = vec![
        ("copilot/.workspace", "application: shop\n"),
        ("copilot/api/manifest.yml", manifest),
        ("copilot/pipelines/main/manifest.yml", pipeline),
    ];
    adopted(
        &with(&files),
        &["copilot"],
        &[],
        &["[workspace.metadata.xtask.environments.staging]\n", "[workspace.metadata.xtask.environments.production]\n"],
    );
    files.pop();
    adopted(
        &with(&files),
        &["copilot"],
        &["To do copilot: no environment is told: it is taken to be `test`"],
        &["[workspace.metadata.xtask.environments.test]\ncluster = \"${cfn:shop-test.ClusterId}\"\n"],
    );
}

#[test]
fn a_destination_of_kamal_is_laid_over_what_all_have_and_its_variables_are_lookups() {
    let all = "\
service: shop
image: acme/shop
servers:
  web: { hosts: [192.0.2.1], options: { memory: 1g } }
builder: { arch: amd64, dockerfile: services/api/Dockerfile }
env:
  clear: { STAGE: none, PRICE: \"5 ${none}\" }
volumes: [\"data:/data\"]
";
    let staging = "\
servers:
  web: { hosts: [<%= ENV[\"ONE\"] %>, <%= ENV[\"TWO\"] %>] }
env:
  clear:
    STAGE: <%= ENV.fetch('STAGE', 'staging') %>
";
    let miniature = with(&[("config/deploy.yml", all), ("config/deploy.staging.yml", staging)]);
    adopted(
        &miniature,
        &[&["config/deploy.staging.yml"], &ACCOUNT[..]].concat(),
        &[
            "To do config/deploy.yml:8: `volumes` has no counterpart",
            "To do config/deploy.yml:4: `options` of web is not taken over",
            "Kept config/deploy.staging.yml:1: `servers`",
        ],
        &[
            "[workspace.metadata.xtask.services.shop]\ntask-definition = \"ecs/shop.json\"\ncontainers = { shop = \"shop\" }\ndesired-count = 2\n",
        ],
    );
    let environment = &document(&miniature, "ecs/shop.json")["containerDefinitions"][0]["environment"];
    assert_eq!(
        *environment,
        json!([{ "name": "STAGE", "value": "${env:STAGE:-staging}" }, { "name": "PRICE", "value": "5 $${none}" }])
    );
}

#[test]
fn services_of_compose_have_what_an_anchor_gives_them() {
    let compose = "\
x-built: &built
  build: { context: ., dockerfile: services/worker/Dockerfile }
  mem_limit: 512m
  environment: &environment
    LOG: ${LOG-info}
services:
  worker:
    <<: *built
    ports: [\"${PORT:-8080}:80\", \"127.0.0.1:9000:${METRICS:-9000}\", \"3000-3005:3000-3005\"]
    environment:
      <<: *environment
      NAME: worker
";
    let miniature = with(&[("compose.yaml", compose)]);
    adopted(
        &miniature,
        &ACCOUNT,
        &["To do compose.yaml:9: `3000-3005:3000-3005` is not one port of the container"],
        &[
            "[workspace.metadata.xtask.images.worker]\nrepository = \"worker\"\ntag = { package = \"worker\" }\ndockerfile = \"services/worker/Dockerfile\"\n",
        ],
    );
    let document = document(&miniature, "ecs/worker.json");
    let worker = &document["containerDefinitions"][0];
    assert_eq!(worker["portMappings"], json!([{ "containerPort": 80 }, { "containerPort": 9000 }]));
    assert_eq!(
        worker["environment"],
        json!([{ "name": "NAME", "value": "worker" }, { "name": "LOG", "value": "${env:LOG:-info}" }])
    );
}

#[test]
fn a_document_for_china_or_govcloud_has_the_names_of_its_partition() {
    let miniature = with(&[("compose.yaml", "services:\n  api:\n    build: services/api\n")]);
    let adopt = |region: &str| {
        let run = miniature.xtask_ecs(&["adopt", "--dry-run", "--account", "123456789012", "--region", region]);
        run.ends(0);
        run.stdout
    };
    let china = adopt("cn-north-1");
    assert!(china.contains("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/api"), "{china}");
    assert!(china.contains("arn:aws-cn:iam::123456789012:role/ecsTaskExecutionRole"), "{china}");
    assert!(adopt("us-gov-west-1").contains("arn:aws-us-gov:iam::123456789012:role/ecsTaskExecutionRole"));
}
