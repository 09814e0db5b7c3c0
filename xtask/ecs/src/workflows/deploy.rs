//! deploy.yml: Deploy Stage.

use std::time::Duration;

use super::yaml::{self, HEAD, scalar};
use super::{names, stage_folder};
use crate::config::Config;

/// When the job runs at all. A fork's branch may be called `v1.0.0`, and a workflow of a fork Build Stage: only the
/// event and the repository decide. There is no branch filter, for it never matches a tag's run.
pub const CONDITION: [&str; 3] = [
    "github.event.workflow_run.conclusion == 'success'",
    "github.event.workflow_run.event == 'push'",
    "github.event.workflow_run.head_repository.full_name == github.repository",
];

/// What the job takes beside the rollouts.
const AROUND: Duration = Duration::from_secs(900);

const MISSING: &str = "steps.fetch.outcome != 'success'";

/// On the commit that Build Stage ran on, with the xtask that it compiled.
pub fn render(config: &Config) -> String {
    let workflows = &config.workflows;
    let deadlines: Duration = config.services.values().map(|service| service.rollout.deadline).sum();
    let environment = workflows.environment.as_ref().map(|name| format!("    environment: {}\n", scalar(name)));
    format!(
        "\
{HEAD}name: Deploy Stage

on:
  # Runs on the default branch with its secrets; the job's condition lets in successful pushes of this repository only.
  workflow_run: # zizmor: ignore[dangerous-triggers]
    workflows: [Build Stage]
    types: [completed]

permissions: {{}}

defaults:
  run:
    shell: bash

jobs:
  deploy:
    name: {name}
    if: >-
      {condition}
    runs-on: {runner}
    timeout-minutes: {timeout}
{github_environment}    permissions:
      actions: read # to fetch xtask from the run of Build Stage
      contents: read # to check out
{role_permission}    # On the job: a run that is skipped must not push a waiting deploy out of the queue. A newer one waits.
    concurrency:
      group: deploy-stage
      cancel-in-progress: false
    steps:
{checkout}
      - name: Fetch xtask from Build Stage
        id: fetch
        continue-on-error: true
        uses: {download}
        with:
          name: xtask-${{{{ github.event.workflow_run.head_sha }}}}
          path: {stage}
          run-id: ${{{{ github.event.workflow_run.id }}}}
          github-token: ${{{{ github.token }}}}

      - name: Check that xtask is of this commit and whole
        if: steps.fetch.outcome == 'success'
        run: |
          cd {stage}
          sha256sum --check --strict SHA256SUMS
          test \"$(cat commit)\" = \"$(git rev-parse HEAD)\"
          chmod +x xtask
{prepare}
      # Before any credentials are there.
      - name: Compile xtask
        if: {MISSING}
        run: |
          rm -rf {stage}
          cargo build --locked --package xtask
{assume_role}
      - name: Deploy
        id: deploy
        run: |
          if test -x {stage}/xtask; then exec {stage}/xtask deploy; fi
          exec cargo xtask deploy
{stage_environment}",
        name = scalar(format!("Deploy {}", names(config.services.keys())).trim_end()),
        condition = CONDITION.join(" &&\n      "),
        runner = scalar(&workflows.runner),
        timeout = yaml::minutes(workflows.deploy_timeout.unwrap_or(deadlines + AROUND)),
        github_environment = environment.unwrap_or_default(),
        role_permission = yaml::role_permission(workflows),
        checkout = yaml::checkout(
            workflows,
            "Check out what Build Stage released",
            "${{ github.event.workflow_run.head_sha }}"
        ),
        download = workflows.action("actions/download-artifact"),
        stage = stage_folder(config),
        prepare = yaml::prepare(workflows, MISSING, ""),
        assume_role = yaml::assume_role(config),
        stage_environment = yaml::stage_environment(workflows, &[]),
    )
}
